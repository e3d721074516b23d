/* Rebalance: who leaves a lost node, in which order; evening out. */
#include "policy/rebalance.h"
#include "tests/unit/policy/fixture.h"

Test(rebalance, judges_by_state_word_and_data)
{
    static const struct {
        struct container container;
        enum rebalance_verdict verdict;
    } cases[] = {
        {{.state = CONTAINER_RUNNING}, REBALANCE_MOVE},
        {{.state = CONTAINER_PAUSED}, REBALANCE_MOVE},
        {{.state = CONTAINER_RESTARTING}, REBALANCE_MOVE},
        {{.state = CONTAINER_EXITED}, REBALANCE_NOT_RUNNING},
        {{.state = CONTAINER_EXITED, .stopped_with_node = true}, REBALANCE_MOVE},
        {{.state = CONTAINER_CREATED}, REBALANCE_NOT_RUNNING},
        {{.state = CONTAINER_RUNNING, .reschedule = RESCHEDULE_NEVER}, REBALANCE_NEVER},
        {{.state = CONTAINER_RUNNING, .holds_state = true}, REBALANCE_HOLDS_STATE},
        {{.state = CONTAINER_RUNNING, .holds_state = true, .reschedule = RESCHEDULE_ALWAYS},
         REBALANCE_MOVE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(rebalance_judge(&cases[i].container), cases[i].verdict, "case %zu", i);
    }
    expect_text(rebalance_verdict_text(REBALANCE_NEVER), "reschedule=never");
}

Test(rebalance, the_large_leave_first)
{
    struct container small = {.name = SLICE("a"), .state = CONTAINER_RUNNING};
    struct container large = {.name = SLICE("b"), .state = CONTAINER_RUNNING, .asked = {GIB, 0}};
    struct container stays = {.name = SLICE("c"), .state = CONTAINER_EXITED};
    const struct container *list[] = {&small, &stays, &large};
    struct node node = {.containers = list, .containers_total = 3};
    struct rebalance_move moves[4];
    expect_int(rebalance_leave(&node, NULL, moves, 4), 2);
    cr_expect_eq(moves[0].container, &large);
    cr_expect_eq(moves[1].container, &small);
    cr_expect_null(moves[0].to);
    expect_int(rebalance_leave(&node, NULL, moves, 1), 1);
    node.containers_total = 0;
    expect_int(rebalance_leave(&node, NULL, moves, 4), 0);
}

Test(rebalance, skew_moves_until_the_gap_is_closed)
{
    struct fixture f;
    fixture_init(&f);
    struct container c[4];
    const struct container *list[4];
    for (size_t i = 0; i < 4; i++) {
        c[i] = (struct container){.state = CONTAINER_RUNNING, .asked = {GIB / 2, 0}};
        list[i] = &c[i];
    }
    f.node[0].containers = list;
    f.node[0].containers_total = 4;
    f.node[0].used.memory_bytes = 2 * GIB;
    struct rebalance_move moves[8];
    expect_int(rebalance_skew(&f.nodes, &f.settings, 0.3, moves, 8), 2);
    cr_expect_eq(moves[0].from, &f.node[0]);
    cr_expect_neq(moves[0].to, moves[1].to);
    cr_expect_neq(moves[0].container, moves[1].container);
    expect_int(rebalance_skew(&f.nodes, &f.settings, 1.0, moves, 8), 0);
    f.node[1].availability = NODE_DRAIN;
    f.node[2].state = NODE_DOWN;
    expect_int(rebalance_skew(&f.nodes, &f.settings, 0.3, moves, 8), 0);
    fixture_deinit(&f);
}

/* Says the opposite of C, for all but one. */
static bool contrary(void *context, const struct container *container, const struct node *node,
                     bool moves)
{
    return slice_is(container->name, "agree") ? moves : !moves;
}

Test(rebalance, the_policy_has_the_last_word_about_what_ran)
{
    struct container c[] = {
        {.name = SLICE("agree"), .state = CONTAINER_RUNNING},
        {.name = SLICE("web"), .state = CONTAINER_RUNNING},
        {.name = SLICE("db"), .state = CONTAINER_RUNNING, .reschedule = RESCHEDULE_NEVER},
        {.name = SLICE("old"), .state = CONTAINER_EXITED}};
    const struct container *list[] = {&c[0], &c[1], &c[2], &c[3]};
    struct node node = {.containers = list, .containers_total = 4};
    struct schedule_policy policy = {.reschedule = contrary};
    struct rebalance_move moves[4];
    expect_int(rebalance_leave(&node, &policy, moves, 4), 2);
    expect_slice(moves[0].container->name, "agree");
    expect_slice(moves[1].container->name, "db");
}
