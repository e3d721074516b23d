/* Recover: what becomes of containers whose node is lost or drained.
 *
 * A node is declared down by two witnesses: its agent's lease is over AND its engine does not
 * answer, for a grace. Then: each container that may move (policy/rebalance.h) is shown exited,
 * then pending, then created and started elsewhere through cluster/launch, under the same name and
 * id. What fits nowhere stays pending with its reason and is tried again on every change. When the
 * node returns, old copies are stopped and renamed, never deleted before superseded_ttl_ms, volumes
 * never. docs/operations.md has the delays, docs/decisions/004-fencing.md their order. */
#pragma once

#include "proxy/cluster/nodes.h"

struct recover;

struct recover_settings {
    uint64_t grace_ms;          /* 2000: after the lease is over, for the agent's fence */
    uint64_t show_ms;           /* 500: at least so long exited, then pending, are to be seen */
    uint64_t retry_ms;          /* 5000: pending ones are tried again at least so often */
    size_t at_once;             /* 8 moves under way */
    uint64_t superseded_ttl_ms; /* 24 h: old copies are kept this long after they stopped */
};
struct recover_settings recover_default_settings(void);

/* After cluster_set_store (needed: specs are there) and before the loop runs: plans that a restart
 * interrupted go on. */
struct recover *recover_new(struct cluster *cluster, const struct recover_settings *settings,
                            struct failure *failure) MUST_CHECK;
void recover_free(struct recover **recover);

/* The operator says so: down at once, whatever the witnesses and the quorum guard say. CONFLICT
 * when the node is ready: its containers would run twice. */
int recover_declare_dead(struct recover *recover, struct engine_node *node,
                         struct failure *failure) MUST_CHECK;
/* More than half of the nodes are silent: the manager itself may be cut off, so nothing is moved.
 * The reason for people, or NULL. */
const char *recover_guard(const struct recover *recover);

/* What users do with a pending container. -1 NOT_FOUND when it is not pending, CONFLICT while it is
 * being created elsewhere. hold: true stops it (it takes no room when there is some), false starts
 * it. rename: the name must have been reserved by the caller. */
int recover_remove(struct recover *recover, struct slice user_id,
                   struct failure *failure) MUST_CHECK;
int recover_hold(struct recover *recover, struct slice user_id, bool hold,
                 struct failure *failure) MUST_CHECK;
int recover_rename(struct recover *recover, struct slice user_id, struct slice name,
                   struct failure *failure) MUST_CHECK;

/* Moves that would even the cluster out (policy/rebalance.h), and making them. */
struct recover_plan {
    struct slice container, name, from, to;
};
/* At most `max` (<= 100); they live in `arena`. dry_run: only told. */
size_t recover_rebalance(struct recover *recover, double gap, size_t max, bool dry_run,
                         struct arena *arena, struct recover_plan **plans);

/* Moves under way or pending. */
size_t recover_pending(const struct recover *recover);
