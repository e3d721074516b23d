/* Refusals: nodes refused for the same thing are counted together, the largest group first, with
 * what the nearest of them lacked. */
#include "policy/refusals.h"

#include "policy/resources.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MAX 16 /* different reasons; more are counted as "other reasons" */
#define TEXT_MAX   900

struct group {
    struct filter_refusal refusal;
    const char *policy_reason;
    size_t count;
    const struct node *nearest; /* the only one, or the one with the most of what is lacking */
};

const char *refusals_text(const struct refusals *refusals, struct arena *arena, size_t position)
{
    if (refusals->list[position].kind == FILTER_POLICY) {
        return refusals->policy_reasons[position];
    }
    char *text = arena_alloc(arena, FILTER_TEXT_MAX);
    filter_text(refusals->plan, refusals->list[position], refusals->request->nodes->list[position],
                text);
    return text;
}

static bool same_reason(const struct group *group, struct filter_refusal refusal,
                        const char *policy_reason)
{
    return group->refusal.kind == refusal.kind && group->refusal.part == refusal.part &&
           (refusal.kind != FILTER_POLICY || strcmp(group->policy_reason, policy_reason) == 0);
}

/* How much `node` has of what the group lacks. */
static int64_t nearness(const struct refusals *refusals, struct filter_refusal refusal,
                        const struct node *node)
{
    if (refusal.kind != FILTER_RESOURCE) {
        return 0;
    }
    struct resources left = resources_free(node, refusals->request->settings);
    return refusal.part + 1 == RESOURCE_LACKS_MEMORY ? left.memory_bytes : left.nano_cpus;
}

static void group_add(const struct refusals *refusals, struct group *group, const struct node *node)
{
    if (group->count++ == 0) {
        group->nearest = node;
        return;
    }
    int64_t best = nearness(refusals, group->refusal, group->nearest);
    int64_t this = nearness(refusals, group->refusal, node);
    if (this > best || (this == best && slice_compare(node->name, group->nearest->name) < 0)) {
        group->nearest = node;
    }
}

static size_t groups_make(const struct refusals *refusals, struct group *groups, size_t *others)
{
    size_t group_count = 0;
    for (size_t i = 0; i < refusals->request->nodes->count; i++) {
        struct filter_refusal refusal = refusals->list[i];
        const char *reason = refusal.kind == FILTER_POLICY ? refusals->policy_reasons[i] : "";
        size_t g = 0;
        while (g < group_count && !same_reason(&groups[g], refusal, reason)) {
            g++;
        }
        if (g == GROUPS_MAX) {
            (*others)++;
            continue;
        }
        if (g == group_count) {
            groups[group_count++] = (struct group){.refusal = refusal, .policy_reason = reason};
        }
        group_add(refusals, &groups[g], refusals->request->nodes->list[i]);
    }
    return group_count;
}

static int larger_first(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    if (a->refusal.kind != b->refusal.kind) {
        return a->refusal.kind < b->refusal.kind ? -1 : 1;
    }
    return slice_compare(a->nearest->name, b->nearest->name);
}

/* "not enough memory (10 GiB asked, at most 2 GiB free on node-1)" */
static void common_text(const struct refusals *refusals, const struct group *group, char *text)
{
    if (group->refusal.kind == FILTER_POLICY) {
        snprintf(text, FILTER_TEXT_MAX, "%s", group->policy_reason);
        return;
    }
    filter_text(refusals->plan, group->refusal, NULL, text);
    size_t length = strlen(text);
    if (group->refusal.kind != FILTER_RESOURCE || length == 0) {
        return;
    }
    char most[32];
    int64_t left = nearness(refusals, group->refusal, group->nearest);
    if (group->refusal.part + 1 == RESOURCE_LACKS_MEMORY) {
        resources_memory_text(left, most, sizeof(most));
    } else {
        resources_cpus_text(left, most, sizeof(most));
    }
    snprintf(text + length - 1, FILTER_TEXT_MAX - length + 1, ", at most %s free on " SLICE_FMT ")",
             most, SLICE_ARG(slice_cut(group->nearest->name, 0, 60)));
}

static void group_words(const struct refusals *refusals, const struct group *group,
                        struct buffer *out)
{
    char text[FILTER_TEXT_MAX];
    buffer_text(out, out->length > 0 ? "; " : "");
    if (group->count > 1) {
        common_text(refusals, group, text);
        buffer_printf(out, "%zu of %zu nodes: %s", group->count, refusals->request->nodes->count,
                      text);
        return;
    }
    if (group->refusal.kind == FILTER_POLICY) {
        snprintf(text, sizeof(text), "%s", group->policy_reason);
    } else {
        filter_text(refusals->plan, group->refusal, group->nearest, text);
    }
    buffer_printf(out, SLICE_FMT ": %s", SLICE_ARG(slice_cut(group->nearest->name, 0, 60)), text);
}

int refusals_fail(const struct refusals *refusals, struct arena *arena, struct failure *failure)
{
    static const char head[] = "no resources available to schedule container";
    if (refusals->request->nodes->count == 0) {
        return failure_set(failure, FAILURE_NO_ROOM,
                           "%s: the cluster has no nodes yet (a node joins with berth-agent "
                           "--join-cluster, or give berthd --node)",
                           head);
    }
    struct group *groups = arena_alloc(arena, GROUPS_MAX * sizeof(groups[0]));
    size_t others = 0, count = groups_make(refusals, groups, &others);
    qsort(groups, count, sizeof(groups[0]), larger_first);
    struct buffer out;
    buffer_init(&out, TEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        group_words(refusals, &groups[i], &out);
    }
    if (others > 0) {
        buffer_printf(&out, "; %zu nodes: other reasons", others);
    }
    int result = failure_set(failure, FAILURE_NO_ROOM, "%s: " SLICE_FMT, head,
                             SLICE_ARG(buffer_slice(&out)));
    buffer_deinit(&out);
    return result;
}
