/* A front with a real listener on loopback. */
#include "tests/unit/http/front_under_test.h"

static void on_connected(struct stream *stream, const char *why_not, void *context)
{
    client.stream = stream;
}

static char came_in_by[256];

static void note_listener(struct exchange *exchange, void *context)
{
    seen.requests++;
    exchange_set_data(exchange, NULL, on_free);
    snprintf(came_in_by, sizeof came_in_by, "%s", exchange_listener(exchange));
    exchange_reply(exchange, 200, "text/plain", SLICE("hi"), NULL);
}

Test(front_listen, accepts_and_knows_by_which_listener)
{
    static const struct front_settings settings = {
        .head_timeout_ms = 60000, .idle_timeout_ms = 60000, .linger_ms = 60000};
    struct listener_options options = {.unix_group = (gid_t)-1};
    struct endpoint endpoint;
    struct failure failure;
    loop = loop_new();
    front = front_new(loop, &settings, note_listener, NULL);
    buffer_init(&client.in, 65536 * 4);
    cr_assert_eq(endpoint_parse(&endpoint, SLICE("tcp://127.0.0.1:0"), 0, &failure), 0);
    cr_assert_eq(front_listen(front, &endpoint, &options, &failure), 0, "%s", failure.text);
    char text[64];
    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", front_port(front));
    cr_assert_eq(endpoint_parse(&endpoint, slice_of(text), 0, &failure), 0);
    stream_connect_start(loop, &endpoint, NULL, 5000, on_connected, NULL);
    UNTIL(client.stream);
    stream_set(client.stream, client_readable, NULL);
    stream_want_read(client.stream, true);
    say(GET("/hello"));
    UNTIL(got("\r\n\r\nhi"));
    expect_text(came_in_by, "tcp://127.0.0.1:0");
    cr_expect_eq(front_connections(front), 1);
    stop();
}
