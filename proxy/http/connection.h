/* Connection: what the relay needs of an exchange beyond exchange.h: the client's body as raw
 * bytes, raw writing with back-pressure, the end of the exchange, and the stream itself for a
 * tunnel. For proxy/http only; handlers use exchange.h.
 *
 * After the client has gone (the hook of connection_set_hook ran) no call here does anything. */
#pragma once

#include "proxy/http/exchange.h"

/* The relay's own hook: runs when the client has gone, before the handler's on_gone. One an
 * exchange; NULL takes it away. */
void connection_set_hook(struct exchange *exchange, exchange_fn on_gone, void *context);
/* The context given last to connection_set_hook, NULL without a hook: how relay_last_words finds
 * its relay. */
void *connection_hook(const struct exchange *exchange);

/* Raw body: bytes of the request's body as they are on the wire (chunk framing kept, checked by the
 * strict framer), not yet consumed; empty when none are there now. They stay where they are until
 * consumed, so they may be handed to stream_write. While some are unconsumed no more are read:
 * that is the back-pressure. */
struct slice connection_body(struct exchange *exchange);
void connection_body_consume(struct exchange *exchange, size_t length);
/* The whole body has been received and consumed (at once true for a request without body). */
bool connection_body_done(const struct exchange *exchange);
/* on_more runs each time connection_body has something new, or the body has become done without
 * more bytes. Never before this has returned. A client that breaks its body (framing, EOF) has
 * gone. */
void connection_body_wait(struct exchange *exchange, exchange_fn on_more, void *context);

/* Decides, once, whether the connection is kept after this answer; call it when the answer's
 * head is made, which must say "Connection: close" when this is false. False for a client that
 * asked for it or for an upgrade, HTTP/1.0 without keep-alive, while draining, or when too much of
 * the body is still unread. */
bool connection_keeps(struct exchange *exchange);
/* Adds to an engine's headers what each of our answers carries: the front's add_headers and
 * Server, replacing the engine's, and Date when there is none. -1 when the list is full. */
int connection_add_headers(struct exchange *exchange, struct headers *headers);
/* Notes that the final head is being sent (exchange_begun, access log). */
void connection_begun(struct exchange *exchange, int status);

/* Writes raw bytes (heads, 1xx, body pieces) to the client. One write at a time; the bytes must
 * stay until on_written, `iov` itself is copied. If the client is lost meanwhile on_written does
 * not run, the hook does. */
void connection_write(struct exchange *exchange, const struct iovec *iov, size_t count,
                      exchange_fn on_written, void *context);
bool connection_writing(const struct exchange *exchange);

/* The answer is whole and written (nothing being written): ends the exchange. The connection
 * goes on with the next request if connection_keeps said so (`force_close` overrules), else it
 * closes, lingering while the client still sends. The exchange dies at the end of the turn. */
void connection_finish(struct exchange *exchange, bool force_close);
/* The answer can't be completed: the client sees a reset. The exchange dies at the end of the
 * turn. */
void connection_cut(struct exchange *exchange);

/* Tunnel: gives the stream to the caller, for good; bytes that the client sent behind its
 * request are appended to `early` (at most 64 KiB); *ended tells that the client has half-closed
 * already. Only when the body is done and nothing is being written. The exchange lives on until
 * connection_tunnel_end, which the caller calls after it has closed the stream. The hook runs only
 * if the front is shut meanwhile; it must then close the stream (connection_tunnel_end is not
 * needed). */
struct stream *connection_take(struct exchange *exchange, struct buffer *early, bool *ended);
void connection_tunnel_end(struct exchange *exchange);
/* Runs the handler's on_gone now (a tunnel or upstream that ended because of the client). */
void connection_run_gone(struct exchange *exchange);
/* Adds to exchange_bytes_out (tunnels). */
void connection_count(struct exchange *exchange, size_t bytes);
