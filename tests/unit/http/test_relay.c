/* Relay: requests and answers pass whole, at once, with back-pressure and honest ends. */
#include "relay_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define MIB      ((size_t)1024 * 1024)

static struct relay_fixture f;

Test(relay, rebuilds_both_heads)
{
    relay_set_up(&f, NULL);
    relay_ask(&f,
              "POST /v1.41/x?a=b HTTP/1.1\r\nHost: evil\r\nConnection: x-hop, keep-alive\r\n"
              "X-Hop: 1\r\nTE: trailers\r\nX-Keep: yes\r\nContent-Length: 2\r\n\r\nhi",
              "\r\n\r\nhi");
    cr_assert(slice_starts(buffer_slice(&f.engine->got), "POST /v1.41/x?a=b HTTP/1.1\r\n"));
    cr_assert(peer_got(f.engine, "Host: 127.0.0.1:"));
    cr_assert(peer_got(f.engine, "X-Keep: yes\r\n"));
    cr_assert(peer_got(f.engine, "Content-Length: 2\r\n"));
    cr_assert_not(peer_got(f.engine, "evil"));
    cr_assert_not(peer_got(f.engine, "Hop"));
    cr_assert_not(peer_got(f.engine, "TE:"));
    cr_assert_not(peer_got(f.engine, "Connection"));
    peer_send(f.engine, "HTTP/1.1 201 Made\r\nX-Answer: 1\r\nConnection: x-secret\r\nX-Secret: 2\r\n"
                        "Keep-Alive: 3\r\nContent-Length: 5\r\n\r\nhello");
    until(f.loop, peer_got(&f.client, "hello"));
    cr_assert_str_eq(peer_text(&f.client),
                     "HTTP/1.1 201 Made\r\nX-Answer: 1\r\nContent-Length: 5\r\n\r\nhello");
    relay_tear_down(&f);
}

static void script_hello(struct peer *peer, void *context)
{
    struct slice request;
    while (peer_next_request(peer, &request)) {
        peer_send(peer, OK_HELLO);
    }
}

Test(relay, reuses_both_connections)
{
    relay_set_up(&f, NULL);
    f.fake.script = script_hello;
    for (int i = 0; i < 5; i++) {
        peer_send(&f.client, i % 2 ? "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                                   : GET_X);
        until(f.loop, peer_got(&f.client, "hello"));
        buffer_clear(&f.client.got);
    }
    cr_assert_eq(f.fake.count, 1);
    cr_assert_not(f.client.ended);
    relay_tear_down(&f);
}

Test(relay, answers_pipelined_requests_in_order)
{
    relay_set_up(&f, NULL);
    f.fake.script = script_hello;
    peer_send(&f.client, GET_X GET_X "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    until(f.loop, f.client.ended);
    cr_assert_eq(f.requests, 3);
    cr_assert_eq(strlen(peer_text(&f.client)), 3 * strlen(OK_HELLO) + strlen("Connection: close\r\n"));
    relay_tear_down(&f);
}

Test(relay, passes_the_head_and_each_piece_at_once)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    until(f.loop, peer_got(&f.client, "chunked\r\n\r\n"));
    peer_send(f.engine, "3\r\nab");
    until(f.loop, peer_got(&f.client, "3\r\nab"));
    peer_send(f.engine, "c\r\n0\r\n\r\n");
    until(f.loop, peer_got(&f.client, "3\r\nabc\r\n0\r\n\r\n"));
    until(f.loop, upstream_open(f.upstream) == 1);
    relay_tear_down(&f);
}

Test(relay, takes_a_head_byte_by_byte)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    for (const char *at = OK_HELLO; *at; at++) {
        peer_send_bytes(f.engine, at, 1);
        loop_turn(f.loop, 1);
        loop_turn(f.loop, 1);
    }
    until(f.loop, peer_got(&f.client, "hello"));
    cr_assert_str_eq(peer_text(&f.client), OK_HELLO);
    relay_tear_down(&f);
}

Test(relay, passes_expect_and_informational_answers)
{
    relay_set_up(&f, NULL);
    relay_ask(&f,
              "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
              "\r\n\r\n");
    cr_assert(peer_got(f.engine, "Expect: 100-continue\r\n"));
    peer_send(f.engine, "HTTP/1.1 100 Continue\r\n\r\n");
    until(f.loop, peer_got(&f.client, "HTTP/1.1 100 Continue\r\n\r\n"));
    relay_ask(&f, "abc", "abc");
    peer_send(f.engine, "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" OK_HELLO);
    until(f.loop, peer_got(&f.client, "hello"));
    cr_assert_str_eq(peer_text(&f.client), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n"
                                      "Link: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" OK_HELLO);
    relay_tear_down(&f);
}

Test(relay, gives_up_on_endless_informational_answers)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    for (int i = 0; i < 1000; i++) {
        peer_send(f.engine, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    until(f.loop, peer_got(&f.client, "HTTP/1.1 503 "));
    until(f.loop, upstream_open(f.upstream) == 0);
    relay_tear_down(&f);
}

Test(relay, streams_a_chunked_upload)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
              "chunked\r\n\r\n3\r\nab");
    relay_ask(&f, "c\r\n", "abc\r\n");
    relay_ask(&f, "0\r\n\r\n", "abc\r\n0\r\n\r\n");
    peer_send(f.engine, OK_HELLO);
    until(f.loop, peer_got(&f.client, "hello"));
    until(f.loop, upstream_open(f.upstream) == 1);
    relay_tear_down(&f);
}

Test(relay, upload_waits_for_an_engine_that_does_not_read)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n", "\r\n\r\n");
    size_t head = f.engine->got.length;
    peer_deaf(f.engine, true);
    char *bytes = xcalloc(32, MIB);
    peer_send_bytes(&f.client, bytes, 32 * MIB);
    settle(f.loop);
    cr_assert(stream_writing(f.client.stream), "32 MiB went somewhere");
    peer_deaf(f.engine, false);
    until(f.loop, f.engine->got.length == head + 32 * MIB);
    peer_send(f.engine, OK_HELLO);
    until(f.loop, peer_got(&f.client, "hello"));
    free(bytes);
    relay_tear_down(&f);
}

Test(relay, answer_waits_for_a_client_that_does_not_read)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_deaf(&f.client, true);
    char *bytes = xcalloc(32, MIB);
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
    peer_send_bytes(f.engine, bytes, 32 * MIB);
    settle(f.loop);
    cr_assert(stream_writing(f.engine->stream), "32 MiB went somewhere");
    peer_deaf(&f.client, false);
    until(f.loop, f.client.got.length > 32 * MIB);
    until(f.loop, upstream_open(f.upstream) == 1);
    free(bytes);
    relay_tear_down(&f);
}

Test(relay, client_that_goes_takes_the_engine_connection_with_it)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n"); /* silent: no head yet */
    peer_close(&f.client);
    until(f.loop, f.engine->ended || f.engine->broken);
    cr_assert_eq(f.gone, 1);

    struct peer second;
    relay_client(&f, &second);
    peer_send(&second, GET_X);
    until(f.loop, f.fake.count == 2 && peer_got(&f.fake.peers[1], "\r\n\r\n"));
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    until(f.loop, peer_got(&second, "\r\n\r\n"));
    peer_close(&second);
    until(f.loop, f.engine->ended || f.engine->broken);
    cr_assert_eq(f.gone, 2);
    cr_assert_eq(upstream_open(f.upstream), 0);
    peer_deinit(&second);
    relay_tear_down(&f);
}

Test(relay, client_that_goes_during_a_stalled_upload_is_noticed)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n", "\r\n\r\n");
    peer_deaf(f.engine, true);
    char *bytes = xcalloc(32, MIB);
    peer_send_bytes(&f.client, bytes, 32 * MIB);
    settle(f.loop);
    peer_close(&f.client); /* behind bytes that nobody takes */
    until(f.loop, upstream_open(f.upstream) == 0);
    cr_assert_eq(f.gone, 1);
    free(bytes);
    relay_tear_down(&f);
}

Test(relay, answer_that_breaks_off_does_not_look_whole)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    };
    for (size_t i = 0; i < 2; i++) {
        relay_set_up(&f, NULL);
        relay_ask(&f, GET_X, "\r\n\r\n");
        peer_send(f.engine, answers[i]);
        until(f.loop, peer_got(&f.client, "abc"));
        peer_close(f.engine);
        until(f.loop, f.client.ended || f.client.broken);
        cr_assert_not(peer_got(&f.client, "0\r\n\r\n"));
        relay_tear_down(&f);
    }
}

Test(relay, broken_chunks_of_the_engine_are_not_passed)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    until(f.loop, peer_got(&f.client, "\r\n\r\n"));
    peer_send(f.engine, "3\nabc");
    until(f.loop, f.client.ended || f.client.broken);
    cr_assert_not(peer_got(&f.client, "abc"));
    relay_tear_down(&f);
}

Test(relay, early_answer_ends_an_upload)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
              "abc");
    peer_send(f.engine, "HTTP/1.1 500 Full\r\nContent-Length: 4\r\n\r\nfull");
    until(f.loop, peer_got(&f.client, "full"));
    cr_assert(peer_got(&f.client, "Connection: close\r\n"));
    until(f.loop, f.client.ended && f.engine->ended);
    cr_assert_eq(f.gone, 0);
    relay_tear_down(&f);
}

Test(relay, answer_and_upload_flow_at_the_same_time)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
              "abc");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    until(f.loop, peer_got(&f.client, "hi"));
    relay_ask(&f, "3\r\ndef\r\n0\r\n\r\n", "def\r\n0\r\n\r\n");
    peer_send(f.engine, "0\r\n\r\n");
    until(f.loop, peer_got(&f.client, "hi\r\n0\r\n\r\n"));
    relay_tear_down(&f);
}

Test(relay, passes_answers_without_body)
{
    static const struct {
        const char *request, *answer, *expected;
    } cases[] = {
        {"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"},
        {GET_X, "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {GET_X, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
    };
    for (size_t i = 0; i < 3; i++) {
        relay_set_up(&f, NULL);
        relay_ask(&f, cases[i].request, "\r\n\r\n");
        peer_send(f.engine, cases[i].answer);
        until(f.loop, peer_got(&f.client, "\r\n\r\n"));
        cr_assert_str_eq(peer_text(&f.client), cases[i].expected);
        peer_send(&f.client, GET_X); /* both connections go on */
        until(f.loop, f.requests == 2 && f.engine->got.length > strlen(GET_X) + 40);
        cr_assert_eq(f.fake.count, 1);
        relay_tear_down(&f);
    }
}

Test(relay, until_close_answer_ends_with_the_connection)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 200 OK\r\n\r\nabc");
    peer_close_after(f.engine);
    until(f.loop, f.client.ended);
    cr_assert_str_eq(peer_text(&f.client), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
    relay_tear_down(&f);
}

Test(relay, takes_chunks_off_for_old_clients)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
                        "\r\n\r\n2\r\nab\r\n3;x\r\ncde\r\n0\r\n\r\n");
    until(f.loop, f.client.ended);
    cr_assert_str_eq(peer_text(&f.client), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde");
    relay_tear_down(&f);
}

Test(relay, bytes_behind_an_answer_go_nowhere)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    peer_send(f.engine, OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    until(f.loop, peer_got(&f.client, "hello") && upstream_open(f.upstream) == 0);
    peer_send(&f.client, GET_X);
    until(f.loop, f.fake.count == 2);
    cr_assert_not(peer_got(&f.client, "evil"));
    relay_tear_down(&f);
}

Test(relay, tries_once_more_on_a_dead_reused_connection)
{
    relay_set_up(&f, NULL);
    f.fake.script = script_hello;
    peer_send(&f.client, GET_X);
    until(f.loop, peer_got(&f.client, "hello"));
    buffer_clear(&f.client.got);
    f.fake.peers[0].on_bytes = NULL; /* this one will take the request and die */
    size_t before = f.fake.peers[0].got.length;
    peer_send(&f.client, GET_X);
    until(f.loop, f.fake.peers[0].got.length > before);
    peer_close(&f.fake.peers[0]);
    until(f.loop, peer_got(&f.client, "hello"));
    cr_assert_eq(f.fake.count, 2);
    relay_tear_down(&f);
}

Test(relay, does_not_repeat_a_post)
{
    relay_set_up(&f, NULL);
    f.fake.script = script_hello;
    peer_send(&f.client, GET_X);
    until(f.loop, peer_got(&f.client, "hello"));
    f.fake.peers[0].on_bytes = NULL;
    size_t before = f.fake.peers[0].got.length;
    peer_send(&f.client, "POST /x HTTP/1.1\r\nHost: a\r\n\r\n");
    until(f.loop, f.fake.peers[0].got.length > before);
    peer_close(&f.fake.peers[0]);
    until(f.loop, peer_got(&f.client, "HTTP/1.1 503 "));
    cr_assert_eq(f.fake.count, 1);
    relay_tear_down(&f);
}

Test(relay, no_connection_answers_503)
{
    relay_set_up(&f, NULL);
    fake_stop(&f.fake);
    peer_send(&f.client, GET_X);
    until(f.loop, peer_got(&f.client, "\r\n\r\n{\"message\":"));
    cr_assert(peer_got(&f.client, "HTTP/1.1 503 "));
    cr_assert(peer_got(&f.client, "refused"));
    relay_tear_down(&f);
}

Test(relay, head_deadline_answers_503)
{
    relay_set_up(&f, NULL);
    f.head_deadline_ms = 30;
    peer_send(&f.client, GET_X);
    until(f.loop, peer_got(&f.client, "HTTP/1.1 503 "));
    until(f.loop, upstream_open(f.upstream) == 0);
    relay_tear_down(&f);
}

Test(relay, refuses_heads_of_the_engine_that_are_bad)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nevil",
        "garbage garbage garbage\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        relay_set_up(&f, NULL);
        relay_ask(&f, GET_X, "\r\n\r\n");
        peer_send(f.engine, answers[i]);
        until(f.loop, peer_got(&f.client, "\"message\":"));
        cr_assert(slice_starts(buffer_slice(&f.client.got), "HTTP/1.1 "));
        cr_assert_not(peer_got(&f.client, "evil"));
        until(f.loop, upstream_open(f.upstream) == 0);
        relay_tear_down(&f);
    }
}

Test(relay, bounds_the_engines_head)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, GET_X, "\r\n\r\n");
    char *bytes = xmalloc(4 * MIB);
    memset(bytes, 'v', 4 * MIB);
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nX: ");
    peer_send_bytes(f.engine, bytes, 4 * MIB);
    until(f.loop, peer_got(&f.client, "\"message\":"));
    free(bytes);
    relay_tear_down(&f);
}

Test(relay, passes_a_big_head)
{
    relay_set_up(&f, NULL);
    char *bytes = xmalloc(300001);
    memset(bytes, 'v', 300000);
    bytes[300000] = '\0';
    peer_send(&f.client, "GET /x HTTP/1.1\r\nHost: a\r\nX-Registry-Config: ");
    peer_send(&f.client, bytes);
    relay_ask(&f, "\r\n\r\n", "\r\n\r\n");
    cr_assert(peer_got(f.engine, bytes));
    peer_send(f.engine, "HTTP/1.1 200 OK\r\nX-Big: ");
    peer_send(f.engine, bytes);
    peer_send(f.engine, "\r\nContent-Length: 5\r\n\r\nhello");
    until(f.loop, peer_got(&f.client, "\r\n\r\nhello"));
    cr_assert(peer_got(&f.client, bytes));
    free(bytes);
    relay_tear_down(&f);
}
