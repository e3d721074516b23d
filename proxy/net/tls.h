/* Tls: server and client contexts, and who the peer proved to be. OpenSSL on the socket itself:
 * what is not asked for is not read, so memory stays bounded by the kernel's buffers.
 *
 * No session resumption (no tickets, no cache): nothing of a session can be carried from one
 * listener or identity to another, and a reload or revocation holds for every new connection. */
#pragma once

#include "proxy/net/stream.h"

enum tls_verify {
    TLS_VERIFY_NONE,     /* no certificate is asked of the peer */
    TLS_VERIFY_OPTIONAL, /* server only: asked for; one that is shown must verify */
    TLS_VERIFY_REQUIRED, /* the peer must show one that verifies */
};

struct tls_settings {
    bool server;
    enum tls_verify verify;
    const char *ca_file;          /* PEM; needed unless TLS_VERIFY_NONE */
    const char *certificate_file; /* PEM chain; NULL: none (client only) */
    const char *key_file;
    const char *crl_file; /* PEM, NULL: none. With it every certificate needs a CRL of its CA */
    const char *name;     /* client: DNS name or IP that the server must prove to be */
};

/* Reads the files. INVALID says which file and why. */
struct tls_context *tls_context_new(const struct tls_settings *settings,
                                    struct failure *failure) MUST_CHECK;
/* Reads the files again. New connections use them; those that exist go on. On failure the old
 * ones stay in use. */
int tls_context_reload(struct tls_context *context, struct failure *failure) MUST_CHECK;
/* Streams made with it live on. */
void tls_context_free(struct tls_context **context);

#define TLS_PEER_NAMES 16
/* A URI among the names that starts so makes the certificate a node's: good for joining and leases,
 * never for the Docker API, whatever the rules say. */
#define TLS_NODE_URI "berth://node/"

/* A verified peer certificate. Text is NUL-terminated; names with control bytes or NUL, and those
 * beyond the limits, are left out. */
struct tls_peer {
    char common_name[256];
    char serial[64];      /* hex, lower case */
    char spki_sha256[65]; /* hex of the SHA-256 of the public key info: the pin */
    bool is_node;         /* has a name that starts with TLS_NODE_URI */
    size_t names;
    struct tls_name {
        enum tls_name_kind { TLS_NAME_DNS, TLS_NAME_EMAIL, TLS_NAME_URI } kind;
        char text[256];
    } name[TLS_PEER_NAMES];
};

bool stream_is_tls(const struct stream *stream);
/* 0: the peer has shown a certificate that verified. -1: plain stream, or none shown. */
int stream_tls_peer(const struct stream *stream, struct tls_peer *peer);
/* The same, NULL for -1; read once, lives with the stream. */
const struct tls_peer *stream_tls_peer_of(const struct stream *stream);
/* Reads a DER certificate into `peer`, without any verification. -1 INVALID: not one. */
int tls_peer_parse(struct tls_peer *peer, struct slice der, struct failure *failure) MUST_CHECK;
