/* Front: listeners and their connections, and how they end when the process is told to go. */
#include "proxy/http/inside.h"

#include <malloc.h>
#include <stdlib.h>

/* After a crowd of this many has left, what the allocator keeps of its memory is given back: the
 * pieces lie between others that live, so that it would not do so by itself. */
#define TRIM_PEAK 256

struct front *front_new(struct loop *loop, const struct front_settings *settings,
                        exchange_fn on_request, void *context)
{
    struct front *front = xcalloc(1, sizeof *front);
    front->loop = loop;
    front->settings = *settings;
    front->on_request = on_request;
    front->context = context;
    list_init(&front->connections);
    list_init(&front->doors);
    return front;
}

static void adopt(struct front *front, struct stream *stream, const char *listener)
{
    if (front->draining) {
        stream_close(&stream);
        return;
    }
    struct connection *connection = connection_new(front, stream);
    connection->listener = listener;
    list_append(&front->connections, &connection->link);
    front->count++;
    if (front->peak < front->count)
        front->peak = front->count;
}

void front_adopt(struct front *front, struct stream *stream)
{
    adopt(front, stream, "");
}

static void on_accept(struct stream *stream, void *context)
{
    struct door *door = context;
    adopt(door->front, stream, door->text);
}

int front_listen(struct front *front, const struct endpoint *endpoint,
                 const struct listener_options *options, struct failure *failure)
{
    struct door *door = xcalloc(1, sizeof *door);
    door->front = front;
    memcpy(door->text, endpoint->text, sizeof door->text);
    door->listener = listener_open(front->loop, endpoint, options, on_accept, door, failure);
    if (!door->listener) {
        free(door);
        return -1;
    }
    list_append(&front->doors, &door->link);
    return 0;
}

uint16_t front_port(const struct front *front)
{
    if (list_empty(&front->doors))
        return 0;
    const struct door *last = LIST_ENTRY(front->doors.previous, struct door, link);
    return last->listener ? listener_port(last->listener) : 0;
}

size_t front_connections(const struct front *front)
{
    return front->count;
}

static void tell_drained(struct front *front)
{
    if (!front->draining || front->drained || front->count)
        return;
    front->drained = true;
    timer_stop(&front->deadline);
    if (front->on_drained)
        front->on_drained(front->drained_context);
}

void front_forget(struct front *front, struct connection *connection)
{
    list_remove(&connection->link);
    front->count--;
    if (front->peak >= TRIM_PEAK && front->count < front->peak / 4) {
        malloc_trim(0);
        front->peak = front->count;
    }
    tell_drained(front);
}

static void close_listeners(struct front *front)
{
    LIST_EACH(link, &front->doors)
    listener_close(&LIST_ENTRY(link, struct door, link)->listener);
}

static void on_deadline(void *context)
{
    struct front *front = context;
    LIST_EACH(link, &front->connections)
    connection_shut(LIST_ENTRY(link, struct connection, link));
}

static void tell_drained_later(void *context)
{
    tell_drained(context);
}

void front_drain(struct front *front, uint64_t deadline_ms, loop_fn on_drained, void *context)
{
    front->draining = true;
    front->on_drained = on_drained;
    front->drained_context = context;
    timer_init(&front->deadline, front->loop, on_deadline, front);
    timer_start(&front->deadline, deadline_ms);
    close_listeners(front);
    LIST_EACH(link, &front->connections)
    {
        struct connection *connection = LIST_ENTRY(link, struct connection, link);
        if (connection->state == CONNECTION_IDLE)
            connection_shut(connection);
    }
    if (!front->count)
        loop_defer(front->loop, tell_drained_later, front);
}

static void free_front(void *context)
{
    struct front *front = context;
    LIST_EACH(link, &front->doors)
    free(LIST_ENTRY(link, struct door, link));
    free(front);
}

void front_free(struct front **front_pointer)
{
    struct front *front = *front_pointer;
    if (!front)
        return;
    *front_pointer = NULL;
    front->draining = front->drained = true; /* on_drained runs no more */
    if (front->deadline.loop)
        timer_stop(&front->deadline);
    close_listeners(front);
    LIST_EACH(link, &front->connections)
    connection_shut(LIST_ENTRY(link, struct connection, link));
    loop_defer(front->loop, free_front, front);
}
