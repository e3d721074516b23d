/* Inside: what the files of net/ share and nobody else sees: the loop's parts, ready items, the
 * stream's fields, and how a TLS session is hung into a stream.
 *
 * h2o's sockets serve only as readiness events (DONT_READ, notify_write): reading and writing
 * are our own system calls, so that memory is bounded and errors keep their errno. */
#pragma once

#include "proxy/net/stream.h"

#include <h2o/socket.h>
#include <netinet/in.h>
#include <pthread.h>

/* Ready item: an embedded call that runs once, later in the same turn, and can be taken back. */
struct ready {
    struct list link;
    loop_fn run;
    void *context;
};

struct timer_slot {
    uint64_t key; /* <= timer->due: a timer that is only pushed out keeps its place until then */
    struct timer *timer;
};

struct deferred {
    loop_fn run;
    void *context;
};

struct deferred_queue {
    struct deferred *list;
    size_t count, capacity;
};

struct watched_signal {
    loop_fn run;
    void *context;
};

#define SIGNALS_MAX 65
#define BLOCKS_KEPT 64

struct loop {
    h2o_evloop_t *evloop;
    bool stopping;
    bool waiting; /* inside h2o: the clock is stale until the first callback asks for it */
    bool in_turn; /* `now` stands */
    uint64_t now;

    struct timer_slot *heap;
    size_t timers, heap_capacity;

    struct list ready;
    struct deferred_queue deferred;

    pthread_mutex_t post_lock;
    struct deferred_queue posted;
    int post_fd;
    struct loop_watch *post_watch;

    int signal_fd; /* -1: no signal asked for */
    struct loop_watch *signal_watch;
    struct watched_signal signals[SIGNALS_MAX];

    char *blocks[BLOCKS_KEPT];
    size_t block_count;
};

void ready_init(struct ready *ready, loop_fn run, void *context);
void ready_add(struct loop *loop, struct ready *ready); /* harmless when it is in already */
void ready_remove(struct ready *ready);

uint64_t monotonic_ms(void);
uint64_t loop_clock(struct loop *loop); /* as loop_now, and keeps the answer for the turn */
/* timer.c: ms until the first timer is due, -1 none; and running those that are. */
int64_t timers_wait(const struct loop *loop);
void timers_run(struct loop *loop);

struct tls_session; /* tls_session.c */
struct listener;

#define STREAM_IOV_INLINE 8

struct stream {
    struct loop *loop;
    h2o_socket_t *socket; /* readiness of fd, which it closes */
    int fd;
    stream_fn on_readable;
    void *context;

    enum { PEER_UNKNOWN, PEER_UNIX, PEER_OTHER } peer_kind; /* stream_credentials asks once */
    struct ucred peer_user;

    bool want_read;
    bool polled;       /* the socket is watched for reading (left on until an unwanted event) */
    bool has_input;    /* TLS: decrypted or buffered bytes are at hand without the socket */
    bool starved;      /* TLS: what is buffered is part of a record; wait for the socket */
    bool write_polled; /* notify_write is armed */
    bool writing;
    bool written_ok; /* with writing and the ready item in: how the write ended */
    bool written_done;
    bool half_close_wanted;
    bool broken;
    bool closed;

    struct iovec inline_iov[STREAM_IOV_INLINE];
    struct iovec *iov; /* rest of the pending write */
    struct iovec *iov_heap;
    size_t iov_count;
    stream_written_fn on_written;
    void *written_context;

    struct ready ready;
    struct tls_session *tls;   /* NULL: plain */
    struct listener *listener; /* that counts it, or NULL */
    struct list listener_link;
    char peer[INET6_ADDRSTRLEN + 10];
};

/* Wraps a connected, non-blocking descriptor (taken). */
struct stream *stream_new(struct loop *loop, int fd);
/* As above with an h2o socket that exists already. */
struct stream *stream_from_socket(struct loop *loop, h2o_socket_t *socket, int fd);
void stream_set_peer(struct stream *stream, const struct sockaddr *address);
void stream_tune(int fd, int family); /* TCP_NODELAY, keep-alive probes */
/* Arms one writability event. */
void stream_poll_write(struct stream *stream);
void listener_forget(struct listener *listener, struct stream *stream);

/* tls_session.c. All of these never block and leave no OpenSSL error behind. */
enum tls_step { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED };
void tls_session_free(struct tls_session **session);
ssize_t tls_read(struct stream *stream, void *bytes, size_t capacity); /* as stream_read */
/* Writes what it can from the stream's iov: bytes taken, or one of STREAM_AGAIN, STREAM_ERROR. */
ssize_t tls_write(struct stream *stream);
enum tls_step tls_shutdown(struct stream *stream); /* sends close_notify */
bool tls_has_input(const struct stream *stream);
/* Hangs a session into the stream and does the handshake; on_done runs once, later: `why_not` NULL
 * on success. The stream's callbacks are the handshake's until then. Closing the stream cancels it.
 */
typedef void (*tls_done_fn)(struct stream *stream, const char *why_not, void *context);
void tls_handshake_start(struct stream *stream, struct tls_context *tls, bool server,
                         tls_done_fn on_done, void *context);
