/* Rebalance: judge each container, order the moves; for skew, greedy steps on a copy of the sums.
 */
#include "policy/rebalance.h"

#include "policy/base/memory.h"
#include "policy/resources.h"

#include <stdlib.h>

enum rebalance_verdict rebalance_judge(const struct container *container)
{
    switch (container->state) {
    case CONTAINER_RUNNING:
    case CONTAINER_PAUSED:
    case CONTAINER_RESTARTING:
        break;
    case CONTAINER_CREATED:
    case CONTAINER_EXITED:
    case CONTAINER_REMOVING:
    case CONTAINER_DEAD:
    case CONTAINER_PENDING:
        if (!container->stopped_with_node) {
            return REBALANCE_NOT_RUNNING;
        }
    }
    if (container->reschedule == RESCHEDULE_NEVER) {
        return REBALANCE_NEVER;
    }
    if (container->reschedule == RESCHEDULE_AUTO && container->holds_state) {
        return REBALANCE_HOLDS_STATE;
    }
    return REBALANCE_MOVE;
}

const char *rebalance_verdict_text(enum rebalance_verdict verdict)
{
    static const char *const texts[] = {"moves", "did not run", "reschedule=never",
                                        "holds state on its node (reschedule=always moves it)"};
    return texts[verdict];
}

static int larger_first(const void *left, const void *right)
{
    const struct container *a = ((const struct rebalance_move *)left)->container;
    const struct container *b = ((const struct rebalance_move *)right)->container;
    if (a->asked.memory_bytes != b->asked.memory_bytes) {
        return a->asked.memory_bytes > b->asked.memory_bytes ? -1 : 1;
    }
    return slice_compare(a->name, b->name);
}

static bool moves_off(const struct node *node, const struct schedule_policy *policy,
                      const struct container *container)
{
    enum rebalance_verdict verdict = rebalance_judge(container);
    bool moves = verdict == REBALANCE_MOVE;
    if (!policy || !policy->reschedule || verdict == REBALANCE_NOT_RUNNING) {
        return moves;
    }
    return policy->reschedule(policy->context, container, node, moves);
}

size_t rebalance_leave(const struct node *node, const struct schedule_policy *policy,
                       struct rebalance_move *moves, size_t max)
{
    struct rebalance_move *all = xcalloc(node->containers_total + 1, sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; i < node->containers_total; i++) {
        if (moves_off(node, policy, node->containers[i])) {
            all[count++] = (struct rebalance_move){node->containers[i], node, NULL};
        }
    }
    qsort(all, count, sizeof(*all), larger_first);
    if (count > max) {
        count = max;
    }
    if (count > 0) {
        memcpy(moves, all, count * sizeof(*all));
    }
    free(all);
    return count;
}

/* A ready node with its sums as they would be after the moves planned so far. */
struct load {
    const struct node *node;
    struct resources used, limit;
};

static double share_of(struct resources used, struct resources limit)
{
    double memory =
        limit.memory_bytes > 0 ? (double)used.memory_bytes / (double)limit.memory_bytes : 0;
    double cpus = limit.nano_cpus > 0 ? (double)used.nano_cpus / (double)limit.nano_cpus : 0;
    return memory > cpus ? memory : cpus;
}

static struct resources plus(struct resources a, struct resources b, int sign)
{
    return (struct resources){a.memory_bytes + sign * b.memory_bytes,
                              a.nano_cpus + sign * b.nano_cpus};
}

static bool planned(const struct rebalance_move *moves, size_t count,
                    const struct container *container)
{
    for (size_t i = 0; i < count; i++) {
        if (moves[i].container == container) {
            return true;
        }
    }
    return false;
}

/* The container whose move leaves the smaller of the two shares that matter: the larger one after.
 */
static const struct container *best_to_move(const struct load *from, const struct load *to,
                                            const struct rebalance_move *moves, size_t count)
{
    const struct container *best = NULL;
    double best_after = share_of(from->used, from->limit);
    for (size_t i = 0; i < from->node->containers_total; i++) {
        const struct container *container = from->node->containers[i];
        if (rebalance_judge(container) != REBALANCE_MOVE || planned(moves, count, container)) {
            continue;
        }
        struct resources there = plus(to->used, container->asked, 1);
        if (there.memory_bytes > to->limit.memory_bytes || there.nano_cpus > to->limit.nano_cpus) {
            continue;
        }
        double left = share_of(plus(from->used, container->asked, -1), from->limit);
        double right = share_of(there, to->limit);
        double after = left > right ? left : right;
        if (after + 1e-9 < best_after) {
            best_after = after;
            best = container;
        }
    }
    return best;
}

static size_t ready_loads(const struct nodes *nodes, const struct cluster_settings *settings,
                          struct load *loads)
{
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        const struct node *node = nodes->list[i];
        if (node->state == NODE_READY && node->availability == NODE_ACTIVE) {
            loads[count++] = (struct load){node, plus(node->used, node->reserved, 1),
                                           resources_limit(node, settings)};
        }
    }
    return count;
}

size_t rebalance_skew(const struct nodes *nodes, const struct cluster_settings *settings,
                      double gap, struct rebalance_move *moves, size_t max)
{
    struct load *loads = xcalloc(nodes->count + 1, sizeof(*loads));
    size_t load_count = ready_loads(nodes, settings, loads), count = 0;
    while (load_count > 1 && count < max) {
        struct load *fullest = &loads[0], *emptiest = &loads[0];
        for (size_t i = 1; i < load_count; i++) {
            double share = share_of(loads[i].used, loads[i].limit);
            fullest = share > share_of(fullest->used, fullest->limit) ? &loads[i] : fullest;
            emptiest = share < share_of(emptiest->used, emptiest->limit) ? &loads[i] : emptiest;
        }
        if (share_of(fullest->used, fullest->limit) - share_of(emptiest->used, emptiest->limit) <=
            gap) {
            break;
        }
        const struct container *container = best_to_move(fullest, emptiest, moves, count);
        if (!container) {
            break;
        }
        moves[count++] = (struct rebalance_move){container, fullest->node, emptiest->node};
        fullest->used = plus(fullest->used, container->asked, -1);
        emptiest->used = plus(emptiest->used, container->asked, 1);
    }
    free(loads);
    return count;
}
