/* Gates: the manager's side: keys in files, one TLS context and one signer a node. */
#include "proxy/admin/gates.h"

#include "policy/base/table.h"
#include "proxy/cert/authority.h"
#include "proxy/cert/cert_store.h"
#include "proxy/cert/verdict.h"
#include "proxy/log.h"
#include "proxy/net/tls.h"
#include "proxy/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define AUTHORITY_S (10ull * 365 * 24 * 3600)
#define MANAGER_S   (400ull * 24 * 3600) /* made anew at each start */

/* One node behind a gate. */
struct gate_peer {
    struct gates *gates;
    char *engine_id;
    char *name; /* gate_node_name */
    struct tls_context *tls;
};

struct gates {
    char *folder;
    struct authority *authority;
    struct verdict_key *key;
    struct table *peers; /* engine id -> struct gate_peer */
};

static char *path_of(const struct gates *gates, const char *file)
{
    return xprintf("%s/%s", gates->folder, file);
}

static int read_file(const struct gates *gates, const char *file, struct buffer *text,
                     struct failure *failure)
{
    char *path = path_of(gates, file);
    buffer_init(text, 1u << 20);
    int result = file_read(path, text, failure);
    free(path);
    return result;
}

static int write_file(const struct gates *gates, const char *file, const char *text,
                      struct failure *failure)
{
    char *path = path_of(gates, file);
    int result = cert_write_file(path, slice_of(text), 0600, failure);
    free(path);
    return result;
}

static bool exists(const struct gates *gates, const char *file)
{
    char *path = path_of(gates, file);
    struct stat info;
    bool there = stat(path, &info) == 0;
    free(path);
    return there;
}

static int load_authority(struct gates *gates, struct failure *failure)
{
    struct buffer certificate, key;
    int result = read_file(gates, "ca.pem", &certificate, failure);
    if (result == 0)
        result = read_file(gates, "ca-key.pem", &key, failure);
    else
        buffer_init(&key, 1);
    if (result == 0) {
        gates->authority = authority_load(buffer_slice(&certificate), buffer_slice(&key), failure);
        result = gates->authority ? 0 : failure_prefix(failure, "%s", gates->folder);
    }
    buffer_deinit(&certificate);
    buffer_deinit(&key);
    return result;
}

static int make_authority(struct gates *gates, struct failure *failure)
{
    struct certificate_pair pair;
    gates->authority = authority_new("berth gates", AUTHORITY_S, failure);
    if (!gates->authority || authority_pair(gates->authority, &pair, failure) != 0)
        return -1;
    /* The certificate last: without it the next start makes both anew. */
    int result = write_file(gates, "ca-key.pem", pair.key, failure);
    if (result == 0)
        result = write_file(gates, "ca.pem", pair.certificate, failure);
    certificate_pair_deinit(&pair);
    return result;
}

static int make_manager(struct gates *gates, struct failure *failure)
{
    struct certificate_wish wish = {.use = CERTIFICATE_CLIENT,
                                    .common_name = "berthd",
                                    .names = {"berth://manager"},
                                    .name_count = 1,
                                    .valid_s = MANAGER_S};
    struct certificate_pair pair;
    wish.names[0] = GATE_MANAGER_URI;
    if (authority_issue(gates->authority, &wish, &pair, failure) != 0)
        return -1;
    int result = write_file(gates, "manager-key.pem", pair.key, failure);
    if (result == 0)
        result = write_file(gates, "manager.pem", pair.certificate, failure);
    certificate_pair_deinit(&pair);
    return result;
}

static int open_verdict_key(struct gates *gates, struct failure *failure)
{
    struct buffer pem;
    int result;
    if (!exists(gates, "verdict-key.pem")) {
        gates->key = verdict_key_new(failure);
        if (!gates->key)
            return -1;
        char *text = verdict_key_pem(gates->key);
        result = write_file(gates, "verdict-key.pem", text, failure);
        free(text);
        return result;
    }
    result = read_file(gates, "verdict-key.pem", &pem, failure);
    if (result == 0 && !(gates->key = verdict_key_load(buffer_slice(&pem), failure)))
        result = failure_prefix(failure, "%s/verdict-key.pem", gates->folder);
    buffer_deinit(&pem);
    return result;
}

struct gates *gates_open(const char *state, struct failure *failure)
{
    struct gates *gates = xcalloc(1, sizeof(*gates));
    gates->folder = xprintf("%s/gates", state);
    gates->peers = table_new();
    int result = 0;
    if ((mkdir(state, 0700) != 0 && errno != EEXIST) ||
        (mkdir(gates->folder, 0700) != 0 && errno != EEXIST))
        result = failure_set(failure, FAILURE_INVALID, "can't make directory %s: %s", gates->folder,
                             strerror(errno));
    if (result == 0)
        result = exists(gates, "ca.pem") ? load_authority(gates, failure)
                                         : make_authority(gates, failure);
    if (result == 0)
        result = make_manager(gates, failure);
    if (result == 0)
        result = open_verdict_key(gates, failure);
    if (result != 0)
        gates_free(&gates);
    return gates;
}

void gates_free(struct gates **gates)
{
    size_t cursor = 0;
    struct slice key;
    void *value;
    if (!*gates)
        return;
    while (table_each((*gates)->peers, &cursor, &key, &value)) {
        struct gate_peer *peer = value;
        tls_context_free(&peer->tls);
        free(peer->engine_id);
        free(peer->name);
        free(peer);
    }
    table_free(&(*gates)->peers);
    authority_free(&(*gates)->authority);
    verdict_key_free(&(*gates)->key);
    free((*gates)->folder);
    free(*gates);
    *gates = NULL;
}

struct slice gate_node_name(struct arena *arena, struct slice engine_id)
{
    char *name = arena_text(arena, slice_cut(engine_id, 0, 63));
    for (char *at = name; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at + 32);
        else if (!((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9')))
            *at = '-';
    }
    return slice_of(name);
}

/* upstream_settings.sign. A request that can't be signed goes without: the gate refuses it and says
 * so. */
static void sign(struct headers *headers, struct upstream_signing *signing, void *context)
{
    const struct gate_peer *peer = context;
    struct verdict verdict = {.method = signing->method,
                              .target = signing->target,
                              .node = slice_of(peer->engine_id),
                              .strict = signing->strict};
    struct failure failure;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    headers_drop(headers, VERDICT_HEADER);
    if (verdict_sign(peer->gates->key, &verdict, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                     signing->room, &failure) != 0)
        log_error("request not signed", "node=%s why=\"%s\"", peer->name, failure.text);
    else
        headers_add(headers, SLICE(VERDICT_HEADER), slice_of(signing->room));
}

static struct gate_peer *find_peer(struct gates *gates, struct arena *arena,
                                   const struct join_request *request, struct failure *failure)
{
    struct gate_peer *peer = table_find(gates->peers, request->engine_id);
    struct slice name = gate_node_name(arena, request->engine_id);
    char *ca, *certificate, *key;
    if (peer)
        return peer;
    ca = path_of(gates, "ca.pem");
    certificate = path_of(gates, "manager.pem");
    key = path_of(gates, "manager-key.pem");
    struct tls_settings settings = {.verify = TLS_VERIFY_REQUIRED,
                                    .ca_file = ca,
                                    .certificate_file = certificate,
                                    .key_file = key,
                                    .name = name.at};
    struct tls_context *tls = tls_context_new(&settings, failure);
    free(ca);
    free(certificate);
    free(key);
    if (!tls)
        return NULL;
    peer = xcalloc(1, sizeof(*peer));
    peer->gates = gates;
    peer->engine_id = xslicedup(request->engine_id);
    peer->name = xslicedup(name);
    peer->tls = tls;
    table_put(gates->peers, request->engine_id, peer);
    return peer;
}

static int add_answer(struct gates *gates, struct arena *arena, const struct gate_peer *peer,
                      struct slice request, struct value *answer, struct failure *failure)
{
    struct certificate_wish wish = {.use = CERTIFICATE_SERVER,
                                    .common_name = peer->name,
                                    .names = {peer->name},
                                    .name_count = 1,
                                    .valid_s = GATE_CERTIFICATE_S};
    struct certificate_pair pair, own;
    char hex[65];
    if (authority_sign(gates->authority, request, &wish, &pair, failure) != 0)
        return failure_prefix(failure, "csr");
    if (authority_pair(gates->authority, &own, failure) != 0) {
        certificate_pair_deinit(&pair);
        return -1;
    }
    verdict_key_public(gates->key, hex);
    value_set_text(arena, answer, "certificate", slice_of(pair.certificate));
    value_set_text(arena, answer, "ca", slice_of(own.certificate));
    value_set_text(arena, answer, "verdict_key", slice_of(hex));
    value_set_text(arena, answer, "gate_node", slice_of(peer->engine_id));
    value_set_int(arena, answer, "certificate_s", GATE_CERTIFICATE_S);
    certificate_pair_deinit(&pair);
    certificate_pair_deinit(&own);
    return 0;
}

int gates_admit(struct gates *gates, struct arena *arena, const struct join_request *request,
                struct slice peer_address, struct node_options *options, struct value *answer,
                struct failure *failure)
{
    options->passive = slice_is(request->gate, GATE_DIALS);
    if (endpoint_parse(&options->endpoint, options->passive ? peer_address : request->gate, 2376,
                       failure) != 0)
        return failure_prefix(failure, "gate address " SLICE_FMT,
                              SLICE_ARG(slice_cut(request->gate, 0, 120)));
    if (options->endpoint.kind != ENDPOINT_TCP)
        return failure_set(failure, FAILURE_INVALID, "gate address " SLICE_FMT ": must be tcp://",
                           SLICE_ARG(slice_cut(request->gate, 0, 120)));
    struct gate_peer *peer = find_peer(gates, arena, request, failure);
    if (!peer || add_answer(gates, arena, peer, request->csr, answer, failure) != 0)
        return -1;
    options->tls = options->passive ? NULL : peer->tls;
    options->sign = sign;
    options->sign_context = peer;
    return 0;
}

struct slice gates_pin(const struct gates *gates, struct arena *arena)
{
    char hex[65];

    authority_pin(gates->authority, hex);
    return arena_copy(arena, slice_of(hex));
}
