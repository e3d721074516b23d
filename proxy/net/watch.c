/* Watch: readiness of a foreign descriptor. h2o closes what it watches, so it gets a duplicate. */
#include "proxy/net/inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <fcntl.h>
#include <stdlib.h>

struct loop_watch {
    struct loop *loop;
    h2o_socket_t *socket;
    loop_fn on_readable, on_writable;
    void *context;
    bool read, write, write_armed;
};

static void on_readable(h2o_socket_t *socket, const char *error)
{
    struct loop_watch *watch = socket->data;
    if (watch->on_readable)
        watch->on_readable(watch->context);
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    struct loop_watch *watch = socket->data;
    watch->write_armed = false;
    if (!watch->write)
        return;
    /* Armed before the call, which may free the watch. */
    watch->write_armed = true;
    h2o_socket_notify_write(socket, on_writable);
    watch->on_writable(watch->context);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_fn readable, loop_fn writable,
                                  void *context)
{
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0)
        return NULL;
    struct loop_watch *watch = xcalloc(1, sizeof *watch);
    watch->loop = loop;
    watch->on_readable = readable;
    watch->on_writable = writable;
    watch->context = context;
    watch->socket = h2o_evloop_socket_create(loop->evloop, duplicate, H2O_SOCKET_FLAG_DONT_READ);
    watch->socket->data = watch;
    return watch;
}

void loop_watch_set(struct loop_watch *watch, bool read, bool write)
{
    if (read && !watch->read)
        h2o_socket_read_start(watch->socket, on_readable);
    else if (!read && watch->read)
        h2o_socket_read_stop(watch->socket);
    watch->read = read;
    watch->write = write && watch->on_writable;
    if (watch->write && !watch->write_armed) {
        watch->write_armed = true;
        h2o_socket_notify_write(watch->socket, on_writable);
    }
}

static void free_watch(void *context)
{
    free(context);
}

void loop_watch_free(struct loop_watch **watch_pointer)
{
    struct loop_watch *watch = *watch_pointer;
    if (!watch)
        return;
    *watch_pointer = NULL;
    h2o_socket_close(watch->socket);
    loop_defer(watch->loop, free_watch, watch);
}
