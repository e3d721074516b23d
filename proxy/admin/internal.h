/* Admin internals: what the files of admin/ share. A new call is a row in admin.c's table and a
 * handler in a file named by its noun. */
#pragma once

#include "policy/base/table.h"
#include "proxy/admin/admin.h"
#include "proxy/admin/gates.h"
#include "proxy/admin/membership.h"
#include "proxy/docker/query.h"

#define ADMIN_MAX_JSON (1u << 20)

struct admin {
    struct cluster *cluster;
    struct recover *recover;
    char *token; /* NULL: none */
    bool open;
    char *state;         /* NULL: memory only */
    struct gates *gates; /* NULL without state */
    struct list arrivals; /* tunnel.c */
    struct membership *membership;
    uint64_t fence_within_ms;
    bool (*may)(struct exchange *exchange, const char *operation, void *context);
    void *may_context;
    struct policy_service *policy; /* NULL: none */
    struct table *leases;          /* node name -> struct lease (lease.c) */
};

struct admin_call {
    struct admin *admin;
    struct exchange *exchange;
    struct arena *arena;
    struct slice rest; /* of the path, behind a row's '*'; else "" */
    struct query query;
};

typedef void (*admin_fn)(struct admin_call *call);

/* nodes.c */
void admin_nodes_list(struct admin_call *call);
void admin_node_forget(struct admin_call *call);
/* moves.c */
void admin_node_dead(struct admin_call *call);
void admin_rebalance(struct admin_call *call);
void admin_health(struct admin_call *call);
/* tokens.c */
void admin_token_create(struct admin_call *call);
void admin_tokens_list(struct admin_call *call);
void admin_token_remove(struct admin_call *call);
/* metrics.c: Prometheus text */
void admin_metrics(struct admin_call *call);
/* policy.c */
void admin_policy_get(struct admin_call *call);
void admin_policy_put(struct admin_call *call);
void admin_policy_rollback(struct admin_call *call);
/* explain.c */
void admin_explain(struct admin_call *call);
void admin_explain_body(struct admin_call *call);
void admin_journal(struct admin_call *call);
/* join.c */
void admin_join(struct admin_call *call);
/* lease.c */
void admin_lease_renew(struct admin_call *call);
void admin_lease_end(struct admin_call *call);
/* fence.c: adds "fence", "start", "drop" to the answer of a renewal. */
void admin_fence_answer(struct admin_call *call, struct engine_node *node, const struct value *body,
                        struct value *answer);
/* Makes a lease for the node (an earlier one ends); its secret, valid until the lease ends. */
const char *lease_make(struct admin *admin, struct slice node_name, struct slice engine_id,
                       struct failure *failure) MUST_CHECK;
/* The lease of a node, if any, is worth nothing any more. */
void lease_forget(struct admin *admin, struct slice node_name);
void leases_free(struct admin *admin);
/* The node whose lease the request shows as its bearer token, or NULL when it was answered. An
 * unknown node and a wrong secret read the same: an agent of an older join should join anew in
 * both cases. */
struct engine_node *lease_node(struct admin_call *call, struct slice name);
/* tunnel.c: connections that nodes open; those not handed on yet are on admin->arrivals. */
#define ADMIN_TUNNEL_PROTOCOL "berth-tunnel"
void admin_tunnel(struct admin_call *call);
void tunnels_free(struct admin *admin);

/* Writes membership to the state directory, if there is one. -1 INTERNAL: not on disk. */
int admin_save(struct admin *admin, struct failure *failure) MUST_CHECK;
int64_t admin_wall_ms(void);

/* Answers {"message": …, "reason": reason} with the status of the failure's kind. */
void admin_fail(struct admin_call *call, const char *reason, const struct failure *failure);
/* The request's header as a token, or SLICE_NONE. */
struct slice admin_bearer(const struct admin_call *call);
/* The peer is on this machine: loopback or unix socket. */
bool admin_peer_is_local(const struct admin_call *call);
/* Reads the body as one JSON object; bad bodies are answered here. */
void admin_read_json(struct admin_call *call,
                     void (*on_value)(struct admin_call *call, struct value *body));
