/* Upstream: HTTP client for one engine: a pool of keep-alive connections and calls on them.
 *
 * Call: one request whose answer is handed over in pieces or whole. A call that was sent on a
 * reused connection which turns out dead before any answer byte is tried once more on a fresh one
 * when it is GET/HEAD or nothing of it was written. Callbacks never run inside call_start. */
#pragma once

#include "proxy/http/head.h"
#include "proxy/net/stream.h"

struct upstream;
struct call;

/* What a signer may add to a request: the header's value is written into its room. */
#define UPSTREAM_SIGN_BYTES 256
struct upstream_signing {
    struct slice method, target;
    bool strict; /* of the request */
    char room[UPSTREAM_SIGN_BYTES];
};

struct upstream_settings {
    uint64_t connect_timeout_ms; /* 5000 */
    uint64_t idle_timeout_ms;    /* 60000: pooled connection unused */
    size_t max_idle;             /* 32 */
    struct tls_context *tls;     /* NULL: plain; borrowed */
    /* Nothing is dialled: connections come by upstream_offer (a node that dials in); a call waits
     * for one at most connect_timeout_ms. */
    bool passive;
    /* Adds headers to each request just before it is written (an agent's gate wants a verdict).
     * NULL: none. */
    void (*sign)(struct headers *headers, struct upstream_signing *signing, void *context);
    void *sign_context;
};

struct upstream *upstream_new(struct loop *loop, const struct endpoint *endpoint,
                              const struct upstream_settings *settings);
/* Idle connections close; calls under way end with a failure UNREACHABLE "closed". */
void upstream_free(struct upstream **upstream);
const struct endpoint *upstream_endpoint(const struct upstream *upstream);
/* Passive upstreams: takes a connection over on which the engine waits for a request. It goes to
 * the call that waits longest, or to the pool. One that is not wanted is closed. */
void upstream_offer(struct upstream *upstream, struct stream *stream);
/* Cuts every open connection (node declared down): calls end with UNREACHABLE and `why`. */
void upstream_cut(struct upstream *upstream, const char *why);
size_t upstream_open(const struct upstream *upstream); /* connections, for metrics */

struct call_request {
    struct slice method;             /* "GET" */
    struct slice target;             /* "/v1.41/containers/json?all=1": sent as it is */
    const struct headers *headers;   /* extra ones (no framing, no Host), may be NULL */
    struct slice body;               /* sent with Content-Length when .at != NULL; copied */
    const char *content_type;        /* of body; NULL: application/json */
    uint64_t deadline_ms;            /* 0: none; from start to the end of the answer */
    bool strict;                     /* for sign: the caller may not bind host paths freely */
    size_t max_body;                 /* whole-body calls: more fails TOO_LARGE. 0: 64 MiB */
};

struct call_reply {
    int status;
    const struct headers *headers;   /* valid during the callback */
    struct slice body;               /* decoded; whole-body calls only */
};

/* Whole-body call: on_done runs exactly once with the reply, or with a failure (UNREACHABLE,
 * TIMED_OUT, TOO_LARGE, INVALID answer). The call is freed after. */
typedef void (*call_done_fn)(const struct call_reply *reply, const struct failure *failure,
                             void *context);
struct call *call_start(struct upstream *upstream, const struct call_request *request,
                        call_done_fn on_done, void *context);

/* Streamed call: on_head once, on_data for payload pieces, on_end once (failure NULL = complete).
 * on_end may come without on_head. */
struct call_handlers {
    void (*on_head)(struct call *call, const struct response_head *head, void *context);
    void (*on_data)(struct call *call, struct slice payload, void *context);
    void (*on_end)(struct call *call, const struct failure *failure, void *context);
};
struct call *call_stream(struct upstream *upstream, const struct call_request *request,
                         const struct call_handlers *handlers, void *context);
/* Streamed request body: start with request->body.at == NULL and chunked = true; then call_send
 * pieces (copied; returns bytes queued), call_send_end. on_drained when the queue is empty. */
struct call *call_upload(struct upstream *upstream, const struct call_request *request,
                         const struct call_handlers *handlers, void *context);
size_t call_send(struct call *call, struct slice piece);
void call_send_end(struct call *call);
void call_on_drained(struct call *call, void (*on_drained)(struct call *call, void *context),
                     void *context);
void call_pause(struct call *call);  /* stop reading the answer (streamed calls) */
void call_resume(struct call *call);
/* No callback comes any more; the connection is closed unless the answer was complete. */
void call_cancel(struct call **call);
