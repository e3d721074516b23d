/* Peer: see peer.h. */
#include "peer.h"

#include "proxy/http/framer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define PEER_MAX (512 * 1024 * 1024)

static void flush(struct peer *peer);

static void on_written(struct stream *stream, bool ok, void *context)
{
    struct peer *peer = context;
    buffer_clear(&peer->sending);
    if (ok) {
        flush(peer);
    } else {
        buffer_clear(&peer->queue);
    }
}

static void flush(struct peer *peer)
{
    if (!peer->stream || stream_writing(peer->stream)) {
        return;
    }
    if (peer->queue.length > 0) {
        struct buffer empty = peer->sending;
        peer->sending = peer->queue;
        peer->queue = empty;
        struct iovec iov = {peer->sending.at, peer->sending.length};
        stream_write(peer->stream, &iov, 1, on_written, peer);
    } else if (peer->close_after) {
        stream_close(&peer->stream);
    } else if (peer->half_close_after) {
        peer->half_close_after = false;
        stream_half_close(peer->stream);
    }
}

static void on_readable(struct stream *stream, void *context)
{
    struct peer *peer = context;
    char *room = buffer_reserve(&peer->got, 65536);
    cr_assert_not_null(room);
    ssize_t length = stream_read(stream, room, 65536);
    if (length == STREAM_AGAIN) {
        return;
    }
    if (length > 0) {
        peer->got.length += (size_t)length;
        peer->got.at[peer->got.length] = '\0';
    } else {
        peer->ended = length == 0;
        peer->broken = length != 0;
        stream_want_read(stream, false);
    }
    if (peer->on_bytes) {
        peer->on_bytes(peer, peer->context);
    }
}

void peer_init(struct peer *peer, struct stream *stream,
               void (*on_bytes)(struct peer *peer, void *context), void *context)
{
    *peer = (struct peer){.stream = stream, .on_bytes = on_bytes, .context = context};
    buffer_init(&peer->got, PEER_MAX);
    buffer_init(&peer->queue, PEER_MAX);
    buffer_init(&peer->sending, PEER_MAX);
    stream_set(stream, on_readable, peer);
    stream_want_read(stream, true);
}

void peer_send_bytes(struct peer *peer, const void *bytes, size_t length)
{
    buffer_append(&peer->queue, bytes, length);
    flush(peer);
}

void peer_send(struct peer *peer, const char *text)
{
    peer_send_bytes(peer, text, strlen(text));
}

void peer_deaf(struct peer *peer, bool deaf)
{
    peer->deaf = deaf;
    stream_want_read(peer->stream, !deaf);
}

void peer_half_close(struct peer *peer)
{
    peer->half_close_after = true;
    flush(peer);
}

void peer_close(struct peer *peer)
{
    stream_close(&peer->stream);
}

void peer_close_after(struct peer *peer)
{
    peer->close_after = true;
    flush(peer);
}

void peer_reset(struct peer *peer)
{
    stream_reset(&peer->stream);
}

bool peer_got(const struct peer *peer, const char *text)
{
    return peer->got.length > 0 && strstr(peer->got.at, text) != NULL;
}

const char *peer_text(struct peer *peer)
{
    if (peer->got.length == 0) {
        return "";
    }
    char *to = peer->got.at;
    for (const char *from = to; *from;) {
        const char *end = strchr(from, '\n');
        size_t length = end ? (size_t)(end - from) + 1 : strlen(from);
        if (!slice_starts(slice_make(from, length), "Date: ")) {
            memmove(to, from, length);
            to += length;
        }
        from += length;
    }
    *to = '\0';
    peer->got.length = (size_t)(to - peer->got.at);
    return peer->got.at;
}

void peer_deinit(struct peer *peer)
{
    stream_close(&peer->stream);
    buffer_deinit(&peer->got);
    buffer_deinit(&peer->queue);
    buffer_deinit(&peer->sending);
}

static void on_accept(struct stream *stream, void *context)
{
    struct fake *fake = context;
    cr_assert_lt(fake->count, PEERS_MAX);
    peer_init(&fake->peers[fake->count++], stream, fake->script, fake->context);
}

void fake_init(struct fake *fake, struct loop *loop,
               void (*script)(struct peer *peer, void *context), void *context)
{
    *fake = (struct fake){.loop = loop, .script = script, .context = context};
    struct failure failure;
    char text[64];
    cr_assert_eq(endpoint_parse(&fake->endpoint, SLICE("tcp://127.0.0.1:0"), 0, &failure), 0, "%s",
                 failure.text);
    struct listener_options options = {.unix_group = (gid_t)-1};
    fake->listener =
        listener_open(loop, &fake->endpoint, &options, on_accept, fake, &failure);
    cr_assert_not_null(fake->listener, "%s", failure.text);
    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", listener_port(fake->listener));
    cr_assert_eq(endpoint_parse(&fake->endpoint, slice_of(text), 0, &failure), 0);
}

void fake_stop(struct fake *fake)
{
    listener_close(&fake->listener);
}

void fake_deinit(struct fake *fake)
{
    if (fake->listener) {
        listener_close(&fake->listener);
    }
    for (size_t i = 0; i < fake->count; i++) {
        peer_deinit(&fake->peers[i]);
    }
    settle(fake->loop);
}

bool peer_next_request(struct peer *peer, struct slice *request)
{
    struct slice rest = slice_from(buffer_slice(&peer->got), peer->taken);
    struct failure failure;
    struct request_head head;
    struct framer framer;
    if (rest.length == 0) {
        return false;
    }
    ssize_t length = request_head_parse(&head, rest, &failure);
    cr_assert_geq(length, 0, "%s", failure.text);
    if (length == 0) {
        return false;
    }
    framer_init(&framer, head.framing, head.content_length);
    ssize_t body = framer_feed(&framer, slice_from(rest, (size_t)length), &failure);
    cr_assert_geq(body, 0);
    if (!framer.done) {
        return false;
    }
    *request = slice_cut(rest, 0, (size_t)(length + body));
    peer->taken += request->length;
    return true;
}

void settle(struct loop *loop)
{
    for (int i = 0; i < 10; i++) {
        loop_turn(loop, 1);
    }
}

/* There only in builds with the sanitizer. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void expect_no_leaks(void)
{
    if (__lsan_do_recoverable_leak_check) {
        cr_expect_eq(__lsan_do_recoverable_leak_check(), 0, "memory leaks");
    }
}
