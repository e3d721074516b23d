/* Connection: one client's stream: reads heads, starts exchanges one after another, notices that
 * the client has gone, and closes in a way that lets the last answer arrive. */
#include "proxy/http/inside.h"

#include <stdlib.h>

/* Incomplete heads up to here are looked at early, so that garbage is answered at once. */
#define EARLY_LOOK_BYTES 8192

static void on_readable(struct stream *stream, void *context);

/* ---- input */

static void input_release(struct connection *connection)
{
    struct input *input = &connection->input;
    if (!input->at)
        return;
    if (input->capacity == LOOP_BLOCK_BYTES)
        loop_block_put(connection->loop, input->at);
    else
        free(input->at);
    *input = (struct input){0};
}

/* Makes room for at least one byte; false when the input is full and may not grow. */
static bool input_make_room(struct connection *connection)
{
    struct input *input = &connection->input;
    if (!input->at) {
        input->at = loop_block_get(connection->loop);
        input->capacity = LOOP_BLOCK_BYTES;
    }
    if (input->end < input->capacity)
        return true;
    if (input->start > 0) {
        memmove(input->at, input->at + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
        return true;
    }
    if (connection->state != CONNECTION_HEAD || input->capacity > HEAD_MAX_BYTES)
        return false;
    size_t capacity = 2 * input->capacity;
    char *bigger = xmalloc(capacity);
    size_t end = input->end;
    memcpy(bigger, input->at, end);
    input_release(connection);
    *input = (struct input){.at = bigger, .end = end, .capacity = capacity};
    return true;
}

void input_consume(struct connection *connection, size_t length)
{
    struct input *input = &connection->input;
    must(length <= input->end - input->start);
    input->start += length;
    if (input->start == input->end)
        input_release(connection);
}

/* ---- life */

void connection_set_deadline(struct connection *connection, uint64_t delay_ms)
{
    connection->expires = 0;
    if (!delay_ms)
        return; /* the timer may fire; it then finds nothing to do */
    timer_start(&connection->timer, delay_ms);
    connection->expires = connection->timer.due;
}

static void free_connection(void *context)
{
    struct connection *connection = context;
    buffer_deinit(&connection->queue);
    buffer_deinit(&connection->writing);
    free(connection);
}

/* Once neither stream nor exchange is left. */
static void bury(struct connection *connection)
{
    if (connection->freed)
        return;
    connection->freed = true;
    timer_stop(&connection->timer);
    input_release(connection);
    front_forget(connection->front, connection);
    loop_defer(connection->loop, free_connection, connection);
}

static void exchange_die(void *context);

/* The exchange takes part in nothing any more; it dies at the end of the turn. */
static void end_exchange(struct exchange *exchange)
{
    const struct front *front = exchange->connection->front;
    exchange->over = true;
    if (front->settings.on_finished)
        front->settings.on_finished(exchange, exchange->status, front->settings.context);
    loop_defer(exchange->connection->loop, exchange_die, exchange);
}

static void run_gone(struct exchange *exchange)
{
    exchange->gone = true;
    exchange_fn hook = exchange->hook, on_gone = exchange->on_gone;
    exchange->hook = exchange->on_gone = NULL;
    if (hook)
        hook(exchange, exchange->hook_context);
    if (on_gone)
        on_gone(exchange, exchange->gone_context);
}

void connection_lost(struct connection *connection)
{
    if (connection->state == CONNECTION_DEAD)
        return;
    bool taken = connection->state == CONNECTION_TAKEN;
    connection->state = CONNECTION_DEAD;
    struct exchange *exchange = connection->exchange;
    if (exchange && !exchange->over) {
        run_gone(exchange);
        end_exchange(exchange);
    }
    if (!taken)
        stream_close(&connection->stream);
    if (!exchange)
        bury(connection);
}

void connection_shut(struct connection *connection)
{
    connection_lost(connection);
}

static void on_timer(void *context)
{
    struct connection *connection = context;
    uint64_t now = loop_now(connection->loop);
    if (!connection->expires || connection->state == CONNECTION_DEAD)
        return;
    if (now < connection->expires) {
        timer_start(&connection->timer, connection->expires - now);
        return;
    }
    connection->expires = 0;
    struct exchange *exchange = connection->exchange;
    if (connection->state == CONNECTION_HEAD) {
        connection->state = CONNECTION_BUSY;
        exchange = exchange_new(connection);
        exchange_reply_error(exchange, 408, "the request's head did not arrive in time");
    } else if (connection->state == CONNECTION_BUSY && exchange && !exchange->over) {
        if (exchange->body_mode == BODY_WHOLE && !exchange->answered && !exchange->body_told) {
            exchange->body_told = exchange->body_broken = true;
            exchange_reply_error(exchange, 408, "the request's body did not arrive in time");
        }
    } else {
        connection_lost(connection);
    }
}

struct connection *connection_new(struct front *front, struct stream *stream)
{
    struct connection *connection = xcalloc(1, sizeof *connection);
    connection->front = front;
    connection->loop = front->loop;
    connection->stream = stream;
    connection->listener = "";
    list_init(&connection->link);
    timer_init(&connection->timer, front->loop, on_timer, connection);
    buffer_init(&connection->queue, QUEUE_MAX_BYTES);
    buffer_init(&connection->writing, QUEUE_MAX_BYTES);
    connection_set_deadline(connection, front->settings.head_timeout_ms);
    stream_set(stream, on_readable, connection);
    stream_want_read(stream, true);
    return connection;
}

/* ---- heads */

static void refuse(struct connection *connection, int status, const char *why)
{
    connection->state = CONNECTION_BUSY;
    exchange_reply_error(exchange_new(connection), status, "%s", why);
}

static void start_exchange(struct connection *connection, size_t length)
{
    struct exchange *exchange = exchange_new(connection);
    struct failure failure = {0};
    connection->state = CONNECTION_BUSY;
    connection_set_deadline(connection, 0);
    struct slice head = arena_copy(exchange->arena, slice_cut(input_slice(connection), 0, length));
    input_consume(connection, length);
    ssize_t used = request_head_parse(&exchange->head, head, &failure);
    if (used != (ssize_t)length) {
        exchange->head = (struct request_head){.minor_version = 1};
        exchange_reply_error(exchange, failure.kind == FAILURE_TOO_LARGE ? 431 : 400, "%s",
                             used < 0 ? failure.text : "the request's head is malformed");
        return;
    }
    framer_init(&connection->framer, exchange->head.framing, exchange->head.content_length);
    connection->front->on_request(exchange, connection->front->context);
    connection_update_read(connection);
}

static void look_for_head(struct connection *connection)
{
    /* RFC 9112 §2.2: an empty line before a request is skipped. */
    while (connection->state == CONNECTION_IDLE && connection->input.at &&
           slice_starts(input_slice(connection), "\r\n"))
        input_consume(connection, 2);
    if (!connection->input.at)
        return;
    struct slice seen = input_slice(connection);
    if (connection->state == CONNECTION_IDLE) {
        connection->state = CONNECTION_HEAD;
        connection->scanned = 0;
    }
    size_t from = connection->scanned > 3 ? connection->scanned - 3 : 0;
    const char *end = memmem(seen.at + from, seen.length - from, "\r\n\r\n", 4);
    if (end) {
        start_exchange(connection, (size_t)(end - seen.at) + 4);
        return;
    }
    bool first = connection->scanned == 0;
    connection->scanned = seen.length;
    if (first)
        connection_set_deadline(connection, connection->front->settings.head_timeout_ms);
    struct request_head head;
    struct failure failure;
    if (seen.length > HEAD_MAX_BYTES)
        refuse(connection, 431, "the request's head is over 1 MiB");
    else if ((first || seen.length <= EARLY_LOOK_BYTES) &&
             request_head_parse(&head, seen, &failure) < 0)
        refuse(connection, failure.kind == FAILURE_TOO_LARGE ? 431 : 400, failure.text);
}

/* ---- reading */

static bool wants_read(const struct connection *connection)
{
    const struct input *input = &connection->input;
    const struct exchange *exchange = connection->exchange;
    if (connection->ended)
        return false;
    if (connection->state != CONNECTION_BUSY)
        return true;
    if (exchange->over)
        return false;
    if (exchange->body_fed > 0)
        return false; /* the relay has pinned them */
    bool full = input->at && input->end - input->start == input->capacity;
    if (connection->framer.done || exchange->body_mode == BODY_UNASKED)
        return !full; /* to notice that the client goes */
    return !exchange->body_paused || !full;
}

void connection_update_read(struct connection *connection)
{
    if (connection->stream && connection->state != CONNECTION_DEAD &&
        connection->state != CONNECTION_TAKEN)
        stream_want_read(connection->stream, wants_read(connection));
}

static void close_politely(struct connection *connection)
{
    connection->state = CONNECTION_DEAD;
    stream_linger(&connection->stream, connection->front->settings.linger_ms);
    bury(connection);
}

static void drain_step(struct connection *connection)
{
    struct slice seen = input_slice(connection);
    ssize_t used = framer_feed(&connection->framer, seen, NULL);
    if (used < 0) {
        connection_lost(connection);
        return;
    }
    input_consume(connection, (size_t)used);
    if (connection->framer.done && connection->front->draining) {
        close_politely(connection);
    } else if (connection->framer.done) {
        connection->state = CONNECTION_IDLE;
        connection_set_deadline(connection, connection->front->settings.idle_timeout_ms);
    }
}

/* Works on what is in the input, as far as the state lets it. */
static void connection_step(struct connection *connection)
{
    if (connection->state == CONNECTION_DRAIN && connection->input.at)
        drain_step(connection);
    if (connection->state == CONNECTION_DEAD)
        return;
    if ((connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD) &&
        connection->input.at)
        look_for_head(connection);
    else if (connection->state == CONNECTION_BUSY && !connection->exchange->over)
        exchange_body_step(connection->exchange);
    connection_update_read(connection);
}

static void on_kick(void *context)
{
    struct connection *connection = context;
    connection->kicked = false;
    if (connection->state == CONNECTION_DEAD || connection->state == CONNECTION_TAKEN)
        return;
    struct exchange *exchange = connection->exchange;
    if (exchange && !exchange->over && exchange->flush_wanted) {
        exchange->flush_wanted = false;
        exchange_flush(exchange);
    }
    connection_step(connection);
}

void connection_kick(struct connection *connection)
{
    if (connection->kicked || connection->state == CONNECTION_DEAD)
        return;
    connection->kicked = true;
    loop_defer(connection->loop, on_kick, connection);
}

static void on_end(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    /* A client that wants to upgrade may have nothing more to say: that is its half-close. */
    if (connection->state == CONNECTION_BUSY && exchange->head.upgrade.at) {
        connection->ended = true;
        connection_step(connection);
        return;
    }
    connection_lost(connection);
}

static void on_readable(struct stream *stream, void *context)
{
    struct connection *connection = context;
    if (!wants_read(connection) || !input_make_room(connection)) {
        stream_want_read(stream, false);
        return;
    }
    struct input *input = &connection->input;
    ssize_t got = stream_read(stream, input->at + input->end, input->capacity - input->end);
    if (got > 0)
        input->end += (size_t)got;
    else if (input->start == input->end)
        input_release(connection);
    if (got > 0)
        connection_step(connection);
    else if (got == 0)
        on_end(connection);
    else if (got == STREAM_ERROR)
        connection_lost(connection);
}

/* ---- the end of an exchange */

static void exchange_die(void *context)
{
    struct exchange *exchange = context;
    struct connection *connection = exchange->connection;
    bool keep = exchange->keep && !connection->ended && !exchange->body_broken;
    if (exchange->on_free)
        exchange->on_free(exchange, exchange->data);
    buffer_deinit(&exchange->body);
    arena_free(&exchange->arena);
    free(exchange);
    connection->exchange = NULL;
    if (connection->state == CONNECTION_DEAD || connection->state == CONNECTION_TAKEN) {
        connection->state = CONNECTION_DEAD;
        bury(connection);
    } else if (!keep || (connection->front->draining && connection->framer.done)) {
        close_politely(connection);
    } else {
        bool done = connection->framer.done;
        connection->state = done ? CONNECTION_IDLE : CONNECTION_DRAIN;
        connection_set_deadline(connection, done ? connection->front->settings.idle_timeout_ms
                                                 : connection->front->settings.head_timeout_ms);
        connection_step(connection);
    }
}

bool connection_keeps(struct exchange *exchange)
{
    const struct connection *connection = exchange->connection;
    if (exchange->keep_decided || exchange->over)
        return exchange->keep;
    exchange->keep_decided = true;
    const struct framer *framer = &connection->framer;
    bool body_ok =
        framer->done || (framer->framing == FRAMING_LENGTH && framer->left <= DRAIN_MAX_BYTES &&
                         (!exchange->head.expect_continue || exchange->sent_continue));
    /* What a client sends behind an upgrade that was refused may be meant as anything. */
    exchange->keep = exchange->head.keep_alive && !exchange->head.upgrade.at && body_ok && !exchange->body_broken &&
                     !connection->ended && !connection->front->draining;
    return exchange->keep;
}

void connection_finish(struct exchange *exchange, bool force_close)
{
    if (exchange->gone || exchange->over)
        return;
    must(!connection_writing(exchange));
    if (force_close || !connection_keeps(exchange))
        exchange->keep = false;
    if (exchange->body_fed) { /* a relay that stopped in the middle of the body */
        input_consume(exchange->connection, exchange->body_fed);
        exchange->body_fed = 0;
    }
    end_exchange(exchange);
}

void connection_cut(struct exchange *exchange)
{
    if (exchange->gone || exchange->over)
        return;
    struct connection *connection = exchange->connection;
    connection->state = CONNECTION_DEAD;
    end_exchange(exchange);
    stream_reset(&connection->stream);
}

struct stream *connection_take(struct exchange *exchange, struct buffer *early, bool *ended)
{
    struct connection *connection = exchange->connection;
    must(!exchange->over && connection->framer.done && !connection_writing(exchange));
    struct stream *stream = connection->stream;
    connection->stream = NULL;
    connection->state = CONNECTION_TAKEN;
    connection->expires = 0;
    stream_want_read(stream, false);
    *ended = connection->ended;
    if (connection->input.at) {
        must(buffer_add(early, input_slice(connection)) == 0);
        input_release(connection);
    }
    return stream;
}

void connection_tunnel_end(struct exchange *exchange)
{
    must(exchange->connection->state == CONNECTION_TAKEN || exchange->over);
    if (!exchange->over)
        end_exchange(exchange);
}

void connection_run_gone(struct exchange *exchange)
{
    exchange_fn on_gone = exchange->on_gone;
    exchange->on_gone = NULL;
    if (on_gone)
        on_gone(exchange, exchange->gone_context);
}
