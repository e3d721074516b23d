/* Explain: GET /explain/CONTAINER: why it is where it is; POST /explain with a create body: where
 * it would go now, and what each node says to it. */
#include "proxy/admin/internal.h"

#include "proxy/cluster/containers.h"
#include "proxy/cluster/decisions.h"
#include "proxy/cluster/launch.h"
#include "proxy/cluster/nodes.h"
#include "proxy/docker/create_plan.h"

void admin_explain(struct admin_call *call)
{
    struct cluster *cluster = call->admin->cluster;
    struct container_entry *entry = NULL;
    struct slice name = call->rest;
    struct failure failure;
    struct value *answer;

    if (cluster_find_container(cluster, call->rest, &entry, &failure) == 0)
        name = entry->view.name;
    answer = launch_explained(cluster, call->arena, name);
    if (!answer) {
        failure_set(&failure, FAILURE_NOT_FOUND,
                    "no decision about \"" SLICE_FMT "\" is kept: berthd keeps the last %d since "
                    "it started, of containers that were created through it",
                    SLICE_ARG(slice_cut(name, 0, 100)), DECISIONS_MAX);
        admin_fail(call, "explain", &failure);
        return;
    }
    value_set_text(call->arena, answer, "container", name);
    if (entry)
        value_set_text(call->arena, answer, "id", entry->view.id);
    exchange_reply_json(call->exchange, 200, answer);
}

static void on_create_body(struct admin_call *call, struct value *body)
{
    struct create_plan *plan = arena_alloc(call->arena, sizeof(*plan));
    struct failure failure;
    struct value *answer = NULL;

    if (create_plan_read(plan, call->arena, body, SLICE_NONE, &failure) == 0) {
        create_plan_finish(plan);
        answer = launch_explain(call->admin->cluster, &plan->workload, call->arena, &failure);
    }
    if (answer)
        exchange_reply_json(call->exchange, 200, answer);
    else
        admin_fail(call, "explain", &failure);
}

/* Networks, volumes and other containers that the body names are not looked up. */
void admin_explain_body(struct admin_call *call)
{
    admin_read_json(call, on_create_body);
}
