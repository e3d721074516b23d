/* Exchange upgrade: a connection changes its protocol and its owner. */
#include "proxy/http/connection.h"

#include <stdio.h>

struct upgrade {
    char head[256];
    size_t length;
    exchange_stream_fn on_stream;
    void *context;
};

static void on_gone(struct exchange *exchange, void *context)
{
    struct upgrade *upgrade = context;
    upgrade->on_stream(NULL, upgrade->context);
}

static void on_written(struct exchange *exchange, void *context)
{
    struct upgrade *upgrade = context;
    exchange_stream_fn on_stream = upgrade->on_stream;
    void *owner = upgrade->context;
    struct buffer early;
    bool ended;
    buffer_init(&early, 65536);
    connection_set_hook(exchange, NULL, NULL);
    struct stream *stream = connection_take(exchange, &early, &ended);
    buffer_deinit(&early);
    connection_tunnel_end(exchange);
    if (ended)
        stream_close(&stream);
    on_stream(stream, owner);
}

void exchange_upgrade(struct exchange *exchange, const char *protocol, exchange_stream_fn on_stream,
                      void *context)
{
    struct upgrade *upgrade = arena_alloc(exchange_arena(exchange), sizeof *upgrade);
    upgrade->on_stream = on_stream;
    upgrade->context = context;
    int length = snprintf(upgrade->head, sizeof upgrade->head,
                          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                          "Upgrade: %s\r\n\r\n",
                          protocol);
    must(length > 0 && (size_t)length < sizeof upgrade->head);
    upgrade->length = (size_t)length;
    connection_set_hook(exchange, on_gone, upgrade);
    connection_begun(exchange, 101);
    struct iovec iov = {upgrade->head, upgrade->length};
    connection_write(exchange, &iov, 1, on_written, upgrade);
}
