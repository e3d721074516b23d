/* Request bodies: whole, in pieces, raw; unread ones behind an answer. */
#include "tests/unit/http/front_under_test.h"

Test(front, reads_bodies_of_every_framing)
{
    start(NULL);
    say("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    settle();
    say("llo");
    UNTIL(got("\r\n\r\nhello"));
    say("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r");
    settle();
    say("\n2\r\nde\r\n0\r\n\r\n" GET("/body"));
    UNTIL(got("\r\n\r\nabcde") && times("HTTP/1.1 200") == 3);
    cr_expect(got("Content-Length: 0\r\n"));
    stop();
}

Test(front, refuses_a_body_over_the_handlers_limit)
{
    start(NULL);
    say("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    UNTIL(got(" 413 "));
    cr_expect_eq(seen.failure.kind, FAILURE_TOO_LARGE);
    memset(block, 'y', sizeof block);
    put(slice_make(block, 1001)); /* little enough to be dropped: the connection stays */
    say(GET("/hello"));
    UNTIL(got("\r\n\r\nhi"));
    stop();
}

Test(front, refuses_a_chunked_body_over_the_limit_and_closes)
{
    start(NULL);
    say("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n");
    memset(block, 'y', sizeof block);
    put(slice_make(block, 1024));
    UNTIL(client.ended);
    cr_expect(got(" 413 "));
    cr_expect(got("Connection: close"));
    stop();
}

Test(front, refuses_broken_chunks)
{
    start(NULL);
    say("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    UNTIL(client.ended);
    cr_expect(got(" 400 "));
    cr_expect_eq(seen.failure.kind, FAILURE_INVALID);
    stop();
}

Test(front, sends_continue_when_the_body_is_wanted)
{
    start(NULL);
    say("POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    UNTIL(got("HTTP/1.1 100 Continue\r\n\r\n"));
    say("ok");
    UNTIL(got("\r\n\r\nok"));
    say("POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n");
    UNTIL(client.ended);
    cr_expect_eq(times("100 Continue"), 1);
    cr_expect(got(" 413 "));
    stop();
}

Test(front, passes_pieces_with_back_pressure)
{
    start(NULL);
    seen.paused = true;
    say("POST /pieces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    memset(block, 'z', sizeof block);
    put(slice_make(block, 60000));
    UNTIL(seen.pieces > 0);
    settle();
    int before = seen.pieces;
    struct iovec iov = {block, 60000};
    client.written = false;
    stream_write(client.stream, &iov, 1, client_written, NULL);
    settle();
    cr_expect_eq(seen.pieces, before, "pieces come while paused");
    seen.paused = false;
    exchange_body_resume(seen.waiting);
    UNTIL(client.written && seen.piece_bytes == 120000);
    for (size_t left = 1000000 - 120000; left > 0; left -= 40000)
        put(slice_make(block, 40000));
    UNTIL(got("\r\n\r\nall"));
    cr_expect_eq(seen.piece_bytes, 1000000);
    stop();
}

Test(front, drops_an_unread_body_and_goes_on)
{
    start(NULL);
    say("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    UNTIL(got("\r\n\r\nhi"));
    memset(block, 'z', sizeof block);
    put(slice_make(block, 50000));
    put(slice_make(block, 50000));
    say(GET("/hello"));
    UNTIL(times("\r\n\r\nhi") == 2);
    stop();
}

Test(front, answers_early_then_lingers_and_closes_on_a_big_body)
{
    start(NULL);
    say("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n");
    memset(block, 'z', sizeof block);
    for (int i = 0; i < 20; i++)
        put(slice_make(block, sizeof block)); /* goes on sending; is not reset */
    UNTIL(client.ended);
    cr_expect(client.written_ok);
    cr_expect(got("Connection: close\r\n"));
    cr_expect(got("\r\n\r\nhi"));
    stop();
}

Test(front, gives_raw_bodies_with_their_framing)
{
    start(NULL);
    say("POST /raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    settle();
    cr_expect_eq(seen.piece_bytes, 8);
    say("0\r\n\r\n" GET("/hello"));
    UNTIL(got("raw") && got("hi"));
    cr_expect_eq(seen.piece_bytes, 13);
    stop();
}

Test(front, sends_no_body_to_head)
{
    start(NULL);
    say("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n" GET("/none"));
    UNTIL(got(" 204 "));
    cr_expect(got("Content-Length: 2\r\n"));
    cr_expect_not(got("\r\n\r\nhi"));
    stop();
}

Test(front, notices_a_client_that_leaves_in_its_body)
{
    start(NULL);
    say("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    settle();
    stream_close(&client.stream);
    UNTIL(seen.gone == 1);
    stop();
}
