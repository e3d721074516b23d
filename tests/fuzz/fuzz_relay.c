/* Relay: the whole HTTP path between a client and an engine that both say whatever they like, in any
 * pieces, and end when they like. Nothing may crash, hang or leak, and an engine never gets what the
 * strict parser would not have let pass.
 *
 * Input: records of [kind][length][bytes]. Kind 0 the client sends, 1 the engine sends, 2 the
 * client ends its side or closes, 3 the engine does, 4 the node is cut, 5 nothing but turns. */
#include "proxy/http/framer.h"
#include "proxy/http/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENGINES_MAX 8

struct end {
    struct stream *stream;
    struct buffer got;
    struct buffer sending; /* what is being written; more is dropped meanwhile */
    bool ended;
};

static struct loop *loop;
static struct upstream *upstream;
static struct front *front;
static struct listener *listener;
static struct end client, engines[ENGINES_MAX];
static size_t engine_count;
static uint8_t choice; /* of the current input: which hooks */

static void on_readable(struct stream *stream, void *context)
{
    struct end *end = context;
    char bytes[16384];
    ssize_t length = stream_read(stream, bytes, sizeof bytes);
    if (length > 0) {
        buffer_append(&end->got, bytes, (size_t)length);
    } else if (length != STREAM_AGAIN) {
        end->ended = true;
        stream_want_read(stream, false);
    }
}

static void end_init(struct end *end, struct stream *stream)
{
    *end = (struct end){.stream = stream};
    buffer_init(&end->got, 1024 * 1024);
    buffer_init(&end->sending, 1024 * 1024);
    stream_set(stream, on_readable, end);
    stream_want_read(stream, true);
}

static void end_deinit(struct end *end)
{
    stream_close(&end->stream);
    buffer_deinit(&end->got);
    buffer_deinit(&end->sending);
}

static void on_written(struct stream *stream, bool ok, void *context)
{
}

static void end_send(struct end *end, struct slice bytes)
{
    if (end->stream && !stream_writing(end->stream) && bytes.length > 0) {
        buffer_clear(&end->sending);
        buffer_add(&end->sending, bytes);
        struct iovec iov = {end->sending.at, end->sending.length};
        stream_write(end->stream, &iov, 1, on_written, end);
    }
}

static void end_stop(struct end *end, uint8_t how)
{
    if (!end->stream || stream_writing(end->stream)) {
        return;
    }
    if (how % 3 == 0) {
        stream_half_close(end->stream);
    } else if (how % 3 == 1) {
        stream_close(&end->stream);
    } else {
        stream_reset(&end->stream);
    }
}

static enum relay_verdict on_head(struct exchange *exchange, struct response_head *head,
                                  void *context)
{
    return choice & 2 ? RELAY_BUFFER : RELAY_PASS;
}

static void on_body(struct exchange *exchange, int status, const struct headers *headers,
                    struct slice body, void *context)
{
    exchange_reply(exchange, status, "text/plain", body, NULL);
}

static void on_broken(struct exchange *exchange, const struct failure *failure, void *context)
{
    relay_last_words(exchange, SLICE("last words"));
}

static void on_request(struct exchange *exchange, void *context)
{
    static const struct relay_hooks hooks = {
        .on_head = on_head, .on_body = on_body, .on_broken = on_broken, .max_body = 1000};
    const struct request_head *head = exchange_head(exchange);
    struct relay_request request = {
        .method = head->method, .target = head->target, .headers = &head->headers,
        .upgrade = !(choice & 4)};
    relay_start(exchange, upstream, &request, choice & 1 ? &hooks : NULL, NULL);
}

static void on_accept(struct stream *stream, void *context)
{
    if (engine_count == ENGINES_MAX) {
        stream_close(&stream);
    } else {
        end_init(&engines[engine_count++], stream);
    }
}

static char socket_path[100];

static void remove_socket(void)
{
    unlink(socket_path);
}

static void set_up(void)
{
    static struct endpoint endpoint;
    struct failure failure;
    snprintf(socket_path, sizeof socket_path, "/tmp/berth-fuzz-relay-%d.sock", (int)getpid());
    char text[120];
    snprintf(text, sizeof text, "unix://%s", socket_path);
    must(endpoint_parse(&endpoint, slice_of(text), 0, &failure) == 0);
    loop = loop_new();
    struct listener_options options = {.unix_group = (gid_t)-1, .unix_mode = 0600};
    listener = listener_open(loop, &endpoint, &options, on_accept, NULL, &failure);
    must(listener != NULL);
    atexit(remove_socket);
    struct upstream_settings settings = {
        .connect_timeout_ms = 5000, .idle_timeout_ms = 60000, .max_idle = 2};
    upstream = upstream_new(loop, &endpoint, &settings);
    struct front_settings front_settings = {
        .head_timeout_ms = 30000, .idle_timeout_ms = 60000, .linger_ms = 5000};
    front = front_new(loop, &front_settings, on_request, NULL);
}

static void turns(int count)
{
    for (int i = 0; i < count; i++) {
        loop_turn(loop, 0);
    }
}

/* What the engine has got are whole requests, the strict parser agrees, or the start of one.
 * Behind an upgrade anything may follow. */
static void check_engine(const struct end *engine)
{
    struct slice rest = buffer_slice(&engine->got);
    struct failure failure;
    while (rest.length > 0) {
        static struct request_head head;
        struct framer framer;
        ssize_t length = request_head_parse(&head, rest, &failure);
        must(length >= 0);
        if (length == 0 || head.upgrade.at || slice_is(head.method, "POST")) {
            return; /* a 200 raw-stream answer to a POST opens a tunnel, too */
        }
        framer_init(&framer, head.framing, head.content_length);
        ssize_t body = framer_feed(&framer, slice_from(rest, (size_t)length), &failure);
        must(body >= 0);
        rest = slice_from(rest, (size_t)(length + body));
        must(framer.done || rest.length == 0);
    }
}

static void step(uint8_t kind, struct slice bytes)
{
    struct end *engine = engine_count > 0 ? &engines[engine_count - 1] : NULL;
    uint8_t how = bytes.length > 0 ? (uint8_t)bytes.at[0] : 0;
    switch (kind % 6) {
    case 0:
        end_send(&client, bytes);
        break;
    case 1:
        if (engine) {
            end_send(engine, bytes);
        }
        break;
    case 2:
        end_stop(&client, how);
        break;
    case 3:
        if (engine) {
            end_stop(engine, how);
        }
        break;
    case 4:
        if (how == 'c') {
            upstream_cut(upstream, "cut");
        }
        break;
    }
    turns(6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!loop) {
        set_up();
    }
    if (size < 1 || size > 20000) {
        return -1;
    }
    choice = data[0];
    struct stream *ours, *theirs;
    stream_pair(loop, &ours, &theirs);
    end_init(&client, ours);
    front_adopt(front, theirs);
    for (size_t at = 1; at + 1 < size;) {
        size_t length = data[at + 1];
        struct slice bytes = slice_cut(slice_make((const char *)data, size), at + 2, length);
        step(data[at], bytes);
        at += 2 + bytes.length;
    }
    for (size_t i = 0; i < engine_count; i++) {
        check_engine(&engines[i]);
        end_deinit(&engines[i]);
    }
    end_deinit(&client);
    engine_count = 0;
    upstream_cut(upstream, "end");
    for (int i = 0; i < 1000 && front_connections(front) > 0; i++) {
        turns(1);
    }
    must(front_connections(front) == 0);
    must(upstream_open(upstream) == 0);
    for (size_t i = 0; i < engine_count; i++) { /* accepted meanwhile */
        end_deinit(&engines[i]);
    }
    engine_count = 0;
    turns(3);
    return 0;
}
