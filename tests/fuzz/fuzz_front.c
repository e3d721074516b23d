/* A whole front: the input is what a client sends, in pieces of up to 255 bytes (a length byte
 * before each); the handler takes bodies in every way there is. Nothing may crash, leak, or stay
 * behind. */
#include "proxy/http/connection.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t made, freed;

static void on_free(struct exchange *exchange, void *data)
{
    freed++;
}

static void on_body(struct exchange *exchange, struct slice body, const struct failure *failure,
                    void *context)
{
    if (failure)
        exchange_reply_failure(exchange, failure);
    else
        exchange_reply(exchange, 200, "text/plain", body, NULL);
}

static void on_piece(struct exchange *exchange, struct slice piece, void *context)
{
    if (!exchange_begun(exchange))
        exchange_begin(exchange, 200, "text/plain", NULL);
    exchange_send(exchange, piece);
    if (!piece.length)
        exchange_end(exchange);
}

static void on_written(struct exchange *exchange, void *context)
{
    connection_finish(exchange, false);
}

static void on_raw(struct exchange *exchange, void *context)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
    struct slice body = connection_body(exchange);
    connection_body_consume(exchange, body.length);
    if (!connection_body_done(exchange) || exchange_begun(exchange))
        return;
    struct iovec iov = {(void *)(uintptr_t)answer, sizeof answer - 1};
    connection_keeps(exchange);
    connection_begun(exchange, 204);
    connection_write(exchange, &iov, 1, on_written, NULL);
}

static void on_request(struct exchange *exchange, void *context)
{
    const struct request_head *head = exchange_head(exchange);
    made++;
    exchange_set_data(exchange, NULL, on_free);
    switch (head->target.length > 1 ? head->target.at[1] : 0) {
    case 'b':
        exchange_read_body(exchange, 64, on_body, NULL);
        break;
    case 'p':
        exchange_stream_body(exchange, on_piece, NULL);
        break;
    case 'r':
        connection_body_wait(exchange, on_raw, NULL);
        break;
    case 'a':
        exchange_abort(exchange);
        break;
    case 'w': /* never answers */
        break;
    default:
        exchange_reply(exchange, 200, "text/plain", head->target, NULL);
        break;
    }
}

static void on_sent(struct stream *stream, bool ok, void *context)
{
    *(bool *)context = true;
}

static void drop(struct stream *stream, void *context)
{
    char bytes[4096];
    ssize_t got = stream_read(stream, bytes, sizeof bytes);
    if (got == 0 || got == STREAM_ERROR)
        stream_want_read(stream, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    static const struct front_settings settings = {
        .head_timeout_ms = 60000, .idle_timeout_ms = 60000, .linger_ms = 60000};
    if (!loop)
        loop = loop_new(); /* for good: h2o does not give its epoll descriptor back */
    struct front *front = front_new(loop, &settings, on_request, NULL);
    struct stream *client, *server;
    made = freed = 0;
    stream_pair(loop, &client, &server);
    stream_set(client, drop, NULL);
    stream_want_read(client, true);
    front_adopt(front, server);
    while (size > 1) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;
        struct iovec iov = {(void *)(uintptr_t)(data + 1), length};
        bool sent = false;
        stream_write(client, &iov, 1, on_sent, &sent);
        for (int turn = 0; turn < 10 && (turn < 2 || !sent); turn++)
            loop_turn(loop, 0);
        if (!sent)
            break;
        data += length + 1;
        size -= length + 1;
    }
    stream_close(&client);
    for (int turn = 0; turn < 3; turn++)
        loop_turn(loop, 0);
    must(front_connections(front) == 0 && made == freed);
    front_free(&front);
    loop_turn(loop, 0);
    return 0;
}
