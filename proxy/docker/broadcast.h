/* Broadcast: one streaming call to several nodes with one merged progress stream as the answer:
 * pull, import, load, build, plugin install. A tar body is teed to all, as fast as the slowest
 * takes it. One node's failure does not stop the others. */
#pragma once

#include "proxy/docker/fan.h"
#include "proxy/docker/progress.h"

/* Bytes that may wait for one node or for the client before the sender is paused. */
#define BROADCAST_MAX_QUEUE (256 * 1024)
/* Longest line from an engine (BuildKit traces are long). */
#define BROADCAST_MAX_LINE (8u << 20)

struct broadcast_request {
    struct engine_node *const *nodes; /* at least one, usable */
    size_t count;
    size_t required;   /* successes that make the whole one */
    struct slice path; /* SLICE_NONE: the call's own */
    struct slice body; /* .at != NULL: sent to each; else with `tee` the client's body */
    bool tee;
    const char *verb;     /* "Pulling" */
    enum watch_kind kind; /* listed anew on nodes that succeeded, before the end is told */
    bool refresh;
    /* Once, when all has ended: not when the client has gone. May be NULL. */
    void (*on_done)(struct call_context *call, bool succeeded, void *context);
    void *context;
};

/* Answers the call. The head is sent when the first node answers 200; when all refuse before, the
 * first one's status and text are the answer; 204 of all is passed as 204. The client gone: all are
 * cancelled. */
void broadcast_start(struct call_context *call, const struct broadcast_request *request);
