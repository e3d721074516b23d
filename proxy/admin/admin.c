/* Admin: finds the row of a call under /_berth/v1/ and runs its handler. */
#include "proxy/admin/internal.h"

#include "proxy/token.h"
#include "proxy/docker/path.h"
#include "proxy/json.h"

#include <stdlib.h>

/* clang-format off */
static const struct row {
    const char *method;
    const char *path;      /* behind /_berth/v1; a '*' at the end takes the rest */
    const char *operation; /* asked of `may`; NULL: the handler looks at a token itself */
    admin_fn handler;
} rows[] = {
    {"POST",   "/join",     NULL,           admin_join},
    {"POST",   "/lease",    NULL,           admin_lease_renew},
    {"POST",   "/tunnel",   NULL,           admin_tunnel},
    {"DELETE", "/lease",    NULL,           admin_lease_end},
    {"GET",    "/nodes",    "node.list",    admin_nodes_list},
    {"DELETE", "/nodes/*",  "node.forget",  admin_node_forget},
    {"POST",   "/nodes/*",  "node.dead",    admin_node_dead},
    {"POST",   "/rebalance", "rebalance",   admin_rebalance},
    {"GET",    "/health",   "health",       admin_health},
    {"GET",    "/tokens",   "token.list",   admin_tokens_list},
    {"POST",   "/tokens",   "token.create", admin_token_create},
    {"DELETE", "/tokens/*", "token.remove", admin_token_remove},
    {"GET",    "/metrics",  "metrics",      admin_metrics},
    {"GET",    "/policy",   "policy.read",  admin_policy_get},
    {"PUT",    "/policy",   "policy.write", admin_policy_put},
    {"POST",   "/policy/rollback", "policy.rollback", admin_policy_rollback},
    {"GET",    "/explain/*", "explain",     admin_explain},
    {"POST",   "/explain",  "explain",      admin_explain_body},
    {"GET",    "/journal",  "explain",      admin_journal},
};
/* clang-format on */

static int check_token(const struct admin *admin, const char *token, struct failure *failure)
{
    if (admin->open && !admin->state && (!token || !*token))
        return failure_set(
            failure, FAILURE_INVALID,
            "a join token is needed, since other machines can reach this manager: give "
            "--token-file FILE or BERTH_TOKEN, or --state DIR and make single-use ones "
            "with berthd token create, or listen on loopback and unix sockets only");
    return 0;
}

struct admin *admin_new(const struct admin_options *options, struct failure *failure)
{
    struct admin *admin = xcalloc(1, sizeof(*admin));

    list_init(&admin->arrivals);
    admin->cluster = options->cluster;
    admin->recover = options->recover;
    admin->open = options->open;
    admin->fence_within_ms = options->fence_within_ms;
    admin->may = options->may;
    admin->may_context = options->may_context;
    admin->policy = options->policy;
    admin->state = options->state && *options->state ? xstrdup(options->state) : NULL;
    admin->leases = table_new();
    admin->membership = membership_new();
    if (admin_set_token(admin, options->token, failure) != 0 ||
        (admin->state && (membership_load(admin->membership, admin->state, failure) != 0 ||
                          !(admin->gates = gates_open(admin->state, failure)))))
        admin_free(&admin);
    return admin;
}

void admin_free(struct admin **admin)
{
    if (!*admin)
        return;
    leases_free(*admin);
    membership_free(&(*admin)->membership);
    tunnels_free(*admin);
    gates_free(&(*admin)->gates);
    free((*admin)->state);
    free((*admin)->token);
    free(*admin);
    *admin = NULL;
}

int admin_set_token(struct admin *admin, const char *token, struct failure *failure)
{
    if (check_token(admin, token, failure) != 0)
        return -1;
    free(admin->token);
    admin->token = token && *token ? xstrdup(token) : NULL;
    return 0;
}

int64_t admin_wall_ms(void)
{
    return loop_wall_ns() / 1000000;
}

int admin_save(struct admin *admin, struct failure *failure)
{
    return admin->state ? membership_save(admin->membership, admin->state, failure) : 0;
}

/* Answers and returns false when the call is not allowed. */
static bool may(struct admin_call *call, const struct row *row)
{
    struct failure failure;

    if (!row->operation)
        return true;
    if (call->admin->may)
        return call->admin->may(call->exchange, row->operation, call->admin->may_context);
    if (strcmp(row->method, "GET") == 0 || admin_peer_is_local(call))
        return true;
    failure_set(&failure, FAILURE_DENIED,
                "%s is allowed on the manager's machine only, as long as there are no access rules",
                row->operation);
    admin_fail(call, "access", &failure);
    return false;
}

static bool row_matches(const struct row *row, struct slice path, struct slice *rest)
{
    size_t length = strlen(row->path);

    *rest = SLICE("");
    if (row->path[length - 1] != '*')
        return slice_is(path, row->path);
    if (path.length < length - 1 || memcmp(path.at, row->path, length - 1) != 0)
        return false;
    *rest = slice_from(path, length - 1);
    return rest->length > 0;
}

void admin_serve(struct exchange *exchange, void *context)
{
    const struct request_head *head = exchange_head(exchange);
    struct arena *arena = exchange_arena(exchange);
    struct admin_call *call = arena_alloc(arena, sizeof(*call));
    struct failure failure;
    struct target target;
    struct slice path;

    *call = (struct admin_call){.admin = context, .exchange = exchange, .arena = arena};
    if (target_parse(&target, arena, head->target, &failure) != 0 ||
        query_parse(&call->query, arena, target.query, &failure) != 0) {
        admin_fail(call, "request", &failure);
        return;
    }
    path = slice_starts(target.path, "/_berth/v1/") ? slice_from(target.path, 10) : SLICE("");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (slice_is(head->method, rows[i].method) && row_matches(&rows[i], path, &call->rest)) {
            if (may(call, &rows[i]))
                rows[i].handler(call);
            return;
        }
    }
    failure_set(&failure, FAILURE_NOT_FOUND, "page not found");
    admin_fail(call, "path", &failure);
}

void admin_fail(struct admin_call *call, const char *reason, const struct failure *failure)
{
    struct value *value = value_map(call->arena);

    value_set_text(call->arena, value, "message", slice_of(failure->text));
    value_set_text(call->arena, value, "reason", slice_of(reason));
    exchange_reply_json(call->exchange, exchange_failure_status(failure->kind), value);
}

struct slice admin_bearer(const struct admin_call *call)
{
    const struct request_head *head = exchange_head(call->exchange);

    return token_of_header(headers_find(&head->headers, "Authorization"));
}

bool admin_peer_is_local(const struct admin_call *call)
{
    struct slice peer = slice_of(stream_peer(exchange_stream_of(call->exchange)));

    return slice_is(peer, "unix") || slice_starts(peer, "127.") || slice_starts(peer, "[::1]") ||
           slice_starts(peer, "::1");
}

struct reading {
    struct admin_call *call;
    void (*on_value)(struct admin_call *call, struct value *body);
};

static void on_body(struct exchange *exchange, struct slice body, const struct failure *failure,
                    void *context)
{
    struct reading *reading = context;
    struct failure bad;
    struct value *value;

    if (failure) {
        admin_fail(reading->call, "body", failure);
        return;
    }
    value = json_parse(reading->call->arena, body, &bad);
    if (value && value->type != VALUE_MAP) {
        failure_set(&bad, FAILURE_INVALID, "the body must be a JSON object");
        value = NULL;
    }
    if (!value)
        admin_fail(reading->call, "body", &bad);
    else
        reading->on_value(reading->call, value);
}

void admin_read_json(struct admin_call *call,
                     void (*on_value)(struct admin_call *call, struct value *body))
{
    struct reading *reading = arena_alloc(call->arena, sizeof(*reading));

    *reading = (struct reading){call, on_value};
    exchange_read_body(call->exchange, ADMIN_MAX_JSON, on_body, reading);
}
