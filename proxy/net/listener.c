/* Listener: binds, accepts, counts. It stops watching its descriptor when it may not accept (cap
 * reached, no descriptors left), since a level-triggered event would spin. */
#include "proxy/net/inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN    64
#define DESCRIPTOR_PAUSE_MS 100
#define BACKLOG             1024

struct listener {
    struct loop *loop;
    struct listener_options options;
    struct endpoint endpoint;
    stream_fn on_accept;
    void *context;
    h2o_socket_t *socket;
    int fd;
    uint16_t port;
    dev_t device; /* of the unix socket file, so that only our own is removed */
    ino_t inode;
    struct list streams; /* accepted, open; also those in the TLS handshake */
    size_t count;
    bool paused;
    struct timer resume;
};

static void on_connection(h2o_socket_t *socket, const char *error);

/* In the TLS handshake; the stream is not the owner's yet. */
struct handshake {
    struct listener *listener;
    struct stream *stream;
    struct timer timer;
};

static void free_memory(void *context)
{
    free(context);
}

static void pause_accepting(struct listener *listener)
{
    if (listener->paused)
        return;
    listener->paused = true;
    h2o_socket_read_stop(listener->socket);
}

static void resume_accepting(void *context)
{
    struct listener *listener = context;
    if (!listener->paused)
        return;
    listener->paused = false;
    h2o_socket_read_start(listener->socket, on_connection);
}

void listener_forget(struct listener *listener, struct stream *stream)
{
    list_remove(&stream->listener_link);
    stream->listener = NULL;
    listener->count--;
    if (listener->paused && !timer_running(&listener->resume))
        resume_accepting(listener);
}

static void end_handshake(struct handshake *handshake)
{
    timer_stop(&handshake->timer);
    stream_close(&handshake->stream);
    loop_defer(handshake->timer.loop, free_memory, handshake);
}

static void on_handshake_late(void *context)
{
    end_handshake(context);
}

static void on_handshake(struct stream *stream, const char *why_not, void *context)
{
    struct handshake *handshake = context;
    struct listener *listener = stream->listener;
    if (!why_not && listener)
        handshake->stream = NULL;
    end_handshake(handshake);
    if (!why_not && listener)
        listener->on_accept(stream, listener->context);
}

static void accepted(struct listener *listener, int fd, const struct sockaddr *address)
{
    stream_tune(fd, address->sa_family);
    struct stream *stream = stream_new(listener->loop, fd);
    stream_set_peer(stream, address);
    stream->listener = listener;
    list_append(&listener->streams, &stream->listener_link);
    listener->count++;
    if (!listener->options.tls) {
        listener->on_accept(stream, listener->context);
        return;
    }
    struct handshake *handshake = xcalloc(1, sizeof *handshake);
    handshake->listener = listener;
    handshake->stream = stream;
    timer_init(&handshake->timer, listener->loop, on_handshake_late, handshake);
    timer_start(&handshake->timer, listener->options.handshake_timeout_ms
                                       ? listener->options.handshake_timeout_ms
                                       : 10000);
    tls_handshake_start(stream, listener->options.tls, true, on_handshake, handshake);
}

static void on_connection(h2o_socket_t *socket, const char *error)
{
    struct listener *listener = socket->data;
    for (int i = 0; i < ACCEPTS_PER_TURN && listener->socket; i++) {
        if (listener->options.max_streams && listener->count >= listener->options.max_streams) {
            pause_accepting(listener); /* until one closes */
            return;
        }
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof address;
        int fd = accept4(listener->fd, (struct sockaddr *)&address, &length,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accepted(listener, fd, (const struct sockaddr *)&address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(listener);
            timer_start(&listener->resume, DESCRIPTOR_PAUSE_MS);
            return;
        }
        if (errno == EAGAIN)
            return;
        /* Anything else is that one connection's trouble (ECONNABORTED, EPERM by a firewall). */
    }
}

/* A socket file that nobody listens on is left over from a crash. */
static int clear_stale(const struct endpoint *endpoint, struct failure *failure)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&endpoint->address;
    struct stat status;
    if (lstat(un->sun_path, &status)) {
        if (errno == ENOENT)
            return 0;
        return failure_set(failure, FAILURE_INVALID, "%s: %s", endpoint->text, strerror(errno));
    }
    if (!S_ISSOCK(status.st_mode))
        return failure_set(failure, FAILURE_CONFLICT,
                           "%s: the path exists and is not a socket; remove it", endpoint->text);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failure_set(failure, FAILURE_INTERNAL, "%s: %s", endpoint->text, strerror(errno));
    int result = connect(fd, (const struct sockaddr *)un, endpoint->address_length);
    int error = result ? errno : 0;
    close(fd);
    if (error != ECONNREFUSED)
        return failure_set(failure, FAILURE_CONFLICT, "%s: another process listens there",
                           endpoint->text);
    (void)unlink(un->sun_path); /* if not, bind says why */
    return 0;
}

static int bind_unix(struct listener *listener, int fd)
{
    const struct sockaddr_un *un =
        (const struct sockaddr_un *)(const void *)&listener->endpoint.address;
    /* Nobody gets in between bind and the wanted mode. */
    mode_t old = umask(0177);
    int result = bind(fd, (const struct sockaddr *)un, listener->endpoint.address_length);
    umask(old);
    if (result)
        return -1;
    struct stat status;
    if (stat(un->sun_path, &status) == 0) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
    }
    if (listener->options.unix_group != (gid_t)-1 &&
        chown(un->sun_path, (uid_t)-1, listener->options.unix_group))
        return -1;
    mode_t mode = listener->options.unix_mode ? listener->options.unix_mode : 0660;
    return chmod(un->sun_path, mode);
}

static int open_socket(struct listener *listener, struct failure *failure)
{
    const struct endpoint *endpoint = &listener->endpoint;
    if (endpoint->kind == ENDPOINT_FD) {
        int listening = 0;
        socklen_t length = sizeof listening;
        if (getsockopt(endpoint->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) || !listening)
            return failure_set(failure, FAILURE_INVALID,
                               "%s: descriptor %d is not a listening socket", endpoint->text,
                               endpoint->fd);
        return endpoint->fd;
    }
    if (endpoint->kind == ENDPOINT_UNIX && clear_stale(endpoint, failure))
        return -1;
    int fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failure_set(failure, FAILURE_INTERNAL, "%s: %s", endpoint->text, strerror(errno));
    int one = 1, result;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (endpoint->kind == ENDPOINT_UNIX)
        result = bind_unix(listener, fd);
    else
        result = bind(fd, (const struct sockaddr *)&endpoint->address, endpoint->address_length);
    if (result || listen(fd, BACKLOG)) {
        failure_set(failure, errno == EADDRINUSE ? FAILURE_CONFLICT : FAILURE_INVALID,
                    "can't listen on %s: %s", endpoint->text, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

struct listener *listener_open(struct loop *loop, const struct endpoint *endpoint,
                               const struct listener_options *options, stream_fn on_accept,
                               void *context, struct failure *failure)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->loop = loop;
    listener->options = *options;
    listener->endpoint = *endpoint;
    listener->on_accept = on_accept;
    listener->context = context;
    list_init(&listener->streams);
    timer_init(&listener->resume, loop, resume_accepting, listener);
    listener->fd = open_socket(listener, failure);
    if (listener->fd < 0) {
        free(listener);
        return NULL;
    }
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &length) == 0) {
        if (bound.ss_family == AF_INET)
            listener->port = ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
        else if (bound.ss_family == AF_INET6)
            listener->port = ntohs(((struct sockaddr_in6 *)(void *)&bound)->sin6_port);
    }
    listener->socket =
        h2o_evloop_socket_create(loop->evloop, listener->fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_socket_read_start(listener->socket, on_connection);
    return listener;
}

static void remove_socket_file(const struct listener *listener)
{
    const struct sockaddr_un *un =
        (const struct sockaddr_un *)(const void *)&listener->endpoint.address;
    struct stat status;
    if (listener->endpoint.kind == ENDPOINT_UNIX && listener->inode &&
        lstat(un->sun_path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        (void)unlink(un->sun_path);
}

void listener_close(struct listener **listener_pointer)
{
    struct listener *listener = *listener_pointer;
    if (!listener)
        return;
    *listener_pointer = NULL;
    timer_stop(&listener->resume);
    remove_socket_file(listener);
    LIST_EACH(link, &listener->streams)
    {
        struct stream *stream = LIST_ENTRY(link, struct stream, listener_link);
        stream->listener = NULL;
        list_remove(link);
    }
    h2o_socket_close(listener->socket);
    listener->socket = NULL;
    loop_defer(listener->loop, free_memory, listener);
}

uint16_t listener_port(const struct listener *listener)
{
    return listener->port;
}
