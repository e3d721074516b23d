/* Records: what the cluster keeps in the store, and how it comes back after a restart: nodes with
 * their availability and labels, the last known state of every container, moved identities, old
 * copies, pending containers. Engines are the truth; records stand in where an engine is silent. */
#pragma once

#include "proxy/cluster/nodes.h"
#include "proxy/store/store.h"

/* Takes what the store has into the cluster and keeps it up to date from then on. Call before any
 * node is added. The store must outlive the cluster. */
int cluster_set_store(struct cluster *cluster, struct store *store,
                      struct failure *failure) MUST_CHECK;
/* on_done runs when all that is known now is kept: what a user is told must survive the manager. Never
 * before the call returns; at once without a store or while the disk is full. */
void cluster_when_kept(struct cluster *cluster, loop_fn on_done, void *context);
struct store *cluster_store(const struct cluster *cluster); /* NULL: none */
