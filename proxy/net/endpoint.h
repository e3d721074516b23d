/* Endpoint: an address to listen on or to connect to, as Docker spells them:
 * tcp://HOST:PORT, unix:///path, http://HOST[:PORT], https://…, fd://N (listen only). */
#pragma once

#include "policy/base/failure.h"

#include <sys/socket.h>
#include <sys/un.h>

enum endpoint_kind { ENDPOINT_TCP, ENDPOINT_UNIX, ENDPOINT_FD };

struct endpoint {
    enum endpoint_kind kind;
    struct sockaddr_storage address;
    socklen_t address_length;
    char text[256]; /* as the user wrote it, for messages */
    char host[128]; /* host part (TCP) without brackets: for TLS names and "Ports" rewriting */
    uint16_t port;
    int fd;         /* ENDPOINT_FD: an inherited listening socket (listen only), else -1 */
    bool wants_tls; /* written as https:// */
};

/* Parses and resolves (numeric or /etc/hosts + DNS, blocking: start-up and join only).
 * `default_port` is used when the text has none (0: a port is required). A text without scheme
 * is tcp://. Failure INVALID says what is wrong. */
int endpoint_parse(struct endpoint *endpoint, struct slice text, uint16_t default_port,
                   struct failure *failure) MUST_CHECK;
/* The part of endpoint_parse before resolving: no I/O; address_length stays 0 for host names. */
int endpoint_split(struct endpoint *endpoint, struct slice text, uint16_t default_port,
                   struct failure *failure) MUST_CHECK;
/* Loopback TCP, or unix. False for what has not been resolved. */
bool endpoint_is_local(const struct endpoint *endpoint);
