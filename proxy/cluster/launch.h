/* Launch: places one workload and creates it. The only caller of the scheduler.
 * Steps: CHOOSE -> RESERVE -> CREATE -> RECORD -> DONE. The next in rank is tried when a node does
 * not answer; when it is not known whether a node got the request, it is asked for the name first.
 * CPU, memory and ports are held from CHOOSE until the cache has the container or the call has
 * failed, so two creates can't share a port. */
#pragma once

#include "proxy/cluster/nodes.h"
#include "proxy/cluster/names.h"

struct launch;
struct container_entry;

struct launch_request {
    const struct workload *workload; /* copied */
    const struct value *body;        /* create body for the engine: copied as text */
    struct name_reservation *name;   /* taken over: released when done */
    struct slice query;              /* other query parameters for the engine ("platform=…"), no
                                        name=, no leading '?' */
    int api_version;                 /* the client's */
    bool strict;                     /* may not bind host paths freely: a gate looks at links */
    const struct headers *headers;   /* for the engine, copied; may be NULL */
    /* Of a moved container: the id its user knows, and the engine id of the copy that it stands in
     * for from the moment it is seen. Else empty. */
    struct slice user_id, supersedes;
    /* Before the create: makes what the container needs on the node. on_done once, never before
     * the call returns; a failure means the next in rank. NULL: nothing to prepare. */
    void (*prepare)(struct engine_node *node, void (*on_done)(const struct failure *, void *),
                    void *done_context, void *context);
    void *prepare_context;
};

struct launch_result {
    int status;                    /* engine's: 201, or its refusal (404 no such image…) */
    struct slice body;             /* engine's, as it is */
    struct engine_node *node;      /* where it was decided */
    struct container_entry *entry; /* 201: in the cache; NULL else */
};

/* failure NULL: see result. Else NO_ROOM ("no resources available to schedule container: …"),
 * UNREACHABLE (every node that fits failed), INVALID. */
typedef void (*launch_fn)(const struct launch_result *result, const struct failure *failure,
                          void *context);
/* on_done runs exactly once, never before this returns. */
struct launch *launch_start(struct cluster *cluster, const struct launch_request *request,
                            launch_fn on_done, void *context);
/* The client has left: on_done does not run. A create already sent is seen through, so that
 * nothing is forgotten; reservations go back when that has ended. */
void launch_cancel(struct launch **launch);

/* Decides without creating or reserving anything: for what is not a container but needs a home too
 * (network, volume, build). The same filters, strategy and policy; NO_ROOM and INVALID as launch.
 */
int launch_choose(struct cluster *cluster, const struct workload *workload,
                  struct engine_node **node, struct failure *failure) MUST_CHECK;

/* What would be decided now, and why (cluster/decisions.h has the form). NULL: INVALID. */
struct value *launch_explain(struct cluster *cluster, const struct workload *workload,
                             struct arena *arena, struct failure *failure) MUST_CHECK;
/* What was decided when the container called `name` was placed; NULL: not known any more. */
struct value *launch_explained(struct cluster *cluster, struct arena *arena, struct slice name);

/* How an image gets from one node to another. Launch calls it when the chosen node lacks the
 * workload's image while some node that can be asked holds it (inventory_holders), before CREATE.
 * on_done runs exactly once, never before the call returns; failure: the next in rank is tried.
 * Nobody holds it: not called, the engine's own 404 passes (the client then pulls). Set by
 * docker/image_copy; NULL: never copied. */
typedef void (*image_copied_fn)(const struct failure *failure, void *context);
typedef void (*image_copy_fn)(struct cluster *cluster, struct slice image, struct engine_node *to,
                              image_copied_fn on_done, void *done_context, void *context);
void cluster_set_image_copy(struct cluster *cluster, image_copy_fn copy, void *context);
