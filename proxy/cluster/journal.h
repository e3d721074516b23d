/* Journal: the decisions (decisions.h) on disk: a ring of DECISIONS_MAX records in the store, so
 * that why a container is where it is can be told after a restart too. Without a store it is memory
 * only. */
#pragma once

#include "proxy/cluster/cluster.h"
#include "proxy/cluster/decisions.h"

struct store;

/* Takes what the store has; a record that can't be read is left out. Call once, before any
 * decision. */
int journal_load(struct cluster *cluster, struct store *store, struct failure *failure) MUST_CHECK;
/* Keeps the newest decision. */
void journal_keep(struct cluster *cluster);
/* The newest decisions, newest first, at most `limit`: {"container","node","decided_ms",…} each, in
 * `arena`. */
struct value *journal_list(const struct cluster *cluster, struct arena *arena, size_t limit);
