/* Recover, old copies: a node that returns still has the containers that live elsewhere by now.
 * They are stopped, kept from starting by themselves, and renamed; after a while removed. A
 * container that found no other place comes back to life where it was. */
#include "proxy/cluster/recover_private.h"
#include "proxy/log.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_TIMEOUT_MS 60000
#define MARK            ".superseded-"

enum retire_step { RETIRE_POLICY, RETIRE_STOP, RETIRE_RENAME, RETIRE_DONE };

struct retire {
    struct engine_node *node; /* held */
    char *engine_id, *name;
    enum retire_step step;
};

static void retire_next(struct retire *retire);

static void retire_free(struct retire *retire)
{
    node_release(retire->node);
    free(retire->engine_id);
    free(retire->name);
    free(retire);
}

static void on_answer(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct retire *retire = context;
    struct container_entry *entry = NULL;

    if (!retire->node->removed)
        entry = cluster_container_on(retire->node, slice_of(retire->engine_id));
    /* Not reachable or gone: the next return of the node begins anew. */
    if (failure || reply->status == 404 || !entry) {
        if (entry)
            entry->own->retiring = false;
        retire_free(retire);
        return;
    }
    retire->step++;
    retire_next(retire);
}

static void retire_next(struct retire *retire)
{
    struct call_request request = {.method = SLICE("POST"), .deadline_ms = CALL_TIMEOUT_MS};
    struct arena *arena = arena_new();

    switch (retire->step) {
    case RETIRE_POLICY:
        request.target = arena_printf(arena, "/containers/%s/update", retire->engine_id);
        request.body = SLICE("{\"RestartPolicy\":{\"Name\":\"no\"}}");
        break;
    case RETIRE_STOP:
        request.target = arena_printf(arena, "/containers/%s/stop", retire->engine_id);
        break;
    case RETIRE_RENAME:
        request.target = arena_printf(arena, "/containers/%s/rename?name=%s" MARK "%.8s",
                                      retire->engine_id, retire->name, retire->engine_id);
        break;
    case RETIRE_DONE:
        arena_free(&arena);
        log_info("old copy retired", "container=%s node=" SLICE_FMT, retire->name,
                 SLICE_ARG(retire->node->view.name));
        cluster_publish(
            retire->node->cluster, SLICE("node"), SLICE("superseded"), slice_of(retire->engine_id),
            (struct tags){&(struct tag){SLICE("name"), slice_of(retire->name)}, 1}, retire->node);
        retire_free(retire);
        return;
    }
    call_start(retire->node->upstream, &request, on_answer, retire);
    arena_free(&arena);
}

static bool is_retired(const struct container_entry *entry)
{
    return slice_contains(entry->view.name, MARK) && entry->view.state != CONTAINER_RUNNING &&
           entry->view.state != CONTAINER_RESTARTING;
}

static void on_revived(const struct call_reply *reply, const struct failure *failure, void *context)
{
    char *name = context;

    if (failure || (reply->status != 204 && reply->status != 304))
        log_warning("container not started", "container=%s status=%d", name,
                    failure ? 0 : reply->status);
    free(name);
}

/* It found no other place, and its node is back: it goes on there. */
static void revive(struct move *move, struct container_entry *entry)
{
    struct cluster *cluster = move->recover->cluster;
    struct container_entry *waiting = cluster_container(cluster, slice_of(move->user_id));
    struct engine_node *node = entry->node;
    struct call_request request = {.method = SLICE("POST"), .deadline_ms = CALL_TIMEOUT_MS};
    struct arena *arena = arena_new();
    bool runs = entry->view.state == CONTAINER_RUNNING || move->held;

    request.target =
        arena_printf(arena, "/containers/" SLICE_FMT "/start", SLICE_ARG(entry->engine_id));
    if (waiting && !waiting->node)
        container_drop(waiting);
    superseded_forget(cluster, slice_of(move->old_engine_id));
    if (!slice_is(slice_of(move->user_id), move->old_engine_id))
        identity_set(cluster, slice_of(move->user_id), slice_of(move->old_engine_id));
    store_remove(cluster->store, "pending", slice_of(move->user_id));
    log_info("container is back with its node", "container=%s node=" SLICE_FMT, move->name,
             SLICE_ARG(node->view.name));
    entry->own->resume = false;
    entry->own->stop_wanted = move->held;
    if (!runs)
        call_start(node->upstream, &request, on_revived, xstrdup(move->name));
    move_free(move);
    arena_free(&arena);
}

/* What stayed on the lost node (reschedule=never, data on it) goes on with it. */
static void resume(struct container_entry *entry)
{
    struct call_request request = {.method = SLICE("POST"), .deadline_ms = CALL_TIMEOUT_MS};
    struct arena *arena = arena_new();

    entry->own->resume = false;
    request.target =
        arena_printf(arena, "/containers/" SLICE_FMT "/start", SLICE_ARG(entry->engine_id));
    if (entry->view.state == CONTAINER_EXITED && !entry->own->stop_wanted)
        call_start(entry->node->upstream, &request, on_revived, xslicedup(entry->view.name));
    arena_free(&arena);
}

static void retire_entry(struct recover *recover, struct container_entry *entry)
{
    const char *user_id = table_find(recover->cluster->superseded, entry->engine_id);
    struct move *move = user_id ? table_find(recover->by_user, slice_of(user_id)) : NULL;
    struct retire *retire;

    if (entry->own->retiring || is_retired(entry))
        return;
    if (move && slice_is(entry->engine_id, move->old_engine_id)) {
        if (move->step == MOVE_PENDING && !move->live && !move->loaded) {
            revive(move, entry);
            return;
        }
        move->why[0] = '\0'; /* one that a restart interrupted: looked at anew at once */
        return;              /* under way: looked at again when the move has ended */
    }
    entry->own->retiring = true;
    retire = xcalloc(1, sizeof *retire);
    retire->node = node_hold(entry->node);
    retire->engine_id = xslicedup(entry->engine_id);
    retire->name = xslicedup(entry->view.name);
    retire_next(retire);
}

bool retire_revives(struct move *move)
{
    struct engine_node *node = cluster_node_named(move->recover->cluster, slice_of(move->from));
    struct container_entry *entry = node && node->view.state == NODE_READY
                                        ? cluster_container_on(node, slice_of(move->old_engine_id))
                                        : NULL;

    if (!entry || !entry->superseded || entry->own->retiring || is_retired(entry))
        return false;
    move_end_try(move);
    revive(move, entry);
    return true;
}

void retire_node(struct recover *recover, struct engine_node *node)
{
    /* From the end: reviving does not change the order of the rest. */
    for (size_t i = node->view.containers_total; i > 0; i--) {
        struct container_entry *entry =
            LIST_ENTRY((uintptr_t)node->view.containers[i - 1], struct container_entry, view);

        if (entry->superseded)
            retire_entry(recover, entry);
        else if (entry->own->resume)
            resume(entry);
    }
}

static void on_removed(const struct call_reply *reply, const struct failure *failure, void *context)
{
    (void)reply;
    (void)failure; /* the engine's event takes it out of the cache; else the next round tries */
    (void)context;
}

static void tidy_entry(struct recover *recover, const struct container_entry *entry)
{
    int64_t ttl_ns = (int64_t)recover->settings.superseded_ttl_ms * 1000000;
    int64_t since = entry->facts.finished_ns ? entry->facts.finished_ns : entry->view.created_ns;
    struct call_request request = {.method = SLICE("DELETE"), .deadline_ms = CALL_TIMEOUT_MS};
    struct arena *arena;

    if (!entry->superseded || !is_retired(entry) || loop_wall_ns() - since < ttl_ns)
        return;
    arena = arena_new();
    /* No v: volumes are never deleted. */
    request.target = arena_printf(arena, "/containers/" SLICE_FMT, SLICE_ARG(entry->engine_id));
    call_start(entry->node->upstream, &request, on_removed, NULL);
    arena_free(&arena);
}

void retire_tidy(struct recover *recover)
{
    struct cluster *cluster = recover->cluster;

    if (table_count(cluster->superseded) == 0)
        return;
    for (size_t i = 0; i < cluster->node_count; i++) {
        struct engine_node *node = cluster->nodes[i];

        for (size_t k = 0; node->view.state == NODE_READY && k < node->view.containers_total; k++)
            tidy_entry(recover, LIST_ENTRY((uintptr_t)node->view.containers[k],
                                           struct container_entry, view));
        if (node->view.state == NODE_READY)
            retire_node(recover, node);
    }
}
