/* Tunnels: upgrades, raw streams, early bytes, half-close and the ends of both sides. */
#include "relay_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MIB ((size_t)1024 * 1024)
#define ATTACH                                                                                     \
    "POST /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"                  \
    "Content-Length: 0\r\n\r\n"
#define UPGRADED                                                                                   \
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"                 \
    "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

static struct relay_fixture f;

static void note_done(struct exchange *exchange, int status, void *context)
{
    f.done++;
    f.status = status;
}
static const struct relay_hooks hooks = {.on_done = note_done};

static void open_tunnel(void)
{
    relay_set_up(&f, &hooks);
    relay_ask(&f, ATTACH, "\r\n\r\n");
    peer_send(f.engine, UPGRADED);
    until(f.loop, peer_got(&f.client, "\r\n\r\n"));
    buffer_clear(&f.client.got);
    buffer_clear(&f.engine->got);
}

Test(tunnel, opens_for_any_protocol)
{
    relay_set_up(&f, &hooks);
    relay_ask(&f, "POST /session HTTP/1.1\r\nHost:\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
              "\r\n\r\n");
    cr_assert(peer_got(f.engine, "Connection: Upgrade\r\nUpgrade: h2c\r\n"));
    peer_send(f.engine, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        "Upgrade: h2c\r\nX-A: b\r\n\r\nPRI * HTTP/2.0");
    until(f.loop, peer_got(&f.client, "PRI * HTTP/2.0"));
    cr_assert_str_eq(peer_text(&f.client), "HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\n"
                                      "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0");
    relay_ask(&f, "from the client", "from the client");
    relay_tear_down(&f);
}

Test(tunnel, client_end_is_a_half_close)
{
    open_tunnel();
    peer_send(&f.client, "input");
    peer_half_close(&f.client);
    until(f.loop, f.engine->ended);
    cr_assert(peer_got(f.engine, "input"));
    peer_send(f.engine, "output");
    until(f.loop, peer_got(&f.client, "output"));
    cr_assert_not(f.client.ended);
    peer_close_after(f.engine);
    until(f.loop, f.client.ended);
    cr_assert_eq(f.done, 1);
    cr_assert_eq(f.status, 101);
    cr_assert_eq(f.gone, 0);
    relay_tear_down(&f);
}

Test(tunnel, client_may_end_before_the_upgrade)
{
    relay_set_up(&f, &hooks);
    peer_send(&f.client, ATTACH);
    peer_half_close(&f.client);
    until(f.loop, f.engine && peer_got(f.engine, "\r\n\r\n"));
    settle(f.loop);
    cr_assert_eq(f.gone, 0);
    peer_send(f.engine, UPGRADED "output");
    until(f.loop, peer_got(&f.client, "output"));
    until(f.loop, f.engine->ended);
    peer_close(f.engine);
    until(f.loop, f.client.ended);
    relay_tear_down(&f);
}

Test(tunnel, engine_end_is_passed_and_input_still_flows)
{
    open_tunnel();
    peer_half_close(f.engine);
    until(f.loop, f.client.ended);
    relay_ask(&f, "late input", "late input");
    peer_close(&f.client);
    until(f.loop, f.engine->ended);
    relay_tear_down(&f);
}

Test(tunnel, bytes_sent_ahead_become_tunnel_data)
{
    static const char text[] =
        "POST /exec/1/start HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        "Content-Length: 2\r\n\r\n{}GET /evil HTTP/1.1\r\n\r\n";
    /* in one segment, and byte by byte */
    for (size_t piece = sizeof text; piece > 0; piece = piece > 1 ? 1 : 0) {
        relay_set_up(&f, &hooks);
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            struct slice part = slice_cut(slice_of(text), at, piece);
            peer_send_bytes(&f.client, part.at, part.length);
            loop_turn(f.loop, 1);
        }
        until(f.loop, f.engine && peer_got(f.engine, "{}"));
        settle(f.loop);
        cr_assert_not(peer_got(f.engine, "evil"));
        peer_send(f.engine, UPGRADED);
        until(f.loop, peer_got(f.engine, "{}GET /evil HTTP/1.1\r\n\r\n"));
        cr_assert_eq(f.requests, 1);
        relay_tear_down(&f);
    }
}

Test(tunnel, chunked_body_comes_before_bytes_sent_ahead)
{
    relay_set_up(&f, &hooks);
    relay_ask(&f,
              "POST /exec/1/start HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
              "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nahead",
              "2\r\n{}\r\n0\r\n\r\n");
    peer_send(f.engine, UPGRADED);
    until(f.loop, peer_got(f.engine, "0\r\n\r\nahead"));
    relay_tear_down(&f);
}

Test(tunnel, refused_upgrade_answers_and_closes)
{
    relay_set_up(&f, &hooks);
    relay_ask(&f, ATTACH GET_X, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    until(f.loop, f.client.ended);
    cr_assert(peer_got(&f.client, "Connection: close\r\n"));
    cr_assert(peer_got(&f.client, "\r\n\r\nnone"));
    cr_assert_eq(f.requests, 1);
    cr_assert_not(peer_got(f.engine, "/x"));
    relay_tear_down(&f);
}

Test(tunnel, upgrade_waits_for_the_whole_request_body)
{
    relay_set_up(&f, &hooks);
    relay_ask(&f, "POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                  "Content-Length: 4\r\n\r\nab", "ab");
    peer_send(f.engine, UPGRADED "early output");
    settle(f.loop);
    cr_assert_eq(f.client.got.length, 0);
    relay_ask(&f, "cdef", "abcdef");
    until(f.loop, peer_got(&f.client, "early output"));
    relay_tear_down(&f);
}

Test(tunnel, raw_stream_without_upgrade_goes_both_ways)
{
    static const char *const types[] = {"raw", "multiplexed"};
    for (size_t i = 0; i < 2; i++) {
        relay_set_up(&f, &hooks);
        relay_ask(&f, "POST /attach HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "\r\n\r\n");
        peer_send(f.engine, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.");
        peer_send(f.engine, types[i]);
        peer_send(f.engine, "-stream\r\n\r\noutput");
        until(f.loop, peer_got(&f.client, "\r\n\r\noutput"));
        relay_ask(&f, "input", "input");
        relay_tear_down(&f);
    }
}

Test(tunnel, error_in_raw_stream_type_is_an_ordinary_answer)
{
    relay_set_up(&f, &hooks);
    relay_ask(&f, ATTACH, "\r\n\r\n");
    peer_send(f.engine, "HTTP/1.1 404 Not Found\r\n"
                        "Content-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container");
    peer_close_after(f.engine);
    until(f.loop, f.client.ended);
    cr_assert(slice_ends(buffer_slice(&f.client.got), "\r\n\r\nNo such container"));
    relay_tear_down(&f);
}

Test(tunnel, slow_sides_hold_the_fast_ones_back)
{
    open_tunnel();
    char *bytes = xcalloc(32, MIB);
    peer_deaf(&f.client, true);
    peer_deaf(f.engine, true);
    peer_send_bytes(&f.client, bytes, 32 * MIB);
    peer_send_bytes(f.engine, bytes, 32 * MIB);
    settle(f.loop);
    cr_assert(stream_writing(f.client.stream));
    cr_assert(stream_writing(f.engine->stream));
    peer_deaf(&f.client, false);
    until(f.loop, f.client.got.length == 32 * MIB);
    peer_deaf(f.engine, false);
    until(f.loop, f.engine->got.length == 32 * MIB);
    free(bytes);
    relay_tear_down(&f);
}

Test(tunnel, client_that_breaks_ends_the_engine_side)
{
    open_tunnel();
    peer_send(f.engine, "output that nobody reads");
    peer_close(&f.client);
    until(f.loop, f.engine->ended || f.engine->broken);
    peer_send(f.engine, "more");
    until(f.loop, upstream_open(f.upstream) == 0);
    cr_assert_eq(f.gone, 1);
    cr_assert_eq(f.done, 0);
    relay_tear_down(&f);
}

Test(tunnel, cut_node_breaks_the_tunnel)
{
    open_tunnel();
    upstream_cut(f.upstream, "node-1 is down");
    until(f.loop, f.client.ended || f.client.broken);
    cr_assert_eq(f.done, 0);
    relay_tear_down(&f);
}

Test(tunnel, output_survives_an_engine_that_takes_no_input)
{
    open_tunnel();
    peer_send(f.engine, "output");
    peer_deaf(f.engine, true); /* closes with unread input: a reset follows */
    peer_send(&f.client, "input");
    until(f.loop, peer_got(&f.client, "output"));
    peer_close(f.engine);
    until(f.loop, f.client.ended || f.client.broken);
    relay_tear_down(&f);
}
