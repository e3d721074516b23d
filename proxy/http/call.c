/* Call: one request to an engine by berth itself. The request is made as bytes at the start and
 * kept, so that it can go out a second time; the answer is parsed as it comes. However a call
 * ends, its last callback runs from a deferred function, in which the call also dies. */
#include "proxy/http/framer.h"
#include "proxy/http/link.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX_DEFAULT   (64 * 1024 * 1024)
#define REQUEST_MAX        (256 * 1024 * 1024) /* body of a request, or queue of an upload */
#define INFORMATIONAL_MAX  16                  /* 1xx heads before the answer's */

struct call {
    struct loop *loop;
    struct upstream *upstream; /* NULL once it has cut us */
    struct link *link;
    struct link_wait *wait;
    struct timer deadline;
    uint64_t deadline_ms;

    char method[40];
    struct buffer request; /* head and body */
    struct buffer queue;   /* upload: chunks made, not yet given to the stream */
    struct buffer sending; /* upload: chunks being written */
    bool upload, upload_ended;
    bool replayable;       /* may be sent twice */
    bool retried;
    bool request_written;
    bool write_failed;
    bool paused;

    struct buffer head; /* the answer's head, and what came with it */
    size_t head_seen;
    size_t informational;
    bool head_done;
    bool keep_alive;
    struct framer framer;
    struct buffer body; /* whole-body calls */

    bool whole;
    bool ended;     /* only the last callback is outstanding */
    bool cancelled; /* and it must not run */
    call_done_fn on_done;
    struct call_handlers handlers;
    void (*on_drained)(struct call *call, void *context);
    void *drained_context;
    void *context;
    struct failure failure; /* NONE: complete */
};

static void obtain_link(struct call *call);

static void call_destroy(struct call *call)
{
    buffer_deinit(&call->request);
    buffer_deinit(&call->queue);
    buffer_deinit(&call->sending);
    buffer_deinit(&call->head);
    buffer_deinit(&call->body);
    free(call);
}

static void deliver_whole(struct call *call)
{
    if (call->failure.kind != FAILURE_NONE) {
        call->on_done(NULL, &call->failure, call->context);
        return;
    }
    /* The head was good when it came; its slices did not outlive the reading, so read it again. */
    struct response_head head;
    struct failure ignored;
    must(response_head_parse(&head, buffer_slice(&call->head), slice_of(call->method), &ignored) >
         0);
    struct call_reply reply = {head.status, &head.headers, buffer_slice(&call->body)};
    call->on_done(&reply, NULL, call->context);
}

static void on_deferred_end(void *context)
{
    struct call *call = context;
    if (!call->cancelled && call->whole) {
        deliver_whole(call);
    } else if (!call->cancelled) {
        const struct failure *failure = call->failure.kind == FAILURE_NONE ? NULL : &call->failure;
        call->handlers.on_end(call, failure, call->context);
    }
    call_destroy(call);
}

/* Lets go of the connection and has the last callback run after this turn. */
static void call_end(struct call *call, bool reusable)
{
    must(!call->ended);
    call->ended = true;
    timer_stop(&call->deadline);
    link_connect_cancel(&call->wait);
    link_release(&call->link, reusable);
    loop_defer(call->loop, on_deferred_end, call);
}

static void fail_unreachable(struct call *call, const char *why)
{
    upstream_unreachable(call->upstream, why, &call->failure);
    call_end(call, false);
}

/* The answer has been read to its end; `leftover`: the engine sent more than that. */
static void complete(struct call *call, bool leftover)
{
    bool sent = call->request_written && (!call->upload || call->upload_ended) &&
                call->queue.length == 0;
    call_end(call, call->keep_alive && sent && !leftover && !stream_writing(call->link->stream));
}

/* The connection ended or broke before the answer was whole. */
static void on_lost(struct call *call)
{
    bool untouched = call->head.length == 0 && !call->head_done && call->informational == 0;
    if (untouched && call->link->reused && call->replayable && !call->retried) {
        call->retried = true;
        call->request_written = false;
        call->write_failed = false;
        link_release(&call->link, false);
        obtain_link(call);
        return;
    }
    fail_unreachable(call, untouched ? "connection closed without an answer"
                                     : "connection broke in the middle of an answer");
}

static void on_payload(struct slice payload, void *context)
{
    struct call *call = context;
    if (call->ended) {
        return; /* cancelled by an earlier piece */
    }
    if (!call->whole) {
        if (call->handlers.on_data) {
            call->handlers.on_data(call, payload, call->context);
        }
    } else if (buffer_add(&call->body, payload) < 0) {
        failure_set(&call->failure, FAILURE_TOO_LARGE, "%s: answer larger than %zu bytes",
                    upstream_endpoint(call->upstream)->text, call->body.max);
        call_end(call, false);
    }
}

static void take_body(struct call *call, struct slice bytes)
{
    ssize_t used = framer_decode(&call->framer, bytes, on_payload, call, &call->failure);
    if (call->ended) {
        return;
    }
    if (used < 0) {
        failure_prefix(&call->failure, "%s", upstream_endpoint(call->upstream)->text);
        call_end(call, false);
    } else if (call->framer.done) {
        complete(call, (size_t)used < bytes.length);
    }
}

/* A final head has been read: hands it over and goes on with the bytes behind it. */
static void take_final_head(struct call *call, const struct response_head *head, size_t length)
{
    call->head_done = true;
    call->keep_alive = head->keep_alive;
    framer_init(&call->framer, head->framing, head->content_length);
    if (!call->whole && call->handlers.on_head) {
        call->handlers.on_head(call, head, call->context);
        if (call->ended) {
            return;
        }
    }
    struct slice rest = slice_from(buffer_slice(&call->head), length);
    if (rest.length > 0 || call->framer.done) {
        take_body(call, rest);
    }
    call->head.length = length;
}

static void take_head(struct call *call, struct slice bytes)
{
    buffer_add(&call->head, bytes); /* an overflow shows as a head that is too large */
    while (!call->ended && !call->head_done) {
        struct slice head_bytes = buffer_slice(&call->head);
        if (call->head_seen > 0 && !call->head.overflow &&
            !head_complete(head_bytes, call->head_seen)) {
            call->head_seen = head_bytes.length;
            return;
        }
        struct response_head head;
        ssize_t length = response_head_parse(&head, head_bytes, slice_of(call->method),
                                             &call->failure);
        if (length == 0) {
            call->head_seen = head_bytes.length;
            return;
        }
        if (length > 0 && (head.status == 101 || (head.status < 200 &&
                                                  ++call->informational > INFORMATIONAL_MAX))) {
            length = failure_set(&call->failure, FAILURE_INVALID, "unexpected status %d",
                                 head.status);
        }
        if (length < 0) {
            failure_prefix(&call->failure, "%s", upstream_endpoint(call->upstream)->text);
            call_end(call, false);
        } else if (head.status < 200) {
            buffer_consume(&call->head, (size_t)length);
            call->head_seen = 0;
        } else {
            take_final_head(call, &head, (size_t)length);
        }
    }
}

static void on_readable(struct stream *stream, void *context)
{
    struct call *call = context;
    struct loop *loop = call->loop;
    char *bytes = loop_block_get(loop);
    ssize_t length = stream_read(stream, bytes, LOOP_BLOCK_BYTES);
    if (length > 0 && call->head_done) {
        take_body(call, slice_make(bytes, (size_t)length));
    } else if (length > 0) {
        take_head(call, slice_make(bytes, (size_t)length));
    } else if (length == 0 && call->head_done && framer_end(&call->framer) == 0) {
        complete(call, false);
    } else if (length != STREAM_AGAIN) {
        on_lost(call);
    }
    loop_block_put(loop, bytes);
}

static void write_queue(struct call *call);

static void on_written(struct stream *stream, bool ok, void *context)
{
    struct call *call = context;
    if (!ok) {
        /* The engine may have answered before it closed: what it said, or EOF, is still to be
         * read and decides. */
        call->write_failed = true;
        return;
    }
    call->request_written = true;
    if (call->upload) {
        buffer_clear(&call->sending);
        write_queue(call);
        if (call->queue.length == 0 && call->sending.length == 0 && call->on_drained &&
            !call->upload_ended) {
            call->on_drained(call, call->drained_context);
        }
    }
}

static void write_queue(struct call *call)
{
    if (!call->link || !call->request_written || call->write_failed || call->queue.length == 0 ||
        stream_writing(call->link->stream)) {
        return;
    }
    struct buffer drained = call->sending;
    call->sending = call->queue;
    call->queue = drained;
    struct iovec iov = {call->sending.at, call->sending.length};
    stream_write(call->link->stream, &iov, 1, on_written, call);
}

static void on_link_cut(struct link *link, const char *why, void *context)
{
    struct call *call = context;
    call->link = NULL;
    fail_unreachable(call, why);
    call->upstream = NULL;
}

static void use_link(struct call *call, struct link *link)
{
    call->link = link;
    link_own(link, on_readable, on_link_cut, call);
    stream_want_read(link->stream, !call->paused);
    struct iovec iov = {call->request.at, call->request.length};
    stream_write(link->stream, &iov, 1, on_written, call);
}

static void on_link_ready(struct link *link, const struct failure *failure, void *context)
{
    struct call *call = context;
    call->wait = NULL;
    if (link) {
        use_link(call, link);
    } else {
        call->failure = *failure;
        call_end(call, false);
    }
}

static void obtain_link(struct call *call)
{
    struct link *link =
        call->retried ? NULL : link_take_idle(call->upstream, !call->replayable);
    if (link) {
        use_link(call, link);
    } else {
        call->wait = link_connect(call->upstream, on_link_ready, call);
    }
}

static void on_deadline(void *context)
{
    struct call *call = context;
    failure_set(&call->failure, FAILURE_TIMED_OUT, "%s: no %sanswer within %.1f s",
                upstream_endpoint(call->upstream)->text, call->head_done ? "complete " : "",
                (double)call->deadline_ms / 1000);
    call_end(call, false);
}

/* Puts the whole request into call->request; -1 when the extra headers are too many. */
static int write_request(struct call *call, const struct call_request *request)
{
    struct headers headers;
    char length[24];
    headers.count = 0;
    int full = headers_add(&headers, SLICE("Host"), upstream_host(call->upstream));
    if (call->upload) {
        full |= headers_add(&headers, SLICE("Transfer-Encoding"), SLICE("chunked"));
    } else if (request->body.at) {
        snprintf(length, sizeof length, "%zu", request->body.length);
        full |= headers_add(&headers, SLICE("Content-Length"), slice_of(length));
    }
    if (call->upload || request->body.at) {
        const char *type = request->content_type ? request->content_type : "application/json";
        full |= headers_add(&headers, SLICE("Content-Type"), slice_of(type));
    } else if (!slice_is(request->method, "GET") && !slice_is(request->method, "HEAD")) {
        full |= headers_add(&headers, SLICE("Content-Length"), SLICE("0"));
    }
    for (size_t i = 0; request->headers && i < request->headers->count; i++) {
        const struct header *extra = &request->headers->list[i];
        full |= headers_add(&headers, extra->name, extra->value);
    }
    struct upstream_signing signing = {
        .method = request->method, .target = request->target, .strict = request->strict};
    upstream_sign(call->upstream, &headers, &signing);
    request_head_write(&call->request, request->method, request->target, &headers);
    if (!call->upload && request->body.at) {
        buffer_add(&call->request, request->body);
    }
    return full < 0 || call->request.overflow
               ? failure_set(&call->failure, FAILURE_TOO_LARGE, "request too large for %s",
                             upstream_endpoint(call->upstream)->text)
               : 0;
}

static struct call *call_new(struct upstream *upstream, const struct call_request *request,
                             bool upload, void *context)
{
    struct call *call = xcalloc(1, sizeof *call);
    call->upstream = upstream;
    call->loop = upstream_loop(upstream);
    call->upload = upload;
    call->context = context;
    call->deadline_ms = request->deadline_ms;
    must(request->method.length < sizeof call->method);
    memcpy(call->method, request->method.at, request->method.length);
    call->replayable = !upload && (slice_is(request->method, "GET") ||
                                   slice_is(request->method, "HEAD"));
    buffer_init(&call->request, REQUEST_MAX);
    buffer_init(&call->queue, REQUEST_MAX);
    buffer_init(&call->sending, REQUEST_MAX);
    buffer_init(&call->head, HEAD_MAX_BYTES + LOOP_BLOCK_BYTES);
    buffer_init(&call->body, request->max_body ? request->max_body : BODY_MAX_DEFAULT);
    timer_init(&call->deadline, call->loop, on_deadline, call);
    return call;
}

static struct call *call_launch(struct call *call, const struct call_request *request)
{
    if (write_request(call, request) < 0) {
        call_end(call, false);
        return call;
    }
    if (call->deadline_ms) {
        timer_start(&call->deadline, call->deadline_ms);
    }
    obtain_link(call);
    return call;
}

struct call *call_start(struct upstream *upstream, const struct call_request *request,
                        call_done_fn on_done, void *context)
{
    struct call *call = call_new(upstream, request, false, context);
    call->whole = true;
    call->on_done = on_done;
    return call_launch(call, request);
}

struct call *call_stream(struct upstream *upstream, const struct call_request *request,
                         const struct call_handlers *handlers, void *context)
{
    struct call *call = call_new(upstream, request, false, context);
    call->handlers = *handlers;
    return call_launch(call, request);
}

struct call *call_upload(struct upstream *upstream, const struct call_request *request,
                         const struct call_handlers *handlers, void *context)
{
    struct call *call = call_new(upstream, request, true, context);
    call->handlers = *handlers;
    return call_launch(call, request);
}

size_t call_send(struct call *call, struct slice piece)
{
    if (call->ended || piece.length == 0) {
        return call->queue.length + call->sending.length;
    }
    must(call->upload && !call->upload_ended);
    buffer_printf(&call->queue, "%zx\r\n", piece.length);
    buffer_add(&call->queue, piece);
    buffer_text(&call->queue, "\r\n");
    if (call->queue.overflow) {
        failure_set(&call->failure, FAILURE_TOO_LARGE, "%s: upload queue over %d bytes",
                    upstream_endpoint(call->upstream)->text, REQUEST_MAX);
        call_end(call, false);
        return 0;
    }
    write_queue(call);
    return call->queue.length + call->sending.length;
}

void call_send_end(struct call *call)
{
    if (!call->ended && !call->upload_ended) {
        call->upload_ended = true;
        buffer_text(&call->queue, "0\r\n\r\n");
        write_queue(call);
    }
}

void call_on_drained(struct call *call, void (*on_drained)(struct call *call, void *context),
                     void *context)
{
    call->on_drained = on_drained;
    call->drained_context = context;
}

void call_pause(struct call *call)
{
    call->paused = true;
    if (call->link) {
        stream_want_read(call->link->stream, false);
    }
}

void call_resume(struct call *call)
{
    call->paused = false;
    if (call->link) {
        stream_want_read(call->link->stream, true);
    }
}

void call_cancel(struct call **cancelled)
{
    struct call *call = *cancelled;
    *cancelled = NULL;
    if (!call) {
        return;
    }
    call->cancelled = true;
    if (!call->ended) {
        call_end(call, false);
    }
}
