/* Guarded, table: the operations that rules may name, and the way in to berth's own API. */
#include "proxy/docker/guarded.h"

#include "proxy/log.h"
#include "proxy/metrics.h"
#include "proxy/net/tls.h"

/* berth's own, under /_berth/v1. Joining and leases are not among them: agents prove themselves
 * otherwise. */
static const char *const own[] = {
    "node.forget", "node.dead",   "token.list",   "token.create",    "token.remove", "metrics",
    "explain",     "policy.read", "policy.write", "policy.rollback", "rebalance",
};

const char *const *guarded_operations(size_t *count)
{
    static const char *names[ACCESS_MAX_OPERATIONS];
    static size_t known;
    if (known == 0) {
        for (size_t route = 0; route < routes_count; route++) {
            size_t k = 0;
            while (k < known && strcmp(names[k], routes[route].operation) != 0)
                k++;
            must(k < ACCESS_MAX_OPERATIONS);
            if (k == known)
                names[known++] = routes[route].operation;
        }
        for (size_t k = 0; k < sizeof(own) / sizeof(*own); k++) {
            must(known < ACCESS_MAX_OPERATIONS);
            names[known++] = own[k];
        }
    }
    *count = known;
    return names;
}

/* Without rules: anybody may look, only this machine may change. */
static bool open_may(struct exchange *exchange, const char *operation)
{
    struct slice name = slice_of(operation);
    struct slice peer = slice_of(stream_peer(exchange_stream_of(exchange)));
    if (slice_ends(name, ".list") || slice_ends(name, ".read") || slice_is(name, "metrics") ||
        slice_is(name, "explain") || slice_is(peer, "unix") || slice_starts(peer, "127.") ||
        slice_starts(peer, "[::1]"))
        return true;
    exchange_reply_error(exchange, 403,
                         "%s is allowed from this machine only, since there are no access rules",
                         operation);
    return false;
}

/* A machine that was taken over must not be a way into all the others. */
bool guarded_keeps_node_out(struct exchange *exchange)
{
    const struct tls_peer *peer = stream_tls_peer_of(exchange_stream_of(exchange));
    if (!peer || !peer->is_node)
        return false;
    metrics.requests_refused_total++;
    log_info("access denied", "who=\"%s\" why=\"a node's certificate\"", peer->common_name);
    exchange_reply_error(exchange, 403,
                         "this is the certificate of node \"%s\": it is good for joining the "
                         "cluster and nothing else",
                         peer->common_name);
    return true;
}

bool guarded_admin_may(struct exchange *exchange, const char *operation, void *context)
{
    struct gate *gate = context;
    struct pass *pass = arena_alloc(exchange_arena(exchange), sizeof(*pass));
    struct failure failure;
    uint64_t retry_ms;
    if (guarded_keeps_node_out(exchange))
        return false;
    if (guard_is_open(gate->guard))
        return open_may(exchange, operation);
    pass->operation = operation;
    pass->verdict.rule = "identity";
    int result = identify(gate->identifier, exchange, &pass->identity, &failure);
    if (result == 0)
        result = guard_admit(gate->guard, pass, operation, false, loop_now(exchange_loop(exchange)),
                             NULL, NULL, &retry_ms, &failure);
    guard_record(gate->guard, pass,
                 &(struct audit_entry){.method = exchange_head(exchange)->method,
                                       .path = slice_of(operation),
                                       .verdict = result == 0 ? NULL : "deny"});
    if (result == 0)
        return true;
    metrics.requests_refused_total++;
    log_info("access denied", "who=\"" SLICE_FMT "\" operation=%s why=\"%s\"",
             SLICE_ARG(pass->identity.name), operation, failure.text);
    exchange_reply_failure(exchange, &failure);
    return false;
}
