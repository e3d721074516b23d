/* Launch internals: the operation, and making it from a request. */
#pragma once

#include "proxy/cluster/state.h"

#define LAUNCH_TRIES 16 /* nodes; each may cost a connect deadline */

enum launch_step {
    LAUNCH_CHOOSE,  /* ask the scheduler, reserve */
    LAUNCH_WAIT,    /* nothing fits, but nodes are still joining */
    LAUNCH_COPY,    /* bring the image there */
    LAUNCH_PREPARE, /* what the container needs there */
    LAUNCH_CREATE,  /* POST /containers/create */
    LAUNCH_LOOK,    /* no answer: has the node got it? */
    LAUNCH_RECORD,  /* into the cache */
    LAUNCH_DONE,
};

struct launch {
    struct cluster *cluster;
    struct arena *arena;
    struct workload workload;
    struct slice body, query, user_id, supersedes, image;
    void (*prepare)(struct engine_node *node, void (*on_done)(const struct failure *, void *),
                    void *done_context, void *context);
    void *prepare_context;
    const struct headers *headers;
    int api_version;
    bool strict;
    struct name_reservation *name;
    enum launch_step step;
    struct slice excluded[LAUNCH_TRIES];
    size_t excluded_count;
    struct failure failure, last_failure;
    struct engine_node *node; /* held */
    struct slice engine_id;       /* what it made there; in the arena */
    struct reservation *reservation;
    struct launch_result result;
    launch_fn on_done;
    void *context;
    bool cancelled;
    struct timer wait;   /* nodes are joining: one of them may do */
    uint64_t wait_until; /* loop_now; 0: has not waited yet */
};

/* The request copied into a fresh launch; the caller sets callbacks and starts it. */
struct launch *launch_make(struct cluster *cluster, const struct launch_request *request);
