/* Attacks on memory and time: slow heads, floods, bombs, and clients that never read. */
#include "relay_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static struct relay_fixture f;

static void script_hello(struct peer *peer, void *context)
{
    struct slice request;
    while (peer_next_request(peer, &request)) {
        peer->answered++;
        peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    }
}

Test(attack, slow_head_is_cut_although_bytes_keep_coming)
{
    relay_set_up_impatient(&f, 100);
    peer_send(&f.client, "GET /x HTTP/1.1\r\n");
    int64_t end = loop_wall_ns() + 20000000000LL;
    while (!f.client.ended && !f.client.broken && loop_wall_ns() < end) {
        peer_send(&f.client, "X: y\r\n");
        loop_turn(f.loop, 10);
        loop_turn(f.loop, 10);
    }
    cr_assert(f.client.ended || f.client.broken);
    cr_assert(peer_got(&f.client, "HTTP/1.1 408 ") || peer_got(&f.client, "HTTP/1.1 431 "));
    cr_assert_eq(f.requests, 0);
    relay_tear_down(&f);
}

Test(attack, body_that_trickles_in_is_cut)
{
    relay_set_up_impatient(&f, 100);
    f.answers_itself = true;
    peer_send(&f.client, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    int64_t last = 0, end = loop_wall_ns() + 20000000000LL;
    while (!f.client.ended && !f.client.broken && loop_wall_ns() < end) {
        /* Each byte is worth a millisecond more, not a new start. */
        if (loop_wall_ns() - last >= 10000000) {
            peer_send(&f.client, "x");
            last = loop_wall_ns();
        }
        loop_turn(f.loop, 10);
    }
    cr_assert(peer_got(&f.client, "HTTP/1.1 408 "));
    relay_tear_down(&f);
}

Test(attack, header_value_can_not_start_another_header)
{
    relay_set_up(&f, NULL);
    f.answers_itself = true;
    peer_send(&f.client, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    until(f.loop, peer_got(&f.client, "\r\n\r\nhi"));
    cr_assert(peer_got(&f.client, "X-Good: c\r\n"));
    cr_assert_not(peer_got(&f.client, "X-Evil"));
    relay_tear_down(&f);
}

Test(attack, thousands_of_pipelined_requests_are_one_after_another)
{
    relay_set_up(&f, NULL);
    f.fake.script = script_hello;
    for (int i = 0; i < 5000; i++) {
        peer_send(&f.client, GET_X);
    }
    until(f.loop, f.requests == 5000);
    until(f.loop, f.fake.peers[0].answered == 5000);
    settle(f.loop);
    cr_assert_eq(strlen(peer_text(&f.client)),
                 5000 * strlen("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
    cr_assert_eq(f.fake.count, 1);
    relay_tear_down(&f);
}

Test(attack, client_that_never_reads_is_not_served_on_and_on)
{
    relay_set_up(&f, NULL);
    f.fake.script = script_hello;
    peer_deaf(&f.client, true);
    char *requests = xmalloc(16 * MIB);
    size_t one = strlen(GET_X), count = 16 * MIB / one;
    for (size_t i = 0; i < count; i++) {
        memcpy(requests + i * one, GET_X, one);
    }
    peer_send_bytes(&f.client, requests, count * one);
    size_t before;
    do { /* until nothing moves any more */
        before = (size_t)f.requests;
        for (int i = 0; i < 50; i++) {
            loop_turn(f.loop, 1);
        }
    } while ((size_t)f.requests != before);
    cr_assert_lt((size_t)f.requests, count, "answers went somewhere");
    cr_assert(stream_writing(f.client.stream));
    free(requests);
    relay_tear_down(&f);
}

static void send_head_of(size_t headers, size_t value_bytes)
{
    char *value = xmalloc(value_bytes + 1);
    memset(value, 'v', value_bytes);
    value[value_bytes] = '\0';
    peer_send(&f.client, "GET /x HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 0; i < headers; i++) {
        peer_send(&f.client, "X: ");
        peer_send(&f.client, value);
        peer_send(&f.client, "\r\n");
    }
    peer_send(&f.client, "\r\n");
    free(value);
}

Test(attack, header_bombs_are_refused)
{
    static const struct {
        size_t headers, value_bytes;
    } bombs[] = {{128, 1}, {100000, 0}, {1, 2 * MIB}, {1000, 2 * KIB}, {100, 100 * KIB}};
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        relay_set_up(&f, NULL);
        send_head_of(bombs[i].headers, bombs[i].value_bytes);
        until(f.loop, f.client.ended || f.client.broken);
        cr_expect(peer_got(&f.client, "HTTP/1.1 431 "), "case %zu: %s", i, f.client.got.at);
        cr_expect_eq(f.requests, 0);
        relay_tear_down(&f);
    }
}

Test(attack, as_many_headers_as_are_allowed_may_be_too_many_for_the_engine)
{
    relay_set_up(&f, NULL);
    f.fake.script = script_hello;
    peer_send(&f.client, "POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                         "Expect: 100-continue\r\nContent-Length: 0\r\n");
    for (size_t i = 0; i < 123; i++) {
        peer_send(&f.client, "X: y\r\n");
    }
    peer_send(&f.client, "\r\n");
    until(f.loop, f.client.ended); /* answered, one way or the other */
    cr_assert(slice_starts(buffer_slice(&f.client.got), "HTTP/1.1 "));
    relay_tear_down(&f);
}

Test(attack, much_sent_ahead_behind_a_giant_upgrade_head)
{
    relay_set_up(&f, NULL);
    char *bytes = xmalloc(MIB + 1);
    memset(bytes, 'v', MIB);
    bytes[MIB] = '\0';
    peer_send(&f.client, "POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nX: ");
    peer_send_bytes(&f.client, bytes, 700 * KIB);
    peer_send(&f.client, "\r\n\r\n");
    peer_send_bytes(&f.client, bytes, MIB);
    until(f.loop, f.engine && peer_got(f.engine, "\r\n\r\n"));
    settle(f.loop);
    buffer_clear(&f.engine->got);
    peer_send(f.engine, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    until(f.loop, f.engine->got.length == MIB);
    free(bytes);
    relay_tear_down(&f);
}

Test(attack, endless_trailers_are_cut)
{
    relay_set_up(&f, NULL);
    peer_send(&f.client, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int i = 0; i < 10000; i++) {
        peer_send(&f.client, "X: y\r\n");
    }
    until(f.loop, f.client.ended || f.client.broken);
    settle(f.loop);
    for (size_t i = 0; i < f.fake.count; i++) {
        cr_assert_lt(f.fake.peers[i].got.length, 70 * KIB);
    }
    relay_tear_down(&f);
}

Test(attack, endless_trailers_of_the_engine_are_cut)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int i = 0; i < 10000; i++) {
        peer_send(f.engine, "X: y\r\n");
    }
    until(f.loop, f.client.ended || f.client.broken);
    cr_assert_eq(upstream_open(f.upstream), 0);
    relay_tear_down(&f);
}

Test(attack, endless_informational_heads_of_the_engine_take_no_memory)
{
    relay_set_up(&f, NULL);
    peer_send(&f.client, "GET /x HTTP/1.0\r\n\r\n"); /* which are not even passed on */
    until(f.loop, f.engine && peer_got(f.engine, "\r\n\r\n"));
    for (int i = 0; i < 100000; i++) {
        peer_send(f.engine, "HTTP/1.1 102 Processing\r\n\r\n");
    }
    until(f.loop, f.client.ended);
    cr_assert(peer_got(&f.client, "HTTP/1.1 503 "));
    relay_tear_down(&f);
}
