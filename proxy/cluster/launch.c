/* Launch: the steps of a create, from the decision to the container in the cache. */
#include "proxy/cluster/launch.h"

#include "proxy/cluster/journal.h"
#include "proxy/cluster/launch_private.h"
#include "proxy/json.h"

#include <stdlib.h>

#define CREATE_TIMEOUT_MS 120000 /* engines copy image content into new volumes meanwhile */
#define LOOK_TIMEOUT_MS   5000
#define JOIN_PATIENCE_MS  5000
#define JOIN_RETRY_MS     100
#define HOLD_MS           60000 /* a created container keeps its promise this long unstarted */

static void run(struct launch *launch);

/* ---- CHOOSE ---- */

static struct schedule_request request_for(struct cluster *cluster, const struct workload *workload,
                                           const struct nodes *nodes)
{
    return (struct schedule_request){.workload = workload,
                                     .nodes = nodes,
                                     .settings = &cluster->options.placement,
                                     .strategy = cluster->strategy,
                                     .seed = cluster_random(cluster),
                                     .policy = cluster->policy};
}

static int decide(struct cluster *cluster, const struct workload *workload,
                  const struct slice *excluded, size_t excluded_count, struct engine_node **node,
                  struct failure *failure)
{
    struct nodes nodes = cluster_node_views(cluster);
    struct schedule_request request = request_for(cluster, workload, &nodes);
    struct schedule_result result;
    size_t pick = 0;

    request.excluded = excluded;
    request.excluded_count = excluded_count;
    if (schedule_run(cluster->scheduler, &request, &result, failure) != 0)
        return -1;
    if (workload->name.length > 0) { /* networks and volumes have none */
        decisions_note(cluster->decisions, cluster->scheduler, &request, loop_wall_ns());
        journal_keep(cluster);
    }
    /* `view` is the first member of its node; only the scheduler sees it as const. */
    *node = (struct engine_node *)((uintptr_t)result.ranked[pick].node -
                                   offsetof(struct engine_node, view));
    return 0;
}

/* Nodes that hold the image first; when none of them fits, any node (the image is brought). */
static int decide_by_image(struct cluster *cluster, const struct workload *workload,
                           const struct slice *excluded, size_t excluded_count,
                           struct engine_node **node, struct failure *failure)
{
    struct engine_node *holder;
    struct workload strict = *workload;

    if (!workload->needs_image_present && workload->image.length > 0 &&
        inventory_holders(cluster, WATCH_IMAGES, workload->image, &holder, 1) > 0) {
        strict.needs_image_present = true;
        if (decide(cluster, &strict, excluded, excluded_count, node, failure) == 0)
            return 0;
        if (failure->kind != FAILURE_NO_ROOM)
            return -1;
    }
    return decide(cluster, workload, excluded, excluded_count, node, failure);
}

struct value *launch_explain(struct cluster *cluster, const struct workload *workload,
                             struct arena *arena, struct failure *failure)
{
    struct nodes nodes = cluster_node_views(cluster);
    struct schedule_request request = request_for(cluster, workload, &nodes);

    return decisions_explain(cluster->scheduler, &request, arena, failure);
}

struct value *launch_explained(struct cluster *cluster, struct arena *arena, struct slice name)
{
    return decisions_find(cluster->decisions, arena, name);
}

int launch_choose(struct cluster *cluster, const struct workload *workload,
                  struct engine_node **node, struct failure *failure)
{
    return decide_by_image(cluster, workload, NULL, 0, node, failure);
}

void cluster_set_image_copy(struct cluster *cluster, image_copy_fn copy, void *context)
{
    cluster->image_copy = copy;
    cluster->image_copy_context = context;
}

static void expect_arrival(struct launch *launch, bool expected);

static void leave_node(struct launch *launch)
{
    reservation_free(&launch->reservation);
    if (launch->node)
        node_release(launch->node);
    launch->node = NULL;
}

/* This node did not work: the next in rank, unless too many were tried. */
static void next_node(struct launch *launch, const struct failure *failure)
{
    expect_arrival(launch, false);
    launch->last_failure = *failure;
    failure_prefix(&launch->last_failure, SLICE_FMT, SLICE_ARG(launch->node->view.name));
    failure_clear(&launch->failure);
    launch->step = LAUNCH_CHOOSE;
    if (launch->excluded_count == LAUNCH_TRIES) {
        launch->failure = launch->last_failure;
        launch->step = LAUNCH_DONE;
    } else {
        launch->excluded[launch->excluded_count++] =
            arena_copy(launch->arena, launch->node->view.name);
    }
    leave_node(launch);
    run(launch);
}

/* Just after a start the nodes are still being looked at: what they will say is worth a moment. */
static bool wait_for_nodes(struct launch *launch)
{
    struct cluster *cluster = launch->cluster;
    uint64_t now = loop_now(cluster->loop);

    if (launch->failure.kind != FAILURE_NO_ROOM ||
        cluster->sums.nodes_by_state[NODE_JOINING] == 0 || launch->excluded_count > 0)
        return false;
    if (launch->wait_until == 0)
        launch->wait_until = now + JOIN_PATIENCE_MS;
    if (now >= launch->wait_until)
        return false;
    failure_clear(&launch->failure);
    launch->step = LAUNCH_WAIT;
    timer_start(&launch->wait, JOIN_RETRY_MS);
    return true;
}

static void choose(struct launch *launch)
{
    struct engine_node *node = NULL;

    if (decide_by_image(launch->cluster, &launch->workload, launch->excluded,
                        launch->excluded_count, &node, &launch->failure) != 0) {
        if (wait_for_nodes(launch))
            return;
        /* Nodes that fit were tried and failed: that is the reason, not a lack of room. */
        if (launch->failure.kind == FAILURE_NO_ROOM && launch->excluded_count > 0)
            launch->failure = launch->last_failure;
        launch->step = LAUNCH_DONE;
        return;
    }
    failure_clear(&launch->failure); /* of nodes with the image, when another one was found */
    launch->node = node_hold(node);
    launch->reservation = reservation_new(node, &launch->workload);
    launch->step = LAUNCH_COPY;
}

/* ---- COPY ---- */

static void on_copied(const struct failure *failure, void *context)
{
    struct launch *launch = context;

    if (failure && failure->kind != FAILURE_NONE) {
        next_node(launch, failure);
        return;
    }
    launch->step = LAUNCH_PREPARE;
    run(launch);
}

static void on_prepared(const struct failure *failure, void *context)
{
    struct launch *launch = context;

    if (failure && failure->kind != FAILURE_NONE) {
        next_node(launch, failure);
        return;
    }
    launch->step = LAUNCH_CREATE;
    run(launch);
}

/* True when there is something to wait for. */
static bool copy_image(struct launch *launch)
{
    struct engine_node *holder = NULL;

    launch->step = LAUNCH_PREPARE;
    if (!launch->cluster->image_copy || launch->image.length == 0 || launch->node->removed ||
        inventory_find(launch->node, WATCH_IMAGES, launch->image))
        return false;
    if (inventory_holders(launch->cluster, WATCH_IMAGES, launch->image, &holder, 1) == 0 ||
        holder->view.state != NODE_READY)
        return false;
    launch->step = LAUNCH_COPY;
    launch->cluster->image_copy(launch->cluster, launch->image, launch->node, on_copied, launch,
                                launch->cluster->image_copy_context);
    return true;
}

/* ---- CREATE, LOOK ---- */

static void created(struct launch *launch, struct slice id);

static void on_looked(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct launch *launch = context;
    const struct value *inspect = NULL;
    struct slice id;

    if (!failure && reply->status == 200)
        inspect = json_parse(launch->arena, reply->body, NULL);
    id = value_get_text(inspect, "Id");
    if (id.length == 0) {
        /* It said no: it has not got it. It said nothing: it may show up there later. */
        if (failure)
            doubt_add(launch->node, launch->workload.name);
        next_node(launch, &launch->failure);
        return;
    }
    launch->result.status = 201;
    launch->result.body =
        arena_printf(launch->arena, "{\"Id\":\"" SLICE_FMT "\",\"Warnings\":[]}", SLICE_ARG(id));
    failure_clear(&launch->failure);
    created(launch, id);
}

/* The request may have been carried out although its answer is missing. */
static void look(struct launch *launch)
{
    struct call_request request = {.method = SLICE("GET"), .deadline_ms = LOOK_TIMEOUT_MS};

    request.target = arena_printf(launch->arena, "/containers/" SLICE_FMT "/json",
                                  SLICE_ARG(launch->workload.name));
    call_start(launch->node->upstream, &request, on_looked, launch);
}

static void on_created(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct launch *launch = context;
    const struct value *body;
    struct slice id = SLICE_NONE;

    node_touch(launch->node);
    if (failure) {
        launch->failure = *failure;
        launch->step = LAUNCH_LOOK;
        run(launch);
        return;
    }
    if (reply->status == 503) {
        failure_set(&launch->failure, FAILURE_UNREACHABLE, "the engine answered 503: " SLICE_FMT,
                    SLICE_ARG(slice_cut(slice_trim(reply->body), 0, 200)));
        doubt_forget(launch->node, launch->workload.name);
        next_node(launch, &launch->failure);
        return;
    }
    launch->result.status = reply->status;
    launch->result.body = arena_copy(launch->arena, reply->body);
    if (reply->status == 201) {
        body = json_parse(launch->arena, reply->body, NULL);
        id = value_get_text(body, "Id");
    }
    created(launch, id);
}

/* From here on the node may show the container at any moment. */
static void expect_arrival(struct launch *launch, bool expected)
{
    if (expected)
        table_put(launch->cluster->arrivals, launch->workload.name, launch);
    else if (table_find(launch->cluster->arrivals, launch->workload.name) == launch)
        table_remove(launch->cluster->arrivals, launch->workload.name);
}

/* From now on `engine_id` is the container its user knows, and an older copy is not. */
static void take_over(struct launch *launch, struct slice engine_id)
{
    if (launch->user_id.length == 0)
        return;
    if (launch->supersedes.length > 0)
        superseded_set(launch->cluster, launch->supersedes, launch->user_id);
    identity_set(launch->cluster, launch->user_id, engine_id);
}

void launch_arrived(struct engine_node *node, struct slice name, struct slice engine_id)
{
    struct launch *launch = table_find(node->cluster->arrivals, name);

    if (launch && launch->node == node)
        take_over(launch, engine_id);
}

static void create(struct launch *launch)
{
    struct call_request request = {.method = SLICE("POST"),
                                   .headers = launch->headers,
                                   .body = launch->body,
                                   .strict = launch->strict,
                                   .deadline_ms = CREATE_TIMEOUT_MS};
    char version[16];

    expect_arrival(launch, true);
    api_version_text(node_api_version(launch->node, launch->api_version), version);
    request.target =
        arena_printf(launch->arena, "/v%s/containers/create?name=" SLICE_FMT "%s" SLICE_FMT,
                     version, SLICE_ARG(launch->workload.name), launch->query.length ? "&" : "",
                     SLICE_ARG(launch->query));
    node_touch(launch->node);
    call_start(launch->node->upstream, &request, on_created, launch);
}

/* ---- RECORD ---- */

/* An engine that dies right after its 201 can't be asked for what it made; its word must do, or the
 * user's next call would be told that there is no such container. */
static void on_recorded(const struct failure *failure, void *context)
{
    struct launch *launch = context;
    struct container_entry *entry = NULL;

    if (!launch->node->removed)
        entry = cluster_container_on(launch->node, launch->engine_id);
    if (!entry && failure && !launch->node->removed)
        entry = container_expect(launch->node, launch->engine_id, &launch->workload);
    launch->result.entry = entry;
    if (entry && entry->view.state == CONTAINER_CREATED) {
        reservation_attach(launch->reservation, entry, HOLD_MS);
        launch->reservation = NULL;
    }
    launch->step = LAUNCH_DONE;
    run(launch);
}

static void created(struct launch *launch, struct slice id)
{
    doubt_forget(launch->node, launch->workload.name); /* it has answered */
    if (id.length == 0) {
        launch->step = LAUNCH_DONE; /* the engine's refusal passes */
        run(launch);
        return;
    }
    launch->step = LAUNCH_RECORD;
    take_over(launch, id);
    launch->engine_id = arena_copy(launch->arena, id);
    if (launch->node->removed)
        on_recorded(NULL, launch);
    else
        watch_refresh(launch->node->watch, id, on_recorded, launch);
}

/* ---- all together ---- */

static void finish(struct launch *launch)
{
    struct name_reservation *name = launch->name;

    launch->result.node = launch->node;
    expect_arrival(launch, false);
    names_release(&name);
    launch->name = NULL;
    if (!launch->cancelled)
        launch->on_done(&launch->result,
                        launch->failure.kind != FAILURE_NONE ? &launch->failure : NULL,
                        launch->context);
    leave_node(launch);
    arena_free(&launch->arena);
    free(launch);
}

static void run(struct launch *launch)
{
    for (;;) {
        switch (launch->step) {
        case LAUNCH_CHOOSE:
            if (launch->cancelled)
                launch->step = LAUNCH_DONE;
            else
                choose(launch);
            if (launch->step == LAUNCH_WAIT)
                return;
            break;
        case LAUNCH_COPY:
            if (copy_image(launch))
                return;
            break;
        case LAUNCH_PREPARE:
            if (launch->prepare && !launch->node->removed && !launch->cancelled) {
                launch->prepare(launch->node, on_prepared, launch, launch->prepare_context);
                return;
            }
            launch->step = LAUNCH_CREATE;
            break;
        case LAUNCH_CREATE:
            if (launch->node->removed) {
                struct failure gone;

                failure_set(&gone, FAILURE_UNREACHABLE, "has left the cluster");
                next_node(launch, &gone);
                return;
            }
            if (launch->cancelled) {
                launch->step = LAUNCH_DONE;
                break;
            }
            create(launch);
            return;
        case LAUNCH_LOOK:
            if (launch->node->removed)
                next_node(launch, &launch->failure);
            else
                look(launch);
            return;
        case LAUNCH_WAIT:
            launch->step = LAUNCH_CHOOSE; /* the timer brought us here */
            break;
        case LAUNCH_RECORD:
            return;
        case LAUNCH_DONE:
            finish(launch);
            return;
        }
    }
}

static void start(void *context)
{
    run(context);
}

struct launch *launch_start(struct cluster *cluster, const struct launch_request *request,
                            launch_fn on_done, void *context)
{
    struct launch *launch = launch_make(cluster, request);

    launch->on_done = on_done;
    launch->context = context;
    timer_init(&launch->wait, cluster->loop, start, launch);
    loop_defer(cluster->loop, start, launch);
    return launch;
}

void launch_cancel(struct launch **pointer)
{
    if (*pointer)
        (*pointer)->cancelled = true;
    *pointer = NULL;
}
