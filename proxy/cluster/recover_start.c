/* Recover, starting elsewhere: networks are made, the container is created through launch,
 * connected, started; what can't be started is taken away and waits for a better moment. */
#include "proxy/cluster/recover_private.h"
#include "proxy/json.h"
#include "proxy/log.h"

#include <stdio.h>
#include <stdlib.h>

#define NETWORK_TIMEOUT_MS 20000
#define START_TIMEOUT_MS   60000
#define CLOCK_SLACK_NS     (60ll * 1000000000) /* engines' clocks and ours */
#define FAILED_PAUSE_MS    2000
#define DRAIN_PAUSE_MS     10000

void move_end_try(struct move *move)
{
    move->recover->active--;
    arena_free(&move->arena);
    memset(&move->spec, 0, sizeof move->spec);
    move->next_network = NULL;
    if (move->node)
        node_release(move->node);
    move->node = NULL;
    free(move->engine_id);
    move->engine_id = NULL;
}

void move_fail(struct move *move, const char *why)
{
    struct cluster *cluster = move->recover->cluster;
    struct container_entry *entry = cluster_container(cluster, slice_of(move->user_id));

    if (strncmp(move->why, why, sizeof move->why - 1) != 0)
        log_info("container waits", "container=%s reason=\"%s\"", move->name, why);
    snprintf(move->why, sizeof move->why, "%s", why);
    move_end_try(move);
    move->step = MOVE_PENDING;
    move->ready_at = loop_now(cluster->loop) + FAILED_PAUSE_MS;
    if (move->live) {
        if (entry)
            entry->own->move_after = loop_now(cluster->loop) + DRAIN_PAUSE_MS;
        move_free(move); /* it runs where it is; drain comes back to it */
        return;
    }
    if (!entry)
        entry = pending_new(cluster, slice_of(move->user_id), slice_of(move->inspect), why);
    if (entry && !entry->node)
        pending_set_why(entry, why);
}

void move_done(struct move *move)
{
    struct recover *recover = move->recover;
    struct cluster *cluster = recover->cluster;
    struct engine_node *from = cluster_node_named(cluster, slice_of(move->from));
    struct tag attributes[] = {{SLICE("container"), slice_of(move->user_id)},
                               {SLICE("name"), slice_of(move->name)},
                               {SLICE("from"), slice_of(move->from)},
                               {SLICE("to"), move->node->view.name}};

    log_info("container moved", "container=%s from=%s to=" SLICE_FMT, move->name, move->from,
             SLICE_ARG(move->node->view.name));
    cluster_publish(cluster, SLICE("node"), SLICE("moved"), slice_of(move->user_id),
                    (struct tags){attributes, 4}, move->node);
    store_remove(cluster->store, "pending", slice_of(move->user_id));
    move_end_try(move);
    move_free(move);
    if (from && from->view.state == NODE_READY)
        retire_node(recover, from);
}

/* ---- start ---- */

static void on_undone(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct move *move = context;
    char why[300];

    (void)reply;
    (void)failure; /* it stays hidden as an old copy and is tidied up later */
    snprintf(why, sizeof why, "%s", move->why);
    move_fail(move, why);
}

/* Created and not startable: it must not stand in the way of the next try. */
static void undo(struct move *move, const char *why)
{
    struct cluster *cluster = move->recover->cluster;
    struct slice user_id = slice_of(move->user_id), engine_id = slice_of(move->engine_id);
    struct call_request request = {.method = SLICE("DELETE"), .deadline_ms = START_TIMEOUT_MS};

    snprintf(move->why, sizeof move->why, "%s", why);
    move->step = MOVE_UNDO;
    superseded_set(cluster, engine_id, user_id);
    identity_forget(cluster, user_id);
    if (move->live) {
        superseded_forget(cluster, slice_of(move->old_engine_id));
        if (!slice_is(user_id, move->old_engine_id))
            identity_set(cluster, user_id, slice_of(move->old_engine_id));
    } else if (!cluster_container(cluster, user_id)) {
        /* Its user must find it all the while, also when the engine is slow to take it away. */
        pending_new(cluster, user_id, slice_of(move->inspect), why);
    }
    if (move->node->removed) {
        on_undone(NULL, NULL, move);
        return;
    }
    request.target = arena_printf(move->arena, "/containers/%s", move->engine_id);
    call_start(move->node->upstream, &request, on_undone, move);
}

/* What its user has said meanwhile is the last word. */
static bool user_wants_it_stopped(const struct move *move)
{
    struct engine_node *from = cluster_node_named(move->recover->cluster, slice_of(move->from));
    const struct container_entry *entry =
        move->node->removed ? NULL : cluster_container_on(move->node, slice_of(move->engine_id));
    const struct container_entry *old =
        move->live && from ? cluster_container_on(from, slice_of(move->old_engine_id)) : NULL;

    return (entry && entry->own->stop_wanted) || move->held ||
           (old && (old->own->stop_wanted || old->view.state != CONTAINER_RUNNING));
}

static void on_stopped_again(const struct call_reply *reply, const struct failure *failure,
                             void *context)
{
    struct move *move = context;

    if (failure || (reply->status != 204 && reply->status != 304))
        log_warning("container not stopped", "container=%s status=%d", move->name,
                    failure ? 0 : reply->status);
    move_done(move);
}

/* The stop came while the start was under way. */
static void stop_again(struct move *move)
{
    struct call_request request = {.method = SLICE("POST"), .deadline_ms = START_TIMEOUT_MS};

    request.target = arena_printf(move->arena, "/containers/%s/stop", move->engine_id);
    call_start(move->node->upstream, &request, on_stopped_again, move);
}

static void on_started(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct move *move = context;
    char why[300];

    if (!failure && (reply->status == 204 || reply->status == 304)) {
        const struct container_entry *entry =
            move->node->removed ? NULL
                                : cluster_container_on(move->node, slice_of(move->engine_id));

        if (entry && entry->own->stop_wanted)
            stop_again(move);
        else
            move_done(move);
        return;
    }
    if (failure)
        snprintf(why, sizeof why, SLICE_FMT ": %.200s", SLICE_ARG(move->node->view.name),
                 failure->text);
    else
        snprintf(why, sizeof why, SLICE_FMT ": start answered %d: %.*s",
                 SLICE_ARG(move->node->view.name), reply->status,
                 (int)(reply->body.length < 200 ? reply->body.length : 200), reply->body.at);
    undo(move, why);
}

static void start_container(struct move *move)
{
    struct call_request request = {.method = SLICE("POST"), .deadline_ms = START_TIMEOUT_MS};

    move->step = MOVE_START;
    if (move->node->removed) {
        undo(move, "the node has left the cluster");
        return;
    }
    if (user_wants_it_stopped(move)) {
        move_done(move);
        return;
    }
    request.target = arena_printf(move->arena, "/containers/%s/start", move->engine_id);
    node_touch(move->node);
    call_start(move->node->upstream, &request, on_started, move);
}

/* ---- further networks ---- */

static void connect_next(struct move *move);

static void on_connected(const struct call_reply *reply, const struct failure *failure,
                         void *context)
{
    struct move *move = context;

    if (failure || reply->status != 200)
        log_warning("network not connected", "container=%s network=" SLICE_FMT " status=%d",
                    move->name, SLICE_ARG(move->next_network->key), failure ? 0 : reply->status);
    move->next_network = move->next_network->next;
    connect_next(move);
}

static void connect_next(struct move *move)
{
    struct call_request request = {.method = SLICE("POST"), .deadline_ms = NETWORK_TIMEOUT_MS};
    struct value *body;

    move->step = MOVE_CONNECT;
    if (!move->next_network || move->node->removed) {
        start_container(move);
        return;
    }
    body = value_map(move->arena);
    value_set_text(move->arena, body, "Container", slice_of(move->engine_id));
    value_set(move->arena, body, "EndpointConfig", value_copy(move->arena, move->next_network));
    request.body = json_text(move->arena, body);
    request.target = arena_printf(move->arena, "/networks/" SLICE_FMT "/connect",
                                  SLICE_ARG(move->next_network->key));
    call_start(move->node->upstream, &request, on_connected, move);
}

/* ---- networks that the node lacks ---- */

static void make_next_network(struct move *move, const struct value *after);

struct making {
    struct move *move;
    struct engine_node *node;
    const struct value *network;
};

static const struct value *network_row(struct cluster *cluster, struct arena *arena,
                                       struct slice from, struct slice name)
{
    struct engine_node *home = cluster_node_named(cluster, from), *other = NULL;
    const struct inventory_item *item = home ? inventory_find(home, WATCH_NETWORKS, name) : NULL;

    if (!item && inventory_holders(cluster, WATCH_NETWORKS, name, &other, 1) > 0)
        item = inventory_find(other, WATCH_NETWORKS, name);
    return item ? json_parse(arena, item->row, NULL) : NULL;
}

static void prepared(struct move *move, const struct failure *failure)
{
    move->prepared(failure, move->prepared_context);
}

static void on_made(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct making *making = context;
    struct failure why;

    /* 409: somebody else was faster, which is as good. */
    if (!failure && (reply->status == 201 || reply->status == 409)) {
        make_next_network(making->move, making->network);
        return;
    }
    if (failure)
        why = *failure;
    else
        failure_set(&why, FAILURE_INTERNAL, "network " SLICE_FMT ": the engine answered %d",
                    SLICE_ARG(making->network->key), reply->status);
    prepared(making->move, &why);
}

static void make_network(struct move *move, const struct value *network)
{
    struct making *making = arena_alloc(move->arena, sizeof *making);
    const struct value *row =
        network_row(move->recover->cluster, move->arena, slice_of(move->from), network->key);
    struct value *body = row ? spec_network(move->arena, row) : value_map(move->arena);
    struct call_request request = {.method = SLICE("POST"),
                                   .target = SLICE("/networks/create"),
                                   .deadline_ms = NETWORK_TIMEOUT_MS};

    value_set_text(move->arena, body, "Name", network->key);
    *making = (struct making){move, move->node, network};
    request.body = json_text(move->arena, body);
    node_touch(move->node);
    call_start(move->node->upstream, &request, on_made, making);
}

static void on_noted(void *context)
{
    prepared(context, NULL);
}

/* The first network and the further ones, as one list in move->next_network's order. */
static void make_next_network(struct move *move, const struct value *after)
{
    const struct value *network = after ? after->next : move->next_network;

    while (network && inventory_find(move->node, WATCH_NETWORKS, network->key))
        network = network->next;
    if (network && !move->node->removed) {
        make_network(move, network);
        return;
    }
    /* Noted before it is asked for: should the manager be killed before it hears the answer, the
     * copy that nobody knows of is found and taken away. */
    doubt_add(move->node, slice_of(move->name));
    node_release(move->node);
    move->node = NULL;
    cluster_when_kept(move->recover->cluster, on_noted, move);
}

static void on_prepare_empty(void *context)
{
    struct move *move = context;

    make_next_network(move, NULL);
}

static void prepare(struct engine_node *node, void (*on_done)(const struct failure *, void *),
                    void *done_context, void *context)
{
    struct move *move = context;
    struct value *needed = value_map(move->arena);

    if (move->node)
        node_release(move->node);
    move->node = node_hold(node);
    move->prepared = on_done;
    move->prepared_context = done_context;
    if (move->spec.first_network.length > 0)
        value_set_slice(move->arena, needed, move->spec.first_network, value_map(move->arena));
    VALUE_EACH(network, move->spec.networks)
    {
        if (!spec_network_is_predefined(network->key))
            value_set_slice(move->arena, needed, network->key, value_map(move->arena));
    }
    move->next_network = needed->first;
    loop_defer(move->recover->cluster->loop, on_prepare_empty, move);
}

/* ---- launch ---- */

static void on_launched(const struct launch_result *result, const struct failure *failure,
                        void *context)
{
    struct move *move = context;
    char why[300];

    if (move->node)
        node_release(move->node);
    move->node = NULL;
    if (failure) {
        move_fail(move, failure->text);
        return;
    }
    if (result->status != 201 || !result->entry) {
        snprintf(why, sizeof why, SLICE_FMT ": create answered %d: %.*s",
                 SLICE_ARG(result->node->view.name), result->status,
                 (int)(result->body.length < 200 ? result->body.length : 200), result->body.at);
        /* Its own old copy may still have the name there. */
        if (result->status == 409 && !result->node->removed)
            retire_node(move->recover, result->node);
        move_fail(move, why);
        return;
    }
    move->node = node_hold(result->node);
    move->engine_id = xslicedup(result->entry->engine_id);
    move->next_network = move->spec.networks->first;
    connect_next(move);
}

static void go_on_with(struct move *move, const struct container_entry *entry)
{
    move->node = node_hold(entry->node);
    free(move->engine_id);
    move->engine_id = xslicedup(entry->engine_id);
    move->next_network = move->spec.networks->first;
    connect_next(move);
}

/* Created by a manager that was killed before it could note that: taken as it is. */
static bool adopt(struct move *move, struct container_entry *waiting)
{
    struct cluster *cluster = move->recover->cluster;
    const struct name_slot *slot = names_find(cluster, slice_of(move->name));

    if (!slot || !move->loaded)
        return false;
    LIST_EACH(link, &slot->entries)
    {
        struct container_entry *entry =
            LIST_ENTRY(link, struct container_private, name_link)->entry;
        char *engine_id;

        if (!entry->node || entry->node->view.state != NODE_READY ||
            entry->view.created_ns + CLOCK_SLACK_NS < waiting->pending_since_ns)
            continue;
        engine_id = xslicedup(entry->engine_id);
        container_drop(waiting);
        identity_set(cluster, slice_of(move->user_id), slice_of(engine_id));
        free(engine_id);
        go_on_with(move, entry);
        return true;
    }
    return false;
}

/* The container is on a node already, by a launch that a restart interrupted, or is gone. */
static bool is_placed(struct move *move, struct container_entry *entry)
{
    struct recover *recover = move->recover;

    if (move->live || (entry && !entry->node))
        return false;
    if (!entry) { /* removed by its user */
        store_remove(recover->cluster->store, "pending", slice_of(move->user_id));
        move_end_try(move);
        move_free(move);
    } else if (entry->node->view.state == NODE_READY) {
        go_on_with(move, entry);
    } else if (entry->node->view.state == NODE_DOWN) {
        move_end_try(move);
        move_relose(move, entry);
    } else { /* wait until it is clear what becomes of its node */
        move_end_try(move);
        move->step = MOVE_PENDING;
        move->ready_at = loop_now(recover->cluster->loop) + FAILED_PAUSE_MS;
    }
    return true;
}

void move_launch(struct move *move)
{
    struct cluster *cluster = move->recover->cluster;
    struct launch_request request = {.workload = &move->spec.workload,
                                     .user_id = slice_of(move->user_id),
                                     .prepare = prepare,
                                     .prepare_context = move};
    struct slice home[1], reason[1] = {SLICE("rebalance")};
    struct failure failure;
    struct container_entry *entry;
    const struct value *inspect;

    move->recover->active++;
    move->step = MOVE_LAUNCH;
    move->arena = arena_new();
    inspect = json_parse(move->arena, slice_of(move->inspect), &failure);
    if (!inspect ||
        spec_read(&move->spec, move->arena, inspect, slice_of(move->user_id), &failure) != 0) {
        move_fail(move, failure.text);
        return;
    }
    entry = cluster_container(cluster, slice_of(move->user_id));
    if (is_placed(move, entry) || (!move->live && adopt(move, entry)))
        return;
    if (!move->live && retire_revives(move))
        return;
    move->spec.workload.name = slice_of(move->name);
    if (move->to) {
        home[0] = slice_of(move->to);
        move->spec.workload.homes = home;
        move->spec.workload.home_reasons = reason;
        move->spec.workload.home_count = 1;
    }
    if (move->live)
        request.supersedes = slice_of(move->old_engine_id);
    request.body = move->spec.body;
    request.name = names_hold(cluster, slice_of(move->name));
    launch_start(cluster, &request, on_launched, move);
}
