/* Tunnel: bytes both ways after an upgrade. Two pumps, each with at most one block under way, so
 * memory is bounded and a slow reader slows its sender. The end of one side is passed on as the
 * end of that direction only: a client without input ends its side at once and still wants the
 * output. */
#include "proxy/http/relay_inside.h"

#include <poll.h>
#include <stdlib.h>

/* With one side ended, or input held back by the engine, the tunnel is looked at this often: can
 * the other direction move, is the peer that isn't read from gone altogether? */
#define LINGER_MS 5000

struct tunnel;

/* One direction. */
struct pump {
    struct tunnel *tunnel;
    struct stream *from, *to;
    char *block;        /* being written */
    struct buffer first; /* what is written before anything is read */
    bool ended;         /* `from` has ended its side */
    bool closed;        /* and `to` has been told */
    bool sink;          /* `to` takes no more: what comes is dropped */
    bool stuck;         /* no write has ended since the last look */
};

/* In the exchange's arena; the exchange lives until connection_tunnel_end. */
struct tunnel {
    struct exchange *exchange;
    struct loop *loop;
    struct link *link; /* NULL once cut */
    struct stream *client;
    struct pump up, down; /* to the engine, to the client */
    struct timer linger;
    const struct relay_hooks *hooks;
    void *context;
    int status;
};

enum tunnel_end { TUNNEL_DONE, TUNNEL_CLIENT_GONE, TUNNEL_ENGINE_LOST };

static void pump_deinit(struct pump *pump)
{
    buffer_deinit(&pump->first);
    if (pump->block) {
        loop_block_put(pump->tunnel->loop, pump->block);
        pump->block = NULL;
    }
}

static void close_both(struct tunnel *tunnel, bool reset_client)
{
    timer_stop(&tunnel->linger);
    if (reset_client) {
        stream_reset(&tunnel->client);
    } else {
        stream_close(&tunnel->client);
    }
    link_release(&tunnel->link, false);
    pump_deinit(&tunnel->up);
    pump_deinit(&tunnel->down);
}

/* The front is being shut. */
static void on_shut(struct exchange *exchange, void *context)
{
    close_both(context, false);
}

static void tunnel_end(struct tunnel *tunnel, enum tunnel_end end)
{
    struct exchange *exchange = tunnel->exchange;
    connection_set_hook(exchange, NULL, NULL);
    /* An orderly end would make output that broke off look whole. */
    close_both(tunnel, end == TUNNEL_ENGINE_LOST);
    if (end == TUNNEL_CLIENT_GONE) {
        connection_run_gone(exchange);
    } else if (end == TUNNEL_DONE && tunnel->hooks->on_done) {
        tunnel->hooks->on_done(exchange, tunnel->status, tunnel->context);
    }
    connection_tunnel_end(exchange);
}

static bool is_down(const struct pump *pump)
{
    return pump == &pump->tunnel->down;
}

/* `from` has ended and all it said is written: says so to `to`. */
static void pass_end(struct pump *pump)
{
    struct tunnel *tunnel = pump->tunnel;
    pump->closed = true;
    if (!pump->sink) {
        stream_half_close(pump->to);
    }
    if (tunnel->up.closed && tunnel->down.closed) {
        tunnel_end(tunnel, TUNNEL_DONE);
    } else if (!timer_running(&tunnel->linger)) {
        timer_start(&tunnel->linger, LINGER_MS);
    }
}

static void on_written(struct stream *stream, bool ok, void *context)
{
    struct pump *pump = context;
    struct tunnel *tunnel = pump->tunnel;
    if (pump->block) {
        loop_block_put(tunnel->loop, pump->block);
        pump->block = NULL;
    }
    buffer_deinit(&pump->first);
    pump->stuck = false;
    if (!ok && is_down(pump)) {
        tunnel_end(tunnel, TUNNEL_CLIENT_GONE);
        return;
    }
    /* An engine that takes no more input may still have output: it is read to its end. */
    pump->sink = pump->sink || !ok;
    if (pump->ended) {
        pass_end(pump);
    } else {
        stream_want_read(pump->from, true);
    }
}

static void write_block(struct pump *pump, size_t length)
{
    struct tunnel *tunnel = pump->tunnel;
    struct iovec iov = {pump->block, length};
    if (is_down(pump)) {
        connection_count(tunnel->exchange, length);
    } else if (!timer_running(&tunnel->linger)) {
        timer_start(&tunnel->linger, LINGER_MS);
    }
    stream_write(pump->to, &iov, 1, on_written, pump);
}

static void on_readable(struct stream *stream, void *context)
{
    struct pump *pump = context;
    struct tunnel *tunnel = pump->tunnel;
    if (pump->ended || (!pump->sink && stream_writing(pump->to))) {
        stream_want_read(stream, false);
        return;
    }
    pump->block = loop_block_get(tunnel->loop);
    ssize_t length = stream_read(stream, pump->block, LOOP_BLOCK_BYTES);
    if (length > 0 && !pump->sink) {
        write_block(pump, (size_t)length);
        return;
    }
    loop_block_put(tunnel->loop, pump->block);
    pump->block = NULL;
    if (length == 0) {
        pump->ended = true;
        stream_want_read(stream, false);
        pass_end(pump);
    } else if (length == STREAM_ERROR) {
        tunnel_end(tunnel, is_down(pump) ? TUNNEL_ENGINE_LOST : TUNNEL_CLIENT_GONE);
    }
}

/* Reset, or a unix peer that has closed: nobody is there any more. Not polled for by the loop,
 * since a stream that has ended is no longer read. */
static bool is_hung_up(const struct stream *stream)
{
    struct pollfd fd = {.fd = stream_fd(stream)};
    return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLERR | POLLHUP));
}

/* An engine that has ended its output and doesn't take the client's input either: neither socket
 * would ever be polled again. A client that doesn't read is another matter: it may be a pager. */
static bool is_input_stuck(struct tunnel *tunnel)
{
    struct pump *up = &tunnel->up;
    bool writing = tunnel->down.closed && !up->closed && !up->sink && stream_writing(up->to);
    bool stuck = writing && up->stuck;
    up->stuck = writing;
    return stuck;
}

static void on_linger(void *context)
{
    struct tunnel *tunnel = context;
    struct pump *up = &tunnel->up;
    bool held_back = !up->closed && !up->sink && stream_writing(up->to);
    if ((up->closed || held_back) && is_hung_up(tunnel->client)) {
        tunnel_end(tunnel, TUNNEL_CLIENT_GONE);
    } else if (is_input_stuck(tunnel) ||
               (tunnel->down.closed && is_hung_up(tunnel->link->stream))) {
        tunnel_end(tunnel, TUNNEL_DONE);
    } else if (up->closed || tunnel->down.closed || held_back) {
        timer_start(&tunnel->linger, LINGER_MS);
    }
}

static void on_link_cut(struct link *link, const char *why, void *context)
{
    struct tunnel *tunnel = context;
    tunnel->link = NULL;
    tunnel_end(tunnel, TUNNEL_ENGINE_LOST);
}

static void pump_start(struct tunnel *tunnel, struct pump *pump, struct stream *from,
                       struct stream *to)
{
    pump->tunnel = tunnel;
    pump->from = from;
    pump->to = to;
    stream_set(from, on_readable, pump);
    if (pump->first.length > 0) {
        struct iovec iov = {pump->first.at, pump->first.length};
        stream_want_read(from, false);
        stream_write(to, &iov, 1, on_written, pump);
    } else if (pump->ended) {
        pass_end(pump);
    } else {
        stream_want_read(from, true);
    }
}

void tunnel_start(struct relay *relay, struct buffer *to_client)
{
    struct exchange *exchange = relay->exchange;
    struct tunnel *tunnel = arena_alloc(exchange_arena(exchange), sizeof *tunnel);
    tunnel->exchange = exchange;
    tunnel->loop = relay->loop;
    tunnel->hooks = relay->hooks;
    tunnel->context = relay->context;
    tunnel->status = relay->status;
    tunnel->link = relay->link;
    relay->link = NULL;
    timer_init(&tunnel->linger, tunnel->loop, on_linger, tunnel);

    /* What a client may have sent ahead is bounded by its connection's read buffer. */
    buffer_init(&tunnel->up.first, 4 * HEAD_MAX_BYTES);
    tunnel->down.first = *to_client;
    buffer_init(to_client, 0);
    connection_count(exchange, tunnel->down.first.length);
    relay_over(relay, false);
    connection_set_hook(exchange, on_shut, tunnel);
    tunnel->client = connection_take(exchange, &tunnel->up.first, &tunnel->up.ended);
    link_own(tunnel->link, on_readable, on_link_cut, tunnel);
    struct stream *engine = tunnel->link->stream, *client = tunnel->client;
    pump_start(tunnel, &tunnel->down, engine, client);
    pump_start(tunnel, &tunnel->up, client, engine);
}
