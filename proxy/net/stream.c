/* Stream: reads and writes one connected descriptor. Writes are tried at once, and only what does
 * not fit waits for writability; the watch for reading stays on until an unwanted event arrives, so
 * that toggling it costs no system call in the usual case. */
#include "proxy/net/inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void write_more(struct stream *stream);

static void on_socket_readable(h2o_socket_t *socket, const char *error)
{
    struct stream *stream = socket->data;
    stream->starved = false;
    if (!stream->want_read) {
        stream->polled = false;
        h2o_socket_read_stop(socket);
        return;
    }
    stream->on_readable(stream, stream->context);
}

static void on_socket_writable(h2o_socket_t *socket, const char *error)
{
    struct stream *stream = socket->data;
    stream->write_polled = false;
    if (stream->writing && !stream->written_done)
        write_more(stream);
    else if (stream->half_close_wanted)
        stream_half_close(stream);
    else if (stream->want_read && stream->tls) /* a TLS read that had to write first */
        stream->on_readable(stream, stream->context);
}

void stream_poll_write(struct stream *stream)
{
    if (stream->write_polled)
        return;
    stream->write_polled = true;
    h2o_socket_notify_write(stream->socket, on_socket_writable);
}

/* Later in the turn: tells how a write ended, then that TLS input is at hand. */
static void on_ready(void *context)
{
    struct stream *stream = context;
    if (stream->written_done) {
        stream->written_done = stream->writing = false;
        if (stream->iov_heap) {
            free(stream->iov_heap);
            stream->iov_heap = NULL;
        }
        if (stream->has_input)
            ready_add(stream->loop, &stream->ready);
        stream->on_written(stream, stream->written_ok, stream->written_context);
        return;
    }
    if (stream->has_input && stream->want_read) {
        stream->has_input = false;
        stream->on_readable(stream, stream->context);
    }
}

struct stream *stream_from_socket(struct loop *loop, h2o_socket_t *socket, int fd)
{
    struct stream *stream = xcalloc(1, sizeof *stream);
    stream->loop = loop;
    stream->fd = fd;
    stream->socket = socket;
    socket->data = stream;
    ready_init(&stream->ready, on_ready, stream);
    list_init(&stream->listener_link);
    memcpy(stream->peer, "unix", 5);
    return stream;
}

struct stream *stream_new(struct loop *loop, int fd)
{
    return stream_from_socket(
        loop, h2o_evloop_socket_create(loop->evloop, fd, H2O_SOCKET_FLAG_DONT_READ), fd);
}

void stream_tune(int fd, int family)
{
    int one = 1;
    if (family != AF_INET && family != AF_INET6)
        return;
    /* All best effort. No TCP_USER_TIMEOUT: it would also cut a reader that merely paused. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int idle_s = 60, interval_s = 15, probes = 4;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void stream_set_peer(struct stream *stream, const struct sockaddr *address)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(stream->peer, sizeof stream->peer, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(stream->peer, sizeof stream->peer, "[%s]:%u", host, ntohs(in6->sin6_port));
    }
}

void stream_set(struct stream *stream, stream_fn on_readable, void *context)
{
    stream->on_readable = on_readable;
    stream->context = context;
}

void stream_want_read(struct stream *stream, bool want)
{
    stream->want_read = want;
    if (!want)
        return;
    if (!stream->polled) {
        stream->polled = true;
        h2o_socket_read_start(stream->socket, on_socket_readable);
    }
    if (stream->tls && !stream->has_input && tls_has_input(stream))
        stream->has_input = true;
    if (stream->has_input)
        ready_add(stream->loop, &stream->ready);
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t capacity)
{
    if (stream->tls) {
        ssize_t got = tls_read(stream, bytes, capacity);
        if (got > 0 && tls_has_input(stream)) {
            stream->has_input = true;
            if (stream->want_read)
                ready_add(stream->loop, &stream->ready);
        }
        return got;
    }
    for (;;) {
        ssize_t got = recv(stream->fd, bytes, capacity, 0);
        if (got >= 0)
            return got;
        if (errno == EAGAIN)
            return STREAM_AGAIN;
        if (errno != EINTR) {
            stream->broken = true;
            return STREAM_ERROR;
        }
    }
}

static ssize_t plain_write(struct stream *stream)
{
    struct msghdr message = {.msg_iov = stream->iov, .msg_iovlen = stream->iov_count};
    for (;;) {
        /* One piece, the usual request, is cheaper without the message around it. */
        ssize_t sent = stream->iov_count == 1
                           ? send(stream->fd, stream->iov->iov_base, stream->iov->iov_len,
                                  MSG_NOSIGNAL)
                           : sendmsg(stream->fd, &message, MSG_NOSIGNAL);
        if (sent >= 0)
            return sent;
        if (errno == EAGAIN)
            return STREAM_AGAIN;
        if (errno != EINTR)
            return STREAM_ERROR;
    }
}

static void skip_written(struct stream *stream, size_t length)
{
    while (stream->iov_count && length >= stream->iov->iov_len) {
        length -= stream->iov->iov_len;
        stream->iov++;
        stream->iov_count--;
    }
    if (length) {
        stream->iov->iov_base = (char *)stream->iov->iov_base + length;
        stream->iov->iov_len -= length;
    }
}

static void write_more(struct stream *stream)
{
    bool ok = !stream->broken;
    while (ok && stream->iov_count) {
        ssize_t sent = stream->tls ? tls_write(stream) : plain_write(stream);
        if (sent == STREAM_AGAIN) {
            stream_poll_write(stream);
            return;
        }
        if (sent < 0)
            ok = false;
        else
            skip_written(stream, (size_t)sent);
    }
    if (!ok)
        stream->broken = true;
    stream->written_ok = ok;
    stream->written_done = true;
    ready_add(stream->loop, &stream->ready);
}

void stream_write(struct stream *stream, const struct iovec *iov, size_t count,
                  stream_written_fn on_written, void *context)
{
    must(!stream->writing);
    stream->writing = true;
    stream->on_written = on_written;
    stream->written_context = context;
    stream->iov = stream->inline_iov;
    if (count > STREAM_IOV_INLINE)
        stream->iov = stream->iov_heap = xmalloc(count * sizeof *iov);
    if (count)
        memcpy(stream->iov, iov, count * sizeof *iov);
    stream->iov_count = count;
    write_more(stream);
}

bool stream_writing(const struct stream *stream)
{
    return stream->writing;
}

void stream_half_close(struct stream *stream)
{
    must(!stream->writing);
    stream->half_close_wanted = false;
    if (stream->broken)
        return;
    if (stream->tls && tls_shutdown(stream) == TLS_WANT_WRITE) {
        stream->half_close_wanted = true;
        stream_poll_write(stream);
        return;
    }
    shutdown(stream->fd, SHUT_WR);
}

static void free_stream(void *context)
{
    struct stream *stream = context;
    free(stream->iov_heap);
    free(stream);
}

void stream_close(struct stream **stream_pointer)
{
    struct stream *stream = *stream_pointer;
    if (!stream)
        return;
    *stream_pointer = NULL;
    must(!stream->closed);
    stream->closed = true;
    ready_remove(&stream->ready);
    if (stream->tls) {
        if (!stream->broken && !stream->writing)
            tls_shutdown(stream); /* best effort */
        tls_session_free(&stream->tls);
    }
    h2o_socket_close(stream->socket);
    if (stream->listener)
        listener_forget(stream->listener, stream);
    loop_defer(stream->loop, free_stream, stream);
}

void stream_reset(struct stream **stream_pointer)
{
    struct stream *stream = *stream_pointer;
    if (!stream)
        return;
    /* A TLS peer takes the missing close_notify for what it is; the others need a RST. */
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    stream->broken = true;
    stream_close(stream_pointer);
}

struct lingering {
    struct stream *stream;
    struct timer timer;
};

static void free_lingering(void *context)
{
    free(context);
}

static void linger_end(void *context)
{
    struct lingering *lingering = context;
    struct loop *loop = lingering->timer.loop;
    timer_stop(&lingering->timer);
    stream_close(&lingering->stream);
    loop_defer(loop, free_lingering, lingering);
}

static void linger_read(struct stream *stream, void *context)
{
    char *block = loop_block_get(stream->loop);
    ssize_t got = stream_read(stream, block, LOOP_BLOCK_BYTES);
    loop_block_put(stream->loop, block);
    if (got == 0 || got == STREAM_ERROR)
        linger_end(context);
}

void stream_linger(struct stream **stream_pointer, uint64_t linger_ms)
{
    struct stream *stream = *stream_pointer;
    *stream_pointer = NULL;
    struct lingering *lingering = xcalloc(1, sizeof *lingering);
    lingering->stream = stream;
    timer_init(&lingering->timer, stream->loop, linger_end, lingering);
    timer_start(&lingering->timer, linger_ms);
    stream_half_close(stream);
    stream_set(stream, linger_read, lingering);
    stream_want_read(stream, true);
}

const char *stream_peer(const struct stream *stream)
{
    return stream->peer;
}

static void ask_credentials(struct stream *stream)
{
    socklen_t length = sizeof stream->peer_user, domain_length = sizeof(int);
    int domain = 0;
    bool is_unix =
        getsockopt(stream->fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_length) == 0 &&
        domain == AF_UNIX &&
        getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &stream->peer_user, &length) == 0;
    stream->peer_kind = is_unix ? PEER_UNIX : PEER_OTHER;
}

int stream_credentials(struct stream *stream, uid_t *uid, gid_t *gid, pid_t *pid)
{
    if (stream->peer_kind == PEER_UNKNOWN)
        ask_credentials(stream);
    if (stream->peer_kind != PEER_UNIX)
        return -1;
    *uid = stream->peer_user.uid;
    *gid = stream->peer_user.gid;
    *pid = stream->peer_user.pid;
    return 0;
}

int stream_fd(const struct stream *stream)
{
    return stream->fd;
}

void stream_pair(struct loop *loop, struct stream **a, struct stream **b)
{
    int fds[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    *a = stream_new(loop, fds[0]);
    *b = stream_new(loop, fds[1]);
}
