/* Link: one connection to an engine, lent by its upstream to a call or a relay. For proxy/http
 * only.
 *
 * While lent, the stream's callbacks are the borrower's. When the upstream is cut or freed it
 * closes the link itself and tells the borrower by on_cut, which runs inside upstream_cut: the
 * borrower notes it and acts later. */
#pragma once

#include "policy/base/list.h"
#include "proxy/http/upstream.h"

struct link;
typedef void (*link_cut_fn)(struct link *link, const char *why, void *context);

struct link {
    struct upstream *upstream;
    struct stream *stream;
    bool reused;         /* has carried an exchange before: may turn out to be dead */
    link_cut_fn on_cut;  /* the link is gone when it runs: forget it and the upstream */
    void *context;
    struct list node;    /* in the upstream's idle or busy list */
    uint64_t idle_since;
};

/* The most recently used idle connection, or NULL. `careful` looks once more whether the engine
 * has closed it (one system call): for requests that can't be sent twice. */
struct link *link_take_idle(struct upstream *upstream, bool careful);

/* A new connection: exactly one of link and failure, never before return. */
struct link_wait;
typedef void (*link_ready_fn)(struct link *link, const struct failure *failure, void *context);
struct link_wait *link_connect(struct upstream *upstream, link_ready_fn on_ready, void *context);
void link_connect_cancel(struct link_wait **wait);

/* Sets who is told of a cut, and the stream's callback. */
void link_own(struct link *link, stream_fn on_readable, link_cut_fn on_cut, void *context);
/* Gives the link back: to the pool when `reusable` (exchange whole, no bytes left over, nothing
 * being written), else it is closed. */
void link_release(struct link **link, bool reusable);

struct loop *upstream_loop(const struct upstream *upstream);
/* The value of Host for requests to this engine; lives with the upstream. */
struct slice upstream_host(const struct upstream *upstream);
/* Runs the upstream's signer, if it has one; its header points into `signing`. */
void upstream_sign(const struct upstream *upstream, struct headers *headers,
                   struct upstream_signing *signing);
/* UNREACHABLE "ENDPOINT: why". */
void upstream_unreachable(const struct upstream *upstream, const char *why,
                          struct failure *failure);
