/* Mutate: sends a change of one container to its engine and brings the cache up to date before
 * the engine's answer goes on to the client. */
#pragma once

#include "proxy/docker/handler.h"

struct mutate_options {
    struct engine_node *node;
    struct slice engine_id; /* refreshed after the answer; empty: nothing to refresh */
    struct slice path;      /* for the engine */
    struct slice body;      /* .at != NULL: instead of the client's */
    struct slice renamed;   /* not empty: the name it has after success */
    bool removes;           /* success takes it out of the cache */
    bool images;            /* success changes the node's images: listed anew */
    /* Runs when the cache is right, before the answer; not when the client has gone. */
    void (*on_settled)(struct call_context *call);
    /* Looks at the engine's answer first (exec ids); may be NULL. */
    void (*on_answer)(struct call_context *call, int status, struct slice body);
};

/* Slices are copied. The call is answered in the end. */
void mutate_start(struct call_context *call, const struct mutate_options *options);
