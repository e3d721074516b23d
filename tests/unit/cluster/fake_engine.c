/* Fake engine: a small HTTP server that remembers containers. */
#include "fake_engine.h"

#include "policy/base/value.h"
#include "proxy/http/head.h"
#include "proxy/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void on_readable(struct stream *stream, void *context);

static void connection_close(struct fake_connection *connection, bool reset)
{
    if (connection->stream && reset)
        stream_reset(&connection->stream);
    else if (connection->stream)
        stream_close(&connection->stream);
    buffer_deinit(&connection->got);
    buffer_deinit(&connection->queue);
    buffer_deinit(&connection->sending);
    memset(connection, 0, sizeof *connection);
}

static void flush(struct fake_connection *connection);

static void on_written(struct stream *stream, bool ok, void *context)
{
    struct fake_connection *connection = context;

    (void)stream;
    buffer_clear(&connection->sending);
    if (!ok)
        connection_close(connection, false);
    else
        flush(connection);
}

static void flush(struct fake_connection *connection)
{
    struct iovec iov;

    if (!connection->stream || connection->held || stream_writing(connection->stream) ||
        connection->queue.length == 0)
        return;
    buffer_add(&connection->sending, buffer_slice(&connection->queue));
    buffer_clear(&connection->queue);
    iov = (struct iovec){connection->sending.at, connection->sending.length};
    stream_write(connection->stream, &iov, 1, on_written, connection);
}

static void answer(struct fake_connection *connection, int status, const char *body)
{
    buffer_printf(
        &connection->queue,
        "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
        http_reason(status), strlen(body), body);
    flush(connection);
}

struct fake_container *fake_engine_find(struct fake_engine *engine, const char *reference)
{
    for (int i = 0; i < FAKE_CONTAINERS; i++) {
        struct fake_container *container = &engine->containers[i];

        if (container->used &&
            (strcmp(container->id, reference) == 0 || strcmp(container->name, reference) == 0))
            return container;
    }
    return NULL;
}

struct fake_container *fake_engine_add(struct fake_engine *engine, const char *name,
                                       const char *state)
{
    for (int i = 0; i < FAKE_CONTAINERS; i++) {
        struct fake_container *container = &engine->containers[i];

        if (container->used)
            continue;
        memset(container, 0, sizeof *container);
        container->used = true;
        engine->made++;
        snprintf(container->id, sizeof container->id, "%08x%04x%052x",
                 (unsigned)(engine->made * 2654435761u), (unsigned)engine->name[5], engine->made);
        snprintf(container->name, sizeof container->name, "%s", name);
        snprintf(container->state, sizeof container->state, "%s", state);
        container->created_ns = engine->clock_ns += 1000000000;
        return container;
    }
    abort();
}

static void port_text(const struct fake_container *container, char *text, size_t size)
{
    text[0] = '\0';
    if (container->host_port > 0)
        snprintf(text, size, "\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"%d\"}]",
                 container->host_port);
}

static void time_text(long long ns, char *text, size_t size)
{
    long long seconds = ns / 1000000000;
    time_t when = (time_t)seconds;
    struct tm parts;
    char date[40];

    gmtime_r(&when, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, size, "%s.%09lldZ", date, ns % 1000000000);
}

static void write_inspect(struct buffer *out, const struct fake_container *container)
{
    char ports[100], created[64];
    bool runs = strcmp(container->state, "running") == 0;

    port_text(container, ports, sizeof ports);
    time_text(container->created_ns, created, sizeof created);
    buffer_printf(out,
                  "{\"Id\":\"%s\",\"Name\":\"/%s\",\"Created\":\"%s\",\"Image\":\"sha256:aa\","
                  "\"State\":{\"Status\":\"%s\",\"StartedAt\":\"%s\",\"FinishedAt\":"
                  "\"0001-01-01T00:00:00Z\",\"ExitCode\":0},"
                  "\"Config\":{\"Image\":\"busybox\",\"Labels\":{\"a\":\"b\"}},"
                  "\"HostConfig\":{\"Memory\":%lld,\"PortBindings\":{%s}},"
                  "\"NetworkSettings\":{\"Ports\":{%s}}}",
                  container->id, container->name, created, container->state,
                  strcmp(container->state, "created") == 0 ? "0001-01-01T00:00:00Z" : created,
                  container->memory, ports, runs ? ports : "");
}

static void write_row(struct buffer *out, const struct fake_container *container)
{
    buffer_printf(
        out,
        "{\"Id\":\"%s\",\"Names\":[\"/%s\"],\"Image\":\"busybox\",\"ImageID\":\"sha256:aa\","
        "\"Command\":\"sh\",\"Created\":%lld,\"Ports\":[",
        container->id, container->name, container->created_ns / 1000000000);
    if (container->host_port > 0 && strcmp(container->state, "running") == 0)
        buffer_printf(out,
                      "{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":%d,\"Type\":\"tcp\"},"
                      "{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":%d,\"Type\":\"tcp\"}",
                      container->host_port, container->host_port);
    buffer_printf(out, "],\"Labels\":{\"a\":\"b\"},\"State\":\"%s\",\"Status\":\"as told\"}",
                  container->state);
}

void fake_engine_event(struct fake_engine *engine, const struct fake_container *container,
                       const char *action)
{
    struct buffer text;

    engine->clock_ns += 1000000;
    buffer_init(&text, 4096);
    buffer_printf(&text,
                  "{\"status\":\"%s\",\"id\":\"%s\",\"from\":\"busybox\",\"Type\":\"container\","
                  "\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":{\"name\":\"%s\"}},"
                  "\"scope\":\"local\",\"time\":%lld,\"timeNano\":%lld}\n",
                  action, container->id, action, container->id, container->name,
                  engine->clock_ns / 1000000000, engine->clock_ns);
    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        struct fake_connection *connection = &engine->connections[i];

        if (!connection->events)
            continue;
        buffer_printf(&connection->queue, "%zx\r\n%s\r\n", text.length, text.at);
        flush(connection);
    }
    buffer_deinit(&text);
}

void fake_engine_set(struct fake_engine *engine, struct fake_container *container,
                     const char *state, const char *action)
{
    snprintf(container->state, sizeof container->state, "%s", state);
    fake_engine_event(engine, container, action);
}

static void serve_list(struct fake_connection *connection, struct slice target)
{
    struct fake_engine *engine = connection->engine;
    struct buffer body;
    bool first = true;

    engine->lists++;
    buffer_init(&body, 1024 * 1024);
    buffer_char(&body, '[');
    for (int i = 0; i < FAKE_CONTAINERS; i++) {
        const struct fake_container *container = &engine->containers[i];

        if (!container->used ||
            (slice_contains(target, "filters=") && !slice_contains(target, container->id)))
            continue;
        buffer_text(&body, first ? "" : ",");
        first = false;
        write_row(&body, container);
    }
    buffer_char(&body, ']');
    answer(connection, 200, body.at);
    buffer_deinit(&body);
}

static void serve_inspect(struct fake_connection *connection, struct slice reference)
{
    char name[128];
    struct fake_container *container;
    struct buffer body;

    connection->engine->inspects++;
    connection->held = connection->engine->hold_inspect;
    snprintf(name, sizeof name, SLICE_FMT, SLICE_ARG(reference));
    container = fake_engine_find(connection->engine, name);
    if (!container) {
        answer(connection, 404, "{\"message\":\"No such container\"}");
        return;
    }
    buffer_init(&body, 65536);
    write_inspect(&body, container);
    answer(connection, 200, body.at);
    buffer_deinit(&body);
}

static int port_number(struct slice text)
{
    uint64_t number = 0;

    return slice_to_u64(text, &number) == 0 ? (int)number : 0;
}

static void serve_create(struct fake_connection *connection, struct slice target, struct slice body)
{
    struct fake_engine *engine = connection->engine;
    struct arena *arena = arena_new();
    const struct value *value = json_parse(arena, body, NULL);
    const struct value *bindings = value_path(value, "HostConfig.PortBindings");
    struct slice rest = target, name;
    struct fake_container *container;
    char text[128];

    engine->creates++;
    if (engine->refuse_create) {
        answer(connection, 404, "{\"message\":\"No such image: busybox:latest\"}");
        arena_free(&arena);
        return;
    }
    slice_next(&rest, '=', &name);
    slice_next(&rest, '&', &name);
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(name));
    container = fake_engine_add(engine, text, "created");
    container->memory = value_to_int(value_path(value, "HostConfig.Memory"), 0);
    if (bindings && bindings->first)
        container->host_port = port_number(value_get_text(bindings->first->first, "HostPort"));
    fake_engine_event(engine, container, "create");
    arena_free(&arena);
    if (engine->die_on_create) {
        engine->die_on_create = false;
        fake_engine_kill(engine);
        return;
    }
    if (engine->drop_create) {
        engine->drop_create = false;
        connection_close(connection, true);
        return;
    }
    snprintf(text, sizeof text, "{\"Id\":\"%s\",\"Warnings\":[]}", container->id);
    answer(connection, 201, text);
}

/* POST /containers/X/VERB and DELETE /containers/X. */
static void serve_change(struct fake_connection *connection, struct slice method, struct slice path,
                         struct slice target)
{
    struct fake_engine *engine = connection->engine;
    struct slice rest = slice_from(path, 12), reference;
    struct fake_container *container;
    ptrdiff_t equals = slice_find(target, '=');
    char text[128];

    slice_next(&rest, '/', &reference);
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(reference));
    container = fake_engine_find(engine, text);
    if (!container) {
        answer(connection, 404, "{\"message\":\"No such container\"}");
        return;
    }
    if (slice_is(method, "DELETE")) {
        fake_engine_event(engine, container, "destroy");
        container->used = false;
    } else if (slice_is(rest, "start") && engine->refuse_start) {
        answer(connection, 500, "{\"message\":\"port is already allocated\"}");
        return;
    } else if (slice_is(rest, "start")) {
        fake_engine_set(engine, container, "running", "start");
    } else if (slice_is(rest, "stop")) {
        fake_engine_set(engine, container, "exited", "die");
    } else if (slice_is(rest, "rename")) {
        snprintf(container->name, sizeof container->name, SLICE_FMT,
                 SLICE_ARG(slice_from(target, (size_t)equals + 1)));
        fake_engine_event(engine, container, "rename");
    } else if (slice_is(rest, "update")) {
        answer(connection, 200, "{\"Warnings\":[]}");
        return;
    }
    buffer_text(&connection->queue, "HTTP/1.1 204 No Content\r\n\r\n");
    flush(connection);
}

static void serve_system(struct fake_connection *connection, struct slice path)
{
    struct fake_engine *engine = connection->engine;
    char body[700];

    if (slice_is(path, "/version"))
        snprintf(body, sizeof body,
                 "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\","
                 "\"MinAPIVersion\":\"1.12\"}");
    else
        snprintf(body, sizeof body,
                 "{\"ID\":\"%s\",\"Name\":\"%s\",\"NCPU\":%d,\"MemTotal\":%lld,\"Driver\":"
                 "\"overlay2\",\"OSType\":\"linux\",\"Architecture\":\"x86_64\","
                 "\"OperatingSystem\":\"Debian\",\"KernelVersion\":\"6.1\",\"ServerVersion\":"
                 "\"20.10.24\",\"Labels\":[\"zone=a\"]}",
                 engine->id, engine->name, engine->cpus, engine->memory);
    answer(connection, 200, body);
}

static struct slice without_version(struct slice target)
{
    ptrdiff_t slash = slice_starts(target, "/v1.") ? slice_find(slice_from(target, 1), '/') : -1;

    return slash < 0 ? target : slice_from(target, (size_t)slash + 1);
}

static void serve(struct fake_connection *connection, const struct request_head *head,
                  struct slice body)
{
    struct slice target = without_version(head->target), path = target;
    ptrdiff_t query = slice_find(path, '?');

    if (query >= 0)
        path = slice_cut(path, 0, (size_t)query);
    if (slice_is(path, "/events")) {
        connection->events = true;
        buffer_text(&connection->queue, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        flush(connection);
    } else if (slice_is(path, "/containers/json")) {
        serve_list(connection, target);
    } else if (slice_is(path, "/containers/create")) {
        serve_create(connection, target, body);
    } else if (slice_starts(path, "/containers/") && slice_ends(path, "/json")) {
        serve_inspect(connection, slice_cut(path, 12, path.length - 17));
    } else if (slice_starts(path, "/containers/")) {
        serve_change(connection, head->method, path, target);
    } else if (slice_is(path, "/images/json")) {
        answer(connection, 200, connection->engine->images);
    } else if (slice_is(path, "/networks")) {
        answer(connection, 200,
               "[{\"Id\":\"n1\",\"Name\":\"bridge\",\"Driver\":\"bridge\",\"Scope\":\"local\"}]");
    } else if (slice_is(path, "/volumes")) {
        answer(connection, 200, "{\"Volumes\":null,\"Warnings\":null}");
    } else if (slice_is(path, "/version") || slice_is(path, "/info")) {
        serve_system(connection, path);
    } else if (slice_is(path, "/_ping")) {
        answer(connection, 200, "OK");
    } else {
        answer(connection, 404, "{\"message\":\"page not found\"}");
    }
}

static void serve_all(struct fake_connection *connection)
{
    for (;;) {
        struct request_head head;
        struct failure failure;
        ssize_t length = request_head_parse(&head, buffer_slice(&connection->got), &failure);
        size_t body = 0;

        if (length <= 0)
            return;
        body = head.framing == FRAMING_LENGTH ? (size_t)head.content_length : 0;
        if (connection->got.length < (size_t)length + body)
            return;
        serve(connection, &head, slice_make(connection->got.at + length, body));
        if (!connection->stream)
            return;
        buffer_consume(&connection->got, (size_t)length + body);
    }
}

static void on_readable(struct stream *stream, void *context)
{
    struct fake_connection *connection = context;
    char bytes[65536];
    ssize_t length = stream_read(stream, bytes, sizeof bytes);

    if (length == STREAM_AGAIN)
        return;
    if (length <= 0) {
        connection_close(connection, false);
        return;
    }
    buffer_append(&connection->got, bytes, (size_t)length);
    serve_all(connection);
}

static void on_accept(struct stream *stream, void *context)
{
    struct fake_engine *engine = context;

    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        struct fake_connection *connection = &engine->connections[i];

        if (connection->stream)
            continue;
        connection->engine = engine;
        connection->stream = stream;
        buffer_init(&connection->got, 1024 * 1024);
        buffer_init(&connection->queue, 1024 * 1024);
        buffer_init(&connection->sending, 1024 * 1024);
        stream_set(stream, on_readable, connection);
        stream_want_read(stream, true);
        return;
    }
    abort();
}

static void listen_on(struct fake_engine *engine)
{
    struct listener_options options = {.unix_group = (gid_t)-1};
    struct failure failure;

    engine->listener =
        listener_open(engine->loop, &engine->endpoint, &options, on_accept, engine, &failure);
    if (!engine->listener) {
        fprintf(stderr, "fake engine: %s\n", failure.text);
        abort();
    }
}

void fake_engine_start(struct fake_engine *engine, struct loop *loop, const char *name)
{
    struct failure failure;
    char text[64];

    memset(engine, 0, sizeof *engine);
    engine->loop = loop;
    snprintf(engine->name, sizeof engine->name, "%s", name);
    snprintf(engine->id, sizeof engine->id, "ENGINE:%s", name);
    snprintf(engine->images, sizeof engine->images,
             "[{\"Id\":\"sha256:aa\",\"RepoTags\":[\"busybox:latest\"],\"RepoDigests\":null}]");
    engine->memory = 2ll * 1024 * 1024 * 1024;
    engine->cpus = 1;
    engine->clock_ns = 1700000000000000000;
    if (endpoint_parse(&engine->endpoint, SLICE("tcp://127.0.0.1:0"), 0, &failure) != 0)
        abort();
    listen_on(engine);
    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", listener_port(engine->listener));
    if (endpoint_parse(&engine->endpoint, slice_of(text), 0, &failure) != 0)
        abort();
}

void fake_engine_kill(struct fake_engine *engine)
{
    if (engine->listener)
        listener_close(&engine->listener);
    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        if (engine->connections[i].stream)
            connection_close(&engine->connections[i], true);
    }
}

void fake_engine_return(struct fake_engine *engine)
{
    listen_on(engine);
}

void fake_engine_free(struct fake_engine *engine)
{
    fake_engine_kill(engine);
}

void fake_engine_cut_events(struct fake_engine *engine)
{
    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        if (engine->connections[i].events)
            connection_close(&engine->connections[i], true);
    }
}

void fake_release(struct fake_engine *engine)
{
    engine->hold_inspect = false;
    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        if (engine->connections[i].stream) {
            engine->connections[i].held = false;
            flush(&engine->connections[i]);
        }
    }
}
