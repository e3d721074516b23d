/* Stack: wiring and clients. */
#include "stack.h"

static char *nothing(const char *name)
{
    return NULL;
}

void stack_open(struct stack *stack, size_t engines)
{
    char *argv[] = {xstrdup("berthd")};
    struct failure failure;
    memset(stack, 0, sizeof(*stack));
    cr_assert_eq(settings_load(&stack->settings, 1, argv, nothing, &failure), 0);
    free(argv[0]);
    fixture_open(&stack->cluster, engines);
    struct docker_options options = {
        .loop = stack->cluster.loop,
        .cluster = stack->cluster.cluster,
        .settings = &stack->settings,
    };
    stack->docker = docker_new(&options);
    struct front_settings front = {
        .head_timeout_ms = 30000,
        .idle_timeout_ms = 30000,
        .linger_ms = 100,
        .server = "berth/test",
        .add_headers = docker_add_headers,
        .context = stack->docker,
    };
    stack->front = front_new(stack->cluster.loop, &front, docker_serve, stack->docker);
    fixture_join(&stack->cluster);
}

void stack_close(struct stack *stack)
{
    front_free(&stack->front);
    docker_free(&stack->docker);
    fixture_close(&stack->cluster);
    settings_deinit(&stack->settings);
}

static void on_readable(struct stream *stream, void *context)
{
    struct client *client = context;
    char bytes[4096];
    ssize_t length;
    while ((length = stream_read(stream, bytes, sizeof(bytes))) > 0)
        buffer_append(&client->got, bytes, (size_t)length);
    if (length == STREAM_AGAIN)
        return;
    client->ended = true;
    stream_want_read(stream, false);
}

static void on_written(struct stream *stream, bool ok, void *context)
{
}

void client_send(struct stack *stack, struct client *client, const char *method, const char *target,
                 const char *headers, const char *body)
{
    struct stream *other;
    memset(client, 0, sizeof(*client));
    buffer_init(&client->sent, 1u << 20);
    buffer_init(&client->got, 1u << 20);
    buffer_printf(&client->sent, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method,
                  target, headers ? headers : "");
    if (body)
        buffer_printf(&client->sent, "%sContent-Length: %zu\r\n",
                      headers ? "" : "Content-Type: application/json\r\n", strlen(body));
    buffer_printf(&client->sent, "\r\n%s", body ? body : "");
    stream_pair(stack->cluster.loop, &client->stream, &other);
    front_adopt(stack->front, other);
    stream_set(client->stream, on_readable, client);
    stream_want_read(client->stream, true);
    struct iovec iov = {client->sent.at, client->sent.length};
    stream_write(client->stream, &iov, 1, on_written, client);
}

void client_leave(struct client *client)
{
    if (client->stream)
        stream_close(&client->stream);
    buffer_deinit(&client->sent);
    buffer_deinit(&client->got);
}

int client_status(const struct client *client)
{
    const char *space = client->got.length ? strchr(client->got.at, ' ') : NULL;
    return space ? (int)strtol(space, NULL, 10) : 0;
}

const char *client_body(const struct client *client)
{
    const char *end = client->got.length ? strstr(client->got.at, "\r\n\r\n") : NULL;
    return end ? end + 4 : "";
}

void ask(struct stack *stack, struct client *client, const char *method, const char *target,
         const char *body)
{
    client_send(stack, client, method, target, NULL, body);
    until(stack->cluster.loop, client->ended);
}

void expect_answer(struct stack *stack, const char *method, const char *target, const char *body,
                   int status, const char *text)
{
    struct client client;
    ask(stack, &client, method, target, body);
    cr_expect_eq(client_status(&client), status, "%s %s: %s", method, target, client.got.at);
    cr_expect(!text || strstr(client.got.at, text), "%s %s: no %s in %s", method, target, text,
              client.got.at);
    client_leave(&client);
}
