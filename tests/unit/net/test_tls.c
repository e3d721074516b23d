/* TLS over loopback with certificates made here: who gets in, half-close, big transfers, reload. */
#include "tests/unit/test.h"

#include "proxy/cert/authority.h"
#include "proxy/net/tls.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *loop;
static struct failure failure;
static char folder[] = "/tmp/berth-tls-XXXXXX";
static struct authority *authority, *stranger;

#define UNTIL(condition)                                                                           \
    for (int turns_ = 0; !(condition); turns_++) {                                                 \
        cr_assert(turns_ < 3000, "gave up waiting for " #condition);                               \
        loop_turn(loop, 10);                                                                       \
    }

struct end {
    struct stream *stream;
    struct buffer in;
    size_t accepted;
    bool ended, failed, written, written_ok, refused;
    char why_not[256];
};

static struct end server, client;
static struct listener *listener;
static struct tls_context *server_tls, *client_tls;

static void write_file(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *in_folder(const char *name)
{
    static char paths[8][300];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void issue(struct authority *by, const char *name, unsigned use, const char *san,
                  char serial[48])
{
    struct certificate_wish wish = {.use = use, .common_name = name, .valid_s = 3600};
    struct certificate_pair pair;
    char file[100];
    if (san)
        wish.names[wish.name_count++] = san;
    cr_assert_eq(authority_issue(by, &wish, &pair, &failure), 0, "%s", failure.text);
    snprintf(file, sizeof file, "%s.pem", name);
    write_file(file, pair.certificate);
    snprintf(file, sizeof file, "%s-key.pem", name);
    write_file(file, pair.key);
    if (serial)
        memcpy(serial, pair.serial, 48);
    certificate_pair_deinit(&pair);
}

static void make_files(void)
{
    struct certificate_pair pair;
    cr_assert_not_null(mkdtemp(folder));
    authority = authority_new("test CA", 3600, &failure);
    stranger = authority_new("other CA", 3600, &failure);
    cr_assert(authority && stranger);
    cr_assert_eq(authority_pair(authority, &pair, &failure), 0);
    write_file("ca.pem", pair.certificate);
    certificate_pair_deinit(&pair);
    issue(authority, "server", CERTIFICATE_SERVER, "127.0.0.1", NULL);
    loop = loop_new();
}

static void remove_files(void)
{
    char command[400];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

static void on_readable(struct stream *stream, void *context)
{
    struct end *end = context;
    char *to = buffer_reserve(&end->in, 65536);
    ssize_t got = stream_read(stream, to, 65536);
    if (got > 0) {
        end->in.length += (size_t)got;
    } else if (got != STREAM_AGAIN) {
        end->ended = got == 0;
        end->failed = got != 0;
        stream_want_read(stream, false);
    }
}

static void start(struct end *end, struct stream *stream)
{
    end->stream = stream;
    buffer_init(&end->in, 256 * 1024 * 1024);
    stream_set(stream, on_readable, end);
    stream_want_read(stream, true);
}

static void on_accept(struct stream *stream, void *context)
{
    server.accepted++;
    start(&server, stream);
}

static void on_connected(struct stream *stream, const char *why_not, void *context)
{
    if (stream)
        start(&client, stream);
    client.refused = !stream;
    if (why_not)
        snprintf(client.why_not, sizeof client.why_not, "%s", why_not);
}

static void on_written(struct stream *stream, bool ok, void *context)
{
    struct end *end = context;
    end->written = true;
    end->written_ok = ok;
}

static void put(struct end *end, struct slice text)
{
    /* In pieces, to see them joined. */
    size_t half = text.length / 2;
    struct iovec iov[] = {{(void *)(uintptr_t)text.at, half},
                          {NULL, 0},
                          {(void *)(uintptr_t)(text.at + half), text.length - half}};
    end->written = false;
    stream_write(end->stream, iov, 3, on_written, end);
}

static void listen_with(enum tls_verify verify, const char *crl, uint64_t handshake_ms)
{
    struct tls_settings settings = {.server = true,
                                    .verify = verify,
                                    .ca_file = in_folder("ca.pem"),
                                    .certificate_file = in_folder("server.pem"),
                                    .key_file = in_folder("server-key.pem"),
                                    .crl_file = crl};
    server_tls = tls_context_new(&settings, &failure);
    cr_assert_not_null(server_tls, "%s", failure.text);
    struct listener_options options = {
        .tls = server_tls, .unix_group = (gid_t)-1, .handshake_timeout_ms = handshake_ms};
    struct endpoint endpoint;
    cr_assert_eq(endpoint_parse(&endpoint, SLICE("tcp://127.0.0.1:0"), 0, &failure), 0);
    listener = listener_open(loop, &endpoint, &options, on_accept, NULL, &failure);
    cr_assert_not_null(listener, "%s", failure.text);
}

/* `identity`: base name of the certificate to show, NULL none. `name`: what the server must be. */
static void connect_as(const char *identity, const char *name)
{
    char certificate[64], key[64], address[64];
    snprintf(certificate, sizeof certificate, "%s.pem", identity ? identity : "");
    snprintf(key, sizeof key, "%s-key.pem", identity ? identity : "");
    struct tls_settings settings = {.verify = TLS_VERIFY_REQUIRED,
                                    .ca_file = in_folder("ca.pem"),
                                    .certificate_file = identity ? in_folder(certificate) : NULL,
                                    .key_file = identity ? in_folder(key) : NULL,
                                    .name = name};
    tls_context_free(&client_tls);
    client_tls = tls_context_new(&settings, &failure);
    cr_assert_not_null(client_tls, "%s", failure.text);
    struct endpoint endpoint;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", listener_port(listener));
    cr_assert_eq(endpoint_parse(&endpoint, slice_of(address), 0, &failure), 0);
    stream_connect_start(loop, &endpoint, client_tls, 20000, on_connected, NULL);
    UNTIL(client.stream || client.refused);
}

static void hang_up(void)
{
    stream_close(&client.stream);
    stream_close(&server.stream);
    buffer_deinit(&client.in);
    buffer_deinit(&server.in);
    loop_turn(loop, 0);
    client = server = (struct end){0};
}

static void stop(void)
{
    hang_up();
    listener_close(&listener);
    loop_turn(loop, 0);
    tls_context_free(&server_tls);
    tls_context_free(&client_tls);
    authority_free(&authority);
    authority_free(&stranger);
    loop_free(&loop);
}

TestSuite(tls, .init = make_files, .fini = remove_files);

Test(tls, both_sides_prove_themselves_and_talk)
{
    char serial[48];
    issue(authority, "alice", CERTIFICATE_CLIENT, "alice@example.org", serial);
    listen_with(TLS_VERIFY_REQUIRED, NULL, 0);
    connect_as("alice", "127.0.0.1");
    cr_assert_not(client.refused, "%s", client.why_not);
    put(&client, SLICE("hello there"));
    UNTIL(server.in.length == 11);
    struct tls_peer peer;
    cr_assert(stream_is_tls(server.stream));
    cr_assert_eq(stream_tls_peer(server.stream, &peer), 0);
    expect_text(peer.common_name, "alice");
    cr_assert_eq(peer.names, 1);
    expect_text(peer.name[0].text, "alice@example.org");
    cr_expect_eq(peer.name[0].kind, TLS_NAME_EMAIL);
    expect_text(peer.serial, serial);
    expect_int(strlen(peer.spki_sha256), 64);
    put(&server, SLICE("general"));
    UNTIL(client.in.length == 7);
    cr_assert_eq(memcmp(client.in.at, "general", 7), 0);
    stop();
}

Test(tls, half_close_passes_each_way_on_its_own)
{
    listen_with(TLS_VERIFY_NONE, NULL, 0);
    connect_as(NULL, "127.0.0.1");
    put(&client, SLICE("last words"));
    UNTIL(client.written);
    stream_half_close(client.stream); /* close_notify right behind the data */
    UNTIL(server.ended);
    cr_assert_eq(server.in.length, 10);
    cr_assert_not(client.ended);
    put(&server, SLICE("the answer comes after"));
    UNTIL(client.in.length == 22);
    cr_assert_not(client.ended);
    stream_half_close(server.stream);
    UNTIL(client.ended);
    cr_assert_not(client.failed);
    stop();
}

Test(tls, missing_close_notify_is_an_error_not_an_end)
{
    listen_with(TLS_VERIFY_NONE, NULL, 0);
    connect_as(NULL, "127.0.0.1");
    UNTIL(server.accepted);
    put(&server, SLICE("half of it"));
    UNTIL(client.in.length == 10);
    stream_reset(&server.stream);
    UNTIL(client.failed);
    cr_assert_not(client.ended);
    stop();
}

Test(tls, carries_much_both_ways_at_once)
{
    listen_with(TLS_VERIFY_NONE, NULL, 0);
    connect_as(NULL, "127.0.0.1");
    UNTIL(server.accepted);
    size_t size = 3 * 1024 * 1024 + 17;
    char *big = malloc(size);
    for (size_t i = 0; i < size; i++)
        big[i] = (char)((i * 2654435761u) >> 11);
    put(&client, slice_make(big, size));
    put(&server, slice_make(big, size));
    UNTIL(client.in.length == size && server.in.length == size);
    cr_assert(client.written && client.written_ok && server.written && server.written_ok);
    cr_assert_eq(memcmp(client.in.at, big, size), 0);
    cr_assert_eq(memcmp(server.in.at, big, size), 0);
    free(big);
    stop();
}

Test(tls, a_reader_that_stops_stops_the_writer)
{
    listen_with(TLS_VERIFY_NONE, NULL, 0);
    connect_as(NULL, "127.0.0.1");
    UNTIL(server.accepted);
    stream_want_read(server.stream, false);
    size_t size = 64u * 1024 * 1024;
    char *big = calloc(1, size);
    put(&client, slice_make(big, size));
    for (int i = 0; i < 50; i++)
        loop_turn(loop, 1);
    cr_assert_not(client.written);
    cr_assert_eq(server.in.length, 0);
    stream_want_read(server.stream, true);
    UNTIL(server.in.length > 0);
    hang_up();
    free(big);
    stop();
}

Test(tls, wrong_name_is_refused_with_the_reason)
{
    listen_with(TLS_VERIFY_NONE, NULL, 0);
    connect_as(NULL, "10.9.9.9");
    cr_assert(client.refused);
    cr_assert(slice_contains(slice_of(client.why_not), "certificate not accepted: IP address"),
              "%s", client.why_not);
    hang_up();
    connect_as(NULL, "other.example.org");
    cr_assert(client.refused);
    cr_assert(slice_contains(slice_of(client.why_not), "hostname mismatch"), "%s", client.why_not);
    stop();
}

/* TLS 1.3 lets the client believe for a moment that it is in. */
static void expect_kept_out(const char *identity)
{
    connect_as(identity, "127.0.0.1");
    UNTIL(client.refused || client.failed || client.ended);
    cr_expect_eq(server.accepted, 0, "%s got in", identity ? identity : "nobody");
    hang_up();
}

Test(tls, only_clients_of_the_authority_get_in)
{
    char serial[48];
    issue(authority, "alice", CERTIFICATE_CLIENT, NULL, NULL);
    issue(authority, "revoked", CERTIFICATE_CLIENT, NULL, serial);
    issue(authority, "server-only", CERTIFICATE_SERVER, NULL, NULL);
    issue(stranger, "mallory", CERTIFICATE_CLIENT, NULL, NULL);
    const char *list[] = {serial};
    char *crl = authority_revocations(authority, list, 1, 3600, &failure);
    cr_assert_not_null(crl, "%s", failure.text);
    write_file("crl.pem", crl);
    free(crl);
    listen_with(TLS_VERIFY_REQUIRED, in_folder("crl.pem"), 0);
    expect_kept_out(NULL);
    expect_kept_out("mallory");
    expect_kept_out("revoked");
    expect_kept_out("server-only");
    connect_as("alice", "127.0.0.1");
    UNTIL(server.accepted == 1);
    stop();
}

Test(tls, optional_lets_the_nameless_in_without_a_name)
{
    struct tls_peer peer;
    issue(stranger, "mallory", CERTIFICATE_CLIENT, NULL, NULL);
    listen_with(TLS_VERIFY_OPTIONAL, NULL, 0);
    connect_as(NULL, "127.0.0.1");
    UNTIL(server.accepted);
    cr_expect_eq(stream_tls_peer(server.stream, &peer), -1);
    hang_up();
    expect_kept_out("mallory");
    stop();
}

Test(tls, reload_changes_new_connections_only)
{
    char serial[48];
    issue(authority, "alice", CERTIFICATE_CLIENT, NULL, serial);
    char *crl = authority_revocations(authority, NULL, 0, 3600, &failure);
    write_file("crl.pem", crl);
    free(crl);
    listen_with(TLS_VERIFY_REQUIRED, in_folder("crl.pem"), 0);
    connect_as("alice", "127.0.0.1");
    UNTIL(server.accepted);
    const char *list[] = {serial};
    crl = authority_revocations(authority, list, 1, 3600, &failure);
    write_file("crl.pem", crl);
    free(crl);
    cr_assert_eq(tls_context_reload(server_tls, &failure), 0, "%s", failure.text);
    put(&client, SLICE("still here"));
    UNTIL(server.in.length == 10);
    hang_up();
    expect_kept_out("alice");
    write_file("crl.pem", "rubbish");
    cr_expect_eq(tls_context_reload(server_tls, &failure), -1);
    cr_expect(slice_contains(slice_of(failure.text), "crl.pem"), "%s", failure.text);
    expect_kept_out("alice");
    stop();
}

Test(tls, silent_handshakes_and_plain_text_are_cut)
{
    listen_with(TLS_VERIFY_NONE, NULL, 50);
    struct endpoint endpoint;
    char address[64];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", listener_port(listener));
    cr_assert_eq(endpoint_parse(&endpoint, slice_of(address), 0, &failure), 0);
    stream_connect_start(loop, &endpoint, NULL, 5000, on_connected, NULL);
    UNTIL(client.stream);
    UNTIL(client.ended || client.failed); /* says nothing */
    hang_up();
    stream_connect_start(loop, &endpoint, NULL, 5000, on_connected, NULL);
    UNTIL(client.stream);
    put(&client, SLICE("GET / HTTP/1.1\r\n\r\n"));
    UNTIL(client.ended || client.failed);
    cr_expect_eq(server.accepted, 0);
    stop();
}

Test(tls, bad_files_are_named)
{
    struct tls_settings settings = {.server = true,
                                    .certificate_file = in_folder("none.pem"),
                                    .key_file = in_folder("server-key.pem")};
    cr_expect_null(tls_context_new(&settings, &failure));
    cr_expect(slice_contains(slice_of(failure.text), "none.pem"), "%s", failure.text);
    issue(authority, "alice", CERTIFICATE_CLIENT, NULL, NULL);
    settings.certificate_file = in_folder("server.pem");
    settings.key_file = in_folder("alice-key.pem");
    cr_expect_null(tls_context_new(&settings, &failure));
    cr_expect(slice_contains(slice_of(failure.text), "alice-key.pem"), "%s", failure.text);
    settings.key_file = NULL;
    cr_expect_null(tls_context_new(&settings, &failure));
    settings = (struct tls_settings){.verify = TLS_VERIFY_REQUIRED};
    cr_expect_null(tls_context_new(&settings, &failure));
    authority_free(&authority);
    authority_free(&stranger);
    loop_free(&loop);
}

Test(tls, peer_parse_refuses_what_is_no_certificate)
{
    struct tls_peer peer;
    cr_expect_eq(tls_peer_parse(&peer, SLICE("0\x82"), &failure), -1);
    cr_expect_eq(failure.kind, FAILURE_INVALID);
    authority_free(&authority);
    authority_free(&stranger);
    loop_free(&loop);
}
