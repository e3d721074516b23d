/* Authority: a certificate authority in memory: makes itself, certificates for servers, clients and
 * nodes, signs requests of nodes, and lists what it has revoked. P-256 keys, SHA-256. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

struct authority;

enum certificate_use { CERTIFICATE_SERVER = 1, CERTIFICATE_CLIENT = 2 };

#define CERTIFICATE_MAX_NAMES 16

/* What a certificate is to say. */
struct certificate_wish {
    unsigned use; /* enum certificate_use, or-ed */
    const char *common_name;
    /* Subject alternative names: an IP, an e-mail (has '@'), a URI (has "://"), else a DNS name. */
    const char *names[CERTIFICATE_MAX_NAMES];
    size_t name_count;
    uint64_t valid_s;
};

/* PEM texts, NUL-terminated, heap. */
struct certificate_pair {
    char *certificate;
    char *key;           /* NULL when the key is the requester's */
    char serial[48];     /* hex, lower case */
    int64_t not_after_s; /* seconds since 1970 */
};
void certificate_pair_deinit(struct certificate_pair *pair);

/* A new authority that can sign leaf certificates only. */
struct authority *authority_new(const char *common_name, uint64_t valid_s,
                                struct failure *failure) MUST_CHECK;
/* From PEM. INVALID: not a CA, or the key is not the certificate's. */
struct authority *authority_load(struct slice certificate, struct slice key,
                                 struct failure *failure) MUST_CHECK;
void authority_free(struct authority **authority);
/* Own certificate and key as PEM. */
int authority_pair(const struct authority *authority, struct certificate_pair *pair,
                   struct failure *failure) MUST_CHECK;
/* SHA-256 of the public key info as hex: what joining agents check before they send a token. */
void authority_pin(const struct authority *authority, char hex[65]);

/* Makes a key and a certificate for it. INVALID: a name that can't be one. */
int authority_issue(const struct authority *authority, const struct certificate_wish *wish,
                    struct certificate_pair *pair, struct failure *failure) MUST_CHECK;
/* Signs the key of a PEM certificate request (at most 16 KiB). Nothing but the key is taken from
 * it: names and uses are the wish's. INVALID: not a request, or not signed by its own key. */
int authority_sign(const struct authority *authority, struct slice request,
                   const struct certificate_wish *wish, struct certificate_pair *pair,
                   struct failure *failure) MUST_CHECK;
/* A PEM revocation list of these serials (hex), good for `valid_s`. */
char *authority_revocations(const struct authority *authority, const char *const *serials,
                            size_t count, uint64_t valid_s, struct failure *failure) MUST_CHECK;

/* Client side of authority_sign: a fresh key and a request for it, PEM. */
int certificate_request_new(const char *common_name, char **request, char **key,
                            struct failure *failure) MUST_CHECK;
