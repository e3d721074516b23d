/* Bench origin: the cheapest server that can stand for an engine, so that what is measured is the
 * proxy. It has one container, "one"; GET /json and its inspect answer 2 KB, GET /bytes/N streams N
 * bytes and an export 64 MB, anything with a body is read to its end and answered. What a watching
 * berthd asks for is answered as an engine with one container would. Usage: bench_origin PORT */
#include "proxy/http/framer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define JSON_BYTES   2048
#define EXPORT_BYTES 64000000
#define ID           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CREATED      "2026-01-01T00:00:00.000000000Z"

struct client {
    int fd;
    char in[65536];
    size_t length;
    struct framer framer;
    bool in_body;
    uint64_t owed;      /* bytes of a download still to be sent */
    bool waits_to_write;
};

static int epoll_fd;
static char zeros[262144];
static char json_answer[JSON_BYTES + 200];
static size_t json_length;
static const char ok_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

static const char events_head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

static void drop(struct client *client)
{
    close(client->fd);
    free(client);
}

static void watch(struct client *client, bool to_write)
{
    if (client->waits_to_write != to_write) {
        client->waits_to_write = to_write;
        struct epoll_event event = {.events = to_write ? EPOLLOUT : EPOLLIN, .data.ptr = client};
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
    }
}

/* Small answers fit into the socket's buffer; bench clients don't pipeline. */
static int send_all(struct client *client, const char *bytes, size_t length)
{
    return send(client->fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length ? 0 : -1;
}

static int send_owed(struct client *client)
{
    while (client->owed > 0) {
        size_t length = client->owed < sizeof zeros ? (size_t)client->owed : sizeof zeros;
        ssize_t sent = send(client->fd, zeros, length, MSG_NOSIGNAL);
        if (sent < 0) {
            watch(client, true);
            return errno == EAGAIN ? 0 : -1;
        }
        client->owed -= (uint64_t)sent;
    }
    watch(client, false);
    return 0;
}

static int send_text(struct client *client, const char *body)
{
    char text[4096];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: "
                          "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          strlen(body), body);
    return send_all(client, text, (size_t)length);
}

static int send_bytes(struct client *client, uint64_t length)
{
    char head[200];
    int head_length = snprintf(head, sizeof head,
                               "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\n"
                               "Content-Length: %llu\r\n\r\n", (unsigned long long)length);
    client->owed = length;
    return send_all(client, head, (size_t)head_length) < 0 ? -1 : send_owed(client);
}

/* What an engine tells of itself, by the end of the path. Longer endings stand first. */
static const struct {
    const char *end, *body;
} texts[] = {
    {"/containers/json",
     "[{\"Id\":\"" ID "\",\"Names\":[\"/one\"],\"Image\":\"busybox\",\"ImageID\":\"sha256:" ID "\","
     "\"Command\":\"top\",\"Created\":1767225600,\"Ports\":[],\"Labels\":{},\"State\":\"running\","
     "\"Status\":\"Up 1 second\",\"HostConfig\":{\"NetworkMode\":\"default\"},"
     "\"NetworkSettings\":{\"Networks\":{}},\"Mounts\":[]}]"},
    {"/images/json", "[]"},
    {"/networks", "[]"},
    {"/volumes", "{\"Volumes\":[],\"Warnings\":null}"},
    {"/version", "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\","
                 "\"Os\":\"linux\",\"Arch\":\"amd64\",\"KernelVersion\":\"6.1\"}"},
    {"/info", "{\"ID\":\"BENCH\",\"Name\":\"bench\",\"NCPU\":2,\"MemTotal\":4000000000,"
              "\"ServerVersion\":\"20.10.24\",\"Driver\":\"overlay2\",\"OSType\":\"linux\","
              "\"Architecture\":\"x86_64\",\"OperatingSystem\":\"Debian\",\"Containers\":1}"},
    {"/_ping", "OK"},
};

static int send_inspect(struct client *client)
{
    char text[JSON_BYTES + 1];
    int length = snprintf(text, sizeof text,
                          "{\"Id\":\"" ID "\",\"Created\":\"" CREATED "\",\"Name\":\"/one\","
                          "\"State\":{\"Status\":\"running\",\"Running\":true},\"Image\":"
                          "\"sha256:" ID "\",\"Config\":{\"Image\":\"busybox\",\"Labels\":{},"
                          "\"Env\":[]},\"HostConfig\":{\"NetworkMode\":\"default\",\"Memory\":0},"
                          "\"NetworkSettings\":{\"Networks\":{}},\"Mounts\":[]");
    memset(text + length, ' ', (size_t)(JSON_BYTES - length));
    text[JSON_BYTES - 1] = '}';
    text[JSON_BYTES] = '\0';
    return send_text(client, text);
}

static int answer(struct client *client, struct slice target)
{
    uint64_t length;
    struct slice path = target;
    slice_next(&target, '?', &path);
    if (slice_starts(path, "/bytes/") && slice_to_u64(slice_from(path, 7), &length) == 0) {
        return send_bytes(client, length);
    }
    if (slice_ends(path, "/export")) {
        return send_bytes(client, EXPORT_BYTES);
    }
    if (slice_ends(path, "/events")) { /* nothing ever happens */
        return send_all(client, events_head, sizeof events_head - 1);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (slice_ends(path, texts[i].end)) {
            return send_text(client, texts[i].body);
        }
    }
    if (slice_contains(path, "/containers/")) {
        return send_inspect(client);
    }
    return send_all(client, json_answer, json_length);
}

static int take_body(struct client *client, size_t from)
{
    struct failure failure;
    struct slice bytes = slice_make(client->in + from, client->length - from);
    ssize_t used = framer_feed(&client->framer, bytes, &failure);
    if (used < 0) {
        return -1;
    }
    client->length = 0;
    if (client->framer.done) {
        client->in_body = false;
        return send_all(client, ok_answer, sizeof ok_answer - 1);
    }
    return 0;
}

static int take_input(struct client *client)
{
    struct request_head head;
    struct failure failure;
    if (client->in_body) {
        return take_body(client, 0);
    }
    ssize_t length =
        request_head_parse(&head, slice_make(client->in, client->length), &failure);
    if (length <= 0) {
        return (int)length;
    }
    if (head.framing != FRAMING_NONE && (head.framing == FRAMING_CHUNKED || head.content_length)) {
        framer_init(&client->framer, head.framing, head.content_length);
        client->in_body = true;
        return take_body(client, (size_t)length);
    }
    client->length = 0;
    return answer(client, head.target);
}

static void serve(struct client *client)
{
    if (client->owed > 0) {
        if (send_owed(client) < 0) {
            drop(client);
        }
        return;
    }
    ssize_t got = recv(client->fd, client->in + client->length,
                       sizeof client->in - client->length, 0);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    client->length += got > 0 ? (size_t)got : 0;
    if (got <= 0 || take_input(client) < 0) {
        drop(client);
    }
}

static void accept_one(int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct client *client = xmalloc(sizeof *client);
    *client = (struct client){.fd = fd};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int listen_on(uint16_t port)
{
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 1024) < 0) {
        perror("bench_origin");
        exit(1);
    }
    return listener;
}

int main(int argc, char **argv)
{
    uint64_t port = 0;
    if (argc != 2 || slice_to_u64(slice_of(argv[1]), &port) < 0 || port > UINT16_MAX) {
        fprintf(stderr, "usage: bench_origin PORT\n");
        return 2;
    }
    json_length = (size_t)snprintf(json_answer, sizeof json_answer,
                                   "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n"
                                   "Content-Type: application/json\r\nOstype: linux\r\n"
                                   "Content-Length: %d\r\n\r\n", JSON_BYTES);
    memset(json_answer + json_length, ' ', JSON_BYTES);
    json_answer[json_length] = '{';
    json_answer[json_length + JSON_BYTES - 1] = '}';
    json_length += JSON_BYTES;

    int listener = listen_on((uint16_t)port);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll_fd, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                serve(events[i].data.ptr);
            } else {
                accept_one(listener);
            }
        }
    }
}
