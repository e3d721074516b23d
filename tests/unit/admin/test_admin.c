/* Admin: joins, leases, nodes and tokens asked over a real front, on a stream pair. The engines
 * that nodes name do not exist: what counts here is who may come in, with which words. */
#include "proxy/admin/admin.h"
#include "proxy/cluster/nodes.h"
#include "proxy/json.h"
#include "proxy/log.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *loop;
static struct cluster *cluster;
static struct admin *admin;
static struct front *front;
static struct arena *arena;
static char folder[64];

static void open_admin(const char *token, bool is_open, const char *state)
{
    struct admin_options options = {
        .cluster = cluster, .token = token, .open = is_open, .state = state};
    struct failure failure;
    struct front_settings settings = {
        .head_timeout_ms = 60000, .idle_timeout_ms = 60000, .linger_ms = 100, .server = "berth"};

    admin = admin_new(&options, &failure);
    cr_assert_not_null(admin, "%s", failure.text);
    front = front_new(loop, &settings, admin_serve, admin);
}

static void set_up(void)
{
    struct cluster_options options = cluster_default_options();

    log_set_level(LOG_LEVEL_ERROR);
    options.name = "cluster-1";
    loop = loop_new();
    cluster = cluster_new(loop, &options);
    arena = arena_new();
    (void)memcpy(folder, "/tmp/berth-admin-XXXXXX", 24);
    cr_assert_not_null(mkdtemp(folder));
}

static void close_admin(void)
{
    front_free(&front);
    admin_free(&admin);
}

static void tear_down(void)
{
    static const char *const names[] = {"membership.json",
                                        "gates/ca.pem",
                                        "gates/ca-key.pem",
                                        "gates/manager.pem",
                                        "gates/manager-key.pem",
                                        "gates/verdict-key.pem",
                                        "gates"};
    char path[128];

    close_admin();
    cluster_free(&cluster);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 0);
    loop_free(&loop);
    arena_free(&arena);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)remove(path);
    }
    rmdir(folder);
}

TestSuite(admin, .init = set_up, .fini = tear_down);

static void on_written(struct stream *stream, bool ok, void *context)
{
    cr_assert(ok);
}

/* One request on a connection of its own; the body as a value (NULL: none). */
static struct value *ask(const char *method, const char *path, const char *token, const char *body,
                         int *status)
{
    struct slice text =
        arena_printf(arena,
                     "%s /_berth/v1%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "%s%s%sContent-Length: %zu\r\n\r\n%s",
                     method, path, token ? "Authorization: Bearer " : "", token ? token : "",
                     token ? "\r\n" : "", body ? strlen(body) : 0, body ? body : "");
    struct iovec piece = {arena_text(arena, text), text.length};
    struct stream *client, *server;
    struct buffer answer;
    char bytes[4096];
    ssize_t got;
    ptrdiff_t split;

    buffer_init(&answer, 1 << 20);
    stream_pair(loop, &client, &server);
    front_adopt(front, server);
    stream_write(client, &piece, 1, on_written, NULL);
    stream_want_read(client, true);
    for (;;) {
        got = stream_read(client, bytes, sizeof(bytes));
        if (got == STREAM_AGAIN)
            loop_turn(loop, 1000);
        else if (got > 0)
            buffer_append(&answer, bytes, (size_t)got);
        else
            break;
    }
    stream_close(&client);
    cr_assert(answer.length > 12, "no answer");
    *status = (int)strtol(answer.at + 9, NULL, 10);
    split = strstr(answer.at, "\r\n\r\n") - answer.at;
    text = arena_copy(arena, slice_from(buffer_slice(&answer), (size_t)split + 4));
    buffer_deinit(&answer);
    return json_parse(arena, text, NULL);
}

static const char *text_of(struct value *value, const char *key)
{
    return arena_text(arena, value_get_text(value, key));
}

/* What an agent sends of a made token: without the CA's pin behind the dot. */
static const char *made_token(struct value *answer)
{
    struct slice rest = value_get_text(answer, "token"), token;

    cr_assert(slice_next(&rest, '.', &token));
    cr_expect(rest.length == 64);
    return arena_text(arena, token);
}

static const char *join_as(const char *cluster_name, const char *name, const char *engine_id,
                           const char *key)
{
    return arena_printf(arena,
                        "{\"cluster\":\"%s\",\"name\":\"%s\",\"engine_id\":\"%s\",\"key\":\"%s\","
                        "\"engine\":\"tcp://127.0.0.1:1\",\"tags\":{\"storage\":\"ssd\"},"
                        "\"memory_bytes\":1024}",
                        cluster_name, name, engine_id, key)
        .at;
}

static void expect_refusal(struct value *answer, int status, int expected, const char *reason,
                           const char *word)
{
    expect_int(status, expected);
    expect_text(text_of(answer, "reason"), reason);
    cr_expect(slice_contains(value_get_text(answer, "message"), word), "\"%s\" has no \"%s\"",
              text_of(answer, "message"), word);
}

Test(admin, join_renew_leave)
{
    struct value *answer;
    const char *lease;
    int status;

    open_admin("shared", true, NULL);
    answer = ask("POST", "/join", "shared", join_as("cluster-1", "node-1", "A", ""), &status);
    expect_int(status, 200);
    expect_text(text_of(answer, "node"), "node-1");
    expect_int(value_get_int(answer, "lease_ms", 0), 5000);
    lease = text_of(answer, "lease");
    answer = ask("GET", "/nodes", NULL, NULL, &status);
    answer = value_find(answer, "nodes")->first;
    expect_text(text_of(answer, "name"), "node-1");
    expect_text(text_of(answer, "engine"), "tcp://127.0.0.1:1");
    expect_text(text_of(value_find(answer, "tags"), "storage"), "ssd");
    cr_expect(value_get_bool(answer, "agent", false));
    (void)ask("POST", "/lease", lease, "{\"node\":\"node-1\"}", &status);
    expect_int(status, 200);
    (void)ask("POST", "/lease", "shared", "{\"node\":\"node-1\"}", &status);
    expect_int(status, 404);
    (void)ask("POST", "/lease", lease, "{\"node\":\"node-2\"}", &status);
    expect_int(status, 404);
    (void)ask("DELETE", "/lease?node=node-1", "x", NULL, &status);
    expect_int(status, 404);
    (void)ask("DELETE", "/lease?node=node-1", lease, NULL, &status);
    expect_int(status, 204);
    expect_int(cluster_node_count(cluster), 0);
    (void)ask("POST", "/lease", lease, "{\"node\":\"node-1\"}", &status);
    expect_int(status, 404);
}

Test(admin, a_second_join_of_the_same_engine_is_an_update)
{
    int status;

    open_admin("shared", true, NULL);
    (void)ask("POST", "/join", "shared", join_as("cluster-1", "node-1", "A", ""), &status);
    (void)ask("POST", "/join", "shared", join_as("cluster-1", "node-1", "A", ""), &status);
    expect_int(status, 200);
    expect_int(cluster_node_count(cluster), 1);
}

Test(admin, refusals_say_what_to_do)
{
    struct value *answer;
    int status;

    open_admin("shared", true, NULL);
    answer = ask("POST", "/join", NULL, join_as("cluster-1", "n", "A", ""), &status);
    expect_refusal(answer, status, 401, "token", "--token-file");
    answer = ask("POST", "/join", "wrong", join_as("cluster-1", "n", "A", ""), &status);
    expect_refusal(answer, status, 401, "token", "wrong join token");
    answer = ask("POST", "/join", "shared", join_as("cluster-2", "n", "A", ""), &status);
    expect_refusal(answer, status, 409, "cluster",
                   "serves cluster \"cluster-1\", not \"cluster-2\"");
    answer = ask("POST", "/join", "shared", join_as("cluster-1", "a/b", "A", ""), &status);
    expect_refusal(answer, status, 400, "request", "node name");
    answer = ask("POST", "/join", "shared", "{", &status);
    expect_refusal(answer, status, 400, "body", "invalid JSON");
    answer = ask("POST", "/join", "shared", "[]", &status);
    expect_refusal(answer, status, 400, "body", "JSON object");
    answer =
        ask("POST", "/join", "shared",
            "{\"cluster\":\"cluster-1\",\"name\":\"n\",\"engine_id\":\"A\",\"engine\":\"ftp://x\"}",
            &status);
    expect_refusal(answer, status, 400, "engine", "ftp://x");
    answer = ask("GET", "/nothing", NULL, NULL, &status);
    expect_refusal(answer, status, 404, "path", "page not found");
    expect_int(cluster_node_count(cluster), 0);
}

Test(admin, one_name_and_one_engine_id_each)
{
    struct value *answer;
    int status;

    open_admin("shared", true, NULL);
    (void)ask("POST", "/join", "shared", join_as("cluster-1", "node-1", "A", ""), &status);
    expect_int(status, 200);
    answer = ask("POST", "/join", "shared", join_as("cluster-1", "node-9", "A", ""), &status);
    expect_refusal(answer, status, 409, "node", "node-1");
    expect_int(cluster_node_count(cluster), 1);
}

Test(admin, opens_only_with_a_token_or_state)
{
    struct admin_options options = {.cluster = cluster, .open = true};
    struct failure failure;

    cr_expect_null(admin_new(&options, &failure));
    cr_expect(slice_contains(slice_of(failure.text), "--token-file"), "%s", failure.text);
    options.state = folder;
    admin = admin_new(&options, &failure);
    cr_expect_not_null(admin);
    expect_int(admin_set_token(admin, NULL, &failure), 0);
    admin_free(&admin);
    options.open = false;
    options.state = NULL;
    admin = admin_new(&options, &failure);
    cr_expect_not_null(admin);
}

Test(admin, a_single_use_token_and_then_the_key)
{
    struct value *answer;
    const char *token;
    int status;

    open_admin(NULL, true, folder);
    answer = ask("POST", "/tokens", NULL, "{\"pool\":\"gpu\",\"ttl_ms\":60000}", &status);
    expect_int(status, 201);
    token = made_token(answer);
    (void)ask("POST", "/join", token, join_as("cluster-1", "node-1", "A", "key-1"), &status);
    expect_int(status, 200);
    expect_slice(cluster_node_at(cluster, 0)->view.pool, "gpu");
    answer = ask("POST", "/join", token, join_as("cluster-1", "node-2", "B", "key-2"), &status);
    expect_refusal(answer, status, 401, "token", "was used by node \"node-1\"");
    answer = ask("GET", "/tokens", NULL, NULL, &status);
    expect_text(text_of(value_find(answer, "tokens")->first, "state"), "used");
    cr_expect_null(value_find(value_find(answer, "tokens")->first, "token"));

    /* After a restart the key alone brings it back, with its pool. */
    close_admin();
    cluster_node_remove(cluster_node_at(cluster, 0));
    open_admin(NULL, true, folder);
    (void)ask("POST", "/join", NULL, join_as("cluster-1", "node-1", "A", "key-1"), &status);
    expect_int(status, 200);
    expect_slice(cluster_node_at(cluster, 0)->view.pool, "gpu");
    answer = ask("POST", "/join", NULL, join_as("cluster-1", "node-1", "A", "key-9"), &status);
    expect_refusal(answer, status, 401, "token", "a join token is needed");
}

Test(admin, a_clash_of_keys_is_a_conflict_until_forgotten)
{
    struct value *answer;
    int status;

    open_admin("shared", true, folder);
    (void)ask("POST", "/join", "shared", join_as("cluster-1", "node-1", "A", "key-1"), &status);
    expect_int(status, 200);
    answer = ask("POST", "/join", "shared", join_as("cluster-1", "node-2", "A", "key-2"), &status);
    expect_refusal(answer, status, 409, "key", "cloned");
    answer = ask("POST", "/join", "shared", join_as("cluster-1", "node-1", "B", "key-2"), &status);
    expect_refusal(answer, status, 409, "key", "--node-name");
    (void)ask("DELETE", "/nodes/node-1", NULL, NULL, &status);
    expect_int(status, 204);
    expect_int(cluster_node_count(cluster), 0);
    answer = ask("DELETE", "/nodes/node-1", NULL, NULL, &status);
    expect_refusal(answer, status, 404, "node", "no node \"node-1\"");
    (void)ask("POST", "/join", "shared", join_as("cluster-1", "node-1", "B", "key-2"), &status);
    expect_int(status, 200);
}

Test(admin, tokens_need_state_and_can_be_removed)
{
    struct value *answer;
    int status;

    open_admin("shared", true, NULL);
    answer = ask("POST", "/tokens", NULL, "{}", &status);
    expect_refusal(answer, status, 501, "state", "--state DIR");
    close_admin();
    open_admin("shared", true, folder);
    answer = ask("POST", "/tokens", NULL, "{\"ttl_ms\":1}", &status);
    expect_refusal(answer, status, 400, "request", "1s to 30d");
    answer = ask("POST", "/tokens", NULL, "{}", &status);
    expect_int(status, 201);
    (void)ask("DELETE", arena_printf(arena, "/tokens/%s", text_of(answer, "id")).at, NULL, NULL,
              &status);
    expect_int(status, 204);
    answer = ask("POST", "/join", made_token(answer), join_as("cluster-1", "n", "A", "k"), &status);
    expect_refusal(answer, status, 401, "token", "wrong join token");
    answer = ask("DELETE", "/tokens/00000000", NULL, NULL, &status);
    expect_refusal(answer, status, 404, "token", "00000000");
}

static bool deny(struct exchange *exchange, const char *operation, void *context)
{
    exchange_reply_error(exchange, 403, "not %s", operation);
    return false;
}

Test(admin, asks_who_may)
{
    struct admin_options options = {.cluster = cluster, .may = deny};
    struct front_settings settings = {
        .head_timeout_ms = 60000, .idle_timeout_ms = 60000, .linger_ms = 100, .server = "berth"};
    struct failure failure;
    struct value *answer;
    int status;

    admin = admin_new(&options, &failure);
    front = front_new(loop, &settings, admin_serve, admin);
    answer = ask("GET", "/nodes", NULL, NULL, &status);
    expect_int(status, 403);
    expect_text(text_of(answer, "message"), "not node.list");
    (void)ask("POST", "/join", NULL, join_as("cluster-1", "n", "A", ""), &status);
    expect_int(status, 200);
}
