/* Admin: berth's own API, /_berth/v1/…: agents join and renew their leases, tools ask about
 * nodes. Errors are {"message": …} as in Docker's API; "reason" tells programs which one it is. */
#pragma once

#include "proxy/cluster/cluster.h"
#include "proxy/http/exchange.h"

struct admin;

struct admin_options {
    struct cluster *cluster;
    const char *token;  /* join token (copied); NULL or "": none */
    bool open;          /* some listener can be reached from other machines */
};

/* INVALID when `open` and there is no token: anybody could bring a node into the cluster. */
struct admin *admin_new(const struct admin_options *options, struct failure *failure) MUST_CHECK;
void admin_free(struct admin **admin);
/* SIGHUP: another join token (NULL or "": none; refused with INVALID when it is needed). */
int admin_set_token(struct admin *admin, const char *token, struct failure *failure) MUST_CHECK;
/* An exchange_fn for docker_options.on_admin; context is the struct admin. Answers every exchange. */
void admin_serve(struct exchange *exchange, void *admin);
