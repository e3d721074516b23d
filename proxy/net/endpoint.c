/* Endpoint: splits an address text strictly, then resolves it. */
#include "proxy/net/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

static int bad(const struct endpoint *endpoint, struct failure *failure, const char *why)
{
    return failure_set(failure, FAILURE_INVALID, "invalid address \"%s\": %s", endpoint->text, why);
}

static void copy_text(char *to, size_t size, struct slice text)
{
    size_t length = text.length < size ? text.length : size - 1;
    memcpy(to, text.at, length);
    to[length] = '\0';
}

static int split_unix(struct endpoint *endpoint, struct slice path, struct failure *failure)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&endpoint->address;
    endpoint->kind = ENDPOINT_UNIX;
    if (!slice_starts(path, "/"))
        return bad(endpoint, failure, "unix:// needs an absolute path");
    if (path.length >= sizeof un->sun_path)
        return bad(endpoint, failure, "the path is too long (at most 107 bytes)");
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.at, path.length);
    endpoint->address_length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.length + 1);
    return 0;
}

static int split_fd(struct endpoint *endpoint, struct slice number, struct failure *failure)
{
    uint64_t fd;
    endpoint->kind = ENDPOINT_FD;
    if (slice_to_u64(number, &fd) || fd < 3 || fd > 65535)
        return bad(endpoint, failure, "fd:// needs a descriptor number from 3 up");
    endpoint->fd = (int)fd;
    return 0;
}

static bool host_is_valid(struct slice host, bool bracketed)
{
    if (!host.length)
        return false;
    for (size_t i = 0; i < host.length; i++) {
        char c = host.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (bracketed ? !(letter || c == ':' || c == '.' || c == '%')
                      : !(letter || c == '-' || c == '.' || c == '_'))
            return false;
    }
    return true;
}

/* Numeric addresses need no resolver. Returns whether it was one. */
static bool set_numeric(struct endpoint *endpoint)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&endpoint->address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&endpoint->address;
    if (inet_pton(AF_INET, endpoint->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint->port);
        endpoint->address_length = sizeof *in;
        return true;
    }
    if (inet_pton(AF_INET6, endpoint->host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(endpoint->port);
        endpoint->address_length = sizeof *in6;
        return true;
    }
    return false;
}

static int split_tcp(struct endpoint *endpoint, struct slice rest, uint16_t default_port,
                     struct failure *failure)
{
    endpoint->kind = ENDPOINT_TCP;
    if (slice_ends(rest, "/"))
        rest.length--;
    struct slice host, port = SLICE_NONE;
    bool bracketed = slice_starts(rest, "[");
    if (bracketed) {
        ptrdiff_t end = slice_find(rest, ']');
        if (end < 0)
            return bad(endpoint, failure, "a bracket is not closed");
        host = slice_cut(rest, 1, (size_t)end - 1);
        rest = slice_from(rest, (size_t)end + 1);
        if (rest.length && rest.at[0] != ':')
            return bad(endpoint, failure, "expected a colon and a port behind the bracket");
        if (rest.length)
            port = slice_from(rest, 1);
    } else {
        ptrdiff_t colon = slice_find(rest, ':');
        host = colon < 0 ? rest : slice_cut(rest, 0, (size_t)colon);
        if (colon >= 0)
            port = slice_from(rest, (size_t)colon + 1);
    }
    uint64_t number = default_port;
    if (port.at && (slice_to_u64(port, &number) || number > 65535))
        return bad(endpoint, failure, "the port is not a number from 0 to 65535");
    if (!port.at && !default_port)
        return bad(endpoint, failure, "a port is needed (HOST:PORT)");
    /* As Docker: no host means this machine only. */
    if (!host.length && !bracketed)
        host = SLICE("127.0.0.1");
    if (!host_is_valid(host, bracketed) || host.length >= sizeof endpoint->host)
        return bad(endpoint, failure, "the host has characters that a name can't have");
    copy_text(endpoint->host, sizeof endpoint->host, host);
    endpoint->port = (uint16_t)number;
    if (!set_numeric(endpoint) && bracketed)
        return bad(endpoint, failure, "not an IPv6 address in the brackets");
    return 0;
}

int endpoint_split(struct endpoint *endpoint, struct slice text, uint16_t default_port,
                   struct failure *failure)
{
    *endpoint = (struct endpoint){.fd = -1};
    if (text.length >= sizeof endpoint->text || !text.length || memchr(text.at, 0, text.length))
        return failure_set(failure, FAILURE_INVALID,
                           "invalid address: must have 1 to 255 characters");
    copy_text(endpoint->text, sizeof endpoint->text, text);
    if (slice_starts(text, "unix://"))
        return split_unix(endpoint, slice_from(text, 7), failure);
    if (slice_starts(text, "fd://"))
        return split_fd(endpoint, slice_from(text, 5), failure);
    if (slice_starts(text, "tcp://"))
        return split_tcp(endpoint, slice_from(text, 6), default_port, failure);
    if (slice_starts(text, "http://"))
        return split_tcp(endpoint, slice_from(text, 7), default_port ? default_port : 80, failure);
    if (slice_starts(text, "https://")) {
        endpoint->wants_tls = true;
        return split_tcp(endpoint, slice_from(text, 8), default_port ? default_port : 443, failure);
    }
    if (slice_contains(text, "://"))
        return bad(endpoint, failure, "the scheme must be tcp, unix, http, https or fd");
    return split_tcp(endpoint, text, default_port, failure);
}

/* What it is bound to decides who can reach it. */
static int resolve_fd(struct endpoint *endpoint, struct failure *failure)
{
    socklen_t length = sizeof endpoint->address;
    if (getsockname(endpoint->fd, (struct sockaddr *)&endpoint->address, &length))
        return bad(endpoint, failure, "no socket was inherited under that number");
    endpoint->address_length = length;
    return 0;
}

int endpoint_parse(struct endpoint *endpoint, struct slice text, uint16_t default_port,
                   struct failure *failure)
{
    if (endpoint_split(endpoint, text, default_port, failure))
        return -1;
    if (endpoint->kind == ENDPOINT_FD)
        return resolve_fd(endpoint, failure);
    if (endpoint->kind != ENDPOINT_TCP || endpoint->address_length)
        return 0;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", endpoint->port);
    int error = getaddrinfo(endpoint->host, service, &hints, &found);
    if (error)
        return failure_set(failure, FAILURE_INVALID, "can't resolve \"%s\": %s", endpoint->host,
                           gai_strerror(error));
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    endpoint->address_length = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

bool endpoint_is_local(const struct endpoint *endpoint)
{
    if (endpoint->address.ss_family == AF_UNIX)
        return true;
    if (endpoint->address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&endpoint->address;
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&endpoint->address;
    return endpoint->address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}
