/* Upstream and calls: pooling, retry, decoding, limits, streaming, cancel and cut, against a fake
 * engine on a loopback port. */
#include "peer.h"

#include "proxy/http/upstream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct loop *loop;
    struct fake fake;
    struct upstream *upstream;
    /* what came of the last call */
    int done, heads;
    int status;
    char body[4096];
    char header[200];
    struct buffer data;
    struct failure failure;
    struct call *call;
};

static void set_up(struct fixture *f, void (*script)(struct peer *peer, void *context))
{
    memset(f, 0, sizeof *f);
    f->loop = loop_new();
    fake_init(&f->fake, f->loop, script, f);
    struct upstream_settings settings = {
        .connect_timeout_ms = 5000, .idle_timeout_ms = 60000, .max_idle = 2};
    f->upstream = upstream_new(f->loop, &f->fake.endpoint, &settings);
    buffer_init(&f->data, 100 * 1024 * 1024);
}

static void tear_down(struct fixture *f)
{
    upstream_free(&f->upstream);
    settle(f->loop);
    fake_deinit(&f->fake);
    buffer_deinit(&f->data);
    loop_free(&f->loop);
    expect_no_leaks();
}

static void on_done(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct fixture *f = context;
    f->done++;
    f->failure = failure ? *failure : (struct failure){0};
    if (reply) {
        f->status = reply->status;
        struct slice x = headers_find(reply->headers, "X-Test");
        snprintf(f->header, sizeof f->header, SLICE_FMT, SLICE_ARG(x));
        snprintf(f->body, sizeof f->body, SLICE_FMT, SLICE_ARG(reply->body));
    }
}

static struct call *start(struct fixture *f, const char *method, const char *body)
{
    struct call_request request = {
        .method = slice_of(method), .target = SLICE("/v1.41/x?y=1"), .body = slice_of(body)};
    int before = f->done;
    struct call *call = call_start(f->upstream, &request, on_done, f);
    cr_assert_eq(f->done, before, "no callback inside call_start");
    return call;
}

static void script_hello(struct peer *peer, void *context)
{
    struct slice request;
    while (peer_next_request(peer, &request)) {
        peer->answered++;
        peer_send(peer, "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello");
    }
}

Test(upstream, reuses_the_connection)
{
    static struct fixture f;
    set_up(&f, script_hello);
    for (int i = 0; i < 5; i++) {
        start(&f, i == 3 ? "POST" : "GET", i == 3 ? "{}" : NULL);
        until(f.loop, f.done == i + 1);
        cr_assert_eq(f.status, 200);
        cr_assert_str_eq(f.body, "hello");
        cr_assert_str_eq(f.header, "yes");
    }
    cr_assert_eq(f.fake.count, 1);
    cr_assert_eq(upstream_open(f.upstream), 1);
    cr_assert(peer_got(&f.fake.peers[0], "GET /v1.41/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
    cr_assert(peer_got(&f.fake.peers[0],
                       "Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"));
    tear_down(&f);
}

Test(upstream, keeps_at_most_max_idle)
{
    static struct fixture f;
    set_up(&f, script_hello);
    for (int i = 0; i < 5; i++) {
        start(&f, "GET", NULL);
    }
    until(f.loop, f.done == 5);
    cr_assert_eq(f.fake.count, 5);
    cr_assert_eq(upstream_open(f.upstream), 2);
    tear_down(&f);
}

Test(upstream, forgets_idle_connections_that_the_engine_closes)
{
    static struct fixture f;
    set_up(&f, script_hello);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 1);
    peer_close(&f.fake.peers[0]);
    until(f.loop, upstream_open(f.upstream) == 0);
    tear_down(&f);
}

static void script_dies_on_reuse(struct peer *peer, void *context)
{
    struct slice request;
    while (!peer->close_after && peer_next_request(peer, &request)) {
        if (peer->answered++ == 1) {
            peer_close_after(peer);
        } else {
            peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    }
}

Test(upstream, tries_once_more_when_a_reused_connection_is_dead)
{
    static struct fixture f;
    set_up(&f, script_dies_on_reuse);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 1);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 2);
    cr_assert_eq(f.failure.kind, FAILURE_NONE, "%s", f.failure.text);
    cr_assert_eq(f.fake.count, 2);
    start(&f, "POST", "{}"); /* dies under a request that may have been carried out */
    until(f.loop, f.done == 3);
    cr_assert_eq(f.failure.kind, FAILURE_UNREACHABLE);
    cr_assert_eq(f.fake.count, 2);
    tear_down(&f);
}

static void script_dies_at_once(struct peer *peer, void *context)
{
    struct slice request;
    if (peer_next_request(peer, &request)) {
        peer_close_after(peer);
    }
}

Test(upstream, does_not_try_again_on_a_fresh_connection)
{
    static struct fixture f;
    set_up(&f, script_dies_at_once);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_UNREACHABLE);
    cr_assert(slice_ends(slice_of(f.failure.text), "connection closed without an answer"));
    cr_assert_eq(f.fake.count, 1);
    tear_down(&f);
}

Test(upstream, refused_connection_is_a_failure)
{
    static struct fixture f;
    set_up(&f, NULL);
    fake_stop(&f.fake);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_UNREACHABLE);
    cr_assert(slice_contains(slice_of(f.failure.text), "refused"), "%s", f.failure.text);
    tear_down(&f);
}

/* Answers with what the test has put into fixture.header first. */
static const char *canned;
static bool canned_close;
static void script_canned(struct peer *peer, void *context)
{
    struct slice request;
    if (peer_next_request(peer, &request)) {
        peer_send(peer, canned);
        if (canned_close) {
            peer_close_after(peer);
        }
    }
}

Test(upstream, reads_every_kind_of_answer)
{
    static const struct {
        const char *method, *answer;
        bool close;
        enum failure_kind kind;
        int status;
        const char *body;
        size_t open;
    } cases[] = {
        {"GET",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n",
         false, FAILURE_NONE, 200, "abc", 1},
        {"GET", "HTTP/1.1 200 OK\r\n\r\nabc", true, FAILURE_NONE, 200, "abc", 0},
        {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", false,
         FAILURE_NONE, 200, "a", 0},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", false, FAILURE_NONE, 200, "a", 0},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", false, FAILURE_NONE, 200, "", 1},
        {"POST", "HTTP/1.1 204 No Content\r\n\r\n", false, FAILURE_NONE, 204, "", 1},
        {"GET",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 404 No\r\n"
         "Content-Length: 2\r\n\r\nno",
         false, FAILURE_NONE, 404, "no", 1},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", true, FAILURE_UNREACHABLE, 0, "",
         0},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", true,
         FAILURE_UNREACHABLE, 0, "", 0},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n", false,
         FAILURE_INVALID, 0, "", 0},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", false,
         FAILURE_INVALID, 0, "", 0},
        {"GET", "SSH-2.0-OpenSSH\r\n", false, FAILURE_INVALID, 0, "", 0},
        {"GET", "HTTP/1.1 101 UPGRADED\r\n\r\n", false, FAILURE_INVALID, 0, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct fixture f;
        set_up(&f, script_canned);
        canned = cases[i].answer;
        canned_close = cases[i].close;
        start(&f, cases[i].method, NULL);
        until(f.loop, f.done == 1);
        cr_expect_eq(f.failure.kind, cases[i].kind, "case %zu: %s", i, f.failure.text);
        cr_expect_eq(f.status, cases[i].status, "case %zu", i);
        cr_expect_str_eq(f.body, cases[i].body, "case %zu", i);
        cr_expect_eq(upstream_open(f.upstream), cases[i].open, "case %zu", i);
        tear_down(&f);
    }
}

static void script_hints_forever(struct peer *peer, void *context)
{
    if (peer->taken++ == 0) {
        for (int i = 0; i < 100; i++) {
            peer_send(peer, "HTTP/1.1 103 Early Hints\r\n\r\n");
        }
    }
}

Test(upstream, gives_up_on_endless_informational_answers)
{
    static struct fixture f;
    set_up(&f, script_hints_forever);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_INVALID);
    tear_down(&f);
}

Test(upstream, limits_the_body)
{
    static struct fixture f;
    set_up(&f, script_hello);
    struct call_request request = {.method = SLICE("GET"), .target = SLICE("/"), .max_body = 4};
    call_start(f.upstream, &request, on_done, &f);
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_TOO_LARGE);
    cr_assert_eq(upstream_open(f.upstream), 0);
    tear_down(&f);
}

static void script_silent(struct peer *peer, void *context)
{
}

Test(upstream, deadline_ends_a_call)
{
    static struct fixture f;
    set_up(&f, script_silent);
    struct call_request request = {.method = SLICE("GET"), .target = SLICE("/"), .deadline_ms = 30};
    call_start(f.upstream, &request, on_done, &f);
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_TIMED_OUT);
    tear_down(&f);
}

Test(upstream, cancelled_call_is_silent_and_closes)
{
    static struct fixture f;
    set_up(&f, script_silent);
    struct call *early = start(&f, "GET", NULL); /* while connecting */
    call_cancel(&early);
    cr_assert_null(early);
    struct call *call = start(&f, "GET", NULL);
    until(f.loop, f.fake.count > 0 && f.fake.peers[f.fake.count - 1].got.length > 0);
    call_cancel(&call);
    until(f.loop, f.fake.peers[f.fake.count - 1].ended);
    cr_assert_eq(f.done, 0);
    cr_assert_eq(upstream_open(f.upstream), 0);
    tear_down(&f);
}

Test(upstream, cut_ends_calls_with_the_reason)
{
    static struct fixture f;
    set_up(&f, script_silent);
    start(&f, "GET", NULL);
    until(f.loop, f.fake.count == 1 && f.fake.peers[0].got.length > 0);
    start(&f, "GET", NULL); /* still connecting */
    upstream_cut(f.upstream, "node-1 is down");
    cr_assert_eq(f.done, 0);
    until(f.loop, f.done == 2);
    cr_assert_eq(f.failure.kind, FAILURE_UNREACHABLE);
    cr_assert(slice_ends(slice_of(f.failure.text), "node-1 is down"));
    tear_down(&f);
}

Test(upstream, freeing_ends_calls)
{
    static struct fixture f;
    set_up(&f, script_silent);
    start(&f, "GET", NULL);
    upstream_free(&f.upstream);
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_UNREACHABLE);
    tear_down(&f);
}

static void on_head(struct call *call, const struct response_head *head, void *context)
{
    struct fixture *f = context;
    f->heads++;
    f->status = head->status;
}

static void on_data(struct call *call, struct slice payload, void *context)
{
    struct fixture *f = context;
    cr_assert_eq(f->heads, 1);
    cr_assert_eq(f->done, 0);
    buffer_add(&f->data, payload);
}

static void on_end(struct call *call, const struct failure *failure, void *context)
{
    struct fixture *f = context;
    f->done++;
    f->failure = failure ? *failure : (struct failure){0};
}

static const struct call_handlers handlers = {on_head, on_data, on_end};

static void script_stream(struct peer *peer, void *context)
{
    struct slice request;
    if (peer_next_request(peer, &request)) {
        peer_send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    }
}

Test(upstream, streams_an_answer_as_it_comes)
{
    static struct fixture f;
    set_up(&f, script_stream);
    struct call_request request = {.method = SLICE("GET"), .target = SLICE("/events")};
    call_stream(f.upstream, &request, &handlers, &f);
    until(f.loop, f.heads == 1); /* the head alone is handed over */
    peer_send(&f.fake.peers[0], "3\r\nabc\r\n");
    until(f.loop, f.data.length == 3);
    peer_send(&f.fake.peers[0], "3\r\nde");
    until(f.loop, f.data.length == 5);
    peer_send(&f.fake.peers[0], "f\r\n0\r\n\r\n");
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_NONE);
    cr_assert(slice_is(buffer_slice(&f.data), "abcdef"));
    cr_assert_eq(upstream_open(f.upstream), 1);
    tear_down(&f);
}

Test(upstream, paused_call_holds_the_engine_back)
{
    static struct fixture f;
    set_up(&f, script_stream);
    struct call_request request = {.method = SLICE("GET"), .target = SLICE("/events")};
    struct call *call = call_stream(f.upstream, &request, &handlers, &f);
    until(f.loop, f.heads == 1);
    call_pause(call);
    const size_t total = 32 * 1024 * 1024;
    char *bytes = xcalloc(1, total);
    peer_send(&f.fake.peers[0], "2000000\r\n");
    peer_send_bytes(&f.fake.peers[0], bytes, total);
    settle(f.loop);
    cr_assert_eq(f.data.length, 0);
    cr_assert(stream_writing(f.fake.peers[0].stream), "the engine could send 32 MiB");
    call_resume(call);
    peer_send(&f.fake.peers[0], "\r\n0\r\n\r\n");
    until(f.loop, f.done == 1);
    cr_assert_eq(f.data.length, total);
    free(bytes);
    tear_down(&f);
}

static void on_data_cancel(struct call *call, struct slice payload, void *context)
{
    struct fixture *f = context;
    cr_assert_eq(f->heads, 1);
    f->heads++;
    call_cancel(&call);
}

Test(upstream, call_may_be_cancelled_from_its_own_data)
{
    static struct fixture f;
    set_up(&f, script_canned);
    canned = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
    canned_close = false;
    struct call_request request = {.method = SLICE("GET"), .target = SLICE("/")};
    struct call_handlers cancelling = {on_head, on_data_cancel, on_end};
    call_stream(f.upstream, &request, &cancelling, &f);
    until(f.loop, f.heads == 2);
    settle(f.loop);
    cr_assert_eq(f.done, 0);
    tear_down(&f);
}

static void on_drained(struct call *call, void *context)
{
    struct fixture *f = context;
    f->status++;
}

Test(upstream, uploads_in_chunks)
{
    static struct fixture f;
    set_up(&f, script_hello);
    struct call_request request = {.method = SLICE("POST"),
                                   .target = SLICE("/images/load"),
                                   .content_type = "application/x-tar"};
    struct call *call = call_upload(f.upstream, &request, &handlers, &f);
    call_on_drained(call, on_drained, &f);
    cr_assert_gt(call_send(call, SLICE("hello")), 0);
    until(f.loop, f.status == 1);
    call_send(call, SLICE("again, world"));
    call_send(call, SLICE_NONE);
    call_send_end(call);
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_NONE);
    cr_assert(peer_got(&f.fake.peers[0], "Transfer-Encoding: chunked\r\n"
                                         "Content-Type: application/x-tar\r\n\r\n"
                                         "5\r\nhello\r\nc\r\nagain, world\r\n0\r\n\r\n"));
    cr_assert_eq(upstream_open(f.upstream), 1);
    tear_down(&f);
}

static void script_early_answer(struct peer *peer, void *context)
{
    if (peer->answered++ == 0) {
        peer_send(peer, "HTTP/1.1 500 Full\r\nContent-Length: 4\r\n\r\nfull");
    }
}

Test(upstream, early_answer_ends_an_upload)
{
    static struct fixture f;
    set_up(&f, script_early_answer);
    struct call_request request = {.method = SLICE("POST"), .target = SLICE("/images/load")};
    struct call *call = call_upload(f.upstream, &request, &handlers, &f);
    call_send(call, SLICE("hello"));
    until(f.loop, f.done == 1);
    cr_assert_eq(f.failure.kind, FAILURE_NONE);
    cr_assert_eq(f.status, 500);
    cr_assert_eq(upstream_open(f.upstream), 0, "half sent: not for reuse");
    tear_down(&f);
}

/* ---- passive: the node opens the connections ---- */

static void make_passive(struct fixture *f, uint64_t patience_ms)
{
    upstream_free(&f->upstream);
    struct upstream_settings settings = {.connect_timeout_ms = patience_ms,
                                         .idle_timeout_ms = 60000,
                                         .max_idle = 2,
                                         .passive = true};
    f->upstream = upstream_new(f->loop, &f->fake.endpoint, &settings);
}

Test(upstream, passive_waits_for_an_offer)
{
    static struct fixture f;
    struct stream *ours, *theirs;
    struct peer peer;
    set_up(&f, script_hello);
    make_passive(&f, 5000);
    start(&f, "GET", NULL);
    settle(f.loop);
    cr_assert_eq(f.done, 0);
    cr_assert_eq(f.fake.count, 0, "nothing was dialled");
    stream_pair(f.loop, &ours, &theirs);
    peer_init(&peer, theirs, script_hello, NULL);
    upstream_offer(f.upstream, ours);
    until(f.loop, f.done == 1);
    cr_expect_str_eq(f.body, "hello");
    start(&f, "POST", "{}"); /* the same connection, from the pool */
    until(f.loop, f.done == 2);
    cr_expect_eq(peer.answered, 2);
    peer_deinit(&peer);
    tear_down(&f);
}

Test(upstream, passive_says_that_nobody_dialled)
{
    static struct fixture f;
    set_up(&f, script_hello);
    make_passive(&f, 20);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 1);
    cr_expect_eq(f.failure.kind, FAILURE_UNREACHABLE);
    cr_expect(strstr(f.failure.text, "has opened no connection"), "%s", f.failure.text);
    tear_down(&f);
}

Test(upstream, passive_keeps_offers_up_to_its_limit)
{
    static struct fixture f;
    struct stream *ours[3], *theirs[3];
    struct peer peers[3];
    set_up(&f, script_hello);
    make_passive(&f, 5000);
    for (int i = 0; i < 3; i++) {
        stream_pair(f.loop, &ours[i], &theirs[i]);
        peer_init(&peers[i], theirs[i], script_hello, NULL);
        upstream_offer(f.upstream, ours[i]);
    }
    cr_expect_eq(upstream_open(f.upstream), 2);
    until(f.loop, peers[2].ended || peers[2].broken);
    start(&f, "GET", NULL);
    until(f.loop, f.done == 1);
    cr_expect_str_eq(f.body, "hello");
    for (int i = 0; i < 3; i++)
        peer_deinit(&peers[i]);
    tear_down(&f);
}
