/* Answer: the engine's answer on its way to the client. Bytes are read only when the ones before
 * are written; the body is not copied: it is written from the block it was read into. */
#include "proxy/http/relay_inside.h"

#include <stdio.h>
#include <stdlib.h>

#define INFORMATIONAL_MAX 16 /* 1xx heads before the final one: an engine can't send them forever */

static void take_head(struct relay *relay);

/* ---- bytes read and not yet dealt with ---- */

static struct slice pending(const struct relay *relay)
{
    return relay->large.length > 0 ? buffer_slice(&relay->large)
                                   : slice_make(relay->block, relay->length);
}

static void clear_pending(struct relay *relay)
{
    if (relay->block) {
        loop_block_put(relay->loop, relay->block);
        relay->block = NULL;
    }
    relay->length = 0;
    buffer_deinit(&relay->large);
}

static void consume_pending(struct relay *relay, size_t length)
{
    if (relay->large.length > 0) {
        buffer_consume(&relay->large, length);
    } else {
        relay->length -= length;
        memmove(relay->block, relay->block + length, relay->length);
    }
}

/* Keeps an unfinished head in a buffer that can grow. -1 when it can't any more. */
static int stash_pending(struct relay *relay)
{
    if (relay->length > 0 &&
        buffer_append(&relay->large, relay->block, relay->length) < 0) {
        return -1;
    }
    relay->length = 0;
    if (relay->block) {
        loop_block_put(relay->loop, relay->block);
        relay->block = NULL;
    }
    return 0;
}

/* ---- ends ---- */

/* The engine's part is over. Other requests can have the connection if nothing is amiss. */
static void release_link(struct relay *relay, bool leftover)
{
    bool reusable = relay->link && relay->engine_keeps && relay->request_done && !leftover &&
                    !stream_writing(relay->link->stream);
    link_release(&relay->link, reusable);
}

/* The answer is whole. Before its last bytes are written, so that the client, once it has them,
 * finds the changes that on_done makes. */
static void on_whole(struct relay *relay, bool leftover)
{
    relay->phase = RELAY_LAST;
    timer_stop(&relay->timer);
    release_link(relay, leftover);
    if (relay->hooks->on_done) {
        relay->hooks->on_done(relay->exchange, relay->status, relay->context);
    }
}

static void hand_over_collected(struct relay *relay, bool leftover)
{
    struct exchange *exchange = relay->exchange;
    const struct relay_hooks *hooks = relay->hooks;
    void *context = relay->context;
    struct buffer body = relay->collected;
    buffer_init(&relay->collected, 0);
    release_link(relay, leftover);
    relay_over(relay, false);
    hooks->on_body(exchange, relay->status, relay->headers, buffer_slice(&body), context);
    buffer_deinit(&body);
}

/* ---- writing to the client ---- */

static void on_client_written(struct exchange *exchange, void *context)
{
    struct relay *relay = context;
    if (relay->phase == RELAY_LAST) {
        relay_finish(relay);
    } else if (relay->failure) {
        timer_start(&relay->timer, 0);
    } else if (relay->phase == RELAY_UPGRADING) {
        answer_upgrade(relay);
    } else if (relay->phase == RELAY_HEAD && pending(relay).length > 0) {
        take_head(relay);
    } else {
        clear_pending(relay);
        if (relay->link) {
            stream_want_read(relay->link->stream, true);
        }
    }
}

static void write_to_client(struct relay *relay, struct slice head, struct slice body)
{
    struct iovec iov[2];
    size_t count = 0;
    if (head.length > 0) {
        iov[count++] = (struct iovec){(void *)(uintptr_t)head.at, head.length};
    }
    if (body.length > 0) {
        iov[count++] = (struct iovec){(void *)(uintptr_t)body.at, body.length};
    }
    connection_write(relay->exchange, iov, count, on_client_written, relay);
}

void answer_write_last_words(struct relay *relay)
{
    struct exchange *exchange = relay->exchange;
    struct slice words = buffer_slice(&relay->last_words);
    bool chunked = relay->framer.framing == FRAMING_CHUNKED && !relay->decode;
    if (chunked ? !framer_between_chunks(&relay->framer)
                : relay->framer.framing == FRAMING_LENGTH) {
        relay_over(relay, false);
        connection_cut(exchange);
        return;
    }
    relay->phase = RELAY_LAST;
    relay->client_keeps = false;
    buffer_clear(&relay->head_out);
    if (chunked) {
        buffer_printf(&relay->head_out, "%zx\r\n", words.length);
    }
    buffer_add(&relay->head_out, words);
    if (chunked) {
        buffer_text(&relay->head_out, "\r\n0\r\n\r\n");
    }
    write_to_client(relay, buffer_slice(&relay->head_out), SLICE_NONE);
}

/* ---- body ---- */

/* Payload moved to the front of the buffer it is in, for a client that knows no chunks. */
struct compaction {
    char *start;
    size_t length;
};

static void compact(struct slice payload, void *context)
{
    struct compaction *compaction = context;
    memmove(compaction->start + compaction->length, payload.at, payload.length);
    compaction->length += payload.length;
}

static void collect(struct slice payload, void *context)
{
    struct relay *relay = context;
    buffer_add(&relay->collected, payload);
}

static void collect_body(struct relay *relay, struct slice bytes)
{
    struct failure failure;
    ssize_t used = framer_decode(&relay->framer, bytes, collect, relay, &failure);
    if (used >= 0 && relay->collected.overflow) {
        used = failure_set(&failure, FAILURE_INTERNAL, "%s: answer larger than %zu bytes",
                           upstream_endpoint(relay->upstream)->text, relay->collected.max);
    }
    if (used < 0) {
        relay_lost(relay, &failure);
    } else if (relay->framer.done) {
        hand_over_collected(relay, (size_t)used < bytes.length);
    } else {
        clear_pending(relay);
    }
}

/* Frames `bytes` and writes them, behind `head` when that is still to be written. */
static void pass_body(struct relay *relay, struct slice head, struct slice bytes)
{
    struct failure failure;
    struct compaction compaction = {(char *)(uintptr_t)bytes.at, 0};
    ssize_t used;
    if (relay->decode) {
        used = framer_decode(&relay->framer, bytes, compact, &compaction, &failure);
    } else {
        used = framer_feed(&relay->framer, bytes, &failure);
        compaction.length = used > 0 ? (size_t)used : 0;
    }
    if (used < 0) {
        failure_prefix(&failure, "%s", upstream_endpoint(relay->upstream)->text);
        relay_lost(relay, &failure);
        return;
    }
    if (head.length > 0) {
        relay->phase = RELAY_BODY;
        connection_begun(relay->exchange, relay->status);
    }
    if (relay->framer.done) {
        on_whole(relay, (size_t)used < bytes.length);
    }
    if (head.length + compaction.length > 0) {
        write_to_client(relay, head, slice_make(bytes.at, compaction.length));
    } else if (relay->framer.done) {
        relay_finish(relay);
    } else {
        clear_pending(relay);
    }
}

/* ---- head ---- */

/* Makes the client's head out of the engine's: end-to-end headers, then framing of our own. */
static int make_head(struct relay *relay, struct response_head *head, struct slice length)
{
    struct headers *headers = &head->headers;
    bool modern = exchange_head(relay->exchange)->minor_version == 1;
    bool no_body = slice_is(relay->method, "HEAD") || head->status == 304;
    headers_drop_hop_by_hop(headers);
    int full = connection_add_headers(relay->exchange, headers);
    relay->decode = !modern && head->framing == FRAMING_CHUNKED;
    relay->client_keeps = connection_keeps(relay->exchange) && !relay->decode &&
                          head->framing != FRAMING_UNTIL_CLOSE;
    if (head->framing == FRAMING_CHUNKED && modern) {
        full |= headers_add(headers, SLICE("Transfer-Encoding"), SLICE("chunked"));
    } else if (length.at && (head->framing == FRAMING_LENGTH || no_body)) {
        full |= headers_add(headers, SLICE("Content-Length"), length);
    }
    if (!relay->client_keeps) {
        full |= headers_add(headers, SLICE("Connection"), SLICE("close"));
    } else if (!modern) {
        full |= headers_add(headers, SLICE("Connection"), SLICE("keep-alive"));
    }
    response_head_write(&relay->head_out, head->status, head->reason, headers);
    return full;
}

/* Copies the headers out of the read buffer, for on_body. */
static void keep_headers(struct relay *relay, const struct headers *headers)
{
    struct arena *arena = exchange_arena(relay->exchange);
    relay->headers = headers_new(arena);
    for (size_t i = 0; i < headers->count; i++) {
        relay->headers->list[i].name = arena_copy(arena, headers->list[i].name);
        relay->headers->list[i].value = arena_copy(arena, headers->list[i].value);
    }
    relay->headers->count = headers->count;
}

/* Old clients hijack without asking: raw bytes both ways behind a 200. */
static bool is_raw_stream(const struct relay *relay, const struct response_head *head)
{
    struct slice type = headers_find(&head->headers, "Content-Type");
    return relay->may_upgrade && head->status == 200 && head->framing == FRAMING_UNTIL_CLOSE &&
           slice_is(relay->method, "POST") &&
           (slice_is_nocase(type, "application/vnd.docker.raw-stream") ||
            slice_is_nocase(type, "application/vnd.docker.multiplexed-stream"));
}

/* Readies the head for the client; the switch waits until nothing is under way. */
static void begin_upgrade(struct relay *relay, struct response_head *head)
{
    struct slice protocol = headers_find(&head->headers, "Upgrade");
    headers_drop_hop_by_hop(&head->headers);
    int full = 0;
    if (head->status == 101) {
        protocol = protocol.at ? protocol : exchange_head(relay->exchange)->upgrade;
        full |= headers_add(&head->headers, SLICE("Connection"), SLICE("Upgrade"));
        full |= headers_add(&head->headers, SLICE("Upgrade"), protocol);
    } else {
        full |= connection_add_headers(relay->exchange, &head->headers);
        full |= headers_add(&head->headers, SLICE("Connection"), SLICE("close"));
    }
    if (full < 0) {
        relay_lost_text(relay, "too many headers in the answer");
        return;
    }
    response_head_write(&relay->head_out, head->status, head->reason, &head->headers);
    relay->phase = RELAY_UPGRADING;
    stream_want_read(relay->link->stream, false);
}

void answer_upgrade(struct relay *relay)
{
    if (relay->write_failed) {
        relay_lost_text(relay, "connection broke during an upgrade");
        return;
    }
    if (!relay->request_done || connection_writing(relay->exchange)) {
        return; /* called again when they are through */
    }
    buffer_add(&relay->head_out, pending(relay));
    connection_begun(relay->exchange, relay->status);
    tunnel_start(relay, &relay->head_out);
}

/* The final head: hook, then whichever way its body goes. `length`: of the head in pending. */
static void take_final_head(struct relay *relay, struct response_head *head, size_t length)
{
    int status = head->status;
    timer_stop(&relay->timer);
    relay->engine_keeps = head->keep_alive;
    framer_init(&relay->framer, head->framing, head->content_length);
    if (status == 101 && !relay->upgrade) {
        relay_lost_text(relay, "switched protocols unasked");
        return;
    }
    struct slice content_length = headers_find(&head->headers, "Content-Length");
    enum relay_verdict verdict = RELAY_PASS;
    if (status != 101 && relay->hooks->on_head) {
        verdict = relay->hooks->on_head(relay->exchange, head, relay->context);
    }
    relay->status = head->status;
    if (head->status != status) {
        head->reason = SLICE_NONE;
    }
    struct slice rest = slice_from(pending(relay), length);
    if (verdict == RELAY_BUFFER) {
        relay->phase = RELAY_COLLECT;
        keep_headers(relay, &head->headers);
        collect_body(relay, rest);
    } else if (status == 101 || is_raw_stream(relay, head)) {
        begin_upgrade(relay, head);
        if (relay->phase == RELAY_UPGRADING) {
            consume_pending(relay, length);
            answer_upgrade(relay);
        }
    } else if (make_head(relay, head, content_length) < 0 || relay->head_out.overflow) {
        relay_lost_text(relay, "too many headers in the answer");
    } else {
        pass_body(relay, buffer_slice(&relay->head_out), rest);
    }
}

/* Passes a 1xx on (HTTP/1.0 knows none). Reading goes on when it is written. */
static void pass_informational(struct relay *relay, struct response_head *head, size_t length)
{
    if (++relay->informational > INFORMATIONAL_MAX) {
        relay_lost_text(relay, "endless informational answers");
        return;
    }
    headers_drop_hop_by_hop(&head->headers);
    buffer_clear(&relay->head_out);
    response_head_write(&relay->head_out, head->status, head->reason, &head->headers);
    consume_pending(relay, length);
    relay->seen = 0;
    if (exchange_head(relay->exchange)->minor_version == 1) {
        write_to_client(relay, buffer_slice(&relay->head_out), SLICE_NONE);
    } else if (pending(relay).length > 0) {
        take_head(relay);
    } else {
        clear_pending(relay);
    }
}

static void take_head(struct relay *relay)
{
    struct slice bytes = pending(relay);
    struct failure failure;
    struct response_head head;
    ssize_t length = 0;
    if (relay->seen == 0 || bytes.length >= HEAD_MAX_BYTES || head_complete(bytes, relay->seen)) {
        length = response_head_parse(&head, bytes, relay->method, &failure);
    }
    if (length < 0) {
        failure_prefix(&failure, "%s", upstream_endpoint(relay->upstream)->text);
        relay_lost(relay, &failure);
    } else if (length == 0) {
        relay->seen = bytes.length;
        if (stash_pending(relay) < 0) {
            relay_lost_text(relay, "too large a head in the answer");
        }
    } else if (head.status < 200 && head.status != 101) {
        pass_informational(relay, &head, (size_t)length);
    } else {
        buffer_clear(&relay->head_out);
        take_final_head(relay, &head, (size_t)length);
    }
}

/* ---- reading ---- */

static void on_engine_end(struct relay *relay, bool orderly)
{
    bool body = relay->phase == RELAY_BODY || relay->phase == RELAY_COLLECT;
    if (body && orderly && framer_end(&relay->framer) == 0) {
        if (relay->phase == RELAY_COLLECT) {
            hand_over_collected(relay, false);
        } else {
            on_whole(relay, false);
            relay_finish(relay);
        }
        return;
    }
    relay_lost_text(relay, body ? "connection broke in the middle of an answer"
                                : "connection closed without an answer");
}

void answer_on_readable(struct stream *stream, void *context)
{
    struct relay *relay = context;
    if (connection_writing(relay->exchange) || relay->phase == RELAY_UPGRADING) {
        stream_want_read(stream, false); /* until that is written */
        return;
    }
    if (!relay->block) {
        relay->block = loop_block_get(relay->loop);
    }
    ssize_t length = stream_read(stream, relay->block, LOOP_BLOCK_BYTES);
    if (length <= 0) {
        loop_block_put(relay->loop, relay->block);
        relay->block = NULL;
        if (length != STREAM_AGAIN) {
            on_engine_end(relay, length == 0);
        }
        return;
    }
    relay->got_answer = true;
    relay->length = (size_t)length;
    if (relay->phase == RELAY_BODY) {
        pass_body(relay, SLICE_NONE, pending(relay));
    } else if (relay->phase == RELAY_COLLECT) {
        collect_body(relay, pending(relay));
    } else if (relay->large.length > 0 && stash_pending(relay) < 0) {
        relay_lost_text(relay, "too large a head in the answer");
    } else {
        take_head(relay);
    }
}
