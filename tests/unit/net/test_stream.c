#include "proxy/net/stream.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* One end of a stream in a test: collects what arrives. */
struct end {
    struct stream *stream;
    char *bytes;
    size_t length, capacity, reads;
    bool ended, failed, written, written_ok;
    size_t accepted;
};

static struct loop *loop;

static void on_readable(struct stream *stream, void *context)
{
    struct end *end = context;
    char chunk[4096];
    ssize_t got = stream_read(stream, chunk, sizeof chunk);
    end->reads++;
    if (got > 0) {
        if (end->length + (size_t)got > end->capacity) {
            end->capacity = 2 * (end->length + (size_t)got);
            end->bytes = realloc(end->bytes, end->capacity);
        }
        memcpy(end->bytes + end->length, chunk, (size_t)got);
        end->length += (size_t)got;
    } else if (got == 0) {
        end->ended = true;
        stream_want_read(stream, false);
    } else if (got == STREAM_ERROR) {
        end->failed = true;
        stream_want_read(stream, false);
    }
}

static void on_written(struct stream *stream, bool ok, void *context)
{
    struct end *end = context;
    end->written = true;
    end->written_ok = ok;
}

static void start(struct end *end, struct stream *stream)
{
    end->stream = stream;
    stream_set(stream, on_readable, end);
    stream_want_read(stream, true);
}

static void send_text(struct end *end, const char *text)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    end->written = false;
    stream_write(end->stream, &iov, 1, on_written, end);
    cr_assert_not(end->written, "on_written ran before stream_write returned");
}

#define UNTIL(condition)                                                                           \
    for (int turns_ = 0; !(condition); turns_++) {                                                 \
        cr_assert_lt(turns_, 2000, "gave up waiting for " #condition);                             \
        loop_turn(loop, 100);                                                                      \
    }

Test(stream, pair_echoes_and_half_closes)
{
    loop = loop_new();
    struct end a = {0}, b = {0};
    struct stream *sa, *sb;
    stream_pair(loop, &sa, &sb);
    start(&a, sa);
    start(&b, sb);
    send_text(&a, "ping");
    UNTIL(b.length == 4 && a.written);
    cr_assert(a.written_ok);
    stream_half_close(a.stream);
    UNTIL(b.ended);
    send_text(&b, "late answer");
    UNTIL(a.length == 11);
    cr_assert_arr_eq(a.bytes, "late answer", 11);
    cr_assert_not(a.ended);
    stream_close(&b.stream);
    UNTIL(a.ended);
    stream_close(&a.stream);
    cr_assert_null(a.stream);
    free(a.bytes);
    free(b.bytes);
    loop_free(&loop);
}

Test(stream, big_write_waits_for_a_slow_reader)
{
    loop = loop_new();
    struct end a = {0}, b = {0};
    struct stream *sa, *sb;
    stream_pair(loop, &sa, &sb);
    start(&a, sa);
    start(&b, sb);
    stream_want_read(sb, false);
    size_t size = 4 * 1024 * 1024;
    char *big = malloc(size);
    for (size_t i = 0; i < size; i++)
        big[i] = (char)(i * 31 >> 7);
    struct iovec iov[20];
    for (size_t i = 0; i < 20; i++) /* more pieces than fit in the stream itself */
        iov[i] = (struct iovec){big + i * (size / 20), size / 20};
    iov[19].iov_len = size - 19 * (size / 20);
    stream_write(sa, iov, 20, on_written, &a);
    memset(iov, 0, sizeof iov); /* was copied */
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 1);
    cr_assert_not(a.written);
    cr_assert(stream_writing(sa));
    cr_assert_eq(b.length, 0);
    stream_want_read(sb, true);
    UNTIL(a.written && b.length == size);
    cr_assert_eq(memcmp(b.bytes, big, size), 0);
    stream_close(&sa);
    stream_close(&sb);
    free(b.bytes);
    free(big);
    loop_free(&loop);
}

Test(stream, close_during_write_gives_no_callback)
{
    loop = loop_new();
    struct end a = {0};
    struct stream *sa, *sb;
    stream_pair(loop, &sa, &sb);
    start(&a, sa);
    send_text(&a, "x");
    stream_close(&sa);
    loop_turn(loop, 10);
    loop_turn(loop, 0);
    cr_assert_not(a.written);
    stream_close(&sb);
    loop_free(&loop);
}

Test(stream, write_to_a_gone_peer_fails_without_a_signal)
{
    loop = loop_new();
    struct end a = {0};
    struct stream *sa, *sb;
    stream_pair(loop, &sa, &sb);
    start(&a, sa);
    stream_close(&sb);
    send_text(&a, "x");
    UNTIL(a.written);
    cr_assert_not(a.written_ok);
    stream_close(&sa);
    loop_free(&loop);
}

Test(stream, unwanted_input_does_not_spin)
{
    loop = loop_new();
    struct end a = {0}, b = {0};
    struct stream *sa, *sb;
    stream_pair(loop, &sa, &sb);
    start(&a, sa);
    start(&b, sb);
    stream_want_read(sb, false);
    send_text(&a, "hello");
    UNTIL(a.written);
    loop_turn(loop, 10); /* the unwanted event stops the watch */
    uint64_t before = loop_now(loop);
    loop_turn(loop, 50);
    cr_assert_geq(loop_now(loop) - before, 45, "the loop woke for a stream nobody reads");
    cr_assert_eq(b.reads, 0);
    stream_want_read(sb, true);
    UNTIL(b.length == 5);
    stream_close(&sa);
    stream_close(&sb);
    free(b.bytes);
    loop_free(&loop);
}

/* ---- loopback: listener and connect */

struct server {
    struct listener *listener;
    struct stream *streams[64];
    size_t count;
};

static void on_accept(struct stream *stream, void *context)
{
    struct server *server = context;
    server->streams[server->count++] = stream;
}

struct dial {
    struct stream *stream;
    char why_not[256];
    bool done;
};

static void on_connected(struct stream *stream, const char *why_not, void *context)
{
    struct dial *dial = context;
    dial->done = true;
    dial->stream = stream;
    if (why_not)
        snprintf(dial->why_not, sizeof dial->why_not, "%s", why_not);
}

static struct endpoint parse(const char *text)
{
    struct endpoint endpoint;
    struct failure failure;
    cr_assert_eq(endpoint_parse(&endpoint, slice_of(text), 0, &failure), 0, "%s", failure.text);
    return endpoint;
}

static struct endpoint open_loopback(struct server *server, size_t max_streams)
{
    struct endpoint endpoint = parse("tcp://127.0.0.1:0");
    struct listener_options options = {.max_streams = max_streams, .unix_group = (gid_t)-1};
    struct failure failure;
    server->listener = listener_open(loop, &endpoint, &options, on_accept, server, &failure);
    cr_assert_not_null(server->listener, "%s", failure.text);
    char text[64];
    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", listener_port(server->listener));
    return parse(text);
}

static void close_all(struct server *server)
{
    for (size_t i = 0; i < server->count; i++)
        stream_close(&server->streams[i]);
    listener_close(&server->listener);
    loop_turn(loop, 0);
    loop_free(&loop);
}

static void dial(struct dial *dial, const struct endpoint *endpoint)
{
    struct stream_connect *connect =
        stream_connect_start(loop, endpoint, NULL, 5000, on_connected, dial);
    cr_assert_not_null(connect);
    cr_assert_not(dial->done, "on_done ran before return");
}

Test(stream, connects_over_loopback)
{
    loop = loop_new();
    struct server server = {0};
    struct endpoint endpoint = open_loopback(&server, 0);
    struct dial client = {0};
    dial(&client, &endpoint);
    UNTIL(client.done && server.count == 1);
    cr_assert_not_null(client.stream);
    cr_assert(slice_starts(slice_of(stream_peer(server.streams[0])), "127.0.0.1:"));
    cr_assert_str_eq(stream_peer(client.stream), endpoint.text + 6);
    uid_t uid;
    gid_t gid;
    pid_t pid;
    cr_assert_eq(stream_credentials(client.stream, &uid, &gid, &pid), -1);
    struct end a = {0};
    start(&a, server.streams[0]);
    stream_reset(&client.stream);
    UNTIL(a.failed);
    close_all(&server);
}

Test(stream, unix_sockets_know_their_peer_and_leave_no_file)
{
    loop = loop_new();
    char text[108];
    snprintf(text, sizeof text, "unix:///tmp/berth-test-%d.sock", getpid());
    struct endpoint endpoint = parse(text);
    struct listener_options options = {.unix_mode = 0600, .unix_group = (gid_t)-1};
    struct failure failure;
    struct server server = {0};
    server.listener = listener_open(loop, &endpoint, &options, on_accept, &server, &failure);
    cr_assert_not_null(server.listener, "%s", failure.text);
    struct listener *second =
        listener_open(loop, &endpoint, &options, on_accept, &server, &failure);
    cr_assert_null(second);
    cr_assert_eq(failure.kind, FAILURE_CONFLICT);
    struct dial client = {0};
    dial(&client, &endpoint);
    UNTIL(client.done && server.count >= 1);
    uid_t uid;
    gid_t gid;
    pid_t pid;
    cr_assert_eq(stream_credentials(server.streams[server.count - 1], &uid, &gid, &pid), 0);
    cr_assert_eq(uid, getuid());
    cr_assert_eq(pid, getpid());
    stream_close(&client.stream);
    close_all(&server);
    cr_assert_neq(access(text + 7, F_OK), 0);
}

Test(stream, listens_on_an_inherited_descriptor)
{
    loop = loop_new();
    struct server server = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* blocking, as it may come */
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    char text[64];
    struct listener_options options = {.unix_group = (gid_t)-1};
    struct failure failure;
    snprintf(text, sizeof text, "fd://%d", fd);
    struct endpoint endpoint = parse(text);
    cr_expect(endpoint_is_local(&endpoint));
    cr_expect_null(listener_open(loop, &endpoint, &options, on_accept, &server, &failure));
    cr_assert_eq(listen(fd, 5), 0);
    server.listener = listener_open(loop, &endpoint, &options, on_accept, &server, &failure);
    cr_assert_not_null(server.listener, "%s", failure.text);
    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", listener_port(server.listener));
    struct endpoint there = parse(text);
    struct dial client = {0};
    dial(&client, &there);
    UNTIL(client.done && server.count == 1);
    stream_close(&client.stream);
    close_all(&server);
}

Test(stream, inherited_descriptors_count_by_what_they_are_bound_to)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct endpoint endpoint;
    struct failure failure;
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    snprintf(text, sizeof text, "fd://%d", fd);
    endpoint = parse(text);
    cr_expect_not(endpoint_is_local(&endpoint));
    close(fd);
    cr_expect_eq(endpoint_parse(&endpoint, slice_of(text), 0, &failure), -1);
}

Test(stream, refused_connections_say_so)
{
    loop = loop_new();
    struct server server = {0};
    struct endpoint endpoint = open_loopback(&server, 0);
    listener_close(&server.listener);
    loop_turn(loop, 0);
    struct dial client = {0};
    dial(&client, &endpoint);
    UNTIL(client.done);
    cr_assert_null(client.stream);
    cr_assert_str_eq(client.why_not, "connection refused");
    struct dial missing = {0};
    struct endpoint nowhere = parse("unix:///nowhere/at/all.sock");
    dial(&missing, &nowhere);
    UNTIL(missing.done);
    cr_assert_str_eq(missing.why_not, "no such socket file");
    loop_free(&loop);
}

Test(stream, cancelled_connect_gives_no_callback)
{
    loop = loop_new();
    struct server server = {0};
    struct endpoint endpoint = open_loopback(&server, 0);
    struct dial client = {0};
    struct stream_connect *connect =
        stream_connect_start(loop, &endpoint, NULL, 5000, on_connected, &client);
    stream_connect_cancel(&connect);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 5);
    cr_assert_not(client.done);
    close_all(&server);
}

Test(stream, silent_unix_queue_times_out_with_a_reason)
{
    loop = loop_new();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[128];
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/berth-queue-%d.sock", getpid());
    snprintf(text, sizeof text, "unix://%s", address.sun_path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 0), 0);
    struct endpoint endpoint = parse(text);
    struct dial first = {0}, second = {0};
    dial(&first, &endpoint); /* takes the queue's one place */
    UNTIL(first.done);
    stream_connect_start(loop, &endpoint, NULL, 60, on_connected, &second);
    UNTIL(second.done);
    cr_assert_str_eq(second.why_not, "timed out after 60 ms");
    stream_close(&first.stream);
    close(fd);
    unlink(address.sun_path);
    loop_free(&loop);
}

Test(stream, listener_holds_back_above_its_cap)
{
    loop = loop_new();
    struct server server = {0};
    struct endpoint endpoint = open_loopback(&server, 2);
    struct dial clients[3] = {0};
    for (size_t i = 0; i < 3; i++)
        dial(&clients[i], &endpoint);
    UNTIL(clients[0].done && clients[1].done && clients[2].done && server.count == 2);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 2);
    cr_assert_eq(server.count, 2);
    stream_close(&server.streams[0]);
    UNTIL(server.count == 3);
    for (size_t i = 0; i < 3; i++)
        stream_close(&clients[i].stream);
    close_all(&server);
}

Test(stream, listener_survives_running_out_of_descriptors)
{
    loop = loop_new();
    struct server server = {0};
    struct endpoint endpoint = open_loopback(&server, 0);
    struct dial client = {0};
    dial(&client, &endpoint);
    struct rlimit old, none;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3; /* below what is open: accept gives EMFILE */
    UNTIL(client.done);
    stream_close(&client.stream);
    for (size_t i = 0; i < server.count; i++)
        stream_close(&server.streams[i]);
    server.count = 0;
    client = (struct dial){0};
    dial(&client, &endpoint);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    UNTIL(client.done);
    uint64_t before = loop_now(loop);
    int turns = 0;
    for (; loop_now(loop) - before < 60; turns++)
        loop_turn(loop, 60);
    cr_assert_lt(turns, 20, "spins at EMFILE: %d turns", turns);
    cr_assert_eq(server.count, 0);
    setrlimit(RLIMIT_NOFILE, &old);
    UNTIL(server.count == 1);
    stream_close(&client.stream);
    close_all(&server);
}

Test(stream, linger_drops_input_until_the_peer_closes)
{
    loop = loop_new();
    struct end a = {0};
    struct stream *sa, *sb;
    stream_pair(loop, &sa, &sb);
    start(&a, sa);
    stream_linger(&sb, 60000);
    cr_assert_null(sb);
    UNTIL(a.ended);
    send_text(&a, "still talking");
    UNTIL(a.written);
    cr_assert(a.written_ok);
    stream_close(&sa);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 1);
    loop_free(&loop); /* leaks, and the sanitizer says so, if the lingering end is still there */
}
