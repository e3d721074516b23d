/* Moves: what an operator can say about lost nodes and skewed clusters, and how the manager is. */
#include "proxy/admin/internal.h"

#include "proxy/cluster/records.h"
#include "proxy/store/store.h"

#define REBALANCE_MAX 100
#define REBALANCE_GAP 0.2

/* POST /nodes/NAME/dead: the node is gone for good or for long: move what it ran, now. */
void admin_node_dead(struct admin_call *call)
{
    struct admin *admin = call->admin;
    struct slice name = call->rest;
    struct engine_node *node = NULL;
    struct failure failure;

    if (slice_ends(name, "/dead"))
        node = cluster_node_find(admin->cluster, slice_cut(name, 0, name.length - 5));
    if (!node || !admin->recover) {
        failure_set(&failure, FAILURE_NOT_FOUND, "there is no such node: POST /nodes/NAME/dead");
        admin_fail(call, "node", &failure);
        return;
    }
    if (recover_declare_dead(admin->recover, node, &failure) != 0)
        admin_fail(call, "node", &failure);
    else
        exchange_reply(call->exchange, 204, NULL, SLICE_NONE, NULL);
}

static void on_rebalance(struct admin_call *call, struct value *body)
{
    const struct value *gap = value_find(body, "gap");
    int64_t max = value_get_int(body, "max", 5);
    bool dry_run = value_get_bool(body, "dry_run", true);
    double share = gap ? value_to_double(gap, -1) : REBALANCE_GAP;
    struct recover_plan *plans;
    struct value *answer = value_map(call->arena), *list = value_list(call->arena);
    struct failure failure;
    size_t count;

    if (max < 1 || max > REBALANCE_MAX || !(share >= 0 && share <= 1)) {
        failure_set(&failure, FAILURE_INVALID,
                    "rebalance: max must be 1 to %d, gap 0 to 1 (share of a node)", REBALANCE_MAX);
        admin_fail(call, "request", &failure);
        return;
    }
    count = call->admin->recover ? recover_rebalance(call->admin->recover, share, (size_t)max,
                                                     dry_run, call->arena, &plans)
                                 : 0;
    for (size_t i = 0; i < count; i++) {
        struct value *move = value_map(call->arena);

        value_set_text(call->arena, move, "container", plans[i].container);
        value_set_text(call->arena, move, "name", plans[i].name);
        value_set_text(call->arena, move, "from", plans[i].from);
        value_set_text(call->arena, move, "to", plans[i].to);
        value_append(list, move);
    }
    value_set_bool(call->arena, answer, "dry_run", dry_run);
    value_set(call->arena, answer, "moves", list);
    exchange_reply_json(call->exchange, 200, answer);
}

/* POST /rebalance {"dry_run": true, "max": 5, "gap": 0.2}: dry unless told otherwise. */
void admin_rebalance(struct admin_call *call)
{
    admin_read_json(call, on_rebalance);
}

/* GET /health: 200 when all is well, 503 with the reasons else: for monitoring. */
void admin_health(struct admin_call *call)
{
    struct admin *admin = call->admin;
    struct cluster_sums sums = cluster_sums(admin->cluster);
    struct value *answer = value_map(call->arena), *problems = value_list(call->arena);
    const char *guard = admin->recover ? recover_guard(admin->recover) : NULL;
    char why[200];

    if (guard)
        value_append(problems, value_text(call->arena, slice_of(guard)));
    if (cluster_store(admin->cluster) &&
        !store_health(cluster_store(admin->cluster), why, sizeof why))
        value_append(problems,
                     value_text(call->arena, arena_printf(call->arena,
                                                          "the state can't be written: %s; it is "
                                                          "kept in memory and tried again",
                                                          why)));
    value_set_int(call->arena, answer, "nodes", (int64_t)sums.nodes);
    value_set_int(call->arena, answer, "ready", (int64_t)sums.nodes_by_state[NODE_READY]);
    value_set_int(call->arena, answer, "pending", (int64_t)sums.pending);
    value_set_int(call->arena, answer, "moves",
                  (int64_t)(admin->recover ? recover_pending(admin->recover) : 0));
    value_set(call->arena, answer, "problems", problems);
    exchange_reply_json(call->exchange, problems->count ? 503 : 200, answer);
}
