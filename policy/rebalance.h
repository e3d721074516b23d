/* Rebalance: which containers leave a node, and which stay and why. Decides what moves, never
 * where to: each move is placed by the scheduler like a new container. Pure.
 *
 * Lost or drained node: what runs there moves if reschedule=always; stays if never; by default
 * (auto) it moves unless it holds state on that node (bind mount, named local volume). What did not
 * run stays. Biggest memory first, so that the large ones still find a hole; then by name.
 * Source: the user's guide, "Rebalancing". */
#pragma once

#include "policy/schedule.h"

enum rebalance_verdict {
    REBALANCE_MOVE,
    REBALANCE_NOT_RUNNING, /* stays: it did not run */
    REBALANCE_NEVER,       /* stays: reschedule=never */
    REBALANCE_HOLDS_STATE, /* stays: auto, and its data is on that node */
};

struct rebalance_move {
    const struct container *container;
    const struct node *from;
    const struct node *to; /* only a hint, set by rebalance_skew; NULL: the scheduler chooses */
};

enum rebalance_verdict rebalance_judge(const struct container *container);
/* "reschedule=never", …: for events and logs. */
const char *rebalance_verdict_text(enum rebalance_verdict verdict);

/* The moves off `node`, in the order to make them: moves[0..max), their number returned (more
 * than max are cut: call again when those are done). For a lost and for a drained node. `policy`
 * may be NULL; its reschedule has the last word about those that ran. */
size_t rebalance_leave(const struct node *node, const struct schedule_policy *policy,
                       struct rebalance_move *moves, size_t max);

/* Moves that even out memory and CPU shares: while the fullest and the emptiest ready node differ
 * by more than `gap` (0.2 = 20 points of their larger share), moves the container that narrows it
 * most. Only containers that rebalance_judge lets move and that fit the target. At most `max`. */
size_t rebalance_skew(const struct nodes *nodes, const struct cluster_settings *settings,
                      double gap, struct rebalance_move *moves, size_t max);
