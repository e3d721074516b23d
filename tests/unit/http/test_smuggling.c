/* Smuggling: what two readers could understand differently must not reach an engine, not one byte
 * of it. Every request is sent in one segment and byte by byte; the engine is a recorder that
 * answers what it understands. "EVIL" marks what would be smuggled. */
#include "relay_fixture.h"

#include <criterion/criterion.h>

#define POST   "POST /x HTTP/1.1\r\nHost: a\r\n"
#define EVIL   "GET /EVIL HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHUNKS POST "Transfer-Encoding: chunked\r\n\r\n"

enum expectation {
    NOTHING, /* not one byte */
    PARTIAL, /* at most the beginning of a request, never a whole one */
    ONE,     /* one whole request and nothing more */
    TWO,
};

struct attack {
    const char *bytes;
    enum expectation expected;
};

static struct relay_fixture f;

static void record(struct peer *peer, void *context)
{
    struct slice request;
    while (peer_next_request(peer, &request)) {
        peer->answered++;
        peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

static int whole_requests(void)
{
    int whole = 0;
    for (size_t i = 0; i < f.fake.count; i++) {
        whole += f.fake.peers[i].answered;
    }
    return whole;
}

static void send_in_pieces(const char *bytes, size_t piece, int expected)
{
    struct slice text = slice_of(bytes);
    for (size_t at = 0; at < text.length && !f.client.ended && !f.client.broken; at += piece) {
        struct slice part = slice_cut(text, at, piece);
        peer_send_bytes(&f.client, part.at, part.length);
        loop_turn(f.loop, piece == 1 ? 0 : 1);
    }
    until(f.loop, f.client.ended || whole_requests() >= expected);
    settle(f.loop);
    peer_half_close(&f.client);
    until(f.loop, f.client.ended || f.client.broken);
    settle(f.loop);
}

static void attack(const struct attack *attack, size_t number, size_t piece)
{
    relay_set_up(&f, NULL);
    f.fake.script = record;
    int allowed = attack->expected == TWO ? 2 : attack->expected == ONE ? 1 : 0;
    send_in_pieces(attack->bytes, piece, allowed);
    size_t bytes = 0;
    int whole = whole_requests();
    for (size_t i = 0; i < f.fake.count; i++) {
        bytes += f.fake.peers[i].got.length;
        if (attack->expected != TWO) {
            cr_expect_not(peer_got(&f.fake.peers[i], "EVIL"), "case %zu piece %zu", number, piece);
        }
    }
    cr_expect_eq(whole, allowed, "case %zu piece %zu: %d whole requests", number, piece, whole);
    if (attack->expected == NOTHING) {
        cr_expect_eq(bytes, 0, "case %zu piece %zu: %zu bytes reached the engine", number, piece,
                     bytes);
        cr_expect(slice_starts(buffer_slice(&f.client.got), "HTTP/1.1 4"), "case %zu: %s", number,
                  f.client.got.at);
    }
    relay_tear_down(&f);
}

static void attack_all(const struct attack *attacks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        attack(&attacks[i], i, 100000);
        attack(&attacks[i], i, 1);
    }
}
#define ATTACK_ALL(attacks) attack_all(attacks, sizeof(attacks) / sizeof((attacks)[0]))

Test(smuggling, length_against_encoding)
{
    static const struct attack attacks[] = {
        {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "content-length: 0\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 0\r\nContent-Length: 40\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", NOTHING},
        {POST "Content-Length: 0, 40\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 0\r\nContent-Length : 40\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length\t: 40\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length:\x0b" "0\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: +0\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: -0\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 0x0\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 0 0\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: \r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 1e1\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 0.0\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 18446744073709551616\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 18446744073709551615\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: 0;\r\n\r\n" EVIL, NOTHING},
        {POST "Content-Length: \"0\"\r\n\r\n" EVIL, NOTHING},
    };
    ATTACK_ALL(attacks);
}

Test(smuggling, disguised_encodings)
{
    static const struct attack attacks[] = {
        {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: chunked\r\nTransfer-encoding: chunked\r\n\r\n0\r\n\r\n", NOTHING},
        {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding\t:chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer-Encoding: chun\x80ked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {POST "Transfer\xe2\x80\x91" "Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
        {"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, NOTHING},
    };
    ATTACK_ALL(attacks);
}

Test(smuggling, broken_chunks)
{
    static const struct attack attacks[] = {
        {CHUNKS "0\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0\r\n\n" EVIL, PARTIAL},
        {CHUNKS "0\r\r\n" EVIL, PARTIAL},
        {CHUNKS "0 \r\n\r\n" EVIL, PARTIAL},
        {CHUNKS " 0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "+0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "-1\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0x0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0,1\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "\r\n0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "1\r\naa\r\n0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "1\r\na0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "1\r\na\n0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "2\r\na\r\n0\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "10000000000000000\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0000000000000000000000\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0;a\nb\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0;a\rb\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0\r\nX : y\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0\r\n folded\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0\r\nX\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0\r\n:\r\n\r\n" EVIL, PARTIAL},
        {CHUNKS "0\r\nX: y\n\r\n" EVIL, PARTIAL},
        {CHUNKS "5\r\nhel", PARTIAL},
        {POST "Content-Length: 9\r\n\r\nhel", PARTIAL},
    };
    ATTACK_ALL(attacks);
}

Test(smuggling, start_lines_and_targets)
{
    static const struct attack attacks[] = {
        {"GET /x HTTP/1.1\nHost: a\n\n" EVIL, NOTHING},
        {"GET /x HTTP/1.1\r\nHost: a\n\r\n" EVIL, NOTHING},
        {"GET /x\r\n\r\n" EVIL, NOTHING},
        {"GET /x HTTP/0.9\r\n\r\n" EVIL, NOTHING},
        {"GET /x HTTP/1.2\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"GET /x HTTP/1.1 \r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"GET /x HTTP/1.1HTTP/1.1\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"GET /x /EVIL HTTP/1.1\r\nHost: a\r\n\r\n", NOTHING},
        {"GET /x\tHTTP/1.1\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"GET /x\x0b HTTP/1.1\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"GET  /x HTTP/1.1\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"GET /x#/EVIL HTTP/1.1\r\nHost: a\r\n\r\n", NOTHING},
        {"GET x HTTP/1.1\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"CONNECT EVIL:80 HTTP/1.1\r\nHost: a\r\n\r\n", NOTHING},
        {"GET http:///EVIL@a?/x HTTP/1.2\r\nHost: a\r\n\r\n", NOTHING},
        {"GET /x HTTP/1.1\r\nHost: a\r\nHost: EVIL\r\n\r\n", NOTHING},
        {"GET /x HTTP/1.1\r\nX: y\r\n\r\n" EVIL, NOTHING},
        {"GET /x HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n" EVIL, NOTHING},
        {"GET /x HTTP/1.1\r\n: y\r\nHost: a\r\n\r\n" EVIL, NOTHING},
        {"GET /x HTTP/1.1\r\nHost: a\r\nExpect: EVIL\r\n\r\n", NOTHING},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" EVIL, NOTHING},
    };
    ATTACK_ALL(attacks);
}

Test(smuggling, upgrades_and_what_follows)
{
    static const struct attack attacks[] = {
        /* refused upgrade: what follows is neither a request nor tunnel data */
        {POST "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n" EVIL, ONE},
        {"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" EVIL, ONE},
        {POST "Connection: close\r\nContent-Length: 2\r\n\r\nhi" EVIL, ONE},
        {"GET /x HTTP/1.0\r\n\r\n" EVIL, ONE},
    };
    ATTACK_ALL(attacks);
}

/* The recorder does notice: what is well-formed arrives, each as its own request. */
Test(smuggling, well_formed_requests_arrive)
{
    static const struct attack attacks[] = {
        {CHUNKS "5;ext\r\nhello\r\n0\r\nX: y\r\n\r\n" EVIL, TWO},
        {POST "Content-Length: 5\r\n\r\nhello" EVIL, TWO},
        {"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" EVIL, TWO},
        {"\r\nGET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n" EVIL, TWO},
        {POST "Content-Length: 33\r\n\r\n" "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n", ONE},
    };
    ATTACK_ALL(attacks);
}

Test(smuggling, connection_can_not_take_framing_away)
{
    relay_set_up(&f, NULL);
    relay_ask(&f, POST "Connection: content-length, host, transfer-encoding, keep-alive\r\n"
                       "Content-Length: 3\r\n\r\nabc", "abc");
    cr_assert(peer_got(f.engine, "Content-Length: 3\r\n"));
    cr_assert(peer_got(f.engine, "Host: "));
    relay_tear_down(&f);
}

/* An upgrade to HTTP/2 would be a way to the engine past every rule. */
Test(smuggling, only_two_way_operations_may_upgrade)
{
    static const char *const answers[] = {
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    };
    for (size_t i = 0; i < 3; i++) {
        relay_set_up(&f, NULL);
        f.no_upgrade = true;
        relay_ask(&f, POST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                           "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "\r\n\r\n");
        cr_expect_not(peer_got(f.engine, "pgrade"));
        cr_expect_not(peer_got(f.engine, "HTTP2"));
        peer_send(f.engine, answers[i]);
        until(f.loop, peer_got(&f.client, "\r\n\r\n"));
        peer_send(&f.client, EVIL "PRI * HTTP/2.0\r\n\r\n");
        peer_close_after(f.engine);
        until(f.loop, f.client.ended);
        cr_expect_not(peer_got(f.engine, "EVIL"), "case %zu", i);
        cr_expect_not(peer_got(&f.client, " 101 "), "case %zu", i);
        cr_expect_eq(f.requests, 1);
        relay_tear_down(&f);
    }
}

Test(smuggling, engine_can_not_split_its_answer)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 4\r\n\r\nEVIL",
        "HTTP/1.1 200 OK\r\nX: a\rY: EVIL\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n EVIL: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nEVIL",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nX: EVIL\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX: EVIL\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL",
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        relay_set_up(&f, NULL);
        relay_ask(&f, GET_X, "\r\n\r\n");
        peer_send(f.engine, answers[i]);
        until(f.loop, peer_got(&f.client, "\r\n\r\n"));
        settle(f.loop);
        cr_expect_not(peer_got(&f.client, "EVIL"), "case %zu", i);
        /* nor does it reach the next one who is lent the connection */
        peer_send(&f.client, GET_X);
        until(f.loop, f.fake.count == 2 || f.client.ended);
        settle(f.loop);
        cr_expect_not(peer_got(&f.client, "EVIL"), "case %zu", i);
        relay_tear_down(&f);
    }
}
