/* Changes: events of all nodes with the node in them, history, execs, gather, inventory. */
#include "cluster_fixture.h"

struct heard {
    int count;
    char last[2000];
    struct subscription *subscription;
    bool leave;
};

static void on_event(const struct cluster_event *event, void *context)
{
    struct heard *heard = context;

    if (!slice_is(event->type, "container"))
        return;
    heard->count++;
    snprintf(heard->last, sizeof heard->last, SLICE_FMT, SLICE_ARG(event->text));
    if (heard->leave)
        subscription_cancel(&heard->subscription);
}

Test(changes, events_name_their_node_and_are_kept)
{
    struct fixture f;
    struct heard heard = {0}, history = {0};
    struct fake_container *web;

    fixture_open(&f, 2);
    web = fake_engine_add(&f.engines[1], "web", "running");
    fixture_join(&f);
    heard.subscription = cluster_subscribe(f.cluster, on_event, &heard);
    fake_engine_set(&f.engines[1], web, "paused", "pause");
    until(f.loop, heard.count == 1);
    cr_expect(strstr(heard.last, "\"node.name\":\"node-2\""), "%s", heard.last);
    cr_expect(strstr(heard.last, "\"node.ip\":\"127.0.0.1\""), "%s", heard.last);
    cluster_history(f.cluster, 0, INT64_MAX, on_event, &history);
    expect_int(history.count, 1);
    expect_text(history.last, heard.last);
    history.count = 0;
    cluster_history(f.cluster, f.engines[1].clock_ns + 1, INT64_MAX, on_event, &history);
    expect_int(history.count, 0);
    heard.leave = true;
    fake_engine_set(&f.engines[1], web, "running", "unpause");
    until(f.loop, heard.count == 2);
    cr_expect_null(heard.subscription);
    fixture_close(&f);
}

Test(changes, exec_ids_are_learnt_and_forgotten_with_the_node)
{
    struct fixture f;

    fixture_open(&f, 1);
    fixture_join(&f);
    cluster_exec_add(f.cluster, SLICE("e1"), f.nodes[0], SLICE("c1"));
    cr_expect_eq(cluster_exec_node(f.cluster, SLICE("e1")), f.nodes[0]);
    expect_slice(cluster_exec_container(f.cluster, SLICE("e1")), "c1");
    cr_expect_null(cluster_exec_node(f.cluster, SLICE("e2")));
    cluster_node_remove(f.nodes[0]);
    cr_expect_null(cluster_exec_node(f.cluster, SLICE("e1")));
    fixture_close(&f);
}

struct answers {
    int calls;
    size_t answered, count;
    char failed[100];
    char text[300];
};

static void on_gathered(const struct gather_result *result, void *context)
{
    struct answers *answers = context;
    struct failure failure;
    int status;

    answers->calls++;
    answers->answered = result->answered;
    answers->count = result->count;
    snprintf(answers->failed, sizeof answers->failed, SLICE_FMT,
             SLICE_ARG(gather_failed(result, result->arena)));
    if (result->answered == 0) {
        gather_explain(result, &status, &failure);
        snprintf(answers->text, sizeof answers->text, "%d %.200s", status, failure.text);
    }
}

static void ask_all(struct fixture *f, const char *target, size_t at_once, struct answers *answers)
{
    struct arena *arena = arena_new();
    struct gather_request request = {.method = SLICE("GET"),
                                     .target = slice_of(target),
                                     .deadline_ms = 10000,
                                     .at_once = at_once};
    size_t count;
    struct engine_node **nodes = gather_all(f->cluster, arena, &count);

    memset(answers, 0, sizeof *answers);
    gather_start(f->cluster, &request, nodes, count, on_gathered, answers);
    expect_int(answers->calls, 0);
    arena_free(&arena);
    until(f->loop, answers->calls == 1);
}

Test(gather, says_who_failed_and_why)
{
    struct fixture f;
    struct answers answers;

    fixture_open(&f, 3);
    fixture_join(&f);
    ask_all(&f, "/images/json", 0, &answers);
    expect_int(answers.answered, 3);
    expect_text(answers.failed, "");
    ask_all(&f, "/images/json", 1, &answers);
    expect_int(answers.answered, 3);
    ask_all(&f, "/nonsense", 2, &answers);
    expect_int(answers.answered, 0);
    expect_text(answers.text, "404 page not found");
    fake_engine_kill(&f.engines[1]);
    until(f.loop, f.nodes[1]->view.state == NODE_UNREACHABLE);
    ask_all(&f, "/images/json", 0, &answers);
    expect_int(answers.answered, 2);
    expect_text(answers.failed, "node-2");
    fixture_close(&f);
}

Test(gather, no_nodes_is_an_empty_result)
{
    struct fixture f;
    struct answers answers;

    fixture_open(&f, 0);
    ask_all(&f, "/images/json", 0, &answers);
    expect_int(answers.count, 0);
    cr_expect(strstr(answers.text, "the cluster has no nodes"), "%s", answers.text);
    fixture_close(&f);
}

Test(inventory, finds_images_as_people_spell_them)
{
    struct fixture f;
    struct engine_node *holders[2];

    fixture_open(&f, 2);
    snprintf(f.engines[1].images, sizeof f.engines[1].images,
             "[{\"Id\":\"sha256:0123456789abcdef0123\",\"RepoTags\":[\"localhost/tool:1\"]}]");
    fixture_join(&f);
    cr_expect_not_null(inventory_find(f.nodes[0], WATCH_IMAGES, SLICE("busybox")));
    cr_expect_not_null(inventory_find(f.nodes[0], WATCH_IMAGES, SLICE("busybox:latest")));
    cr_expect_not_null(
        inventory_find(f.nodes[0], WATCH_IMAGES, SLICE("docker.io/library/busybox:latest")));
    cr_expect_null(inventory_find(f.nodes[0], WATCH_IMAGES, SLICE("busybox:1")));
    cr_expect_not_null(inventory_find(f.nodes[1], WATCH_IMAGES, SLICE("tool:1")));
    cr_expect_not_null(inventory_find(f.nodes[1], WATCH_IMAGES, SLICE("0123456789ab")));
    cr_expect_not_null(inventory_find(f.nodes[1], WATCH_IMAGES, SLICE("sha256:0123456789ab")));
    expect_int(inventory_holders(f.cluster, WATCH_IMAGES, SLICE("busybox"), holders, 2), 1);
    cr_expect_eq(holders[0], f.nodes[0]);
    expect_int(inventory_holders(f.cluster, WATCH_NETWORKS, SLICE("bridge"), holders, 2), 2);
    expect_int(inventory_count(f.nodes[0], WATCH_VOLUMES), 0);
    expect_int(cluster_sums(f.cluster).images, 2);
    fixture_close(&f);
}
