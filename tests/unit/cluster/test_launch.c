/* Launch: placement, reservation, failover, refusals. */
#include "cluster_fixture.h"

#include "policy/ports.h"
#include "proxy/cluster/names.h"
#include "proxy/json.h"

struct outcome {
    int calls, status;
    char node[32], name[64];
    struct failure failure;
};

static void on_launched(const struct launch_result *result, const struct failure *failure,
                        void *context)
{
    struct outcome *outcome = context;

    outcome->calls++;
    outcome->status = failure ? 0 : result->status;
    if (failure)
        outcome->failure = *failure;
    if (!failure && result->node)
        snprintf(outcome->node, sizeof outcome->node, SLICE_FMT,
                 SLICE_ARG(result->node->view.name));
}

static void launch_one(struct fixture *f, const char *name, long long memory, uint16_t host_port,
                       struct outcome *outcome)
{
    struct arena *arena = arena_new();
    struct failure failure;
    struct slice text = arena_printf(
        arena, "{\"Image\":\"busybox\",\"HostConfig\":{\"Memory\":%lld,\"PortBindings\":{%s}}}",
        memory,
        host_port ? arena_text(arena,
                               arena_printf(arena, "\"80/tcp\":[{\"HostPort\":\"%u\"}]", host_port))
                  : "");
    struct value *body = json_parse(arena, text, &failure);
    struct workload workload;
    struct launch_request request = {.workload = &workload, .body = body};

    cr_assert_not_null(body, "%s", failure.text);
    cr_assert_eq(decode_workload(arena, body, slice_of(name), &workload, &failure), 0);
    request.name = names_reserve(f->cluster, slice_of(name), &failure);
    cr_assert_not_null(request.name, "%s", failure.text);
    memset(outcome, 0, sizeof *outcome);
    launch_start(f->cluster, &request, on_launched, outcome);
    arena_free(&arena);
}

Test(launch, packs_then_spills_then_refuses)
{
    struct fixture f;
    struct outcome outcome[8];
    static const char *const names[] = {"c0", "c1", "c2", "c3", "c4", "c5", "c6"};

    fixture_open(&f, 3);
    fixture_join(&f);
    for (int i = 0; i < 7; i++) {
        launch_one(&f, names[i], 1ll << 30, 0, &outcome[i]);
        until(f.loop, outcome[i].calls == 1);
    }
    for (int i = 0; i < 6; i++)
        expect_int(outcome[i].status, 201);
    expect_text(outcome[0].node, outcome[1].node);
    cr_expect(strcmp(outcome[1].node, outcome[2].node) != 0);
    expect_int(outcome[6].failure.kind, FAILURE_NO_ROOM);
    cr_expect(strstr(outcome[6].failure.text, "no resources available to schedule container"), "%s",
              outcome[6].failure.text);
    fixture_close(&f);
}

Test(launch, parallel_creates_share_no_port)
{
    struct fixture f;
    struct outcome outcome[12];
    int created = 0, refused = 0, done = 0;
    char name[16];

    fixture_open(&f, 3);
    fixture_join(&f);
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "web-%d", i);
        launch_one(&f, name, 0, 80, &outcome[i]);
    }
    do {
        loop_turn(f.loop, 20);
        done = 0;
        for (int i = 0; i < 12; i++)
            done += outcome[i].calls;
    } while (done < 12);
    for (int i = 0; i < 12; i++) {
        created += outcome[i].status == 201;
        refused += outcome[i].failure.kind == FAILURE_NO_ROOM;
    }
    expect_int(created, 3);
    expect_int(refused, 9);
    for (int i = 0; i < 3; i++)
        expect_int(f.engines[i].creates, 1);
    fixture_close(&f);
}

Test(launch, promise_passes_from_reservation_to_running)
{
    struct fixture f;
    struct outcome outcome;
    struct fake_container *web;

    fixture_open(&f, 1);
    fixture_join(&f);
    launch_one(&f, "web", 1000, 80, &outcome);
    until(f.loop, outcome.calls == 1);
    until(f.loop, f.nodes[0]->in_sync);
    expect_int(f.nodes[0]->view.reserved.memory_bytes, 1000);
    expect_int(f.nodes[0]->view.used.memory_bytes, 0);
    expect_int(f.nodes[0]->view.reserved_ports.count, 1);
    web = fake_engine_find(&f.engines[0], "web");
    fake_engine_set(&f.engines[0], web, "running", "start");
    until(f.loop, f.nodes[0]->view.used.memory_bytes == 1000);
    expect_int(f.nodes[0]->view.reserved.memory_bytes, 0);
    expect_int(f.nodes[0]->view.reserved_ports.count, 0);
    expect_int(f.nodes[0]->view.held_ports->count, 1);
    until(f.loop, f.nodes[0]->in_sync);
    web->used = false;
    fake_engine_event(&f.engines[0], web, "destroy");
    until(f.loop, f.nodes[0]->view.held_ports->count == 0);
    fixture_close(&f);
}

Test(launch, engines_refusal_passes_and_gives_everything_back)
{
    struct fixture f;
    struct outcome outcome;
    struct failure failure;
    struct name_reservation *again;

    fixture_open(&f, 1);
    fixture_join(&f);
    f.engines[0].refuse_create = true;
    launch_one(&f, "web", 1000, 80, &outcome);
    until(f.loop, outcome.calls == 1);
    expect_int(outcome.status, 404);
    expect_int(f.nodes[0]->view.reserved.memory_bytes, 0);
    again = names_reserve(f.cluster, SLICE("web"), &failure);
    cr_expect_not_null(again);
    names_release(&again);
    fixture_close(&f);
}

Test(launch, lost_answer_is_looked_up_on_the_node)
{
    struct fixture f;
    struct outcome outcome;

    fixture_open(&f, 2);
    fixture_join(&f);
    f.engines[0].drop_create = f.engines[1].drop_create = true;
    launch_one(&f, "web", 0, 0, &outcome);
    until(f.loop, outcome.calls == 1);
    expect_int(outcome.status, 201);
    expect_int(f.engines[0].creates + f.engines[1].creates, 1);
    fixture_close(&f);
}

Test(launch, orphan_of_a_lost_answer_is_removed_when_the_node_returns)
{
    struct fixture f;
    struct outcome outcome;
    struct fake_engine *silent;
    struct container_entry *entry;
    struct failure failure;

    fixture_open(&f, 2);
    fixture_join(&f);
    f.engines[0].die_on_create = f.engines[1].die_on_create = true;
    launch_one(&f, "web", 0, 0, &outcome);
    until(f.loop, f.engines[0].creates + f.engines[1].creates == 1);
    silent = f.engines[0].creates ? &f.engines[0] : &f.engines[1];
    (silent == &f.engines[0] ? &f.engines[1] : &f.engines[0])->die_on_create = false;
    until(f.loop, outcome.calls == 1);
    expect_int(outcome.status, 201);
    cr_assert_not_null(fake_engine_find(silent, "web"));
    fake_engine_return(silent);
    until(f.loop, !fake_engine_find(silent, "web"));
    until(f.loop, f.nodes[0]->in_sync && f.nodes[1]->in_sync);
    expect_int(cluster_find_container(f.cluster, SLICE("web"), &entry, &failure), 0);
    cr_expect(container_name_unique(entry));
    fixture_close(&f);
}

Test(launch, waits_for_nodes_that_are_still_joining)
{
    struct fixture f;
    struct outcome outcome;
    struct node_options options = {0};
    struct failure failure;

    fixture_open(&f, 1);
    options.endpoint = f.engines[0].endpoint;
    f.nodes[0] = cluster_node_add(f.cluster, &options, &failure);
    launch_one(&f, "web", 0, 0, &outcome);
    until(f.loop, outcome.calls == 1);
    expect_int(outcome.status, 201);
    fixture_close(&f);
}

Test(launch, silent_node_is_passed_over)
{
    struct fixture f;
    struct outcome outcome;

    fixture_open(&f, 2);
    fixture_join(&f);
    fake_engine_kill(&f.engines[0]); /* not noticed yet */
    launch_one(&f, "web", 0, 0, &outcome);
    until(f.loop, outcome.calls == 1);
    expect_int(outcome.status, 201);
    expect_text(outcome.node, "node-2");
    fixture_close(&f);
}

Test(launch, name_in_use_is_a_conflict_with_dockerds_words)
{
    struct fixture f;
    struct failure failure;
    char expected[300];

    fixture_open(&f, 1);
    fake_engine_add(&f.engines[0], "web", "running");
    fixture_join(&f);
    cr_expect_null(names_reserve(f.cluster, SLICE("web"), &failure));
    expect_int(failure.kind, FAILURE_CONFLICT);
    snprintf(expected, sizeof expected,
             "Conflict. The container name \"/web\" is already in use by container \"%s\". You "
             "have to remove (or rename) that container to be able to reuse that name.",
             f.engines[0].containers[0].id);
    expect_text(failure.text, expected);
    cr_expect_null(names_reserve(f.cluster, SLICE("a b"), &failure));
    expect_int(failure.kind, FAILURE_INVALID);
    fixture_close(&f);
}

Test(launch, generated_names_never_repeat)
{
    struct fixture f;
    static struct name_reservation *names[20000];

    fixture_open(&f, 0);
    for (int i = 0; i < 20000; i++)
        names[i] = names_generate(f.cluster);
    cr_expect(slice_find(names_text(names[0]), '_') > 0);
    for (int i = 0; i < 20000; i++)
        names_release(&names[i]);
    fixture_close(&f);
}

Test(launch, what_an_engine_made_before_it_died_is_known)
{
    struct fixture f;
    struct outcome outcome;
    struct container_entry *entry = NULL;
    struct failure failure;

    fixture_open(&f, 2);
    fixture_join(&f);
    f.engines[0].hold_inspect = f.engines[1].hold_inspect = true;
    launch_one(&f, "web", 1 << 20, 0, &outcome);
    until(f.loop, f.engines[0].creates + f.engines[1].creates == 1);
    struct fake_engine *engine = f.engines[0].creates ? &f.engines[0] : &f.engines[1];
    until(f.loop, engine->inspects > 0);
    fake_engine_kill(engine);
    until(f.loop, outcome.calls == 1);
    expect_int(outcome.status, 201);
    expect_int(cluster_find_container(f.cluster, SLICE("web"), &entry, &failure), 0);
    expect_slice(entry->view.name, "web");
    expect_int(entry->view.state, CONTAINER_CREATED);
    engine->hold_inspect = false;
    fake_engine_return(engine);
    until(f.loop, f.nodes[engine - f.engines]->in_sync);
    expect_int(cluster_find_container(f.cluster, SLICE("web"), &entry, &failure), 0);
    fixture_close(&f);
}
