/* Decisions: a ring of explanations, each in an arena of its own that is reused. */
#include "proxy/cluster/decisions.h"

#include <stdlib.h>

struct decision {
    struct arena *arena;
    struct slice name;
    struct value *value;
};

struct decisions {
    struct decision ring[DECISIONS_MAX];
    size_t next;
};

struct decisions *decisions_new(void)
{
    return xcalloc(1, sizeof(struct decisions));
}

void decisions_free(struct decisions **decisions)
{
    if (!*decisions)
        return;
    for (size_t i = 0; i < DECISIONS_MAX; i++)
        arena_free(&(*decisions)->ring[i].arena);
    free(*decisions);
    *decisions = NULL;
}

/* Those that fit by rank, then the refused by name. */
static int by_rank(const void *left, const void *right)
{
    const struct schedule_verdict *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank == 0 || (b->rank != 0 && b->rank < a->rank) ? 1 : -1;
    return slice_compare(a->node->name, b->node->name);
}

static struct value *verdict_value(struct arena *arena, const struct schedule_verdict *verdict)
{
    struct value *map = value_map(arena);
    value_set_text(arena, map, "name", verdict->node->name);
    value_set_bool(arena, map, "fits", verdict->rank > 0);
    if (verdict->rank > 0) {
        struct slice score = arena_printf(arena, "%.6g", verdict->score);
        value_set(arena, map, "score", value_number(arena, score));
        value_set_int(arena, map, "rank", verdict->rank);
        if (verdict->soft_misses > 0)
            value_set_int(arena, map, "preferences_missed", verdict->soft_misses);
    } else {
        value_set_text(arena, map, "filter", slice_of(verdict->filter));
        value_set_text(arena, map, "reason", slice_of(verdict->reason));
    }
    return map;
}

struct value *decisions_explain(struct scheduler *scheduler, const struct schedule_request *request,
                                struct arena *arena, struct failure *failure)
{
    struct schedule_verdict *verdicts;
    size_t count = request->nodes->count;
    if (schedule_explain(scheduler, request, arena, &verdicts, failure) != 0)
        return NULL;
    qsort(verdicts, count, sizeof(*verdicts), by_rank);
    struct value *answer = value_map(arena), *list = value_list(arena);
    bool placed = count > 0 && verdicts[0].rank == 1;
    value_set(arena, answer, "node",
              placed ? value_text(arena, verdicts[0].node->name) : value_null(arena));
    value_set_text(arena, answer, "strategy", slice_of(strategy_name(request->strategy)));
    value_set_int(arena, answer, "policy_generation",
                  request->policy ? (int64_t)request->policy->generation : 0);
    value_set_int(arena, answer, "node_count", (int64_t)count);
    for (size_t i = 0; i < count && i < DECISIONS_NODES; i++)
        value_append(list, verdict_value(arena, &verdicts[i]));
    value_set(arena, answer, "nodes", list);
    return answer;
}

void decisions_note(struct decisions *decisions, struct scheduler *scheduler,
                    const struct schedule_request *request, int64_t wall_ns)
{
    if (request->nodes->count > DECISIONS_BIG)
        return;
    struct decision *decision = &decisions->ring[decisions->next];
    struct failure ignored;
    struct arena *scratch = arena_new();
    struct value *value = decisions_explain(scheduler, request, scratch, &ignored);
    if (value) {
        if (decision->arena)
            arena_reset(decision->arena);
        else
            decision->arena = arena_new();
        value_set_int(scratch, value, "decided_ms", wall_ns / 1000000);
        value_set_text(scratch, value, "container", request->workload->name);
        decision->name = arena_copy(decision->arena, request->workload->name);
        decision->value = value_copy(decision->arena, value);
        decisions->next = (decisions->next + 1) % DECISIONS_MAX;
    }
    arena_free(&scratch);
}

struct value *decisions_find(const struct decisions *decisions, struct arena *arena,
                             struct slice name)
{
    for (size_t i = 1; i <= DECISIONS_MAX; i++) {
        const struct decision *decision =
            &decisions->ring[(decisions->next + DECISIONS_MAX - i) % DECISIONS_MAX];
        if (!decision->arena)
            return NULL;
        if (slice_equal(decision->name, name))
            return value_copy(arena, decision->value);
    }
    return NULL;
}

const struct value *decisions_at(const struct decisions *decisions, size_t age, size_t *slot)
{
    if (age >= DECISIONS_MAX)
        return NULL;
    *slot = (decisions->next + 2 * DECISIONS_MAX - 1 - age) % DECISIONS_MAX;
    return decisions->ring[*slot].arena ? decisions->ring[*slot].value : NULL;
}

int decisions_restore(struct decisions *decisions, size_t slot, const struct value *value)
{
    struct slice name = value_get_text(value, "container");
    size_t newest;
    if (name.length == 0 || slot >= DECISIONS_MAX || decisions->ring[slot].arena)
        return -1;
    const struct value *before = decisions_at(decisions, 0, &newest);
    struct decision *decision = &decisions->ring[slot];
    decision->arena = arena_new();
    decision->name = arena_copy(decision->arena, name);
    decision->value = value_copy(decision->arena, value);
    if (!before ||
        value_get_int(value, "decided_ms", 0) >= value_get_int(before, "decided_ms", 0))
        decisions->next = (slot + 1) % DECISIONS_MAX;
    return 0;
}
