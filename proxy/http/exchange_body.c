/* Exchange body: the request's body as a whole, in pieces, or raw for the relay. */
#include "proxy/http/inside.h"

/* Without it a client that asked for leave to send would wait for its own time-out. */
static void send_continue(struct exchange *exchange)
{
    if (!exchange->head.expect_continue || exchange->sent_continue ||
        exchange->connection->framer.done || exchange->body.overflow)
        return;
    exchange->sent_continue = true;
    if (exchange->connection->input.at)
        return; /* it has not waited */
    buffer_text(&exchange->connection->queue, "HTTP/1.1 100 Continue\r\n\r\n");
    exchange->flush_wanted = true;
}

static void start(struct exchange *exchange, enum body_mode mode, void *context)
{
    must(exchange->body_mode == BODY_UNASKED);
    exchange->body_mode = mode;
    exchange->body_context = context;
    if (mode != BODY_RAW) /* the relay passes the question on */
        send_continue(exchange);
    connection_kick(exchange->connection);
}

void exchange_read_body(struct exchange *exchange, size_t max, exchange_body_fn on_body,
                        void *context)
{
    if (exchange->gone || exchange->over)
        return;
    exchange->body_max = max;
    exchange->on_body = on_body;
    buffer_init(&exchange->body, max);
    if (exchange->head.framing == FRAMING_LENGTH && exchange->head.content_length > max)
        exchange->body.overflow = true;
    start(exchange, BODY_WHOLE, context);
}

void exchange_stream_body(struct exchange *exchange, exchange_piece_fn on_piece, void *context)
{
    if (exchange->gone || exchange->over)
        return;
    exchange->on_piece = on_piece;
    start(exchange, BODY_PIECES, context);
}

void exchange_body_pause(struct exchange *exchange)
{
    exchange->body_paused = true;
    connection_update_read(exchange->connection);
}

void exchange_body_resume(struct exchange *exchange)
{
    exchange->body_paused = false;
    connection_kick(exchange->connection);
}

static void keep_payload(struct slice payload, void *context)
{
    struct exchange *exchange = context;
    buffer_add(&exchange->body, payload);
}

static void pass_payload(struct slice payload, void *context)
{
    struct exchange *exchange = context;
    if (!exchange->over && !exchange->gone)
        exchange->on_piece(exchange, payload, exchange->body_context);
}

/* Decodes what is in the input; -1 when the framing is broken. */
static int decode(struct exchange *exchange, struct failure *failure)
{
    struct connection *connection = exchange->connection;
    if (!connection->input.at || connection->framer.done)
        return 0;
    ssize_t used = framer_decode(&connection->framer, input_slice(connection),
                                 exchange->body_mode == BODY_WHOLE ? keep_payload : pass_payload,
                                 exchange, failure);
    if (used < 0) {
        exchange->body_broken = true;
        return -1;
    }
    input_consume(connection, (size_t)used);
    return 0;
}

static void tell_body(struct exchange *exchange, const struct failure *failure)
{
    exchange->body_told = true;
    connection_set_deadline(exchange->connection, 0);
    exchange->on_body(exchange, failure ? SLICE_NONE : buffer_slice(&exchange->body), failure,
                      exchange->body_context);
}

/* Time for more of a body that is read whole: a fixed start and then a byte per millisecond, so that
 * one that trickles in can't hold its connection for ever. */
static uint64_t body_time_left(const struct exchange *exchange)
{
    const struct connection *connection = exchange->connection;
    uint64_t until = exchange->started_ms + connection->front->settings.head_timeout_ms +
                     exchange->body.length;
    uint64_t now = loop_now(connection->loop);
    return until > now ? until - now : 1;
}

static void step_whole(struct exchange *exchange)
{
    struct failure failure = {0};
    if (exchange->body_told)
        return;
    if (!exchange->body.overflow && decode(exchange, &failure)) {
        tell_body(exchange, &failure);
        return;
    }
    if (exchange->body.overflow) {
        failure_set(&failure, FAILURE_TOO_LARGE,
                    "the request's body is over the limit of %zu bytes", exchange->body_max);
        tell_body(exchange, &failure);
    } else if (exchange->connection->framer.done) {
        tell_body(exchange, NULL);
    } else {
        connection_set_deadline(exchange->connection, body_time_left(exchange));
    }
}

static void step_pieces(struct exchange *exchange)
{
    struct failure failure;
    if (exchange->body_told || exchange->body_paused)
        return;
    if (decode(exchange, &failure)) {
        connection_lost(exchange->connection);
        return;
    }
    if (exchange->connection->framer.done && !exchange->over) {
        exchange->body_told = true;
        exchange->on_piece(exchange, SLICE_NONE, exchange->body_context);
    }
}

static void step_raw(struct exchange *exchange)
{
    bool had = exchange->body_fed > 0;
    if (exchange->body_told || !exchange->on_more)
        return;
    bool has = connection_body(exchange).length > 0;
    if (exchange->gone)
        return;
    if (connection_body_done(exchange))
        exchange->body_told = true;
    if ((has && (!had || exchange->more_wanted)) || exchange->body_told) {
        exchange->more_wanted = false;
        exchange->on_more(exchange, exchange->body_context);
    }
}

void exchange_body_step(struct exchange *exchange)
{
    const struct connection *connection = exchange->connection;
    switch (exchange->body_mode) {
    case BODY_UNASKED:
        break;
    case BODY_RAW:
        step_raw(exchange);
        break;
    case BODY_WHOLE:
        step_whole(exchange);
        break;
    case BODY_PIECES:
        step_pieces(exchange);
        break;
    }
    if (connection->ended && exchange->body_mode != BODY_UNASKED && !connection->framer.done &&
        !connection->input.at && !exchange->over)
        connection_lost(exchange->connection); /* it ended in the middle of its body */
}

/* ---- raw, for the relay */

struct slice connection_body(struct exchange *exchange)
{
    struct connection *connection = exchange->connection;
    if (exchange->gone || exchange->over)
        return SLICE_NONE;
    if (!exchange->body_fed && connection->input.at && !connection->framer.done) {
        struct failure failure;
        ssize_t used = framer_feed(&connection->framer, input_slice(connection), &failure);
        if (used < 0) {
            exchange->body_broken = true;
            connection_lost(connection);
            return SLICE_NONE;
        }
        exchange->body_fed = (size_t)used;
    }
    return exchange->body_fed ? slice_cut(input_slice(connection), 0, exchange->body_fed)
                              : SLICE_NONE;
}

void connection_body_consume(struct exchange *exchange, size_t length)
{
    if (exchange->gone || exchange->over)
        return;
    must(length <= exchange->body_fed);
    exchange->body_fed -= length;
    input_consume(exchange->connection, length);
    if (exchange->body_fed)
        return;
    if (exchange->connection->input.at || exchange->connection->framer.done)
        connection_kick(exchange->connection);
    else
        connection_update_read(exchange->connection);
}

bool connection_body_done(const struct exchange *exchange)
{
    return exchange->connection->framer.done && exchange->body_fed == 0;
}

void connection_body_wait(struct exchange *exchange, exchange_fn on_more, void *context)
{
    if (exchange->gone || exchange->over)
        return;
    exchange->on_more = on_more;
    exchange->body_context = context;
    exchange->more_wanted = true;
    if (exchange->body_mode == BODY_UNASKED)
        start(exchange, BODY_RAW, context);
    else
        connection_kick(exchange->connection);
}
