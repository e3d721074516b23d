/* Front and exchange: server side. Each request on a listening connection becomes an exchange,
 * which lives until it has been answered whole (or its client has gone) and on_free has run.
 *
 * The handler is called with the parsed head; the body, if any, has not been read yet. It must
 * in the end do exactly one of: reply, stream (begin … end or abort), relay (http/relay.h). It may
 * do so later, from any callback. If the client goes before, on_gone runs once, then the exchange
 * dies at the end of the turn: keep no pointer to it.
 *
 * Requests of one connection are strictly one after another (pipelined bytes wait). */
#pragma once

#include "proxy/http/head.h"
#include "proxy/net/stream.h"

struct front;
struct exchange;
struct value;

struct front_settings {
    uint64_t head_timeout_ms; /* 30000: only while a head is incomplete */
    uint64_t idle_timeout_ms; /* 180000: keep-alive connection without a request */
    uint64_t linger_ms;       /* 5000 */
    const char *server;       /* Server header value, e.g. "berth/0.1 (linux)" */
    /* Headers added to every answer (Api-Version, Ostype...), may be NULL; called per answer. */
    void (*add_headers)(struct headers *headers, struct exchange *exchange, void *context);
    /* Called with each finished exchange, for access logs and counters; may be NULL. */
    /* Status 0: the client has gone before any answer. */
    void (*on_finished)(struct exchange *exchange, int status, void *context);
    void *context; /* of the two above */
};

typedef void (*exchange_fn)(struct exchange *exchange, void *context);

/* `on_request` runs for every well-formed head; malformed ones are answered here (400, 408, 413).
 */
struct front *front_new(struct loop *loop, const struct front_settings *settings,
                        exchange_fn on_request, void *context);
int front_listen(struct front *front, const struct endpoint *endpoint,
                 const struct listener_options *options, struct failure *failure) MUST_CHECK;
uint16_t front_port(const struct front *front); /* bound port of the last listener */
/* Stops accepting, ends idle connections, calls on_drained when the last exchange has ended or
 * after deadline_ms (then the rest is cut). */
void front_drain(struct front *front, uint64_t deadline_ms, loop_fn on_drained, void *context);
void front_free(struct front **front);
size_t front_connections(const struct front *front);
/* Serves an already connected stream (tests; agent-opened reverse connections). Takes it. */
void front_adopt(struct front *front, struct stream *stream);

/* What was asked. The head's slices live as long as the exchange. */
const struct request_head *exchange_head(const struct exchange *exchange);
struct arena *exchange_arena(struct exchange *exchange);
struct loop *exchange_loop(const struct exchange *exchange);
struct stream *exchange_stream_of(const struct exchange *exchange); /* peer, credentials, TLS */
/* The address (as written with -H) of the listener it came in by; "" for adopted streams. */
const char *exchange_listener(const struct exchange *exchange);
/* Owner data: one pointer, and a function that runs when the exchange dies. */
void exchange_set_data(struct exchange *exchange, void *data, exchange_fn on_free);
void *exchange_data(const struct exchange *exchange);
/* on_gone: the client has left before the answer was complete. Replaces an earlier one. */
void exchange_on_gone(struct exchange *exchange, exchange_fn on_gone, void *context);
/* The listener it came in by, as its endpoint was written ("" for an adopted stream). */
const char *exchange_listener(const struct exchange *exchange);
uint64_t exchange_started_ms(const struct exchange *exchange);
uint64_t exchange_bytes_out(const struct exchange *exchange);

/* Reads the whole body (chunked decoded), at most `max` bytes, into the arena. on_body runs once:
 * with the body, or with a failure (TOO_LARGE, INVALID) that the caller answers. Not run when the
 * client goes (on_gone is). A body of none gives an empty slice. */
typedef void (*exchange_body_fn)(struct exchange *exchange, struct slice body,
                                 const struct failure *failure, void *context);
void exchange_read_body(struct exchange *exchange, size_t max, exchange_body_fn on_body,
                        void *context);
/* Streams the body in pieces instead: on_piece(length 0) is the end; a broken body calls on_gone.
 * exchange_body_pause stops reading until exchange_body_resume (back-pressure). */
typedef void (*exchange_piece_fn)(struct exchange *exchange, struct slice piece, void *context);
void exchange_stream_body(struct exchange *exchange, exchange_piece_fn on_piece, void *context);
/* (what has been read already, at most 64 KiB, still comes) */
void exchange_body_pause(struct exchange *exchange);
void exchange_body_resume(struct exchange *exchange);

/* Answers whole. `content_type` may be NULL (no body then). Headers may be NULL. body is copied. */
void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    struct slice body, const struct headers *headers);
/* Answers JSON with Content-Type exactly application/json. */
void exchange_reply_json(struct exchange *exchange, int status, const struct value *value);
/* {"message": text} with the status of failure->kind (http/status table in exchange_reply.c). */
void exchange_reply_failure(struct exchange *exchange, const struct failure *failure);
/* The status that goes with a kind of failure: the one table. */
int exchange_failure_status(enum failure_kind kind);
/* {"message": text} with an explicit status. */
void exchange_reply_error(struct exchange *exchange, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers 101 to a request that asked for an upgrade to `protocol`, and gives the connection's stream to
 * on_stream (now the receiver's, without callbacks; NULL: the client has gone). What the client sent behind
 * its request is dropped: the protocol must let the server's side speak or wait first. */
typedef void (*exchange_stream_fn)(struct stream *stream, void *context);
void exchange_upgrade(struct exchange *exchange, const char *protocol, exchange_stream_fn on_stream,
                      void *context);

/* Streams an answer: head at once, then pieces (chunked, or until close for HTTP/1.0). */
void exchange_begin(struct exchange *exchange, int status, const char *content_type,
                    const struct headers *headers);
/* Sends a piece (copied). Returns the bytes still queued; the sender should wait for on_drained
 * when it is over 256 KiB. The queue has no other bound, so a producer that can't pause must cap.
 */
size_t exchange_send(struct exchange *exchange, struct slice piece);
/* on_drained runs each time the queue has become empty. */
void exchange_on_drained(struct exchange *exchange, exchange_fn on_drained, void *context);
void exchange_end(struct exchange *exchange);
/* Cuts the answer so that the client sees that it is not whole (no final chunk, reset). */
void exchange_abort(struct exchange *exchange);
bool exchange_begun(const struct exchange *exchange); /* the answer's head has been sent */
