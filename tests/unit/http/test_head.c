/* Heads: what the strict parser takes, what it refuses, and what is written back. */
#include "proxy/http/head.h"

#include <criterion/criterion.h>

#define OK "Host: a\r\n\r\n"

static ssize_t parse(struct request_head *head, const char *text, struct failure *failure)
{
    return request_head_parse(head, slice_of(text), failure);
}

Test(head, takes_a_plain_request)
{
    struct request_head head;
    struct failure failure;
    const char *text = "GET /v1.41/info?a=1 HTTP/1.1\r\nHost: docker\r\nUser-Agent:  x y \r\n\r\nrest";
    cr_assert_eq(parse(&head, text, &failure), (ssize_t)strlen(text) - 4);
    cr_assert(slice_is(head.method, "GET"));
    cr_assert(slice_is(head.target, "/v1.41/info?a=1"));
    cr_assert_eq(head.minor_version, 1);
    cr_assert_eq(head.headers.count, 2);
    cr_assert(slice_is(headers_find(&head.headers, "user-agent"), "x y"));
    cr_assert_eq(head.framing, FRAMING_NONE);
    cr_assert(head.keep_alive);
    cr_assert_null(head.upgrade.at);
}

Test(head, every_prefix_is_incomplete)
{
    struct request_head head;
    struct failure failure;
    struct slice text = SLICE("\r\nPOST http://h/x HTTP/1.1\r\nHost:\r\nContent-Length: 12\r\nA: b\r\n\r\n");
    for (size_t length = 0; length < text.length; length++) {
        cr_assert_eq(request_head_parse(&head, slice_cut(text, 0, length), &failure), 0, "%zu",
                     length);
    }
    cr_assert_eq(request_head_parse(&head, text, &failure), (ssize_t)text.length);
    cr_assert(slice_is(head.target, "/x"));
    cr_assert_eq(head.content_length, 12);
}

Test(head, refuses_what_could_be_read_two_ways)
{
    static const char *const refused[] = {
        /* the request line */
        " GET / HTTP/1.1\r\n" OK, "GET  / HTTP/1.1\r\n" OK, "GET /  HTTP/1.1\r\n" OK,
        "GET / HTTP/1.1 \r\n" OK, "GET\t/ HTTP/1.1\r\n" OK, "GET / HTTP/1.1\n" OK,
        "GET / HTTP/1.1\r \n" OK, "GET / HTTP/2.0\r\n" OK, "GET / HTTP/1.2\r\n" OK,
        "GET / HTTP/1.10\r\n" OK, "GET / http/1.1\r\n" OK, "GET /\r\n" OK, "G(T / HTTP/1.1\r\n" OK,
        "GET /a\001b HTTP/1.1\r\n" OK, "GET /a#b HTTP/1.1\r\n" OK, "GET /\x7f HTTP/1.1\r\n" OK,
        "GET * HTTP/1.1\r\n" OK, "OPTIONS * HTTP/1.1\r\n" OK, "CONNECT a:80 HTTP/1.1\r\n" OK,
        "CONNECT /x HTTP/1.1\r\n" OK,
        "GET info HTTP/1.1\r\n" OK, "GET http://a HTTP/1.1\r\n" OK,
        "GET http://a?b/ HTTP/1.1\r\n" OK, "GET ftp://a/ HTTP/1.1\r\n" OK,
        "\r\n\r\nGET / HTTP/1.1\r\n" OK, "\nGET / HTTP/1.1\r\n" OK,
        "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM / HTTP/1.1\r\n" OK,
        "\x16\x03\x01\x02", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        /* header lines */
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\rX",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \001\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\"Y: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\x80: b\r\n\r\n",
        /* Host */
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        /* framing */
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" OK,
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" OK,
        "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n" OK, "POST / HTTP/1.1\r\nContent-Length: +1\r\n" OK,
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n" OK, "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n" OK,
        "POST / HTTP/1.1\r\nContent-Length:\r\n" OK, "POST / HTTP/1.1\r\nContent-Length: 1 2\r\n" OK,
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" OK,
        "POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n" OK,
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding:\x0b" "chunked\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n" OK,
        "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n" OK,
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" OK,
        "POST / HTTP/1.1\r\nExpect: 200-ok\r\nContent-Length: 1\r\n" OK,
        "GET / HTTP/1.1\r\nConnection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,"
        "a,a,a\r\n" OK,
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct request_head head;
        struct failure failure = {0};
        cr_expect_eq(parse(&head, refused[i], &failure), -1, "case %zu: %s", i, refused[i]);
        cr_expect_eq(failure.kind, FAILURE_INVALID, "case %zu", i);
    }
}

Test(head, reads_framing_and_connection)
{
    static const struct {
        const char *text;
        enum framing framing;
        uint64_t length;
        bool keep_alive, expect;
        const char *upgrade;
    } cases[] = {
        {"POST / HTTP/1.1\r\nContent-Length: 0\r\n" OK, FRAMING_LENGTH, 0, true, false, NULL},
        {"POST / HTTP/1.1\r\nCONTENT-length:\t5 \r\n" OK, FRAMING_LENGTH, 5, true, false, NULL},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n" OK, FRAMING_CHUNKED, 0, true, false, NULL},
        {"GET / HTTP/1.1\r\nConnection: close\r\n" OK, FRAMING_NONE, 0, false, false, NULL},
        {"GET / HTTP/1.1\r\nConnection: x, Close\r\n" OK, FRAMING_NONE, 0, false, false, NULL},
        {"GET / HTTP/1.0\r\n\r\n", FRAMING_NONE, 0, false, false, NULL},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", FRAMING_NONE, 0, true, false, NULL},
        {"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n" OK, FRAMING_LENGTH, 3, true,
         true, NULL},
        {"GET / HTTP/1.1\r\nExpect: 100-continue\r\n" OK, FRAMING_NONE, 0, true, false, NULL},
        {"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" OK, FRAMING_NONE, 0, true, false,
         "tcp"},
        {"POST / HTTP/1.1\r\nUpgrade: tcp\r\n" OK, FRAMING_NONE, 0, true, false, NULL},
        {"POST / HTTP/1.1\r\nConnection: Upgrade\r\n" OK, FRAMING_NONE, 0, true, false, NULL},
        {"POST / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", FRAMING_NONE, 0, false, false,
         NULL},
        {"GET / HTTP/1.1\r\nhost:\r\n\r\n", FRAMING_NONE, 0, true, false, NULL},
        {"GET /caf\xc3\xa9 HTTP/1.1\r\n" OK, FRAMING_NONE, 0, true, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request_head head;
        struct failure failure;
        cr_assert_gt(parse(&head, cases[i].text, &failure), 0, "case %zu", i);
        cr_expect_eq(head.framing, cases[i].framing, "case %zu", i);
        cr_expect_eq(head.content_length, cases[i].length, "case %zu", i);
        cr_expect_eq(head.keep_alive, cases[i].keep_alive, "case %zu", i);
        cr_expect_eq(head.expect_continue, cases[i].expect, "case %zu", i);
        cr_expect(slice_equal(head.upgrade, slice_of(cases[i].upgrade)), "case %zu", i);
    }
}

static ssize_t parse_filled(size_t headers, size_t value_bytes, struct failure *failure)
{
    struct buffer text;
    buffer_init(&text, 4 * HEAD_MAX_BYTES);
    buffer_text(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 0; i < headers; i++) {
        buffer_text(&text, "X: ");
        memset(buffer_reserve(&text, value_bytes), 'v', value_bytes);
        text.length += value_bytes;
        buffer_text(&text, "\r\n");
    }
    buffer_text(&text, "\r\n");
    static struct request_head head;
    ssize_t result = request_head_parse(&head, buffer_slice(&text), failure);
    buffer_deinit(&text);
    return result;
}

Test(head, limits_headers_and_bytes)
{
    struct failure failure = {0};
    cr_assert_gt(parse_filled(HEAD_MAX_HEADERS - 1, 1, &failure), 0);
    cr_assert_eq(parse_filled(HEAD_MAX_HEADERS, 1, &failure), -1);
    cr_assert_eq(failure.kind, FAILURE_TOO_LARGE);
    cr_assert_gt(parse_filled(1, HEAD_MAX_BYTES - 100, &failure), 0);
    cr_assert_eq(parse_filled(1, HEAD_MAX_BYTES, &failure), -1);
    cr_assert_eq(failure.kind, FAILURE_TOO_LARGE);
}

Test(head, unfinished_head_at_the_limit_is_too_large)
{
    struct request_head head;
    struct failure failure = {0};
    char *bytes = xmalloc(HEAD_MAX_BYTES);
    memset(bytes, 'v', HEAD_MAX_BYTES);
    memcpy(bytes, "GET / HTTP/1.1\r\nX: ", 19);
    cr_assert_eq(request_head_parse(&head, slice_make(bytes, HEAD_MAX_BYTES), &failure), -1);
    cr_assert_eq(failure.kind, FAILURE_TOO_LARGE);
    free(bytes);
}

Test(head, sees_the_end_across_pieces)
{
    struct slice text = SLICE("GET / HTTP/1.1\r\nA: b\r\n\r\nbody");
    size_t end = text.length - 4;
    for (size_t seen = 0; seen < end; seen++) {
        cr_assert_eq(head_complete(slice_cut(text, 0, end), seen), true);
        cr_assert_eq(head_complete(slice_cut(text, 0, end - 1), seen), false);
    }
    cr_assert_not(head_complete(SLICE_NONE, 0));
}

static ssize_t parse_response(struct response_head *head, const char *text, const char *method,
                              struct failure *failure)
{
    return response_head_parse(head, slice_of(text), slice_of(method), failure);
}

Test(head, frames_responses_by_status_and_method)
{
    static const struct {
        const char *text, *method;
        enum framing framing;
        bool keep_alive;
        const char *reason;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", FRAMING_LENGTH, true, "OK"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", FRAMING_NONE, true, "OK"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", FRAMING_CHUNKED, true, "OK"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", FRAMING_NONE, true, "OK"},
        {"HTTP/1.1 200 OK\r\n\r\n", "GET", FRAMING_UNTIL_CLOSE, false, "OK"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", FRAMING_LENGTH, false, "OK"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "POST", FRAMING_NONE, true, "No Content"},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "POST", FRAMING_NONE, true,
         "Not Modified"},
        {"HTTP/1.1 100 Continue\r\n\r\n", "POST", FRAMING_NONE, true, "Continue"},
        {"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", "POST", FRAMING_NONE,
         true, "UPGRADED"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "GET", FRAMING_LENGTH, true, ""},
        {"HTTP/1.1 200 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "GET", FRAMING_LENGTH,
         false, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct response_head head;
        struct failure failure;
        cr_assert_gt(parse_response(&head, cases[i].text, cases[i].method, &failure), 0, "case %zu",
                     i);
        cr_expect_eq(head.framing, cases[i].framing, "case %zu", i);
        cr_expect_eq(head.keep_alive, cases[i].keep_alive, "case %zu", i);
        cr_expect(slice_is(head.reason, cases[i].reason), "case %zu", i);
    }
}

Test(head, refuses_doubtful_responses)
{
    static const char *const refused[] = {
        "HTTP/1.1 99 A\r\n\r\n", "HTTP/1.1 600 A\r\n\r\n", "HTTP/1.1 2000 A\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
        "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 O\001K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct response_head head;
        struct failure failure = {0};
        cr_expect_eq(parse_response(&head, refused[i], "GET", &failure), -1, "case %zu", i);
        cr_expect_eq(failure.kind, FAILURE_INVALID, "case %zu", i);
    }
}

Test(head, drops_hop_by_hop_headers_and_what_connection_names)
{
    struct request_head head;
    struct failure failure;
    cr_assert_gt(parse(&head, "POST / HTTP/1.1\r\nKeep: 1\r\nConnection: x-secret, Upgrade\r\n"
                              "X-Secret: 2\r\nUpgrade: tcp\r\nTE: trailers\r\nTrailer: a\r\n"
                              "Keep-Alive: 3\r\nProxy-Connection: a\r\nTransfer-Encoding: chunked\r\n"
                              OK, &failure), 0);
    headers_drop_hop_by_hop(&head.headers);
    cr_assert_eq(head.headers.count, 2);
    cr_assert(slice_is(head.headers.list[0].name, "Keep"));
    cr_assert(slice_is(head.headers.list[1].name, "Host"));
}

Test(head, changes_lists_of_headers)
{
    static struct headers headers;
    cr_assert_eq(headers_add(&headers, SLICE("A"), SLICE("1")), 0);
    cr_assert_eq(headers_add(&headers, SLICE("B"), SLICE("2")), 0);
    cr_assert_eq(headers_add(&headers, SLICE("a"), SLICE("3")), 0);
    cr_assert(slice_is(headers_find(&headers, "a"), "1"));
    headers_drop(&headers, "a");
    cr_assert_eq(headers.count, 1);
    cr_assert_null(headers_find(&headers, "a").at);
    while (headers.count < HEAD_MAX_HEADERS) {
        cr_assert_eq(headers_add(&headers, SLICE("C"), SLICE("")), 0);
    }
    cr_assert_eq(headers_add(&headers, SLICE("C"), SLICE("")), -1);
}

Test(head, writes_heads_from_parts)
{
    static struct headers headers;
    struct buffer out;
    buffer_init(&out, 4096);
    cr_assert_eq(headers_add(&headers, SLICE("Host"), SLICE("")), 0);
    cr_assert_eq(headers_add(&headers, SLICE("A"), SLICE("b")), 0);
    request_head_write(&out, SLICE("GET"), SLICE("/x"), &headers);
    cr_assert_str_eq(out.at, "GET /x HTTP/1.1\r\nHost: \r\nA: b\r\n\r\n");
    buffer_clear(&out);
    response_head_write(&out, 404, SLICE_NONE, &headers);
    cr_assert_str_eq(out.at, "HTTP/1.1 404 Not Found\r\nHost: \r\nA: b\r\n\r\n");
    buffer_clear(&out);
    response_head_write(&out, 101, SLICE("UPGRADED"), &headers);
    cr_assert(slice_starts(buffer_slice(&out), "HTTP/1.1 101 UPGRADED\r\n"));
    buffer_deinit(&out);
}

Test(head, copies_lists_of_headers)
{
    struct arena *arena = arena_new();
    struct headers *one = headers_new(arena), *two = headers_new(arena);
    cr_assert_eq(one->count, 0);
    cr_assert_eq(headers_add(one, SLICE("A"), SLICE("1")), 0);
    headers_copy(two, one);
    cr_assert(slice_is(headers_find(two, "a"), "1"));
    cr_assert_eq(two->count, 1);
    arena_free(&arena);
}
