/* Connect: our own connect(2), so that the user is told why it failed in words. */
#include "proxy/net/inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A unix listener with a full queue answers EAGAIN at once and gives no event when there is room.
 */
#define UNIX_RETRY_MS 10

struct stream_connect {
    struct loop *loop;
    struct endpoint endpoint;
    struct tls_context *tls;
    uint64_t timeout_ms;
    stream_connected_fn on_done;
    void *context;
    h2o_socket_t *socket; /* while connecting */
    int fd;
    struct stream *stream; /* while in the TLS handshake, or ready to be given */
    struct timer deadline, retry;
    struct ready ready;
    char why_not[256];
};

static const char *describe(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "connection refused";
    case EHOSTUNREACH:
        return "no route to host";
    case ENETUNREACH:
        return "network is unreachable";
    case ENOENT:
        return "no such socket file";
    case EACCES:
    case EPERM:
        return "permission denied";
    case ETIMEDOUT:
        return "timed out";
    case EMFILE:
    case ENFILE:
        return "too many open files";
    case ECONNRESET:
        return "connection reset";
    }
    return NULL;
}

static void free_connect(void *context)
{
    free(context);
}

/* Lets go of everything but the memory, which goes at the end of the turn. */
static void dispose(struct stream_connect *operation)
{
    timer_stop(&operation->deadline);
    timer_stop(&operation->retry);
    ready_remove(&operation->ready);
    if (operation->socket)
        h2o_socket_close(operation->socket);
    operation->socket = NULL;
    stream_close(&operation->stream);
    loop_defer(operation->loop, free_connect, operation);
}

static void finish(void *context)
{
    struct stream_connect *operation = context;
    struct stream *stream = operation->stream;
    operation->stream = NULL;
    char why_not[sizeof operation->why_not];
    memcpy(why_not, operation->why_not, sizeof why_not);
    dispose(operation);
    operation->on_done(stream, stream ? NULL : why_not, operation->context);
}

static void fail(struct stream_connect *operation, const char *why_not)
{
    snprintf(operation->why_not, sizeof operation->why_not, "%s", why_not);
    if (operation->socket)
        h2o_socket_close(operation->socket);
    operation->socket = NULL;
    stream_close(&operation->stream);
    timer_stop(&operation->deadline);
    ready_add(operation->loop, &operation->ready);
}

static void fail_errno(struct stream_connect *operation, int error)
{
    const char *text = describe(error);
    char buffer[128];
    fail(operation, text ? text : strerror_r(error, buffer, sizeof buffer));
}

static void on_deadline(void *context)
{
    struct stream_connect *operation = context;
    char text[64];
    uint64_t ms = operation->timeout_ms;
    if (ms % 1000)
        snprintf(text, sizeof text, "timed out after %llu ms", (unsigned long long)ms);
    else
        snprintf(text, sizeof text, "timed out after %llu s", (unsigned long long)ms / 1000);
    timer_stop(&operation->retry);
    fail(operation, text);
}

static void on_handshake(struct stream *stream, const char *why_not, void *context)
{
    struct stream_connect *operation = context;
    if (why_not) {
        fail(operation, why_not);
        return;
    }
    timer_stop(&operation->deadline);
    ready_add(operation->loop, &operation->ready);
}

static void connected(struct stream_connect *operation)
{
    stream_tune(operation->fd, operation->endpoint.address.ss_family);
    operation->stream = stream_from_socket(operation->loop, operation->socket, operation->fd);
    operation->socket = NULL;
    stream_set_peer(operation->stream, (const struct sockaddr *)&operation->endpoint.address);
    if (operation->tls) {
        tls_handshake_start(operation->stream, operation->tls, false, on_handshake, operation);
        return;
    }
    timer_stop(&operation->deadline);
    ready_add(operation->loop, &operation->ready);
}

static void on_writable(h2o_socket_t *socket, const char *h2o_error)
{
    struct stream_connect *operation = socket->data;
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(operation->fd, SOL_SOCKET, SO_ERROR, &error, &length))
        error = errno;
    if (error)
        fail_errno(operation, error);
    else
        connected(operation);
}

static void attempt(void *context)
{
    struct stream_connect *operation = context;
    const struct sockaddr *address = (const struct sockaddr *)&operation->endpoint.address;
    int result = connect(operation->fd, address, operation->endpoint.address_length);
    if (result == 0) {
        connected(operation);
    } else if (errno == EINPROGRESS || errno == EINTR) {
        h2o_socket_notify_write(operation->socket, on_writable);
    } else if (errno == EAGAIN && address->sa_family == AF_UNIX) {
        timer_start(&operation->retry, UNIX_RETRY_MS);
    } else {
        fail_errno(operation, errno);
    }
}

struct stream_connect *stream_connect_start(struct loop *loop, const struct endpoint *endpoint,
                                            struct tls_context *tls, uint64_t timeout_ms,
                                            stream_connected_fn on_done, void *context)
{
    struct stream_connect *operation = xcalloc(1, sizeof *operation);
    operation->loop = loop;
    operation->endpoint = *endpoint;
    operation->tls = tls;
    operation->timeout_ms = timeout_ms;
    operation->on_done = on_done;
    operation->context = context;
    timer_init(&operation->deadline, loop, on_deadline, operation);
    timer_init(&operation->retry, loop, attempt, operation);
    ready_init(&operation->ready, finish, operation);
    if (endpoint->kind == ENDPOINT_FD) {
        fail(operation, "an inherited descriptor can't be connected to");
        return operation;
    }
    operation->fd =
        socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (operation->fd < 0) {
        fail_errno(operation, errno);
        return operation;
    }
    operation->socket =
        h2o_evloop_socket_create(loop->evloop, operation->fd, H2O_SOCKET_FLAG_DONT_READ);
    operation->socket->data = operation;
    timer_start(&operation->deadline, timeout_ms);
    attempt(operation);
    return operation;
}

void stream_connect_cancel(struct stream_connect **operation)
{
    if (*operation)
        dispose(*operation);
    *operation = NULL;
}
