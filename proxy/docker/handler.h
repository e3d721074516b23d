/* Handler: what a handler gets (the call), and the helpers that all of them share.
 *
 * A call lives in its exchange's arena and dies with it: when answered, or when the client goes.
 * Everything a handler starts must be stopped by then: helpers here see to their own; a handler
 * that starts something else registers call_on_gone, or passes a ticket when it can't be stopped.
 *
 * Answers go through call_reply… so that headers collected on the way (X-Cluster-Node,
 * X-Cluster-Nodes-Failed) are on them. */
#pragma once

#include "proxy/cluster/cluster.h"
#include "proxy/cluster/containers.h"
#include "proxy/cluster/nodes.h"
#include "proxy/docker/docker.h"
#include "proxy/docker/handlers.h"
#include "proxy/docker/query.h"
#include "proxy/docker/routes.h"
#include "proxy/http/exchange.h"
#include "proxy/http/relay.h"

struct identity;
struct pass;
struct policy;
struct ticket;
struct passing;
struct mutation;
struct gather;

struct call_context {
    struct exchange *exchange;
    struct arena *arena;
    struct docker *docker;
    struct cluster *cluster;
    const struct settings *settings;
    const struct route *route;
    struct slice names[2]; /* decoded; what the pattern's {…} took */
    struct slice path;     /* decoded, without version: "/containers/web/json" */
    struct query *query;   /* never NULL; edit it, then call_relay sends it */
    int version;           /* the client's API_VERSION; the cluster's when the path had none */
    const struct identity *identity; /* NULL: nobody asked for one */
    struct pass *pass;     /* access/guard.h; NULL: no access control. Set by docker_options.may */
    struct policy *policy; /* the operator's, held until the call ends; NULL: none. guarded.c's */
    struct slice target;   /* what is acted on, for the audit log */
    bool recorded;         /* the audit line is written */
    struct slice pinned;   /* X-Cluster-Node header: node name, or SLICE_NONE */
    struct headers *extra; /* for the answer: call_add_header; NULL: none yet */
    bool body_read;        /* the client's body has been taken already */
    void *own;             /* the handler's */
    void (*on_gone)(struct call_context *call);
    struct resolve *resolve; /* these two are cancelled with the call */
    struct gather *gather;
    struct mutation *mutation; /* mutate.c's */
    struct ticket *tickets;
    struct passing *relaying;    /* call_relay.c's */
    struct engine_node *held[4]; /* released with the call */
    size_t held_count;
};

/* ---- answers ---- */
void call_reply(struct call_context *call, int status, const char *content_type, struct slice body);
void call_reply_json(struct call_context *call, int status, const struct value *value);
void call_reply_empty(struct call_context *call, int status);
/* {"message": …}. */
void call_fail(struct call_context *call, const struct failure *failure);
void call_error(struct call_context *call, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A header of the answer; name and value must live as long as the call. */
void call_add_header(struct call_context *call, const char *name, struct slice value);
void call_mark_node(struct call_context *call, const struct engine_node *node);

/* ---- the request ---- */
/* Reads the body as one JSON object by the rules of dockerd 28: Content-Type application/json
 * (a missing one is allowed with an empty body), nothing behind the object. on_value runs once;
 * bad bodies are answered here. An empty body gives NULL when `optional`, else 400. */
typedef void (*call_value_fn)(struct call_context *call, struct value *body);
#define CALL_MAX_JSON (8u << 20)
void call_read_json(struct call_context *call, bool optional, call_value_fn on_value);
/* Runs when the client goes before the answer is whole. */
void call_on_gone(struct call_context *call, void (*on_gone)(struct call_context *call));
/* For what can't be cancelled: keeps the way back to a call that may be gone by then. */
struct ticket *ticket_new(struct call_context *call);
/* The call, or NULL when its client has gone. Frees the ticket: once per ticket. */
struct call_context *ticket_redeem(struct ticket **ticket);

/* dispatch.c's: registers the call with its exchange; ends it (tickets, lookups). */
void call_watch_client(struct call_context *call);
void call_end(struct call_context *call);

/* ---- one container ---- */
/* Finds the container (the cache, then the nodes in sync) and checks that its node can be asked;
 * answers 404, 400, 409, 503 itself. on_entry runs once, perhaps before this returns. */
typedef void (*call_entry_fn)(struct call_context *call, struct container_entry *entry);
void call_find_container(struct call_context *call, struct slice reference, call_entry_fn on_entry);
/* "/containers/ENGINE_ID" + what followed the name in the request's path. */
struct slice call_container_path(struct call_context *call, const struct container_entry *entry);

/* ---- one node ---- */
struct call_relay {
    struct engine_node *node;
    struct slice path;               /* without version; encoded here. SLICE_NONE: the call's own */
    bool unversioned;                /* send without a version segment (/session, /grpc) */
    struct slice body;               /* .at != NULL: instead of the client's */
    uint64_t deadline_ms;            /* to the answer's head; 0: none */
    const struct relay_hooks *hooks; /* NULL: pass with our headers. With hooks, on_head must
                                        call call_clean_head itself */
};
/* Sends the call to the node with the client's version clamped to the node's, and the query as it
 * is now. The hooks' context is the call. NULL when the node can't be asked (then answered). */
struct relay *call_relay(struct call_context *call, const struct call_relay *options);
/* The node of the call's latest call_relay. For hooks. */
struct engine_node *call_node(const struct call_context *call);
/* 503 "node-2: why", as hooks' on_failure answers when there is no other node to try. */
void call_node_failed(struct call_context *call, const struct failure *failure);
/* Keeps the node's memory for the life of the call. */
void call_hold_node(struct call_context *call, struct engine_node *node);
/* "/v1.41" + path + "?" + query for this node, in the arena. */
struct slice call_target(struct call_context *call, const struct engine_node *node,
                         struct slice path);
/* The client's end-to-end headers for an engine: without ours (X-Cluster-*, Authorization). */
struct headers *call_engine_headers(struct call_context *call);
/* Takes an engine's own identity off its answer's head and puts ours on. Call
 * it in every on_head. */
void call_clean_head(struct call_context *call, const struct engine_node *node,
                     struct response_head *head);
/* The whole answer of an engine, read through RELAY_BUFFER, sent on as it is. podman's codes are
 * mapped. */
void call_reply_engine(struct call_context *call, const struct engine_node *node, int status,
                       const struct headers *headers, struct slice body);
