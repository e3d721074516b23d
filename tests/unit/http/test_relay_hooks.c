/* Relay hooks: changing heads, taking the body, failing over, last words, being broken. */
#include "relay_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct relay_fixture f;

static enum relay_verdict change_head(struct exchange *exchange, struct response_head *head,
                                      void *context)
{
    f.heads++;
    headers_drop(&head->headers, "Libpod-Version");
    cr_assert_eq(headers_add(&head->headers, SLICE("X-Cluster-Node"), SLICE("n1")), 0);
    head->status = 409;
    return RELAY_PASS;
}

static void note_done(struct exchange *exchange, int status, void *context)
{
    f.done++;
    f.status = status;
    cr_assert_eq(f.client.got.length, 0, "the client knew before on_done");
}

Test(relay_hooks, head_may_be_changed)
{
    static const struct relay_hooks hooks = {.on_head = change_head, .on_done = note_done};
    relay_set_up(&f, &hooks);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 500 Oops\r\nLibpod-Version: 5\r\nContent-Length: 2\r\n\r\nno");
    until(f.loop, peer_got(&f.client, "no"));
    cr_assert_str_eq(peer_text(&f.client), "HTTP/1.1 409 Conflict\r\nX-Cluster-Node: n1\r\n"
                                      "Content-Length: 2\r\n\r\nno");
    cr_assert_eq(f.done, 1);
    cr_assert_eq(f.status, 409);
    relay_tear_down(&f);
}

static enum relay_verdict want_body(struct exchange *exchange, struct response_head *head,
                                    void *context)
{
    f.heads++;
    return RELAY_BUFFER;
}

static void take_body(struct exchange *exchange, int status, const struct headers *headers,
                      struct slice body, void *context)
{
    f.status = status;
    snprintf(f.body, sizeof f.body, SLICE_FMT, SLICE_ARG(body));
    snprintf(f.header, sizeof f.header, SLICE_FMT, SLICE_ARG(headers_find(headers, "X-Y")));
    exchange_reply(exchange, 200, "text/plain", SLICE("mine"), NULL);
}

static void note_failure(struct exchange *exchange, const struct failure *failure, bool sent,
                         void *context)
{
    f.failed++;
    f.failure = *failure;
    f.sent = sent;
    if (f.second) {
        relay_pass(&f, exchange, f.second);
    } else {
        exchange_reply_failure(exchange, failure);
    }
}

static const struct relay_hooks buffering = {
    .on_head = want_body, .on_body = take_body, .on_failure = note_failure, .max_body = 10};

Test(relay_hooks, body_may_be_taken_whole)
{
    relay_set_up(&f, &buffering);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 404 No\r\nX-Y: z\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    until(f.loop, f.heads == 1);
    peer_send(f.engine, "3\r\ncde\r\n0\r\n\r\n");
    until(f.loop, peer_got(&f.client, "mine"));
    cr_assert_eq(f.status, 404);
    cr_assert_str_eq(f.body, "abcde");
    cr_assert_str_eq(f.header, "z");
    until(f.loop, upstream_open(f.upstream) == 1);
    relay_tear_down(&f);
}

Test(relay_hooks, body_that_is_too_large_fails)
{
    relay_set_up(&f, &buffering);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
    until(f.loop, peer_got(&f.client, "HTTP/1.1 500 "));
    cr_assert_eq(f.failure.kind, FAILURE_INTERNAL);
    cr_assert_eq(upstream_open(f.upstream), 0);
    relay_tear_down(&f);
}

Test(relay_hooks, body_that_breaks_off_fails)
{
    relay_set_up(&f, &buffering);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    peer_close_after(f.engine);
    until(f.loop, peer_got(&f.client, "HTTP/1.1 503 "));
    cr_assert(f.sent);
    relay_tear_down(&f);
}

static void script_hello(struct peer *peer, void *context)
{
    struct slice request;
    while (peer_next_request(peer, &request)) {
        peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    }
}

Test(relay_hooks, failure_may_go_to_another_engine)
{
    static const struct relay_hooks hooks = {.on_failure = note_failure};
    static struct fake other;
    relay_set_up(&f, &hooks);
    fake_stop(&f.fake);
    fake_init(&other, f.loop, script_hello, NULL);
    struct upstream_settings settings = {
        .connect_timeout_ms = 5000, .idle_timeout_ms = 60000, .max_idle = 8};
    f.second = upstream_new(f.loop, &other.endpoint, &settings);
    peer_send(&f.client, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    until(f.loop, peer_got(&f.client, "hello"));
    cr_assert_eq(f.failed, 1);
    cr_assert_not(f.sent);
    cr_assert(peer_got(&other.peers[0], "\r\n\r\nabc"));
    fake_deinit(&other);
    relay_tear_down(&f);
}

Test(relay_hooks, own_body_replaces_the_clients)
{
    relay_set_up(&f, NULL);
    f.own_body = SLICE("{\"a\":1}");
    relay_ask(&f, GET_X, "{\"a\":1}");
    cr_assert(peer_got(f.engine, "Content-Length: 7\r\n"));
    relay_tear_down(&f);
}

static void say_last_words(struct exchange *exchange, const struct failure *failure, void *context)
{
    f.broken++;
    f.failure = *failure;
    relay_last_words(exchange, SLICE("{\"error\":1}"));
}

static const struct relay_hooks last_words = {.on_broken = say_last_words};

Test(relay_hooks, last_words_end_a_broken_answer)
{
    relay_set_up(&f, &last_words);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    until(f.loop, peer_got(&f.client, "abc\r\n"));
    relay_break(f.relay, "node-1 is down");
    until(f.loop, f.client.ended);
    cr_assert(peer_got(&f.client, "abc\r\nb\r\n{\"error\":1}\r\n0\r\n\r\n"));
    cr_assert_eq(f.broken, 1);
    cr_assert(slice_ends(slice_of(f.failure.text), "node-1 is down"));
    relay_tear_down(&f);
}

Test(relay_hooks, last_words_can_not_end_half_a_chunk)
{
    relay_set_up(&f, &last_words);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabc");
    until(f.loop, peer_got(&f.client, "abc"));
    peer_close(f.engine);
    until(f.loop, f.client.ended || f.client.broken);
    cr_assert_eq(f.broken, 1);
    cr_assert_not(peer_got(&f.client, "error"));
    relay_tear_down(&f);
}

Test(relay_hooks, cut_upstream_fails_the_relay)
{
    static const struct relay_hooks hooks = {.on_failure = note_failure};
    relay_set_up(&f, &hooks);
    relay_ask(&f, GET_X, "\r\n\r\n");
    upstream_cut(f.upstream, "node-1 is down");
    cr_assert_eq(f.failed, 0);
    until(f.loop, peer_got(&f.client, "node-1 is down"));
    cr_assert(f.sent);
    relay_tear_down(&f);
}

Test(relay_hooks, freed_upstream_fails_the_relay_that_connects)
{
    static const struct relay_hooks hooks = {.on_failure = note_failure};
    relay_set_up(&f, &hooks);
    peer_send(&f.client, GET_X);
    until(f.loop, f.requests == 1);
    upstream_free(&f.upstream);
    until(f.loop, f.failed == 1);
    relay_tear_down(&f);
}
