/* Nodes: GET /_berth/v1/nodes, the manager's own view of its nodes, for tools and people. */
#include "proxy/cluster/nodes.h"

#include "proxy/admin/internal.h"

static struct value *tags_value(struct arena *arena, struct tags tags)
{
    struct value *map = value_map(arena);

    for (size_t i = 0; i < tags.count; i++)
        value_set_slice(arena, map, tags.list[i].key, value_text(arena, tags.list[i].value));
    return map;
}

static struct value *resources_value(struct arena *arena, struct resources resources)
{
    struct value *map = value_map(arena);

    value_set_int(arena, map, "memory_bytes", resources.memory_bytes);
    value_set_int(arena, map, "nano_cpus", resources.nano_cpus);
    return map;
}

static struct value *node_value(struct arena *arena, const struct engine_node *node, uint64_t now)
{
    const struct node *view = &node->view;
    struct value *map = value_map(arena);

    value_set_text(arena, map, "name", view->name);
    value_set_text(arena, map, "id", slice_of(node->swarm_id));
    value_set_text(arena, map, "engine_id", view->id);
    value_set_text(arena, map, "engine", slice_of(node->endpoint.text));
    value_set_text(arena, map, "address", view->address);
    value_set_text(arena, map, "state", slice_of(node_state_name(view->state)));
    value_set_text(arena, map, "availability", slice_of(availability_name(view->availability)));
    value_set_text(arena, map, "why", slice_of(node->why));
    value_set_bool(arena, map, "in_sync", node->in_sync);
    value_set_text(arena, map, "engine_version", node->engine_version);
    value_set_text(arena, map, "pool", view->pool);
    value_set_bool(arena, map, "agent", node->joined);
    if (node->joined)
        value_set_int(arena, map, "lease_left_ms",
                      node->lease_until > now ? (int64_t)(node->lease_until - now) : 0);
    value_set_int(arena, map, "containers", (int64_t)view->containers_total);
    value_set_int(arena, map, "running", (int64_t)view->running);
    value_set(arena, map, "total", resources_value(arena, view->total));
    value_set(arena, map, "used", resources_value(arena, view->used));
    value_set(arena, map, "reserved", resources_value(arena, view->reserved));
    value_set(arena, map, "tags", tags_value(arena, view->tags));
    value_set(arena, map, "standard", tags_value(arena, view->standard));
    value_set(arena, map, "facts", tags_value(arena, view->facts));
    return map;
}

void admin_nodes_list(struct admin_call *call)
{
    struct cluster *cluster = call->admin->cluster;
    uint64_t now = loop_now(cluster_loop(cluster));
    struct value *answer = value_map(call->arena), *list = value_list(call->arena);

    for (size_t i = 0; i < cluster_node_count(cluster); i++)
        value_append(list, node_value(call->arena, cluster_node_at(cluster, i), now));
    value_set_text(call->arena, answer, "cluster", slice_of(cluster_options(cluster)->name));
    value_set(call->arena, answer, "nodes", list);
    exchange_reply_json(call->exchange, 200, answer);
}

/* DELETE /nodes/NAME: forgets a node that is gone: out of the registry, its key and lease too, so
 * that another machine may take its name. */
void admin_node_forget(struct admin_call *call)
{
    struct admin *admin = call->admin;
    struct engine_node *node = cluster_node_named(admin->cluster, call->rest);
    bool ready = node && node->view.state == NODE_READY;
    struct failure failure;
    bool known;

    if (ready && !query_bool(&call->query, "force", false)) {
        failure_set(&failure, FAILURE_CONFLICT,
                    "node \"" SLICE_FMT "\" is in use: end its berth-agent first, or force=1",
                    SLICE_ARG(call->rest));
        admin_fail(call, "node", &failure);
        return;
    }
    known = membership_key_forget(admin->membership, call->rest) == 0;
    if (!known && !node) {
        failure_set(&failure, FAILURE_NOT_FOUND, "there is no node \"" SLICE_FMT "\"",
                    SLICE_ARG(slice_cut(call->rest, 0, 100)));
        admin_fail(call, "node", &failure);
        return;
    }
    lease_forget(admin, call->rest);
    if (node)
        cluster_node_remove(node);
    if (known && admin_save(admin, &failure) != 0)
        admin_fail(call, "state", &failure);
    else
        exchange_reply(call->exchange, 204, NULL, SLICE_NONE, NULL);
}
