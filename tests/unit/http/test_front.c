/* Heads, answers, keep-alive, time limits, drain. */
#include "tests/unit/http/front_under_test.h"

Test(front, answers_and_keeps_the_connection)
{
    start(NULL);
    say(GET("/hello"));
    UNTIL(got("\r\n\r\nhi"));
    cr_expect(got("HTTP/1.1 200 OK\r\n"));
    cr_expect(got("Server: berth/test\r\n"));
    cr_expect(got("Date: "));
    cr_expect(got("Content-Type: text/plain\r\n"));
    cr_expect(got("Content-Length: 2\r\n"));
    cr_expect_not(got("Connection:"));
    say(GET("/none"));
    UNTIL(got("HTTP/1.1 204 "));
    settle();
    cr_expect_eq(times("Content-Length"), 1);
    cr_expect_eq(seen.finished, 2);
    cr_expect_eq(seen.last_status, 204);
    cr_expect_not(client.ended);
    stop();
}

Test(front, reads_a_head_byte_by_byte)
{
    start(NULL);
    const char *text = "\r\n" GET("/hello");
    for (const char *at = text; *at; at++) {
        put(slice_make(at, 1));
        settle();
    }
    UNTIL(got("\r\n\r\nhi"));
    stop();
}

Test(front, answers_pipelined_requests_in_order)
{
    start(NULL);
    say(GET("/hello") GET("/none") GET("/stream") GET("/hello"));
    UNTIL(times("\r\n\r\nhi") == 2);
    cr_expect_eq(seen.requests, 4);
    cr_expect(strstr(client.in.at, " 204 ") < strstr(client.in.at, "chunked"));
    stop();
}

Test(front, stops_reading_pipelined_input_that_waits)
{
    start(NULL);
    say(GET("/wait"));
    UNTIL(seen.waiting);
    size_t put_in = 0;
    memset(block, 'x', sizeof block);
    struct iovec iov = {block, sizeof block};
    do { /* until the peer does not take any more */
        client.written = false;
        stream_write(client.stream, &iov, 1, client_written, NULL);
        settle();
        put_in += sizeof block;
        cr_assert_lt(put_in, 4u * 1024 * 1024, "reads without bound");
    } while (client.written);
    cr_expect_eq(seen.requests, 1);
    exchange_reply(seen.waiting, 200, NULL, SLICE_NONE, NULL);
    UNTIL(got(" 400 ")); /* what came behind was no request */
    stop();
}

Test(front, refuses_bad_heads_and_closes)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         " 400 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", " 400 "},
        {"GET / HTTP/1.1\r\n\r\n", " 400 "},
        {"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", " 400 "},
        {"\x16\x03\x01\x02", " 400 "},
        {"GET / HTTP/3.0\r\n", " 400 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(&client, 0, sizeof client);
        start(NULL);
        say(cases[i].request);
        UNTIL(client.ended);
        cr_expect(got(cases[i].status), "case %zu: %s", i, client.in.at);
        cr_expect(got("Connection: close\r\n"));
        cr_expect(got("{\"message\":\""));
        cr_expect_eq(seen.requests, 0);
        stop();
    }
}

Test(front, refuses_a_head_over_the_limit)
{
    start(NULL);
    say("GET / HTTP/1.1\r\nHost: x\r\nX: ");
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 17 && !client.in.length; i++)
        put(slice_make(block, sizeof block));
    UNTIL(client.ended);
    cr_expect(got(" 431 "));
    stop();
}

Test(front, takes_a_head_bigger_than_a_block)
{
    start(NULL);
    say("GET /hello HTTP/1.1\r\nHost: x\r\nX-Registry-Config: ");
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 5; i++)
        put(slice_make(block, sizeof block));
    say("\r\n\r\n" GET("/hello"));
    UNTIL(times("\r\n\r\nhi") == 2);
    stop();
}

Test(front, streams_chunked_and_until_close)
{
    start(NULL);
    say(GET("/stream"));
    UNTIL(got("3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"));
    cr_expect(got("Transfer-Encoding: chunked\r\n"));
    say("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n" GET("/hello"));
    UNTIL(got("\r\n\r\nhi"));
    cr_expect_eq(times("three"), 1);
    say("GET /stream HTTP/1.0\r\n\r\n");
    UNTIL(client.ended);
    cr_expect(got("\r\n\r\nonethree"));
    stop();
}

Test(front, answers_old_clients_as_they_ask)
{
    start(NULL);
    say("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(got("Connection: keep-alive\r\n"));
    say("GET /hello HTTP/1.0\r\n\r\n");
    UNTIL(client.ended);
    cr_expect(got("Connection: close\r\n"));
    stop();
}

Test(front, failures_have_the_shape_docker_has)
{
    start(NULL);
    say(GET("/fail"));
    UNTIL(got("{\"message\":\"no resources \\\"here\\\"\"}"));
    cr_expect(got("HTTP/1.1 503 "));
    cr_expect(got("Content-Type: application/json\r\n"));
    stop();
}

Test(front, keeps_memory_bounded_for_a_slow_reader)
{
    start(NULL);
    stream_want_read(client.stream, false);
    say(GET("/big"));
    for (int i = 0; i < 200; i++)
        loop_turn(loop, 1);
    cr_expect_lt(seen.sent, 2u * 1024 * 1024, "produced %zu bytes ahead", seen.sent);
    cr_expect_lt(seen.most_queued, 512u * 1024);
    stream_want_read(client.stream, true);
    UNTIL(got("0\r\n\r\n") && slice_ends(buffer_slice(&client.in), "\r\n0\r\n\r\n"));
    cr_expect_gt(client.in.length, 64u * 1024 * 1024);
    stop();
}

Test(front, notices_a_client_that_leaves_while_waiting)
{
    start(NULL);
    say(GET("/wait"));
    UNTIL(seen.waiting);
    stream_close(&client.stream);
    UNTIL(seen.gone == 1);
    settle();
    cr_expect_eq(seen.last_status, 0);
    stop();
}

Test(front, takes_half_close_of_an_upgrade_for_what_it_is)
{
    start(NULL);
    say("POST /wait HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        "Content-Length: 2\r\n\r\n{}early");
    UNTIL(seen.waiting);
    stream_half_close(client.stream);
    connection_body_wait(seen.waiting, raw_more, NULL);
    seen.last_status = -1; /* the body is only consumed */
    settle();
    cr_expect_eq(seen.gone, 0);
    take_tunnel(seen.waiting);
    expect_text(seen.methods, "early=early ended=1");
    UNTIL(client.ended);
    stop();
}

Test(front, abort_leaves_the_answer_visibly_cut)
{
    start(NULL);
    say(GET("/wait"));
    UNTIL(seen.waiting);
    exchange_begin(seen.waiting, 200, "text/plain", NULL);
    exchange_send(seen.waiting, SLICE("part"));
    UNTIL(got("part"));
    exchange_abort(seen.waiting);
    UNTIL(client.ended || client.failed);
    cr_expect_not(got("0\r\n\r\n"));
    cr_expect_eq(seen.gone, 0);
    stop();
}

Test(front, times_out_slow_heads_and_idle_connections)
{
    static const struct front_settings quick = {.head_timeout_ms = 30,
                                                .idle_timeout_ms = 30,
                                                .linger_ms = 60000,
                                                .on_finished = on_finished};
    start(&quick);
    say("GET / HTTP/1.1\r\nHo");
    UNTIL(client.ended);
    cr_expect(got(" 408 "));
    stop();
    memset(&client, 0, sizeof client);
    start(&quick);
    say(GET("/hello"));
    UNTIL(client.ended);
    cr_expect(got("\r\n\r\nhi"));
    cr_expect_not(got(" 408 "));
    stop();
    memset(&client, 0, sizeof client);
    start(&quick);
    say("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    UNTIL(client.ended);
    cr_expect(got(" 408 "));
    stop();
}

static void on_drained(void *context)
{
    ++*(int *)context;
}

Test(front, drains_idle_at_once_and_busy_when_done)
{
    int drained = 0;
    start(NULL);
    say(GET("/wait"));
    UNTIL(seen.waiting);
    front_drain(front, 60000, on_drained, &drained);
    settle();
    cr_expect_eq(drained, 0);
    exchange_reply(seen.waiting, 200, NULL, SLICE_NONE, NULL);
    UNTIL(drained == 1 && client.ended);
    cr_expect(got("Connection: close\r\n"));
    stop();
}

Test(front, cuts_what_is_left_when_the_drain_deadline_passes)
{
    int drained = 0;
    start(NULL);
    say(GET("/wait"));
    UNTIL(seen.waiting);
    front_drain(front, 20, on_drained, &drained);
    UNTIL(drained == 1);
    cr_expect_eq(seen.gone, 1);
    stop();
}

Test(front, front_free_ends_everything)
{
    start(NULL);
    say(GET("/wait"));
    UNTIL(seen.waiting);
    front_free(&front);
    settle();
    cr_expect_eq(seen.gone, 1);
    cr_expect_eq(seen.freed, 1);
    stream_close(&client.stream);
    loop_free(&loop);
    buffer_deinit(&client.in);
}
