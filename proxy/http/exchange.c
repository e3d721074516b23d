/* Exchange: what a handler sees of one request, and the queue of its answer's bytes. */
#include "proxy/http/inside.h"

#include <stdlib.h>

/* Two lists of headers, a relay and a handler's notes: one block in nearly all exchanges. */
#define ARENA_FIRST_BLOCK ((size_t)16000)

struct exchange *exchange_new(struct connection *connection)
{
    struct exchange *exchange = xmalloc(sizeof *exchange);
    memset(exchange, 0, offsetof(struct exchange, head.headers.list));
    exchange->connection = connection;
    exchange->stream = connection->stream;
    exchange->arena = arena_new_sized(ARENA_FIRST_BLOCK);
    exchange->started_ms = loop_now(connection->loop);
    exchange->head.minor_version = 1;
    framer_init(&connection->framer, FRAMING_NONE, 0);
    connection->exchange = exchange;
    return exchange;
}

const struct request_head *exchange_head(const struct exchange *exchange)
{
    return &exchange->head;
}

struct arena *exchange_arena(struct exchange *exchange)
{
    return exchange->arena;
}

struct loop *exchange_loop(const struct exchange *exchange)
{
    return exchange->connection->loop;
}

struct stream *exchange_stream_of(const struct exchange *exchange)
{
    return exchange->stream;
}

const char *exchange_listener(const struct exchange *exchange)
{
    return exchange->connection->listener;
}

void exchange_set_data(struct exchange *exchange, void *data, exchange_fn on_free)
{
    exchange->data = data;
    exchange->on_free = on_free;
}

void *exchange_data(const struct exchange *exchange)
{
    return exchange->data;
}

void exchange_on_gone(struct exchange *exchange, exchange_fn on_gone, void *context)
{
    exchange->on_gone = on_gone;
    exchange->gone_context = context;
}

uint64_t exchange_started_ms(const struct exchange *exchange)
{
    return exchange->started_ms;
}

uint64_t exchange_bytes_out(const struct exchange *exchange)
{
    return exchange->bytes_out;
}

bool exchange_begun(const struct exchange *exchange)
{
    return exchange->answered;
}

/* ---- raw writing, for the relay */

void connection_set_hook(struct exchange *exchange, exchange_fn on_gone, void *context)
{
    exchange->hook = on_gone;
    exchange->hook_context = context;
}

void *connection_hook(const struct exchange *exchange)
{
    return exchange->hook ? exchange->hook_context : NULL;
}

void connection_begun(struct exchange *exchange, int status)
{
    exchange->answered = true;
    exchange->status = status;
}

void connection_count(struct exchange *exchange, size_t bytes)
{
    exchange->bytes_out += bytes;
}

bool connection_writing(const struct exchange *exchange)
{
    return exchange->on_written || exchange->connection->queue.length ||
           exchange->connection->writing.length;
}

static void on_raw_written(struct stream *stream, bool ok, void *context)
{
    struct exchange *exchange = context;
    if (!ok) {
        connection_lost(exchange->connection);
        return;
    }
    exchange->bytes_out += exchange->raw_bytes;
    exchange_fn on_written = exchange->on_written;
    exchange->on_written = NULL;
    on_written(exchange, exchange->written_context);
    if (exchange->connection->queue.length) /* the relay gave up and the handler has answered */
        exchange_flush(exchange);
}

void connection_write(struct exchange *exchange, const struct iovec *iov, size_t count,
                      exchange_fn on_written, void *context)
{
    struct connection *connection = exchange->connection;
    if (exchange->gone || exchange->over)
        return;
    must(!exchange->on_written);
    exchange->on_written = on_written;
    exchange->written_context = context;
    exchange->raw_bytes = 0;
    for (size_t i = 0; i < count; i++)
        exchange->raw_bytes += iov[i].iov_len;
    if (!stream_writing(connection->stream)) {
        stream_write(connection->stream, iov, count, on_raw_written, exchange);
        return;
    }
    /* A "100 Continue" of ours is still on its way. */
    must(count <= sizeof exchange->raw / sizeof exchange->raw[0]);
    memcpy(exchange->raw, iov, count * sizeof *iov);
    exchange->raw_count = count;
}

/* ---- the queue */

static void give_back(struct buffer *buffer)
{
    if (buffer->capacity > QUEUE_KEPT_BYTES) {
        buffer_deinit(buffer);
        buffer_init(buffer, QUEUE_MAX_BYTES);
    } else {
        buffer_clear(buffer);
    }
}

static void on_written(struct stream *stream, bool ok, void *context)
{
    struct exchange *exchange = context;
    struct connection *connection = exchange->connection;
    if (!ok) {
        connection_lost(connection);
        return;
    }
    exchange->bytes_out += connection->writing.length;
    give_back(&connection->writing);
    if (exchange->raw_count) {
        size_t count = exchange->raw_count;
        exchange->raw_count = 0;
        stream_write(stream, exchange->raw, count, on_raw_written, exchange);
        return;
    }
    exchange_flush(exchange);
    if (exchange->over || connection->queue.length || connection->writing.length)
        return;
    if (exchange->on_drained)
        exchange->on_drained(exchange, exchange->drained_context);
}

void exchange_flush(struct exchange *exchange)
{
    struct connection *connection = exchange->connection;
    if (exchange->gone || exchange->over || stream_writing(connection->stream))
        return;
    if (connection->queue.overflow) {
        connection_cut(exchange);
        return;
    }
    if (connection->queue.length) {
        struct buffer swap = connection->writing;
        connection->writing = connection->queue;
        connection->queue = swap;
        struct iovec iov = {connection->writing.at, connection->writing.length};
        stream_write(connection->stream, &iov, 1, on_written, exchange);
    } else if (exchange->end_wanted) {
        connection_finish(exchange, false);
    }
}

static void flush_later(struct exchange *exchange)
{
    exchange->flush_wanted = true;
    connection_kick(exchange->connection);
}

void exchange_begin(struct exchange *exchange, int status, const char *content_type,
                    const struct headers *headers)
{
    if (exchange->gone || exchange->over)
        return;
    must(!exchange->answered);
    exchange->chunked = exchange->head.minor_version == 1;
    if (!exchange->chunked) { /* HTTP/1.0: the end is the close */
        exchange->keep_decided = true;
        exchange->keep = false;
    }
    exchange_head_write(exchange, status, content_type, headers, false, 0);
    flush_later(exchange);
}

size_t exchange_send(struct exchange *exchange, struct slice piece)
{
    struct connection *connection = exchange->connection;
    struct buffer *queue = &connection->queue;
    if (exchange->gone || exchange->over)
        return 0;
    must(exchange->answered && !exchange->end_wanted);
    if (piece.length && !exchange->bodyless) {
        if (exchange->chunked)
            buffer_printf(queue, "%zx\r\n", piece.length);
        buffer_add(queue, piece);
        if (exchange->chunked)
            buffer_text(queue, "\r\n");
        flush_later(exchange);
    }
    return queue->length + connection->writing.length;
}

void exchange_on_drained(struct exchange *exchange, exchange_fn on_drained, void *context)
{
    exchange->on_drained = on_drained;
    exchange->drained_context = context;
}

void exchange_end(struct exchange *exchange)
{
    if (exchange->gone || exchange->over)
        return;
    must(exchange->answered && !exchange->end_wanted);
    exchange->end_wanted = true;
    if (exchange->chunked && !exchange->bodyless)
        buffer_text(&exchange->connection->queue, "0\r\n\r\n");
    flush_later(exchange);
}

void exchange_abort(struct exchange *exchange)
{
    connection_cut(exchange);
}
