/* Gather: one request to many nodes at once; each has the same deadline; the result names who did
 * not answer and why. Nodes that are not usable fail at once. */
#pragma once

#include "proxy/cluster/nodes.h"

struct gather;

struct gather_request {
    struct slice method;        /* "GET" */
    struct slice target;        /* "/containers/json?all=1": the version segment is put in front */
    int api_version;            /* the client's, clamped per node; 0: the cluster's */
    const struct headers *headers; /* copied */
    struct slice body;          /* sent when .at != NULL */
    const char *content_type;
    uint64_t deadline_ms;       /* 10000 for lists, 600000 for df and prune */
    size_t max_body;            /* per node; 0: 64 MiB */
    size_t at_once;             /* 0: all; else this many nodes at a time */
};

struct gather_answer {
    struct engine_node *node;
    int status;                 /* 0: no answer, see failure */
    struct slice body;
    struct failure failure;
};

struct gather_result {
    struct gather_answer *list;
    size_t count;
    size_t answered;            /* status 2xx */
    struct arena *arena;        /* lives until on_done returns: parse into it */
};

typedef void (*gather_fn)(const struct gather_result *result, void *context);
/* on_done runs once, never before this returns. count 0: an empty result. */
struct gather *gather_start(struct cluster *cluster, const struct gather_request *request,
                            struct engine_node *const *nodes, size_t count, gather_fn on_done,
                            void *context);
void gather_cancel(struct gather **gather);
/* All registered nodes as gather_start wants them, in `arena`. */
struct engine_node **gather_all(struct cluster *cluster, struct arena *arena, size_t *count);
/* "node-2, node-3" of those that failed: for X-Cluster-Nodes-Failed; empty when none. */
struct slice gather_failed(const struct gather_result *result, struct arena *arena);
/* The failure to answer when nobody succeeded: the common 4xx status and text in *status
 * (0: *failure is UNREACHABLE with all reasons). */
void gather_explain(const struct gather_result *result, int *status, struct failure *failure);
