/* Cert store: the authority's files. The record is written before the certificate is handed out,
 * so that there is none that can't be revoked. */
#include "proxy/cert/cert_store.h"

#include "proxy/net/tls.h"
#include "proxy/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define CA_VALID_S   ((uint64_t)3650 * 86400)
#define ISSUED_MAX   100000 /* rows */
#define ISSUED_BYTES (1u << 24)

struct cert_store {
    char *directory;
    int lock;
    struct authority *authority;
    char *ca_pem;
    struct cert_row *rows;
    size_t count, capacity;
};

static const char *const kind_names[] = {"server", "client", "node"};

const char *cert_kind_name(enum cert_kind kind)
{
    return kind_names[kind];
}

/* ---- the record */

static struct cert_row *add_row(struct cert_store *store)
{
    if (store->count == store->capacity) {
        store->capacity = store->capacity ? 2 * store->capacity : 16;
        store->rows = xrealloc(store->rows, store->capacity * sizeof *store->rows);
    }
    struct cert_row *row = &store->rows[store->count++];
    *row = (struct cert_row){0};
    return row;
}

static int parse_row(struct cert_store *store, struct slice line)
{
    struct slice serial, kind, name, not_after;
    struct cert_row row = {0};
    int known = -1;
    if (!slice_next(&line, ' ', &serial) || !slice_next(&line, ' ', &kind) ||
        !slice_next(&line, ' ', &name) || !slice_next(&line, ' ', &not_after) ||
        serial.length >= sizeof row.serial || name.length >= sizeof row.name ||
        slice_to_i64(not_after, &row.not_after_s) || !line.at ||
        slice_to_i64(line, &row.revoked_s) || store->count >= ISSUED_MAX)
        return -1;
    for (int i = 0; i < 3; i++) {
        if (slice_is(kind, kind_names[i]))
            known = i;
    }
    if (known < 0)
        return -1;
    row.kind = (enum cert_kind)known;
    memcpy(row.serial, serial.at, serial.length);
    memcpy(row.name, name.at, name.length);
    *add_row(store) = row;
    return 0;
}

static char *path_of(const struct cert_store *store, const char *name)
{
    return xprintf("%s/%s", store->directory, name);
}

static int read_rows(struct cert_store *store, struct failure *failure)
{
    char *path = path_of(store, "issued");
    struct buffer text;
    buffer_init(&text, ISSUED_BYTES);
    int result = 0, number = 0;
    if (access(path, F_OK) == 0)
        result = file_read(path, &text, failure);
    struct slice rest = buffer_slice(&text), line;
    while (!result && slice_next(&rest, '\n', &line)) {
        number++;
        if (line.length && parse_row(store, line))
            result = failure_set(failure, FAILURE_INVALID, "%s:%d: not a line of the record", path,
                                 number);
    }
    buffer_deinit(&text);
    free(path);
    return result;
}

static int write_rows(const struct cert_store *store, struct failure *failure)
{
    struct buffer text;
    char *path = path_of(store, "issued");
    buffer_init(&text, ISSUED_BYTES);
    for (size_t i = 0; i < store->count; i++) {
        const struct cert_row *row = &store->rows[i];
        buffer_printf(&text, "%s %s %s %lld %lld\n", row->serial, kind_names[row->kind], row->name,
                      (long long)row->not_after_s, (long long)row->revoked_s);
    }
    int result = text.overflow ? failure_set(failure, FAILURE_TOO_LARGE, "%s: over 16 MiB", path)
                               : cert_write_file(path, buffer_slice(&text), 0600, failure);
    buffer_deinit(&text);
    free(path);
    return result;
}

static int write_revocations(const struct cert_store *store, struct failure *failure)
{
    const char **serials = xcalloc(store->count + 1, sizeof *serials);
    size_t count = 0;
    for (size_t i = 0; i < store->count; i++) {
        if (store->rows[i].revoked_s)
            serials[count++] = store->rows[i].serial;
    }
    char *path = path_of(store, "crl.pem");
    char *list = authority_revocations(store->authority, serials, count, CA_VALID_S, failure);
    int result = list ? cert_write_file(path, slice_of(list), 0644, failure) : -1;
    free(serials);
    free(path);
    free(list);
    return result;
}

/* ---- open */

static int make_authority(struct cert_store *store, const char *name, struct failure *failure)
{
    struct certificate_pair pair = {0};
    char *certificate = path_of(store, "ca.pem"), *key = path_of(store, "ca-key.pem");
    store->authority = authority_new(name, CA_VALID_S, failure);
    int result = store->authority ? authority_pair(store->authority, &pair, failure) : -1;
    /* The certificate last: it is what tells that there is an authority. */
    if (!result)
        result = cert_write_file(key, slice_of(pair.key), 0600, failure);
    if (!result)
        result = write_revocations(store, failure);
    if (!result)
        result = cert_write_file(certificate, slice_of(pair.certificate), 0644, failure);
    store->ca_pem = xstrdup(pair.certificate);
    certificate_pair_deinit(&pair);
    free(certificate);
    free(key);
    return result;
}

static int load_authority(struct cert_store *store, struct failure *failure)
{
    struct buffer certificate, key;
    char *certificate_path = path_of(store, "ca.pem"), *key_path = path_of(store, "ca-key.pem");
    buffer_init(&certificate, 1u << 21);
    buffer_init(&key, 1u << 21);
    int result = file_read(certificate_path, &certificate, failure);
    if (!result)
        result = file_read(key_path, &key, failure);
    if (!result) {
        store->authority = authority_load(buffer_slice(&certificate), buffer_slice(&key), failure);
        result = store->authority ? 0 : failure_prefix(failure, "%s", store->directory);
        store->ca_pem = xslicedup(buffer_slice(&certificate));
    }
    buffer_deinit(&certificate);
    buffer_deinit(&key);
    free(certificate_path);
    free(key_path);
    return result;
}

static int take_lock(struct cert_store *store, struct failure *failure)
{
    char *path = path_of(store, ".lock");
    int result = cert_make_folders(path, failure);
    if (!result) {
        store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (store->lock < 0)
            result = failure_set(failure, FAILURE_INVALID, "%s: %s", path, strerror(errno));
        else if (flock(store->lock, LOCK_EX | LOCK_NB))
            result = failure_set(failure, FAILURE_CONFLICT, "%s: another command works on it",
                                 store->directory);
    }
    free(path);
    return result;
}

struct cert_store *cert_store_open(const char *directory, bool create, const char *name, bool *made,
                                   struct failure *failure)
{
    struct cert_store *store = xcalloc(1, sizeof *store);
    store->directory = xstrdup(directory);
    store->lock = -1;
    char *path = path_of(store, "ca.pem");
    bool there = access(path, F_OK) == 0;
    free(path);
    if (made)
        *made = !there;
    int result = 0;
    if (!there && !create)
        result = failure_set(failure, FAILURE_NOT_FOUND,
                             "there is no certificate authority in %s: `berthd cert create` makes "
                             "one (--dir DIR for another place)",
                             directory);
    if (!result)
        result = take_lock(store, failure);
    if (!result)
        result = read_rows(store, failure);
    if (!result)
        result = there ? load_authority(store, failure) : make_authority(store, name, failure);
    if (result)
        cert_store_close(&store);
    return store;
}

void cert_store_close(struct cert_store **store_pointer)
{
    struct cert_store *store = *store_pointer;
    if (!store)
        return;
    *store_pointer = NULL;
    if (store->lock >= 0)
        close(store->lock);
    authority_free(&store->authority);
    free(store->directory);
    free(store->ca_pem);
    free(store->rows);
    free(store);
}

const struct authority *cert_store_authority(const struct cert_store *store)
{
    return store->authority;
}

const struct cert_row *cert_store_rows(const struct cert_store *store, size_t *count)
{
    *count = store->count;
    return store->rows;
}

/* ---- issue and revoke */

static int check_name(const char *name, struct failure *failure)
{
    size_t length = strlen(name);
    bool good = length > 0 && length < sizeof((struct cert_row *)0)->name && name[0] != '.';
    for (const char *at = name; *at && good; at++)
        good = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
               (*at >= '0' && *at <= '9') || strchr("._-@", *at);
    return good ? 0
                : failure_set(failure, FAILURE_INVALID,
                              "\"%s\" can't be a name here: letters, digits and . _ - @, not "
                              "starting with a dot",
                              name);
}

static bool is_good(const struct cert_row *row)
{
    return !row->revoked_s && row->not_after_s > time(NULL);
}

/* A name stands for one peer: a node must not be able to pass for a client of the same name. */
static int check_free(const struct cert_store *store, const char *name, struct failure *failure)
{
    for (size_t i = 0; i < store->count; i++) {
        const struct cert_row *row = &store->rows[i];
        if (row->kind != CERT_SERVER && is_good(row) && slice_is(slice_of(row->name), name))
            return failure_set(failure, FAILURE_CONFLICT,
                               "%s \"%s\" has a certificate (serial %s): `berthd cert revoke %s` "
                               "comes first",
                               kind_names[row->kind], name, row->serial, name);
    }
    return 0;
}

static int write_pair(const struct cert_store *store, const char *folder,
                      const struct certificate_pair *pair, struct failure *failure)
{
    const struct {
        const char *name, *text;
        mode_t mode;
    } files[] = {{"ca.pem", store->ca_pem, 0644},
                 {"cert.pem", pair->certificate, 0644},
                 {"key.pem", pair->key, 0600}};
    int result = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files && !result; i++) {
        char *path = xprintf("%s/%s", folder, files[i].name);
        result = cert_write_file(path, slice_of(files[i].text), files[i].mode, failure);
        free(path);
    }
    return result;
}

int cert_store_issue(struct cert_store *store, enum cert_kind kind, const char *name,
                     const char *const *hosts, size_t host_count, uint64_t valid_s,
                     struct buffer *folder, struct failure *failure)
{
    static const unsigned uses[] = {CERTIFICATE_SERVER, CERTIFICATE_CLIENT,
                                    CERTIFICATE_SERVER | CERTIFICATE_CLIENT};
    struct certificate_wish wish = {.use = uses[kind], .common_name = name, .valid_s = valid_s};
    struct certificate_pair pair;
    if (kind != CERT_CLIENT && !host_count)
        return failure_set(failure, FAILURE_INVALID,
                           "a %s needs the DNS names or IP addresses it is called by",
                           kind_names[kind]);
    if (host_count >= CERTIFICATE_MAX_NAMES)
        return failure_set(failure, FAILURE_INVALID, "at most %d names a certificate",
                           CERTIFICATE_MAX_NAMES - 1);
    if (check_name(name, failure) || (kind != CERT_SERVER && check_free(store, name, failure)))
        return -1;
    for (size_t i = 0; i < host_count; i++) {
        if (kind == CERT_NODE && check_free(store, hosts[i], failure))
            return -1;
        wish.names[wish.name_count++] = hosts[i];
    }
    char *uri = xprintf(TLS_NODE_URI "%s", name);
    if (kind != CERT_SERVER) /* access rules know a client by its name, and keep a node out */
        wish.names[wish.name_count++] = kind == CERT_CLIENT ? name : uri;
    int result = authority_issue(store->authority, &wish, &pair, failure);
    free(uri);
    if (result)
        return -1;
    struct cert_row *row = add_row(store);
    row->kind = kind;
    row->not_after_s = pair.not_after_s;
    memcpy(row->serial, pair.serial, sizeof row->serial);
    memcpy(row->name, name, strlen(name) + 1);
    buffer_text(folder, store->directory);
    if (kind == CERT_SERVER)
        buffer_text(folder, "/server");
    else
        buffer_printf(folder, "/%ss/%s", kind_names[kind], name);
    result = write_rows(store, failure);
    if (!result)
        result = write_pair(store, folder->at, &pair, failure);
    certificate_pair_deinit(&pair);
    return result;
}

int cert_store_revoke(struct cert_store *store, const char *reference, struct failure *failure)
{
    int revoked = 0;
    struct slice wanted = slice_of(reference);
    for (size_t i = 0; i < store->count; i++) {
        struct cert_row *row = &store->rows[i];
        if (row->revoked_s || (!slice_equal_nocase(wanted, slice_of(row->serial)) &&
                               !slice_equal(wanted, slice_of(row->name))))
            continue;
        row->revoked_s = time(NULL);
        revoked++;
    }
    if (!revoked)
        return failure_set(failure, FAILURE_NOT_FOUND,
                           "no good certificate has the name or serial \"%s\"", reference);
    if (write_rows(store, failure) || write_revocations(store, failure))
        return -1;
    return revoked;
}
