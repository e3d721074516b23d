/* Relay: life of a passed-through exchange, and its request's way to the engine. The body goes
 * from the connection's read buffer straight into the engine's socket; the answer's way back is in
 * answer.c. */
#include "proxy/http/relay_inside.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define STALLED_CLIENT_MS 5000 /* how long a failure waits for a client that doesn't read */
#define STALLED_ENGINE_MS 500  /* how often a held-back client is looked at: has it gone? */

static void obtain_link(struct relay *relay);
static void deliver_failure(struct relay *relay, const struct failure *failure);
static void on_engine_written(struct stream *stream, bool ok, void *context);

void relay_over(struct relay *relay, bool link_reusable)
{
    if (relay->phase == RELAY_OVER) {
        return;
    }
    relay->phase = RELAY_OVER;
    timer_stop(&relay->timer);
    timer_stop(&relay->stalled);
    link_connect_cancel(&relay->wait);
    link_release(&relay->link, link_reusable);
    connection_set_hook(relay->exchange, NULL, NULL);
    if (relay->block) {
        loop_block_put(relay->loop, relay->block);
        relay->block = NULL;
    }
    buffer_deinit(&relay->request);
    buffer_deinit(&relay->large);
    buffer_deinit(&relay->head_out);
    buffer_deinit(&relay->collected);
    buffer_deinit(&relay->last_words);
}

static void on_client_gone(struct exchange *exchange, void *context)
{
    relay_over(context, false);
}

void relay_finish(struct relay *relay)
{
    struct exchange *exchange = relay->exchange;
    bool keep = relay->client_keeps && connection_body_done(exchange);
    relay_over(relay, false);
    connection_finish(exchange, !keep);
}

/* ---- failing ---- */

/* Could the request go out again? Only when the engine can't have seen it, or may see it twice,
 * and all of it is still at hand. */
static bool may_retry(const struct relay *relay)
{
    bool repeatable = slice_is(relay->method, "GET") || slice_is(relay->method, "HEAD");
    return relay->link && relay->link->reused && !relay->retried && !relay->got_answer &&
           !relay->body_touched && (repeatable || !relay->sent);
}

void relay_lost(struct relay *relay, const struct failure *failure)
{
    if (may_retry(relay)) {
        relay->retried = true;
        relay->head_written = relay->write_failed = relay->request_done = false;
        relay->in_flight = 0;
        link_release(&relay->link, false);
        obtain_link(relay);
        return;
    }
    link_release(&relay->link, false);
    if (connection_writing(relay->exchange)) {
        /* Told when that write is done; a client that doesn't read is not waited for long. */
        relay->failure = arena_alloc(exchange_arena(relay->exchange), sizeof *relay->failure);
        *relay->failure = *failure;
        timer_start(&relay->timer, STALLED_CLIENT_MS);
        return;
    }
    deliver_failure(relay, failure);
}

void relay_lost_text(struct relay *relay, const char *why)
{
    struct failure failure;
    upstream_unreachable(relay->upstream, why, &failure);
    relay_lost(relay, &failure);
}

/* The answer's head is with the client already: only a cut can tell that the rest is missing,
 * unless on_broken has some last words that end the message. */
static void break_off(struct relay *relay, const struct failure *failure)
{
    struct exchange *exchange = relay->exchange;
    if (relay->hooks->on_broken) {
        relay->hooks->on_broken(exchange, failure, relay->context);
    }
    if (relay->last_words.length > 0) {
        answer_write_last_words(relay);
        return;
    }
    relay_over(relay, false);
    connection_cut(exchange);
}

static void deliver_failure(struct relay *relay, const struct failure *failure)
{
    struct exchange *exchange = relay->exchange;
    const struct relay_hooks *hooks = relay->hooks;
    if (relay->phase == RELAY_BODY || relay->phase == RELAY_LAST) {
        break_off(relay, failure);
        return;
    }
    bool sent = relay->sent;
    relay_over(relay, false);
    if (hooks->on_failure) {
        hooks->on_failure(exchange, failure, sent, relay->context);
    } else {
        exchange_reply_failure(exchange, failure);
    }
}

/* The client has gone or might as well have: what the connection would have told by the hook. */
static void give_client_up(struct relay *relay)
{
    struct exchange *exchange = relay->exchange;
    relay_over(relay, false);
    connection_run_gone(exchange);
    connection_cut(exchange);
}

static void on_timer(void *context)
{
    struct relay *relay = context;
    if (relay->failure && connection_writing(relay->exchange)) {
        give_client_up(relay);
    } else if (relay->failure) {
        deliver_failure(relay, relay->failure);
    } else {
        struct failure failure;
        failure_set(&failure, FAILURE_TIMED_OUT, "%s: no answer within %.1f s",
                    upstream_endpoint(relay->upstream)->text,
                    (double)relay->head_deadline_ms / 1000);
        relay->retried = true; /* slow is not dead */
        relay_lost(relay, &failure);
    }
}

/* From outside, in the midst of something: told from the timer, when the stack is empty. */
static void fail_soon(struct relay *relay, const char *why)
{
    if (relay->phase == RELAY_OVER || relay->phase == RELAY_LAST || relay->failure) {
        return;
    }
    relay->failure = arena_alloc(exchange_arena(relay->exchange), sizeof *relay->failure);
    upstream_unreachable(relay->upstream, why, relay->failure);
    timer_start(&relay->timer, connection_writing(relay->exchange) ? STALLED_CLIENT_MS : 0);
}

void relay_break(struct relay *relay, const char *why)
{
    if (relay->phase != RELAY_OVER) {
        fail_soon(relay, why);
        link_connect_cancel(&relay->wait);
        link_release(&relay->link, false);
    }
}

static void on_link_cut(struct link *link, const char *why, void *context)
{
    struct relay *relay = context;
    relay->link = NULL;
    fail_soon(relay, why);
    relay->upstream = NULL;
}

void relay_last_words(struct exchange *exchange, struct slice bytes)
{
    struct relay *relay = connection_hook(exchange);
    must(relay && relay->phase == RELAY_BODY);
    buffer_add(&relay->last_words, bytes);
}

/* ---- the request ---- */

/* While the engine takes no more of the body nothing is read from the client, so its end would not
 * be noticed and the engine's connection be kept for nobody. (An end behind an upgrade request is
 * no more than a half-close.) */
static void on_stalled(void *context)
{
    struct relay *relay = context;
    struct pollfd fd = {.fd = stream_fd(exchange_stream_of(relay->exchange)),
                        .events = relay->upgrade ? 0 : POLLRDHUP};
    if (relay->in_flight == 0) {
        return;
    }
    if (poll(&fd, 1, 0) == 1) {
        give_client_up(relay);
    } else {
        timer_start(&relay->stalled, STALLED_ENGINE_MS);
    }
}

/* Writes to the engine; `body` of the client's, to be consumed when written. */
static void write_to_engine(struct relay *relay, const struct iovec *iov, size_t count,
                            size_t body)
{
    relay->in_flight = body;
    if (body > 0 && !timer_running(&relay->stalled)) {
        timer_start(&relay->stalled, STALLED_ENGINE_MS);
    }
    stream_write(relay->link->stream, iov, count, on_engine_written, relay);
}

static void on_more_body(struct exchange *exchange, void *context)
{
    relay_pump_request(context);
}

static void on_engine_written(struct stream *stream, bool ok, void *context)
{
    struct relay *relay = context;
    if (!ok) {
        /* The engine may have answered before it closed: reading decides what this is. */
        relay->write_failed = true;
        if (relay->phase == RELAY_UPGRADING) {
            answer_upgrade(relay);
        }
        return;
    }
    if (relay->in_flight > 0) {
        relay->body_touched = true;
        connection_body_consume(relay->exchange, relay->in_flight);
        relay->in_flight = 0;
    }
    relay_pump_request(relay);
}

/* Writes the head, with the first of the body if there is some already. */
static void write_head(struct relay *relay)
{
    struct slice body = relay->own_body;
    if (!body.at) {
        body = connection_body(relay->exchange);
        if (relay->phase == RELAY_OVER) {
            return; /* the body is broken: not a byte of this request goes out */
        }
    }
    struct iovec iov[2] = {{relay->request.at, relay->request.length},
                           {(void *)(uintptr_t)body.at, body.length}};
    relay->head_written = relay->sent = true;
    write_to_engine(relay, iov, body.length > 0 ? 2 : 1, relay->own_body.at ? 0 : body.length);
}

void relay_pump_request(struct relay *relay)
{
    if (!relay->link || relay->request_done || relay->write_failed ||
        stream_writing(relay->link->stream)) {
        return;
    }
    if (!relay->head_written) {
        write_head(relay);
        return;
    }
    struct slice body = SLICE_NONE;
    if (!relay->own_body.at) {
        body = connection_body(relay->exchange);
    }
    if (relay->phase == RELAY_OVER) {
        return;
    }
    if (body.length > 0) {
        struct iovec iov = {(void *)(uintptr_t)body.at, body.length};
        write_to_engine(relay, &iov, 1, body.length);
    } else if (relay->own_body.at || connection_body_done(relay->exchange)) {
        relay->request_done = true;
        if (relay->phase == RELAY_UPGRADING) {
            answer_upgrade(relay);
        }
    } else {
        connection_body_wait(relay->exchange, on_more_body, relay);
    }
}

static void use_link(struct relay *relay, struct link *link)
{
    relay->link = link;
    link_own(link, answer_on_readable, on_link_cut, relay);
    relay_pump_request(relay);
}

static void on_link_ready(struct link *link, const struct failure *failure, void *context)
{
    struct relay *relay = context;
    relay->wait = NULL;
    if (link) {
        use_link(relay, link);
    } else {
        /* Perhaps from inside upstream_cut, so not told from here. */
        relay->failure = arena_alloc(exchange_arena(relay->exchange), sizeof *relay->failure);
        *relay->failure = *failure;
        timer_start(&relay->timer, 0);
    }
}

static void obtain_link(struct relay *relay)
{
    bool repeatable = slice_is(relay->method, "GET") || slice_is(relay->method, "HEAD");
    struct link *link = relay->retried ? NULL : link_take_idle(relay->upstream, !repeatable);
    if (link) {
        use_link(relay, link);
    } else {
        relay->wait = link_connect(relay->upstream, on_link_ready, relay);
    }
}

/* The framing and connection headers, which are the relay's own: never the client's text. */
static int add_own_headers(struct relay *relay, struct headers *headers, char length[24])
{
    const struct request_head *asked = exchange_head(relay->exchange);
    int full = headers_add(headers, SLICE("Host"), upstream_host(relay->upstream));
    if (relay->own_body.at || asked->framing == FRAMING_LENGTH) {
        snprintf(length, 24, "%llu",
                 relay->own_body.at ? (unsigned long long)relay->own_body.length
                                    : (unsigned long long)asked->content_length);
        full |= headers_add(headers, SLICE("Content-Length"), slice_of(length));
    } else if (asked->framing == FRAMING_CHUNKED) {
        full |= headers_add(headers, SLICE("Transfer-Encoding"), SLICE("chunked"));
    }
    if (asked->expect_continue && !relay->own_body.at) {
        full |= headers_add(headers, SLICE("Expect"), SLICE("100-continue"));
    }
    if (asked->upgrade.at && relay->may_upgrade) {
        relay->upgrade = true;
        full |= headers_add(headers, SLICE("Connection"), SLICE("Upgrade"));
        full |= headers_add(headers, SLICE("Upgrade"), asked->upgrade);
    }
    return full;
}

static int write_request(struct relay *relay, const struct relay_request *request)
{
    struct headers headers;
    char length[24];
    headers.count = 0;
    if (request->headers) {
        headers_copy(&headers, request->headers);
        headers_drop_hop_by_hop(&headers);
        headers_drop(&headers, "Host");
        headers_drop(&headers, "Expect");
    }
    int full = add_own_headers(relay, &headers, length);
    struct upstream_signing signing = {
        .method = request->method, .target = request->target, .strict = request->strict};
    upstream_sign(relay->upstream, &headers, &signing);
    request_head_write(&relay->request, request->method, request->target, &headers);
    return full < 0 || relay->request.overflow ? -1 : 0;
}

struct relay *relay_start(struct exchange *exchange, struct upstream *upstream,
                          const struct relay_request *request, const struct relay_hooks *hooks,
                          void *context)
{
    static const struct relay_hooks no_hooks;
    struct arena *arena = exchange_arena(exchange);
    struct relay *relay = arena_alloc(arena, sizeof *relay);
    relay->exchange = exchange;
    relay->loop = exchange_loop(exchange);
    relay->upstream = upstream;
    relay->hooks = hooks ? hooks : &no_hooks;
    relay->context = context;
    relay->method = arena_copy(arena, request->method);
    relay->own_body = request->body;
    relay->may_upgrade = request->upgrade;
    relay->head_deadline_ms = request->head_deadline_ms;
    buffer_init(&relay->request, HEAD_MAX_BYTES + 4096);
    buffer_init(&relay->large, HEAD_MAX_BYTES + LOOP_BLOCK_BYTES);
    buffer_init(&relay->head_out, HEAD_MAX_BYTES + 2 * LOOP_BLOCK_BYTES);
    buffer_init(&relay->collected, relay->hooks->max_body ? relay->hooks->max_body
                                                          : (size_t)64 * 1024 * 1024);
    buffer_init(&relay->last_words, LOOP_BLOCK_BYTES);
    timer_init(&relay->timer, relay->loop, on_timer, relay);
    timer_init(&relay->stalled, relay->loop, on_stalled, relay);
    connection_set_hook(exchange, on_client_gone, relay);
    if (write_request(relay, request) < 0) {
        relay->failure = arena_alloc(arena, sizeof *relay->failure);
        failure_set(relay->failure, FAILURE_TOO_LARGE, "too many or too large headers");
        timer_start(&relay->timer, 0);
        return relay;
    }
    if (request->head_deadline_ms) {
        timer_start(&relay->timer, request->head_deadline_ms);
    }
    obtain_link(relay);
    return relay;
}
