/* Cluster: the manager's view of all engines and the operations on it. Owns nodes, the container
 * cache, names, reservations, event history. One thread. No HTTP server code.
 *
 * Pointers to nodes and entries are valid during the callback they came in; across callbacks keep
 * an id and find it again, or hold the node (node_hold). */
#pragma once

#include "policy/base/failure.h"
#include "policy/model.h"
#include "proxy/engine/watch.h"

struct cluster;
struct engine_node;
struct container_entry;

struct cluster_options {
    const char *name;               /* --manage-cluster */
    const char *strategy;           /* "binpack" (default), "spread", "random" */
    struct cluster_settings placement;
    struct upstream_settings upstream;
    /* The TLS context of an engine's address (*tls NULL: plain); NULL: none has any. */
    int (*tls_of)(const struct endpoint *endpoint, struct tls_context **tls, void *context,
                  struct failure *failure);
    void *tls_context;
    struct watch_settings watch;
    uint64_t lease_ms;              /* 5000: an agent's lease */
    size_t event_history;           /* 10000 */
};
/* All defaults filled in. */
struct cluster_options cluster_default_options(void);

struct cluster *cluster_new(struct loop *loop, const struct cluster_options *options);
void cluster_free(struct cluster **cluster);
/* The operator's part of placement (policy.lua); borrowed, may be changed at any time. NULL: the
 * C defaults decide alone. */
struct schedule_policy;
void cluster_set_policy(struct cluster *cluster, const struct schedule_policy *policy);
struct loop *cluster_loop(const struct cluster *cluster);
const struct cluster_options *cluster_options(const struct cluster *cluster);

/* Sums over all known nodes, kept as things change (no walk). */
struct cluster_sums {
    size_t nodes, nodes_by_state[NODE_DOWN + 1];
    size_t containers, running, paused, stopped, pending;
    struct resources total, used, reserved;
    size_t images; /* distinct ids */
};
struct cluster_sums cluster_sums(const struct cluster *cluster);
