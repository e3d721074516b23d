/* Exchange reply: heads of our own answers, whole answers, and the one table of which failure
 * has which HTTP status. */
#include "proxy/http/inside.h"
#include "proxy/json.h"

#include <stdio.h>
#include <time.h>

int exchange_failure_status(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_INVALID:
        return 400;
    case FAILURE_UNIDENTIFIED:
        return 401;
    case FAILURE_DENIED:
        return 403;
    case FAILURE_NOT_FOUND:
        return 404;
    case FAILURE_CONFLICT:
        return 409;
    case FAILURE_TOO_LARGE:
        return 413;
    case FAILURE_TOO_MANY:
        return 429;
    case FAILURE_UNSUPPORTED:
        return 501;
    case FAILURE_NO_ROOM:
    case FAILURE_UNREACHABLE:
    case FAILURE_TIMED_OUT:
        return 503;
    case FAILURE_NONE:
    case FAILURE_INTERNAL:
        return 500;
    }
    return 500;
}

/* The text of the Date header, made anew once a second. */
static struct slice http_date(struct front *front)
{
    time_t now = (time_t)(loop_wall_ns() / 1000000000);
    if (front->date_s != now) {
        struct tm utc;
        gmtime_r(&now, &utc);
        if (!strftime(front->date, sizeof front->date, "%a, %d %b %Y %H:%M:%S GMT", &utc))
            front->date[0] = '\0';
        front->date_s = now;
    }
    return slice_of(front->date);
}

static void add(struct headers *headers, const char *name, struct slice value)
{
    /* Full only if a handler added over a hundred of its own; those came first. */
    if (headers_add(headers, slice_of(name), value))
        must(headers->count == HEAD_MAX_HEADERS);
}

int connection_add_headers(struct exchange *exchange, struct headers *headers)
{
    const struct front_settings *settings = &exchange->connection->front->settings;
    int full = 0;
    if (settings->add_headers) {
        struct headers ours;
        ours.count = 0;
        settings->add_headers(&ours, exchange, settings->context);
        for (size_t i = 0; i < ours.count; i++) {
            headers_drop(headers, arena_text(exchange->arena, ours.list[i].name));
            full |= headers_add(headers, ours.list[i].name, ours.list[i].value);
        }
    }
    if (settings->server) {
        headers_drop(headers, "Server");
        full |= headers_add(headers, SLICE("Server"), slice_of(settings->server));
    }
    if (!headers_find(headers, "Date").at)
        full |= headers_add(headers, SLICE("Date"), http_date(exchange->connection->front));
    return full;
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

void exchange_head_write(struct exchange *exchange, int status, const char *content_type,
                         const struct headers *extra, bool has_length, uint64_t length)
{
    const struct front_settings *settings = &exchange->connection->front->settings;
    struct headers headers;
    headers.count = 0;
    exchange->answered = true;
    exchange->status = status;
    exchange->bodyless = !status_has_body(status) || slice_is(exchange->head.method, "HEAD");
    if (settings->add_headers)
        settings->add_headers(&headers, exchange, settings->context);
    if (settings->server)
        add(&headers, "Server", slice_of(settings->server));
    add(&headers, "Date", http_date(exchange->connection->front));
    if (content_type)
        add(&headers, "Content-Type", slice_of(content_type));
    if (status_has_body(status) && has_length)
        add(&headers, "Content-Length",
            arena_printf(exchange->arena, "%llu", (unsigned long long)length));
    else if (status_has_body(status) && exchange->chunked)
        add(&headers, "Transfer-Encoding", SLICE("chunked"));
    if (!connection_keeps(exchange))
        add(&headers, "Connection", SLICE("close"));
    else if (exchange->head.minor_version == 0)
        add(&headers, "Connection", SLICE("keep-alive"));
    for (size_t i = 0; extra && i < extra->count; i++) {
        /* Whatever a value was made of, it can't start another header. */
        struct slice value = extra->list[i].value;
        if (slice_find(value, '\r') >= 0 || slice_find(value, '\n') >= 0)
            continue;
        (void)headers_add(&headers, extra->list[i].name, extra->list[i].value);
    }
    response_head_write(&exchange->connection->queue, status, slice_of(http_reason(status)),
                        &headers);
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    struct slice body, const struct headers *headers)
{
    if (exchange->gone || exchange->over)
        return;
    must(!exchange->answered);
    exchange_head_write(exchange, status, content_type, headers, true, body.length);
    if (!exchange->bodyless)
        buffer_add(&exchange->connection->queue, body);
    exchange->end_wanted = true;
    exchange_flush(exchange);
}

void exchange_reply_json(struct exchange *exchange, int status, const struct value *value)
{
    struct slice text = json_text(exchange->arena, value);
    exchange_reply(exchange, status, "application/json", text, NULL);
}

static void reply_message(struct exchange *exchange, int status, const char *text)
{
    struct buffer body;
    buffer_init(&body, 65536);
    buffer_text(&body, "{\"message\":");
    json_write_text(&body, slice_of(text));
    buffer_text(&body, "}\n");
    exchange_reply(exchange, status, "application/json", buffer_slice(&body), NULL);
    buffer_deinit(&body);
}

void exchange_reply_failure(struct exchange *exchange, const struct failure *failure)
{
    reply_message(exchange, exchange_failure_status(failure->kind), failure->text);
}

void exchange_reply_error(struct exchange *exchange, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct slice text = arena_vprintf(exchange->arena, format, arguments);
    va_end(arguments);
    reply_message(exchange, status, text.at);
}
