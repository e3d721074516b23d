/* Upstream: the connections to one engine. Idle ones are kept last-used-first and watched, so
 * that one the engine has closed is gone before anybody wants it; the oldest time out. */
#include "proxy/http/link.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

struct upstream {
    struct loop *loop;
    struct endpoint endpoint;
    struct upstream_settings settings;
    char host[160];
    struct list idle; /* links, most recently used first */
    struct list busy; /* links lent out */
    struct list waiting; /* link_waits */
    size_t idle_count;
    size_t open;
    struct timer sweep; /* runs while there are idle links */
};

struct link_wait {
    struct upstream *upstream;
    struct stream_connect *connect; /* NULL when passive */
    struct timer patience;          /* passive: how long to wait for an offer */
    struct list node;
    link_ready_fn on_ready;
    void *context;
};

static void on_sweep(void *context);

struct upstream *upstream_new(struct loop *loop, const struct endpoint *endpoint,
                              const struct upstream_settings *settings)
{
    struct upstream *upstream = xcalloc(1, sizeof *upstream);
    upstream->loop = loop;
    upstream->endpoint = *endpoint;
    upstream->settings = *settings;
    if (endpoint->kind == ENDPOINT_UNIX) {
        snprintf(upstream->host, sizeof upstream->host, "docker");
    } else {
        bool v6 = strchr(endpoint->host, ':') != NULL;
        snprintf(upstream->host, sizeof upstream->host, "%s%s%s:%u", v6 ? "[" : "", endpoint->host,
                 v6 ? "]" : "", (unsigned)endpoint->port);
    }
    list_init(&upstream->idle);
    list_init(&upstream->busy);
    list_init(&upstream->waiting);
    timer_init(&upstream->sweep, loop, on_sweep, upstream);
    return upstream;
}

void upstream_unreachable(const struct upstream *upstream, const char *why,
                          struct failure *failure)
{
    failure_set(failure, FAILURE_UNREACHABLE, "%s: %s", upstream->endpoint.text, why);
}

/* Closes and frees; the link is in no list after. */
static void link_destroy(struct link *link)
{
    list_remove(&link->node);
    link->upstream->open--;
    stream_close(&link->stream);
    free(link);
}

static void drop_idle(struct link *link)
{
    link->upstream->idle_count--;
    link_destroy(link);
}

void upstream_cut(struct upstream *upstream, const char *why)
{
    while (!list_empty(&upstream->idle)) {
        drop_idle(LIST_ENTRY(upstream->idle.next, struct link, node));
    }
    while (!list_empty(&upstream->busy)) {
        struct link *link = LIST_ENTRY(upstream->busy.next, struct link, node);
        link_cut_fn on_cut = link->on_cut;
        void *context = link->context;
        list_remove(&link->node);
        /* A reset: a request that a broken network holds back must not reach the engine after
         * its client was told that it failed. */
        stream_reset(&link->stream);
        upstream->open--;
        on_cut(link, why, context);
        free(link);
    }
    struct failure failure;
    upstream_unreachable(upstream, why, &failure);
    while (!list_empty(&upstream->waiting)) {
        struct link_wait *wait = LIST_ENTRY(upstream->waiting.next, struct link_wait, node);
        link_ready_fn on_ready = wait->on_ready;
        void *context = wait->context;
        link_connect_cancel(&wait);
        on_ready(NULL, &failure, context);
    }
}

void upstream_free(struct upstream **upstream)
{
    if (!*upstream) {
        return;
    }
    upstream_cut(*upstream, "closed");
    timer_stop(&(*upstream)->sweep);
    free(*upstream);
    *upstream = NULL;
}

const struct endpoint *upstream_endpoint(const struct upstream *upstream)
{
    return &upstream->endpoint;
}

size_t upstream_open(const struct upstream *upstream)
{
    return upstream->open;
}

struct loop *upstream_loop(const struct upstream *upstream)
{
    return upstream->loop;
}

void upstream_sign(const struct upstream *upstream, struct headers *headers,
                   struct upstream_signing *signing)
{
    if (upstream->settings.sign)
        upstream->settings.sign(headers, signing, upstream->settings.sign_context);
}

struct slice upstream_host(const struct upstream *upstream)
{
    return slice_of(upstream->host);
}

/* Closes what has been idle too long: the tail of the list, as it is in order of last use. */
static void on_sweep(void *context)
{
    struct upstream *upstream = context;
    uint64_t now = loop_now(upstream->loop), limit = upstream->settings.idle_timeout_ms;
    while (!list_empty(&upstream->idle)) {
        struct link *oldest = LIST_ENTRY(upstream->idle.previous, struct link, node);
        if (oldest->idle_since + limit > now) {
            timer_start(&upstream->sweep, oldest->idle_since + limit - now);
            return;
        }
        drop_idle(oldest);
    }
}

/* An idle engine has nothing to say: bytes, EOF and errors all end the connection. What TLS says for
 * itself (a session ticket) reads as nothing. */
static bool is_silent(struct stream *stream)
{
    char byte;
    return stream_read(stream, &byte, 1) == STREAM_AGAIN;
}

static void on_idle_readable(struct stream *stream, void *context)
{
    if (!is_silent(stream)) {
        drop_idle(context);
    }
}

static bool looks_alive(const struct link *link)
{
    struct pollfd fd = {.fd = stream_fd(link->stream), .events = POLLIN};
    return poll(&fd, 1, 0) == 0 || is_silent(link->stream);
}

struct link *link_take_idle(struct upstream *upstream, bool careful)
{
    while (!list_empty(&upstream->idle)) {
        struct link *link = LIST_ENTRY(upstream->idle.next, struct link, node);
        if (careful && !looks_alive(link)) {
            drop_idle(link);
            continue;
        }
        list_remove(&link->node);
        upstream->idle_count--;
        list_append(&upstream->busy, &link->node);
        return link;
    }
    return NULL;
}

static struct link *link_make(struct upstream *upstream, struct stream *stream)
{
    struct link *link = xcalloc(1, sizeof *link);
    link->upstream = upstream;
    link->stream = stream;
    upstream->open++;
    return link;
}

static void on_connected(struct stream *stream, const char *why_not, void *context)
{
    struct link_wait *wait = context;
    struct upstream *upstream = wait->upstream;
    link_ready_fn on_ready = wait->on_ready;
    void *owner = wait->context;
    list_remove(&wait->node);
    timer_stop(&wait->patience);
    free(wait);
    if (!stream) {
        struct failure failure;
        upstream_unreachable(upstream, why_not, &failure);
        on_ready(NULL, &failure, owner);
        return;
    }
    struct link *link = link_make(upstream, stream);
    list_append(&upstream->busy, &link->node);
    on_ready(link, NULL, owner);
}

static void on_patience_over(void *context)
{
    on_connected(NULL, "the node has opened no connection to the manager", context);
}

void upstream_offer(struct upstream *upstream, struct stream *stream)
{
    if (!list_empty(&upstream->waiting)) {
        on_connected(stream, NULL, LIST_ENTRY(upstream->waiting.next, struct link_wait, node));
        return;
    }
    if (upstream->idle_count >= upstream->settings.max_idle) {
        stream_close(&stream);
        return;
    }
    struct link *link = link_make(upstream, stream);
    list_append(&upstream->busy, &link->node);
    link_release(&link, true);
}

struct link_wait *link_connect(struct upstream *upstream, link_ready_fn on_ready, void *context)
{
    struct link_wait *wait = xcalloc(1, sizeof *wait);
    *wait = (struct link_wait){.upstream = upstream, .on_ready = on_ready, .context = context};
    list_append(&upstream->waiting, &wait->node);
    timer_init(&wait->patience, upstream->loop, on_patience_over, wait);
    if (upstream->settings.passive) {
        timer_start(&wait->patience, upstream->settings.connect_timeout_ms);
        return wait;
    }
    wait->connect =
        stream_connect_start(upstream->loop, &upstream->endpoint, upstream->settings.tls,
                             upstream->settings.connect_timeout_ms, on_connected, wait);
    return wait;
}

void link_connect_cancel(struct link_wait **wait)
{
    if (*wait) {
        list_remove(&(*wait)->node);
        timer_stop(&(*wait)->patience);
        stream_connect_cancel(&(*wait)->connect);
        free(*wait);
        *wait = NULL;
    }
}

void link_own(struct link *link, stream_fn on_readable, link_cut_fn on_cut, void *context)
{
    link->on_cut = on_cut;
    link->context = context;
    stream_set(link->stream, on_readable, context);
    stream_want_read(link->stream, true);
}

void link_release(struct link **released, bool reusable)
{
    struct link *link = *released;
    *released = NULL;
    if (!link) {
        return;
    }
    struct upstream *upstream = link->upstream;
    if (!reusable || upstream->settings.max_idle == 0) {
        link_destroy(link);
        return;
    }
    must(!stream_writing(link->stream));
    if (upstream->idle_count >= upstream->settings.max_idle) {
        drop_idle(LIST_ENTRY(upstream->idle.previous, struct link, node));
    }
    list_remove(&link->node);
    list_prepend(&upstream->idle, &link->node);
    upstream->idle_count++;
    link->reused = true;
    link->idle_since = loop_now(upstream->loop);
    link_own(link, on_idle_readable, NULL, link);
    if (!timer_running(&upstream->sweep)) {
        timer_start(&upstream->sweep, upstream->settings.idle_timeout_ms);
    }
}
