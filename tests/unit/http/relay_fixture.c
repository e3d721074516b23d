/* Relay fixture: see relay_fixture.h. */
#include "relay_fixture.h"

#include <criterion/criterion.h>

static void on_gone(struct exchange *exchange, void *context)
{
    struct relay_fixture *f = context;
    f->gone++;
}

void relay_pass(struct relay_fixture *f, struct exchange *exchange, struct upstream *upstream)
{
    const struct request_head *head = exchange_head(exchange);
    struct relay_request request = {.method = head->method,
                                    .target = head->target,
                                    .headers = &head->headers,
                                    .body = f->own_body,
                                    .head_deadline_ms = f->head_deadline_ms,
                                    .upgrade = !f->no_upgrade};
    f->relay = relay_start(exchange, upstream, &request, f->hooks, f);
}

static void on_body(struct exchange *exchange, struct slice body, const struct failure *failure,
                    void *context)
{
    struct headers headers = {.count = 0};
    headers_add(&headers, SLICE("X-Bad"), SLICE("a\r\nX-Evil: b"));
    headers_add(&headers, SLICE("X-Good"), SLICE("c"));
    if (failure) {
        exchange_reply_failure(exchange, failure);
    } else {
        exchange_reply(exchange, 200, "text/plain", body, &headers);
    }
}

static void on_request(struct exchange *exchange, void *context)
{
    struct relay_fixture *f = context;
    f->requests++;
    exchange_on_gone(exchange, on_gone, f);
    if (f->answers_itself) {
        exchange_read_body(exchange, 1000000, on_body, f);
        return;
    }
    relay_pass(f, exchange, f->upstream);
}

static void note_engine(struct peer *peer, void *context)
{
    struct relay_fixture *f = context;
    f->engine = peer;
}

void relay_client(struct relay_fixture *f, struct peer *client)
{
    struct stream *ours, *theirs;
    stream_pair(f->loop, &ours, &theirs);
    peer_init(client, ours, NULL, NULL);
    front_adopt(f->front, theirs);
}

static void set_up(struct relay_fixture *f, const struct relay_hooks *hooks,
                   uint64_t head_timeout_ms)
{
    memset(f, 0, sizeof *f);
    f->hooks = hooks;
    f->loop = loop_new();
    fake_init(&f->fake, f->loop, note_engine, f);
    struct upstream_settings settings = {
        .connect_timeout_ms = 5000, .idle_timeout_ms = 60000, .max_idle = 8};
    f->upstream = upstream_new(f->loop, &f->fake.endpoint, &settings);
    struct front_settings front = {
        .head_timeout_ms = head_timeout_ms, .idle_timeout_ms = 60000, .linger_ms = 5000};
    f->front = front_new(f->loop, &front, on_request, f);
    relay_client(f, &f->client);
}

void relay_set_up(struct relay_fixture *f, const struct relay_hooks *hooks)
{
    set_up(f, hooks, 30000);
}

void relay_set_up_impatient(struct relay_fixture *f, uint64_t head_timeout_ms)
{
    set_up(f, NULL, head_timeout_ms);
}

void relay_tear_down(struct relay_fixture *f)
{
    peer_deinit(&f->client);
    settle(f->loop);
    front_free(&f->front);
    upstream_free(&f->upstream);
    upstream_free(&f->second);
    fake_deinit(&f->fake);
    loop_free(&f->loop);
    expect_no_leaks();
}

void relay_ask(struct relay_fixture *f, const char *text, const char *marker)
{
    peer_send(&f->client, text);
    until(f->loop, f->engine && peer_got(f->engine, marker));
}
