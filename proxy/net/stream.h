/* Stream: one connected byte stream (TCP, unix; TLS inside), non-blocking, with back-pressure by
 * construction: at most one write outstanding, reading only while asked to.
 *
 * Callbacks are never run before the call that caused them has returned. After stream_close no
 * callback comes; the memory goes at the end of the turn. */
#pragma once

#include "proxy/net/endpoint.h"
#include "proxy/net/loop.h"

#include <sys/types.h>
#include <sys/uio.h>

struct stream;
struct tls_context; /* net/tls.h */

enum { STREAM_AGAIN = -1, STREAM_ERROR = -2 }; /* stream_read; 0 is end of file */

typedef void (*stream_fn)(struct stream *stream, void *context);
typedef void (*stream_written_fn)(struct stream *stream, bool ok, void *context);

/* Owner's callbacks; may be changed at any time. */
void stream_set(struct stream *stream, stream_fn on_readable, void *context);
/* While wanted, on_readable runs whenever stream_read would not give STREAM_AGAIN (data, EOF or
 * error). Off by default. Cheap to toggle within a turn. */
void stream_want_read(struct stream *stream, bool want);
/* Up to `capacity` bytes now: > 0 bytes, 0 the peer ended its side (FIN or close_notify),
 * STREAM_AGAIN nothing yet, STREAM_ERROR broken. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t capacity);
/* Writes all of iov (not copied: must stay until on_written, except that iov itself is copied).
 * Only when no write is pending (stream_writing). on_written(ok=false) on a broken stream. */
void stream_write(struct stream *stream, const struct iovec *iov, size_t count,
                  stream_written_fn on_written, void *context);
bool stream_writing(const struct stream *stream);
/* Sends FIN (TLS: close_notify, then FIN); reading goes on. Only when nothing is being written. */
void stream_half_close(struct stream *stream);
/* Closes at once. Unsent bytes of a pending write are dropped. Sets *stream NULL. */
void stream_close(struct stream **stream);
/* As stream_close, but makes the peer see a reset rather than an orderly end (a truncated
 * until-close body must not look whole). */
void stream_reset(struct stream **stream);
/* FIN, then reads and drops until the peer closes or `linger_ms` passed; for final answers to
 * clients still sending. Takes ownership. */
void stream_linger(struct stream **stream, uint64_t linger_ms);

/* Remote address text "10.0.0.1:4711" or "unix"; lives with the stream. */
const char *stream_peer(const struct stream *stream);
/* Unix peer credentials: 0, or -1 when not a unix stream. */
int stream_credentials(struct stream *stream, uid_t *uid, gid_t *gid, pid_t *pid);
int stream_fd(const struct stream *stream);

/* Connect: exactly one of stream / failure text is given to on_done, never before return.
 * tls may be NULL. Cancel with stream_connect_cancel before on_done. */
struct stream_connect;
typedef void (*stream_connected_fn)(struct stream *stream, const char *why_not, void *context);
struct stream_connect *stream_connect_start(struct loop *loop, const struct endpoint *endpoint,
                                            struct tls_context *tls, uint64_t timeout_ms,
                                            stream_connected_fn on_done, void *context);
void stream_connect_cancel(struct stream_connect **connect);

/* Listener: accepts streams; pauses itself (100 ms) at EMFILE, never spins; `max_streams` open at
 * once (0: no cap), more wait in the kernel's queue. */
struct listener;
struct listener_options {
    struct tls_context *tls; /* NULL: plain */
    size_t max_streams;
    mode_t unix_mode; /* unix socket's mode, e.g. 0660 */
    gid_t unix_group; /* (gid_t)-1: leave */
    uint64_t handshake_timeout_ms;
};
struct listener *listener_open(struct loop *loop, const struct endpoint *endpoint,
                               const struct listener_options *options, stream_fn on_accept,
                               void *context, struct failure *failure) MUST_CHECK;
void listener_close(struct listener **listener);         /* streams accepted from it go on */
uint16_t listener_port(const struct listener *listener); /* the bound port (port 0 asked) */
/* For tests: a connected pair. */
void stream_pair(struct loop *loop, struct stream **a, struct stream **b);
