/* Front under test: drives a front through a connected pair of streams, the loop turned by hand;
 * handlers by target, and what they saw. Included by the test_front*.c. */
#pragma once

#include "tests/unit/test.h"

#include "proxy/http/connection.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((unused)) static struct loop *loop;
__attribute__((unused)) static struct front *front;

/* What the server side saw. */
__attribute__((unused)) static struct {
    int requests, gone, freed, finished, last_status, pieces;
    size_t piece_bytes, most_queued;
    struct exchange *waiting;
    char methods[64];
    struct failure failure;
    size_t sent;
    bool paused;
} seen;

struct client {
    struct stream *stream;
    struct buffer in;
    bool ended, failed, written, written_ok;
};

__attribute__((unused)) static struct client client;

#define UNTIL(condition)                                                                           \
    for (int turns_ = 0; !(condition); turns_++) {                                                 \
        cr_assert(turns_ < 3000, "gave up waiting for %s; got: %s", #condition,                    \
                  client.in.at ? client.in.at : "");                                               \
        loop_turn(loop, 10);                                                                       \
    }

__attribute__((unused)) static void settle(void)
{
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 0);
}

__attribute__((unused)) static void client_readable(struct stream *stream, void *context)
{
    char *to = buffer_reserve(&client.in, 65536);
    ssize_t got = stream_read(stream, to, 65536);
    if (got > 0) {
        client.in.length += (size_t)got;
        client.in.at[client.in.length] = '\0';
    } else if (got != STREAM_AGAIN) {
        client.ended = got == 0;
        client.failed = got != 0;
        stream_want_read(stream, false);
    }
}

__attribute__((unused)) static void client_written(struct stream *stream, bool ok, void *context)
{
    client.written = true;
    client.written_ok = ok;
}

__attribute__((unused)) static void put(struct slice bytes)
{
    client.written = false;
    struct iovec iov = {(void *)(uintptr_t)bytes.at, bytes.length};
    stream_write(client.stream, &iov, 1, client_written, NULL);
    UNTIL(client.written);
}

__attribute__((unused)) static void say(const char *text)
{
    put(slice_of(text));
}

__attribute__((unused)) static bool got(const char *text)
{
    return slice_contains(buffer_slice(&client.in), text);
}

__attribute__((unused)) static size_t times(const char *text)
{
    size_t count = 0;
    for (const char *at = client.in.at; at && (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* ---- handlers */

__attribute__((unused)) static void on_free(struct exchange *exchange, void *context)
{
    seen.freed++;
}

__attribute__((unused)) static void on_gone(struct exchange *exchange, void *context)
{
    seen.gone++;
}

__attribute__((unused)) static void echo(struct exchange *exchange, struct slice body,
                                         const struct failure *failure, void *context)
{
    if (failure) {
        seen.failure = *failure;
        exchange_reply_failure(exchange, failure);
    } else {
        exchange_reply(exchange, 200, "text/plain", body, NULL);
    }
}

__attribute__((unused)) static void on_piece(struct exchange *exchange, struct slice piece,
                                             void *context)
{
    seen.pieces++;
    seen.piece_bytes += piece.length;
    if (seen.paused)
        exchange_body_pause(exchange);
    if (!piece.length)
        exchange_reply(exchange, 200, "text/plain", SLICE("all"), NULL);
}

__attribute__((unused)) static void raw_done(struct exchange *exchange, void *context)
{
    connection_finish(exchange, false);
}

__attribute__((unused)) static void raw_more(struct exchange *exchange, void *context)
{
    struct slice body = connection_body(exchange);
    seen.piece_bytes += body.length;
    seen.pieces += body.length > 0;
    connection_body_consume(exchange, body.length);
    if (!connection_body_done(exchange) || seen.last_status == -1)
        return;
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw";
    struct iovec iov = {(void *)(uintptr_t)answer, sizeof answer - 1};
    cr_expect(connection_keeps(exchange));
    connection_begun(exchange, 200);
    seen.last_status = -1;
    connection_write(exchange, &iov, 1, raw_done, NULL);
}

__attribute__((unused)) static char block[65536];

__attribute__((unused)) static void produce(struct exchange *exchange, void *context)
{
    while (seen.sent < 64u * 1024 * 1024) {
        size_t queued = exchange_send(exchange, slice_make(block, sizeof block));
        seen.sent += sizeof block;
        if (queued > seen.most_queued)
            seen.most_queued = queued;
        if (queued > 256 * 1024)
            return;
    }
    exchange_on_drained(exchange, NULL, NULL);
    exchange_end(exchange);
}

__attribute__((unused)) static void take_tunnel(struct exchange *exchange)
{
    struct buffer early;
    bool ended;
    buffer_init(&early, 65536);
    struct stream *stream = connection_take(exchange, &early, &ended);
    snprintf(seen.methods, sizeof seen.methods, "early=%s ended=%d", early.length ? early.at : "",
             ended);
    buffer_deinit(&early);
    stream_close(&stream);
    connection_tunnel_end(exchange);
}

__attribute__((unused)) static void on_request(struct exchange *exchange, void *context)
{
    struct slice target = exchange_head(exchange)->target;
    seen.requests++;
    exchange_set_data(exchange, NULL, on_free);
    exchange_on_gone(exchange, on_gone, NULL);
    if (slice_is(target, "/hello")) {
        exchange_reply(exchange, 200, "text/plain", SLICE("hi"), NULL);
    } else if (slice_is(target, "/none")) {
        exchange_reply(exchange, 204, NULL, SLICE_NONE, NULL);
    } else if (slice_is(target, "/body")) {
        exchange_read_body(exchange, 1000, echo, NULL);
    } else if (slice_is(target, "/pieces")) {
        seen.waiting = exchange;
        exchange_stream_body(exchange, on_piece, NULL);
    } else if (slice_is(target, "/raw")) {
        connection_body_wait(exchange, raw_more, NULL);
    } else if (slice_is(target, "/stream")) {
        exchange_begin(exchange, 200, "application/json", NULL);
        exchange_send(exchange, SLICE("one"));
        exchange_send(exchange, SLICE("three"));
        exchange_end(exchange);
    } else if (slice_is(target, "/big")) {
        exchange_begin(exchange, 200, "application/x-tar", NULL);
        exchange_on_drained(exchange, produce, NULL);
    } else if (slice_is(target, "/fail")) {
        struct failure failure;
        failure_set(&failure, FAILURE_NO_ROOM, "no resources \"here\"");
        exchange_reply_failure(exchange, &failure);
    } else {
        seen.waiting = exchange;
    }
}

__attribute__((unused)) static void on_finished(struct exchange *exchange, int status,
                                                void *context)
{
    seen.finished++;
    seen.last_status = status;
}

__attribute__((unused)) static void start(const struct front_settings *settings)
{
    static const struct front_settings usual = {.head_timeout_ms = 60000,
                                                .idle_timeout_ms = 60000,
                                                .linger_ms = 60000,
                                                .server = "berth/test",
                                                .on_finished = on_finished};
    struct stream *server;
    loop = loop_new();
    front = front_new(loop, settings ? settings : &usual, on_request, NULL);
    stream_pair(loop, &client.stream, &server);
    buffer_init(&client.in, 256 * 1024 * 1024);
    stream_set(client.stream, client_readable, NULL);
    stream_want_read(client.stream, true);
    front_adopt(front, server);
}

__attribute__((unused)) static void stop(void)
{
    stream_close(&client.stream);
    settle();
    cr_expect_eq(front_connections(front), 0, "a connection is left");
    cr_expect_eq(seen.requests, seen.freed, "%d requests, %d freed", seen.requests, seen.freed);
    front_free(&front);
    loop_free(&loop);
    buffer_deinit(&client.in);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
