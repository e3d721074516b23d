/* Cert store: an authority in a directory, and the record of what it has issued:
 *   ca.pem ca-key.pem crl.pem issued
 *   server/ clients/NAME/ nodes/NAME/   each with ca.pem cert.pem key.pem (a DOCKER_CERT_PATH)
 * `issued` has a line a certificate: SERIAL KIND NAME NOT_AFTER REVOKED (seconds since 1970, 0:
 * not). One command at a time works on it (a lock on the directory). */
#pragma once

#include "proxy/cert/authority.h"

#include <sys/types.h>

struct cert_store;

enum cert_kind { CERT_SERVER, CERT_CLIENT, CERT_NODE };

struct cert_row {
    char serial[48];
    enum cert_kind kind;
    char name[128];
    int64_t not_after_s;
    int64_t revoked_s; /* 0: good */
};

/* Opens `directory`; with `create` makes it and an authority called `name` when there is none yet
 * (*made tells). INVALID, CONFLICT (in use by another command). */
struct cert_store *cert_store_open(const char *directory, bool create, const char *name, bool *made,
                                   struct failure *failure) MUST_CHECK;
void cert_store_close(struct cert_store **store);
const struct authority *cert_store_authority(const struct cert_store *store);
const struct cert_row *cert_store_rows(const struct cert_store *store, size_t *count);

/* Issues and writes a certificate. `hosts`: DNS names and IPs (server and node need one). The name
 * of a client or node is a file name (letters, digits, . _ - @). CONFLICT: it has a good one
 * already (a server's is replaced). `folder` gets where the three files are. */
int cert_store_issue(struct cert_store *store, enum cert_kind kind, const char *name,
                     const char *const *hosts, size_t host_count, uint64_t valid_s,
                     struct buffer *folder, struct failure *failure) MUST_CHECK;
/* By serial, or a client's or node's name (all its good certificates); writes crl.pem anew.
 * Returns the number revoked; NOT_FOUND when there is none. */
int cert_store_revoke(struct cert_store *store, const char *reference,
                      struct failure *failure) MUST_CHECK;

const char *cert_kind_name(enum cert_kind kind);
/* Makes all folders of `path` but the last part, which is a file. Mode 0700. */
int cert_make_folders(const char *path, struct failure *failure) MUST_CHECK;
/* Writes a file as a whole or not at all. */
int cert_write_file(const char *path, struct slice text, mode_t mode,
                    struct failure *failure) MUST_CHECK;
