/* Admin: berth's own API, /_berth/v1/…: agents join and renew their leases, tools ask about
 * nodes. Errors are {"message": …} as in Docker's API; "reason" tells programs which one it is. */
#pragma once

#include "proxy/cluster/recover.h"
#include "proxy/http/exchange.h"

struct admin;

struct policy_service;

struct admin_options {
    struct cluster *cluster;
    struct recover *recover; /* NULL: nothing is moved */
    const char *token;       /* shared join token (copied); NULL or "": none */
    bool open;               /* some listener can be reached from other machines */
    const char *state; /* directory for tokens and node keys (copied); NULL or "": memory only */
    /* Agents that have been out of reach for a lease stop their movable containers within this
     * time; recovery must wait at least so long behind the end of a lease. 0: they don't. */
    uint64_t fence_within_ms;
    /* Who may call what: `operation` is "node.list", "node.forget", "token.create"…; false means
     * that it was answered. NULL: anybody may look, only this machine may change. Joins and leases
     * have tokens of their own and don't ask. */
    bool (*may)(struct exchange *exchange, const char *operation, void *context);
    void *may_context;
    struct policy_service *policy; /* NULL: none */
};

/* INVALID when `open` and there is neither a shared token nor `state` for single-use ones: anybody
 * could bring a node into the cluster. Also when what `state` holds can't be read. */
struct admin *admin_new(const struct admin_options *options, struct failure *failure) MUST_CHECK;
void admin_free(struct admin **admin);
/* SIGHUP: another join token (NULL or "": none; refused with INVALID when it is needed). */
int admin_set_token(struct admin *admin, const char *token, struct failure *failure) MUST_CHECK;
/* An exchange_fn for docker_options.on_admin; context is the struct admin. Answers every exchange.
 */
void admin_serve(struct exchange *exchange, void *admin);
