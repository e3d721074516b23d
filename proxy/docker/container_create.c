/* Container create: the one call that the scheduler places. Body -> plan -> name reserved ->
 * launch -> answer. */
#include "proxy/docker/handler.h"

#include "proxy/access/guard.h"
#include "proxy/cluster/launch.h"
#include "proxy/docker/create_plan.h"
#include "proxy/docker/create_refs.h"
#include "proxy/docker/create_shape.h"
#include "proxy/docker/nouns.h"
#include "proxy/docker/owner.h"
#include "proxy/docker/nouns.h"
#include "proxy/docker/reference.h"
#include "proxy/log.h"
#include "proxy/metrics.h"

struct creation {
    struct create_plan plan;
    struct launch *launch;
};

static void on_gone(struct call_context *call)
{
    struct creation *creation = call->own;
    if (creation->launch)
        launch_cancel(&creation->launch);
}

static void on_launched(const struct launch_result *result, const struct failure *failure,
                        void *context)
{
    struct call_context *call = context;
    struct creation *creation = call->own;
    creation->launch = NULL;
    if (failure) {
        metrics.creates_no_room_total += failure->kind == FAILURE_NO_ROOM;
        log_info("create refused", "name=" SLICE_FMT " why=\"%s\"",
                 SLICE_ARG(creation->plan.workload.name), failure->text);
        call_fail(call, failure);
        return;
    }
    metrics.creates_total += result->status == 201;
    if (result->node)
        call_mark_node(call, result->node);
    /* The client pulls next, then asks again: the image must come to where it is needed. */
    if (result->node && result->status == 404)
        nouns_remember_pull(docker_nouns(call->docker), nouns_client(call),
                            reference_normal(call->arena, creation->plan.workload.image),
                            result->node);
    call_reply(call, result->status, "application/json", result->body);
}

/* The name as asked, without '/', and the node that "node-1/web" pins. */
static struct slice read_name(struct call_context *call, struct engine_node **pinned)
{
    struct slice name = query_get(call->query, "name");
    if (slice_starts(name, "/"))
        name = slice_from(name, 1);
    ptrdiff_t cut = slice_find(name, '/');
    *pinned = cut > 0 ? cluster_node_named(call->cluster, slice_cut(name, 0, (size_t)cut)) : NULL;
    return *pinned ? slice_from(name, (size_t)cut + 1) : name;
}

static int add_pins(struct call_context *call, struct create_plan *plan,
                    const struct engine_node *pinned, struct failure *failure)
{
    if (pinned && create_plan_add_home(plan, arena_copy(call->arena, pinned->view.name),
                                       SLICE("the container's name"), failure) != 0)
        return -1;
    if (!call->pinned.at)
        return 0;
    struct engine_node *node = cluster_node_find(call->cluster, call->pinned);
    if (!node)
        return failure_set(failure, FAILURE_NO_ROOM,
                           "X-Cluster-Node names \"" SLICE_FMT "\", which is no node",
                           SLICE_ARG(call->pinned));
    return create_plan_add_home(plan, arena_copy(call->arena, node->view.name),
                                SLICE("header X-Cluster-Node"), failure);
}

static void launch(struct call_context *call, struct creation *creation, struct slice name)
{
    struct failure failure;
    struct create_plan *plan = &creation->plan;
    struct name_reservation *reservation =
        name.length ? names_reserve(call->cluster, name, &failure) : names_generate(call->cluster);
    if (!reservation) {
        owner_hide_name(call, name, &failure);
        call_fail(call, &failure);
        return;
    }
    plan->workload.name = arena_copy(call->arena, names_text(reservation));
    plan->workload.owner = call->pass ? call->pass->identity.tenant : SLICE_NONE;
    plan->workload.platform = query_get(call->query, "platform");
    query_drop(call->query, "name");
    create_plan_finish(plan);
    struct launch_request request = {
        .workload = &plan->workload,
        .body = plan->body,
        .name = reservation,
        .query = query_text(call->query),
        .api_version = call->version,
        .strict = call->pass && !(call->pass->verdict.waives >> VIOLATION_MOUNT_ENGINE & 1),
    };
    call_on_gone(call, on_gone);
    creation->launch = launch_start(call->cluster, &request, on_launched, call);
}

static void on_body(struct call_context *call, struct value *body)
{
    struct creation *creation = arena_alloc(call->arena, sizeof(*creation));
    struct failure failure;
    struct engine_node *pinned;
    struct slice name = read_name(call, &pinned);
    call->own = creation;
    create_shape_fix(body);
    owner_stamp(call, body);
    if (owner_stamp_volumes(call, body, &failure) != 0 ||
        create_plan_read(&creation->plan, call->arena, body, name, &failure) != 0 ||
        create_refs_resolve(&creation->plan, call, &failure) != 0 ||
        add_pins(call, &creation->plan, pinned, &failure) != 0) {
        call_fail(call, &failure);
        return;
    }
    launch(call, creation, name);
}

void container_create(struct call_context *call)
{
    call_read_json(call, false, on_body);
}
