/* Launch: the steps of a create, from the decision to the container in the cache. */
#include "proxy/cluster/launch.h"

#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdlib.h>

#define LAUNCH_TRIES      16     /* nodes; each may cost a connect deadline */
#define CREATE_TIMEOUT_MS 120000 /* engines copy image content into new volumes meanwhile */
#define LOOK_TIMEOUT_MS   5000
#define HOLD_MS           60000 /* a created container keeps its promise this long unstarted */
#define BODY_MAX          (16u * 1024 * 1024)

enum launch_step {
    LAUNCH_CHOOSE,  /* ask the scheduler, reserve */
    LAUNCH_COPY,    /* bring the image there */
    LAUNCH_PREPARE, /* what the container needs there */
    LAUNCH_CREATE,  /* POST /containers/create */
    LAUNCH_LOOK,    /* no answer: has the node got it? */
    LAUNCH_RECORD,  /* into the cache */
    LAUNCH_DONE,
};

struct launch {
    struct cluster *cluster;
    struct arena *arena;
    struct workload workload;
    struct slice body, query, user_id, supersedes, image;
    void (*prepare)(struct engine_node *node, void (*on_done)(const struct failure *, void *),
                    void *done_context, void *context);
    void *prepare_context;
    const struct headers *headers;
    int api_version;
    bool strict;
    struct name_reservation *name;
    enum launch_step step;
    struct slice excluded[LAUNCH_TRIES];
    size_t excluded_count;
    struct failure failure, last_failure;
    struct engine_node *node; /* held */
    struct reservation *reservation;
    struct launch_result result;
    launch_fn on_done;
    void *context;
    bool cancelled;
};

static void run(struct launch *launch);

/* ---- copying the request ---- */

static struct tags copy_tags(struct arena *arena, struct tags tags)
{
    struct tag *list = arena_alloc(arena, (tags.count + 1) * sizeof *list);

    for (size_t i = 0; i < tags.count; i++) {
        list[i].key = arena_copy(arena, tags.list[i].key);
        list[i].value = arena_copy(arena, tags.list[i].value);
    }
    return (struct tags){list, tags.count};
}

static const struct slice *copy_slices(struct arena *arena, const struct slice *list, size_t count)
{
    struct slice *copy = arena_alloc(arena, (count + 1) * sizeof *copy);

    for (size_t i = 0; list && i < count; i++)
        copy[i] = arena_copy(arena, list[i]);
    return copy;
}

static struct workload copy_workload(struct arena *arena, const struct workload *from)
{
    struct workload copy = *from;
    struct port *ports = arena_alloc(arena, (from->ports.count + 1) * sizeof *ports);
    struct constraint *constraints =
        arena_alloc(arena, (from->constraints.count + 1) * sizeof *constraints);

    for (size_t i = 0; i < from->ports.count; i++) {
        ports[i] = from->ports.list[i];
        ports[i].ip = arena_copy(arena, ports[i].ip);
    }
    for (size_t i = 0; i < from->constraints.count; i++) {
        constraints[i] = from->constraints.list[i];
        constraints[i].key = arena_copy(arena, constraints[i].key);
        constraints[i].pattern = arena_copy(arena, constraints[i].pattern);
    }
    copy.ports.list = ports;
    copy.constraints.list = constraints;
    copy.labels = copy_tags(arena, from->labels);
    copy.id = arena_copy(arena, from->id);
    copy.name = arena_copy(arena, from->name);
    copy.image = arena_copy(arena, from->image);
    copy.platform = arena_copy(arena, from->platform);
    copy.owner = arena_copy(arena, from->owner);
    copy.homes = copy_slices(arena, from->homes, from->home_count);
    copy.home_reasons = copy_slices(arena, from->home_reasons, from->home_count);
    return copy;
}

static const struct headers *copy_headers(struct arena *arena, const struct headers *headers)
{
    struct headers *copy;

    if (!headers)
        return NULL;
    copy = arena_alloc(arena, sizeof *copy);
    copy->count = headers->count;
    for (size_t i = 0; i < headers->count; i++) {
        copy->list[i].name = arena_copy(arena, headers->list[i].name);
        copy->list[i].value = arena_copy(arena, headers->list[i].value);
    }
    return copy;
}

/* ---- CHOOSE ---- */

static struct schedule_request request_for(struct cluster *cluster,
                                           const struct workload *workload,
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
    if (workload->name.length > 0) /* networks and volumes have none */
        decisions_note(cluster->decisions, cluster->scheduler, &request, loop_wall_ns());
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

static void choose(struct launch *launch)
{
    struct engine_node *node = NULL;

    if (decide_by_image(launch->cluster, &launch->workload, launch->excluded,
                        launch->excluded_count, &node, &launch->failure) != 0) {
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

    if (failure) {
        launch->failure = *failure;
        launch->step = LAUNCH_LOOK;
        run(launch);
        return;
    }
    if (reply->status == 503) {
        failure_set(&launch->failure, FAILURE_UNREACHABLE, "the engine answered 503: " SLICE_FMT,
                    SLICE_ARG(slice_cut(slice_trim(reply->body), 0, 200)));
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
    if (launch->user_id.length == 0)
        return;
    if (expected)
        table_put(launch->cluster->arrivals, launch->workload.name, launch);
    else if (table_find(launch->cluster->arrivals, launch->workload.name) == launch)
        table_remove(launch->cluster->arrivals, launch->workload.name);
}

/* From now on `engine_id` is the container its user knows, and an older copy is not. */
static void take_over(struct launch *launch, struct slice engine_id)
{
    expect_arrival(launch, false);
    if (launch->supersedes.length > 0)
        superseded_set(launch->cluster, launch->supersedes, launch->user_id);
    identity_set(launch->cluster, launch->user_id, engine_id);
}

void launch_arrived(struct engine_node *node, struct slice name, struct slice engine_id)
{
    struct launch *launch = table_find(node->cluster->arrivals, name);

    if (!launch || launch->node != node)
        return;
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
    call_start(launch->node->upstream, &request, on_created, launch);
}

/* ---- RECORD ---- */

static void on_recorded(struct container_entry *entry, void *context)
{
    struct launch *launch = context;

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
    if (id.length == 0) {
        launch->step = LAUNCH_DONE; /* the engine's refusal passes */
        run(launch);
        return;
    }
    launch->step = LAUNCH_RECORD;
    if (launch->user_id.length > 0)
        take_over(launch, id);
    cluster_refresh(launch->cluster, launch->node, id, on_recorded, launch);
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
    struct launch *launch = xcalloc(1, sizeof *launch);
    struct buffer body;

    launch->cluster = cluster;
    launch->arena = arena_new();
    launch->workload = copy_workload(launch->arena, request->workload);
    launch->workload.name = arena_copy(launch->arena, names_text(request->name));
    launch->name = request->name;
    launch->query = arena_copy(launch->arena, request->query);
    launch->user_id = arena_copy(launch->arena, request->user_id);
    launch->supersedes = arena_copy(launch->arena, request->supersedes);
    launch->prepare = request->prepare;
    launch->prepare_context = request->prepare_context;
    launch->image = launch->workload.image;
    launch->headers = copy_headers(launch->arena, request->headers);
    launch->api_version = request->api_version;
    launch->strict = request->strict;
    launch->on_done = on_done;
    launch->context = context;
    buffer_init(&body, BODY_MAX);
    json_write(&body, request->body);
    launch->body = arena_copy(launch->arena, buffer_slice(&body));
    if (body.overflow) {
        failure_set(&launch->failure, FAILURE_TOO_LARGE,
                    "the container's description is over %u MiB", BODY_MAX / 1024 / 1024);
        launch->step = LAUNCH_DONE;
    }
    buffer_deinit(&body);
    loop_defer(cluster->loop, start, launch);
    return launch;
}

void launch_cancel(struct launch **pointer)
{
    if (*pointer)
        (*pointer)->cancelled = true;
    *pointer = NULL;
}
