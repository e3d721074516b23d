/* Tls inside: OpenSSL's types between the files tls*.c. */
#pragma once

#include "proxy/net/tls.h"

#include <openssl/ssl.h>

/* The context in use now. */
SSL_CTX *tls_context_get(const struct tls_context *context);
/* For SNI: the DNS name, NULL when it is an IP or none is set. */
const char *tls_context_server_name(const struct tls_context *context);
/* Reads a certificate; -1 when it can't be encoded or hashed. */
int tls_peer_of(struct tls_peer *peer, const X509 *certificate);
