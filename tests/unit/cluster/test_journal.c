/* Tests of cluster/journal: decisions are found again after a restart, in their order. */
#include "proxy/cluster/decisions.h"
#include "tests/unit/test.h"

static struct value *decision(struct arena *arena, const char *name, int64_t ms)
{
    struct value *value = value_map(arena);
    value_set_text(arena, value, "container", slice_of(name));
    value_set_int(arena, value, "decided_ms", ms);
    return value;
}

Test(journal, the_ring_goes_on_behind_the_newest)
{
    struct arena *arena = arena_new();
    struct decisions *decisions = decisions_new();
    size_t slot;
    cr_expect_null(decisions_at(decisions, 0, &slot));
    /* As a full ring would be read: by slot, the newest somewhere in between. */
    cr_expect_eq(decisions_restore(decisions, 0, decision(arena, "c", 30)), 0);
    cr_expect_eq(decisions_restore(decisions, 1, decision(arena, "d", 40)), 0);
    cr_expect_eq(decisions_restore(decisions, DECISIONS_MAX - 2, decision(arena, "a", 10)), 0);
    cr_expect_eq(decisions_restore(decisions, DECISIONS_MAX - 1, decision(arena, "b", 20)), 0);
    static const char *const expected[] = {"d", "c", "b", "a"};
    for (size_t i = 0; i < 4; i++)
        expect_slice(value_get_text(decisions_at(decisions, i, &slot), "container"), expected[i]);
    cr_expect_null(decisions_at(decisions, 4, &slot));
    cr_expect_null(decisions_at(decisions, DECISIONS_MAX, &slot));
    decisions_at(decisions, 0, &slot);
    expect_int(slot, 1);
    cr_expect_not_null(decisions_find(decisions, arena, SLICE("b")));
    cr_expect_null(decisions_find(decisions, arena, SLICE("x")));
    decisions_free(&decisions);
    arena_free(&arena);
}

Test(journal, refuses_what_is_no_decision)
{
    struct arena *arena = arena_new();
    struct decisions *decisions = decisions_new();
    cr_expect_eq(decisions_restore(decisions, 0, value_map(arena)), -1);
    cr_expect_eq(decisions_restore(decisions, DECISIONS_MAX, decision(arena, "a", 1)), -1);
    cr_expect_eq(decisions_restore(decisions, 0, decision(arena, "a", 1)), 0);
    cr_expect_eq(decisions_restore(decisions, 0, decision(arena, "b", 2)), -1, "the slot is taken");
    decisions_free(&decisions);
    arena_free(&arena);
}
