/* Strategy: how good a node is that may take the workload. Score 0 (worst) to 100 (best).
 * binpack  the fullest: the mean share, after placing, of what is asked (memory, CPUs); classic
 *          Swarm's formula. Nothing asked: all nodes score alike.
 * spread   the emptiest: 100 - binpack; nothing asked: the fewest running containers.
 * random   by chance, from a seed and the node's name, so that the same seed gives the same answer.
 */
#pragma once

#include "policy/base/failure.h"
#include "policy/model.h"

enum strategy { STRATEGY_BINPACK, STRATEGY_SPREAD, STRATEGY_RANDOM };

double strategy_score(enum strategy strategy, const struct workload *workload,
                      const struct node *node, const struct cluster_settings *settings,
                      uint64_t seed);
/* "binpack" (also "binpacking"), "spread", "random". INVALID names them. */
int strategy_parse(struct slice name, enum strategy *strategy, struct failure *failure) MUST_CHECK;
const char *strategy_name(enum strategy strategy);
