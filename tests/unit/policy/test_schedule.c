/* Schedule: the user's guide as decisions, ranking, refusal texts, the policy's say, explain. */
#include "policy/pattern.h"
#include "tests/unit/policy/fixture.h"

#include <stdio.h>

static void place(struct fixture *f, const char *expected, int64_t memory)
{
    f->workload.asked.memory_bytes = memory;
    const char *name = fixture_run(f);
    expect_text(name, expected);
    for (size_t i = 0; i < 3; i++) {
        if (slice_is(f->node[i].name, name)) {
            f->node[i].used.memory_bytes += memory;
            f->node[i].running++;
        }
    }
}

Test(schedule, binpack_fills_a_node_before_it_takes_the_next)
{
    struct fixture f;
    fixture_init(&f);
    place(&f, "node-1", GIB);
    place(&f, "node-1", GIB);
    place(&f, "node-2", GIB);
    place(&f, "node-2", GIB);
    place(&f, "node-3", GIB);
    place(&f, "node-3", GIB);
    place(&f,
          "no resources available to schedule container: 3 of 3 nodes: not enough memory (1 GiB "
          "asked, at most 0 B free on node-1)",
          GIB);
    expect_int(f.failure.kind, FAILURE_NO_ROOM);
    fixture_deinit(&f);
}

Test(schedule, nothing_asked_goes_where_least_runs)
{
    struct fixture f;
    fixture_init(&f);
    place(&f, "node-1", 0);
    place(&f, "node-2", 0);
    place(&f, "node-3", 0);
    place(&f, "node-1", 0);
    fixture_deinit(&f);
}

Test(schedule, spread_takes_the_emptiest)
{
    struct fixture f;
    fixture_init(&f);
    f.request.strategy = STRATEGY_SPREAD;
    place(&f, "node-1", GIB);
    place(&f, "node-2", GIB);
    place(&f, "node-3", GIB);
    f.node[1].used.memory_bytes = 0;
    place(&f, "node-2", GIB);
    fixture_deinit(&f);
}

Test(schedule, one_port_a_node_and_then_no_more)
{
    struct fixture f;
    fixture_init(&f);
    struct port port = {PROTOCOL_TCP, SLICE_NONE, 80, 80, false};
    f.workload.ports = (struct ports){&port, 1};
    for (size_t i = 0; i < 3; i++) {
        expect_text(fixture_run(&f), f.node[i].name.at);
        f.node[i].reserved_ports = (struct ports){&port, 1};
    }
    expect_text(fixture_run(&f), "no resources available to schedule container: 3 of 3 nodes: "
                                 "port 80/tcp is taken");
    fixture_deinit(&f);
}

Test(schedule, says_why_per_filter_with_the_nearest_miss)
{
    struct fixture f;
    fixture_init(&f);
    f.node[2].availability = NODE_DRAIN;
    f.node[1].used.memory_bytes = GIB;
    f.workload.asked.memory_bytes = 10 * GIB;
    expect_text(fixture_run(&f),
                "no resources available to schedule container: 2 of 3 nodes: not enough memory "
                "(10 GiB asked, at most 2 GiB free on node-1); node-3: drained");
    f.node[0].state = NODE_DOWN;
    expect_text(fixture_run(&f),
                "no resources available to schedule container: node-1: down; node-3: drained; "
                "node-2: not enough memory (10 GiB asked, 1 GiB free)");
    fixture_constrain(&f, "storage==nvme", false);
    f.node[0].state = NODE_READY;
    expect_text(fixture_run(&f), "no resources available to schedule container: 2 of 3 nodes: "
                                 "constraint storage==nvme not met; node-3: drained");
    f.nodes.count = 0;
    f.nodes.generation = 2;
    expect_text(fixture_run(&f),
                "no resources available to schedule container: the cluster has no nodes yet (a "
                "node joins with berth-agent --join-cluster, or give berthd --node)");
    fixture_deinit(&f);
}

Test(schedule, soft_constraints_prefer_and_never_refuse)
{
    struct fixture f;
    fixture_init(&f);
    fixture_constrain(&f, "region==~eu", false);
    expect_text(fixture_run(&f), "node-3");
    expect_int(f.result.fitting, 3);
    f.node[2].state = NODE_DOWN;
    expect_text(fixture_run(&f), "node-1");
    fixture_deinit(&f);
}

Test(schedule, excluded_nodes_are_passed_over)
{
    struct fixture f;
    fixture_init(&f);
    struct slice tried[] = {SLICE("node-1"), SLICE("node-2"), SLICE("node-3")};
    f.request.excluded = tried;
    f.request.excluded_count = 1;
    expect_text(fixture_run(&f), "node-2");
    f.request.excluded_count = 3;
    expect_text(fixture_run(&f), "no resources available to schedule container: 3 of 3 nodes: "
                                 "tried, and it failed");
    fixture_deinit(&f);
}

Test(schedule, a_filter_can_be_switched_off)
{
    struct fixture f;
    fixture_init(&f);
    f.workload.asked.memory_bytes = 10 * GIB;
    f.request.filters_off = 1U << FILTER_RESOURCE;
    expect_text(fixture_run(&f), "node-1");
    fixture_deinit(&f);
}

Test(schedule, patterns_that_cost_too_much_are_refused)
{
    struct fixture f;
    fixture_init(&f);
    char name[PATTERN_SUBJECT_MAX + 1];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < 3; i++) {
        f.node[i].name = slice_of(name);
    }
    for (int i = 0; i < CONSTRAINTS_MAX; i++) {
        fixture_constrain(&f, "name!=/(((a|b|c|d)*)*.*){8}(a{9}){9}x/", false);
    }
    f.nodes.generation = 0;
    expect_text(fixture_run(&f), "the patterns of this container's constraints take too long to "
                                 "match; write simpler ones");
    expect_int(f.failure.kind, FAILURE_INVALID);
    fixture_deinit(&f);
}

/* A policy that refuses node-1 and likes node-3. */
static int judge(void *context, const struct workload *workload,
                 struct schedule_candidate *candidates, size_t count, struct failure *failure)
{
    if (*(const bool *)context) {
        return failure_set(failure, FAILURE_INTERNAL, "policy.lua:3: boom");
    }
    for (size_t i = 0; i < count; i++) {
        if (slice_is(candidates[i].node->name, "node-1")) {
            candidates[i].refused = "maintenance";
        } else if (slice_is(candidates[i].node->name, "node-3")) {
            candidates[i].score += 10;
        }
    }
    return 0;
}

static size_t pick_last(void *context, const struct workload *workload,
                        const struct schedule_ranked *ranked, size_t count)
{
    return count - 1;
}

Test(schedule, the_policy_refuses_scores_and_picks)
{
    struct fixture f;
    fixture_init(&f);
    bool broken = false;
    struct schedule_policy policy = {.judge = judge, .context = &broken};
    f.request.policy = &policy;
    expect_text(fixture_run(&f), "node-3");
    expect_int(f.result.fitting, 2);
    policy.pick = pick_last;
    expect_text(fixture_run(&f), "node-2");
    f.node[1].state = f.node[2].state = NODE_DOWN;
    expect_text(fixture_run(&f), "no resources available to schedule container: 2 of 3 nodes: "
                                 "down; node-1: maintenance");
    broken = true;
    expect_text(fixture_run(&f), "policy.lua:3: boom");
    fixture_deinit(&f);
}

Test(schedule, explain_shows_every_node)
{
    struct fixture f;
    fixture_init(&f);
    bool broken = false;
    struct schedule_policy policy = {.judge = judge, .pick = pick_last, .context = &broken};
    struct arena *arena = arena_new();
    struct schedule_verdict *verdicts = NULL;
    f.request.policy = &policy;
    cr_assert_eq(schedule_explain(f.scheduler, &f.request, arena, &verdicts, &f.failure), 0);
    expect_text(verdicts[0].filter, "policy");
    expect_text(verdicts[0].reason, "maintenance");
    expect_int(verdicts[1].rank, 1);
    expect_int(verdicts[2].rank, 2);
    cr_expect_float_eq(verdicts[2].score, 60, 1e-9);
    f.request.policy = NULL;
    f.node[1].availability = NODE_PAUSE;
    cr_assert_eq(schedule_explain(f.scheduler, &f.request, arena, &verdicts, &f.failure), 0);
    expect_int(verdicts[0].rank, 1);
    expect_text(verdicts[1].filter, "availability");
    expect_text(verdicts[1].reason, "paused");
    arena_free(&arena);
    fixture_deinit(&f);
}

Test(schedule, ranks_the_best_of_many_in_order)
{
    enum { COUNT = 200 };
    static struct node node[COUNT];
    static const struct node *list[COUNT];
    static char names[COUNT][16];
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "n%03zu", (i * 77) % COUNT);
        node[i] = (struct node){.name = slice_of(names[i]),
                                .state = NODE_READY,
                                .total = {100 * GIB, CPU},
                                .used = {(int64_t)(i * 37 % COUNT / 4) * GIB, 0}};
        list[i] = &node[i];
    }
    f.nodes = (struct nodes){list, COUNT, 9};
    f.workload.asked.memory_bytes = GIB;
    fixture_run(&f);
    expect_int(f.result.count, SCHEDULE_RANKED);
    expect_int(f.result.fitting, COUNT);
    for (size_t i = 1; i < f.result.count; i++) {
        const struct schedule_ranked *a = &f.result.ranked[i - 1], *b = &f.result.ranked[i];
        cr_expect(a->score > b->score ||
                      (a->score >= b->score && slice_compare(a->node->name, b->node->name) < 0),
                  "%zu", i);
    }
    cr_expect_float_eq(f.result.ranked[0].score, 50, 1e-9);
    fixture_deinit(&f);
}
