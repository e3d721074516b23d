/* Lease: an agent's sign of life. Each join gives a secret of its own for it, so that who knows
 * the join token alone can't keep another's node alive or send it away. Kept in memory only: after
 * a restart of the manager agents are told 404 and join anew. */
#include "proxy/admin/internal.h"

#include "proxy/token.h"
#include "proxy/cluster/nodes.h"
#include "proxy/log.h"

#include <stdlib.h>

struct lease {
    char secret[TOKEN_HEX_BYTES + 1];
    char *engine_id;
};

static void free_lease(struct lease *lease)
{
    if (!lease)
        return;
    free(lease->engine_id);
    free(lease);
}

const char *lease_make(struct admin *admin, struct slice node_name, struct slice engine_id,
                       struct failure *failure)
{
    struct lease *lease = xcalloc(1, sizeof(*lease));

    if (token_make(lease->secret, failure) != 0) {
        free_lease(lease);
        return NULL;
    }
    lease->engine_id = xslicedup(engine_id);
    free_lease(table_put(admin->leases, node_name, lease));
    return lease->secret;
}

void lease_forget(struct admin *admin, struct slice node_name)
{
    free_lease(table_remove(admin->leases, node_name));
}

void leases_free(struct admin *admin)
{
    size_t cursor = 0;
    struct slice key;
    void *lease;

    while (table_each(admin->leases, &cursor, &key, &lease))
        free_lease(lease);
    table_free(&admin->leases);
}

struct engine_node *lease_node(struct admin_call *call, struct slice name)
{
    struct lease *lease = name.length ? table_find(call->admin->leases, name) : NULL;
    struct engine_node *node = cluster_node_named(call->admin->cluster, name);
    struct slice shown = admin_bearer(call);
    struct failure failure;

    if (lease && node && shown.at && token_equal(shown, slice_of(lease->secret)))
        return node;
    if (lease && !node)
        lease_forget(call->admin, name);
    failure_set(&failure, FAILURE_NOT_FOUND, "no such lease of node \"" SLICE_FMT "\": join again",
                SLICE_ARG(slice_cut(name, 0, 63)));
    admin_fail(call, "lease", &failure);
    return NULL;
}

static void on_renew(struct admin_call *call, struct value *body)
{
    struct engine_node *node = lease_node(call, value_get_text(body, "node"));
    struct value *answer;

    if (!node)
        return;
    cluster_node_renew(node);
    answer = value_map(call->arena);
    value_set_int(call->arena, answer, "lease_ms",
                  (int64_t)cluster_options(call->admin->cluster)->lease_ms);
    value_set_text(call->arena, answer, "state", slice_of(node_state_name(node->view.state)));
    value_set_text(call->arena, answer, "why", slice_of(node->why));
    admin_fence_answer(call, node, body, answer);
    exchange_reply_json(call->exchange, 200, answer);
}

void admin_lease_renew(struct admin_call *call)
{
    admin_read_json(call, on_renew);
}

/* DELETE /lease?node=NAME: the agent goes, and its node with it unless it has containers. */
void admin_lease_end(struct admin_call *call)
{
    struct slice name = query_get(&call->query, "node");
    struct engine_node *node = lease_node(call, name);

    if (!node)
        return;
    log_info("node left", "node=" SLICE_FMT, SLICE_ARG(name));
    lease_forget(call->admin, name);
    cluster_node_leave(node);
    exchange_reply(call->exchange, 204, NULL, SLICE_NONE, NULL);
}
