/* Fan: what the handlers of images, networks, volumes and the rest share: asking many nodes and
 * merging, trying one node after another, sending a change to one node and bringing the inventory
 * up to date before the answer. */
#pragma once

#include "proxy/cluster/gather.h"
#include "proxy/cluster/inventory.h"
#include "proxy/docker/filters.h"
#include "proxy/docker/handler.h"
#include "proxy/docker/merge.h"

/* Deadlines. */
#define FAN_LIST_MS (10u * 1000)
#define FAN_SLOW_MS (600u * 1000) /* df, prune, deletes: the engine walks its disk */

/* The nodes to ask: all, or those that `node_filter` (a taken node= filter; NULL: no filter) and
 * the X-Cluster-Node header name. In the call's arena. */
struct engine_node **fan_nodes(struct call_context *call, const struct filter *node_filter,
                               size_t *count);
/* Takes out nodes that are podman (they lack the route). Returns the new count. */
size_t fan_only_dockerd(struct engine_node **nodes, size_t count);
/* Takes out nodes that can't be asked now. */
size_t fan_only_usable(struct engine_node **nodes, size_t count);

/* Parses and checks the call's `filters` parameter, takes out node=, makes a relative until
 * absolute, and puts the rest back into the query. -1: answered (400). */
int fan_filters(struct call_context *call, const char *const *allowed, struct filters *filters,
                const struct filter **node_filter) MUST_CHECK;

struct fan_request {
    const char *method;
    struct slice path; /* without version; the call's query is added */
    struct engine_node *const *nodes;
    size_t count;
    uint64_t deadline_ms;
    struct slice body; /* .at != NULL: JSON to send */
    bool mutates;      /* seen through when the client goes */
    /* fan_merge only: the call has no filter or option, so that nodes which are quiet (nodes.h)
     * need not be asked: their inventory of `kind` is what they would answer. */
    bool plain;
    enum watch_kind kind;
};

/* Asks and hands over all answers, good or bad. on_result does not run when the client has gone.
 * Uses call->own and call_on_gone; the handler's state is `context`, in the call's arena. */
typedef void (*fan_result_fn)(struct call_context *call, const struct gather_result *result,
                              void *context);
void fan_ask(struct call_context *call, const struct fan_request *request, fan_result_fn on_result,
             void *context);
/* Asks and hands over the parsed bodies of those that answered 2xx; names the others in
 * X-Cluster-Nodes-Failed. When nobody did, answers itself: a common 4xx as it is, else 503
 * (`mutates`: 500). No nodes at all: zero bodies. */
typedef void (*fan_bodies_fn)(struct call_context *call, struct merge_body *bodies, size_t count,
                              void *context);
void fan_merge(struct call_context *call, const struct fan_request *request,
               fan_bodies_fn on_bodies, void *context);
/* For on_result: the parsed 2xx bodies, and the header. */
struct merge_body *fan_bodies(struct call_context *call, const struct gather_result *result,
                              size_t *count);

/* Relays the call to the first of these nodes that gives an answer: the next is tried when one
 * can't be reached (nothing was sent, or GET/HEAD), answers 5xx, or 404 (the last one's answer
 * stands). */
struct fan_try {
    struct engine_node *const *nodes;
    size_t count;
    struct slice path; /* SLICE_NONE: the call's own */
    struct slice body; /* .at != NULL: instead of the client's */
    uint64_t deadline_ms;
    /* When set: the good answer is read whole and given here instead of being passed. */
    void (*on_answer)(struct call_context *call, struct engine_node *node, int status,
                      const struct headers *headers, struct slice body);
    const char *nobody; /* text of the 503 when count is 0 */
};
void fan_try(struct call_context *call, const struct fan_try *attempt);

/* Sends a change to one node and sees it through, waits for its inventory of `kind` to be listed
 * anew when it succeeded, then answers with what the engine said. */
struct fan_change {
    struct engine_node *node;
    const char *method;
    struct slice path;
    struct slice body; /* .at != NULL: JSON to send */
    enum watch_kind kind;
    struct slice container; /* engine id: this container is fetched anew instead */
    uint64_t deadline_ms;
    /* Runs exactly once when all is done, also on failure and when the client has gone; may be
     * NULL. `context` must not be in the call's arena. */
    void (*on_settled)(void *context);
    void *context;
};
void fan_change(struct call_context *call, const struct fan_change *change);

/* name=node/x of network and volume lists: cuts the node off the values. When all values had one,
 * only these nodes stay in `nodes`; returns the new count. */
size_t fan_split_names(struct call_context *call, struct filters *filters,
                       struct engine_node **nodes, size_t count);

/* Lists `kind` of these nodes anew, then goes on (not when the client has gone). */
void fan_refresh(struct call_context *call, struct engine_node *const *nodes, size_t count,
                 enum watch_kind kind, void (*next)(struct call_context *call, void *context),
                 void *context);
/* {"message": …} text of an engine's error answer, or the whole body when it is none. */
struct slice fan_message(struct call_context *call, struct slice body);
