/* Recover: decides who is dead and what moves; the tick is the one place where time passes. */
#include "proxy/cluster/recover_private.h"
#include "proxy/json.h"
#include "proxy/log.h"

#include "policy/rebalance.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 100
#define TIDY_MS 60000
/* A poweroff stops containers in order before the engine falls silent. */
#define SHUTDOWN_MS        15000
#define LOADED_PATIENCE_MS 15000

struct recover_settings recover_default_settings(void)
{
    return (struct recover_settings){.grace_ms = 2000,
                                     .show_ms = 500,
                                     .retry_ms = 5000,
                                     .at_once = 8,
                                     .superseded_ttl_ms = 24ull * 3600 * 1000};
}

const char *recover_guard(const struct recover *recover)
{
    return recover->guard[0] ? recover->guard : NULL;
}

size_t recover_pending(const struct recover *recover)
{
    return table_count(recover->by_user);
}

/* ---- a lost node ---- */

/* Stopped with a signal while its engine was going down, and nobody had asked for that. */
static bool fell_with_node(const struct container_entry *entry)
{
    const struct container_private *own = entry->own;
    uint64_t lost = entry->node->own->lost_at;

    return entry->view.state == CONTAINER_EXITED && own->stopped_at > 0 && !own->stop_asked &&
           own->killed_at > 0 && own->killed_at + SHUTDOWN_MS >= own->stopped_at &&
           own->stopped_at + SHUTDOWN_MS >= lost;
}

static void mark_exited(struct container_entry *entry)
{
    container_unaccount(entry);
    entry->view.state = entry->facts.model.state = CONTAINER_EXITED;
    entry->facts.finished_ns = loop_wall_ns();
    container_account(entry);
    entry->generation++;
}

static struct container_entry *entry_of(const struct container *view)
{
    /* `view` is embedded in its entry; only the scheduler sees it as const. */
    return (struct container_entry *)((uintptr_t)view - offsetof(struct container_entry, view));
}

static void lose_node(struct recover *recover, struct engine_node *node)
{
    size_t max = node->view.containers_total, count;
    struct rebalance_move *moves = xcalloc(max + 1, sizeof *moves);

    for (size_t i = 0; i < max; i++) {
        struct container_entry *entry = entry_of(node->view.containers[i]);

        entry->view.stopped_with_node = fell_with_node(entry);
    }
    count = rebalance_leave(&node->view, recover->cluster->policy, moves, max);
    for (size_t i = 0; i < max; i++) {
        struct container_entry *entry = entry_of(node->view.containers[i]);

        if (entry->view.state == CONTAINER_RUNNING || entry->view.state == CONTAINER_PAUSED ||
            entry->view.state == CONTAINER_RESTARTING) {
            mark_exited(entry);
            entry->own->resume = true; /* unless it is moved, which makes it an old copy */
        }
    }
    log_warning("node down", "node=" SLICE_FMT " containers=%zu moves=%zu",
                SLICE_ARG(node->view.name), max, count);
    for (size_t i = 0; i < count; i++) {
        struct container_entry *entry = entry_of(moves[i].container);

        if (entry->superseded || entry->own->stop_wanted ||
            table_find(recover->by_user, entry->view.id))
            continue;
        entry->own->resume = false; /* it goes on elsewhere */
        move_new(recover, entry)->ready_at =
            loop_now(recover->cluster->loop) + recover->settings.show_ms;
    }
    free(moves);
}

static bool is_dead(const struct recover *recover, const struct engine_node *node, uint64_t now)
{
    return node->view.state == NODE_UNREACHABLE && node->joined && node->lease_over &&
           now >= node->lease_until + recover->settings.grace_ms &&
           now >= node->own->lost_at + recover->settings.grace_ms;
}

/* Of the nodes that are not down yet, more than half are silent: is it them, or is it us? */
static bool guarded(struct recover *recover, size_t silent, size_t total)
{
    bool guard = silent * 2 > total;

    if (guard && !recover->guard[0]) {
        snprintf(recover->guard, sizeof recover->guard,
                 "%zu of %zu nodes are silent at once: the manager may be cut off, so nothing is "
                 "moved; if they are really dead: POST /_berth/v1/nodes/NAME/dead",
                 silent, total);
        log_error("quorum guard", "silent=%zu nodes=%zu", silent, total);
        cluster_publish(recover->cluster, SLICE("node"), SLICE("quorum-guard"), SLICE(""),
                        (struct tags){&(struct tag){SLICE("reason"), slice_of(recover->guard)}, 1},
                        NULL);
    } else if (!guard) {
        recover->guard[0] = '\0';
    }
    return guard;
}

static void look_for_dead(struct recover *recover)
{
    struct cluster *cluster = recover->cluster;
    uint64_t now = loop_now(cluster->loop);
    size_t silent = 0, total = 0;
    struct engine_node *dead = NULL;

    for (size_t i = 0; i < cluster->node_count; i++) {
        struct engine_node *node = cluster->nodes[i];

        if (node->view.state == NODE_DOWN)
            continue;
        total++;
        silent += node->view.state == NODE_UNREACHABLE;
        if (!dead && is_dead(recover, node, now))
            dead = node;
    }
    if (!dead) {
        if (silent * 2 <= total)
            recover->guard[0] = '\0';
        return;
    }
    if (!guarded(recover, silent, total))
        node_set_state(dead, NODE_DOWN, "its agent and its engine are silent"); /* -> on_change */
}

int recover_declare_dead(struct recover *recover, struct engine_node *node, struct failure *failure)
{
    if (node->view.state == NODE_READY)
        return failure_set(failure, FAILURE_CONFLICT,
                           "node " SLICE_FMT " answers: its containers would run twice; drain it "
                           "with `docker node update --availability drain`",
                           SLICE_ARG(node->view.name));
    (void)recover;
    node_set_state(node, NODE_DOWN, "declared dead by the operator");
    return 0;
}

/* ---- a drained node ---- */

static bool is_moving_from(const struct recover *recover, const struct engine_node *node)
{
    for (struct list *link = recover->all.next; link != &recover->all; link = link->next) {
        const struct move *move = LIST_ENTRY(link, struct move, link);

        if (move->live && slice_is(node->view.name, move->from))
            return true;
    }
    return false;
}

/* One at a time: the largest first, and the next when it runs elsewhere. */
static void drain_node(struct recover *recover, struct engine_node *node)
{
    size_t max = node->view.containers_total;
    struct rebalance_move *moves;
    size_t count;

    if (max == 0 || is_moving_from(recover, node))
        return;
    moves = xcalloc(max, sizeof *moves);
    count = rebalance_leave(&node->view, recover->cluster->policy, moves, max);
    for (size_t i = 0; i < count; i++) {
        struct container_entry *entry = entry_of(moves[i].container);

        if (entry->superseded || table_find(recover->by_user, entry->view.id) ||
            entry->own->move_after > loop_now(recover->cluster->loop))
            continue;
        move_new(recover, entry)->live = true;
        break;
    }
    free(moves);
}

static void drain_all(struct recover *recover)
{
    for (size_t i = 0; i < recover->cluster->node_count; i++) {
        struct engine_node *node = recover->cluster->nodes[i];

        if (node->view.availability == NODE_DRAIN && node->view.state == NODE_READY)
            drain_node(recover, node);
    }
}

size_t recover_rebalance(struct recover *recover, double gap, size_t max, bool dry_run,
                         struct arena *arena, struct recover_plan **plans)
{
    struct nodes nodes = cluster_node_views(recover->cluster);
    struct rebalance_move *moves = arena_alloc(arena, (max + 1) * sizeof *moves);
    size_t count = rebalance_skew(&nodes, &recover->cluster->options.placement, gap, moves, max),
           told = 0;

    *plans = arena_alloc(arena, (count + 1) * sizeof **plans);
    for (size_t i = 0; i < count; i++) {
        struct container_entry *entry = entry_of(moves[i].container);
        struct move *move;

        if (entry->superseded || table_find(recover->by_user, entry->view.id))
            continue;
        (*plans)[told++] = (struct recover_plan){
            arena_copy(arena, entry->view.id), arena_copy(arena, entry->view.name),
            arena_copy(arena, moves[i].from->name),
            moves[i].to ? arena_copy(arena, moves[i].to->name) : SLICE_NONE};
        if (dry_run)
            continue;
        move = move_new(recover, entry);
        move->live = true;
        if (moves[i].to)
            move->to = xslicedup(moves[i].to->name);
    }
    return told;
}

/* ---- time and changes ---- */

static bool may_run(struct recover *recover, const struct move *move, bool retry, uint64_t now)
{
    /* What a killed manager had created already must be seen before it is created again. */
    if (move->loaded && recover->cluster->sums.nodes_by_state[NODE_JOINING] > 0 &&
        now - recover->started < LOADED_PATIENCE_MS)
        return false;
    if (move->step == MOVE_LOST)
        return now >= move->ready_at;
    return move->step == MOVE_PENDING && !move->held && now >= move->ready_at &&
           recover->active < recover->settings.at_once && (retry || !move->why[0]);
}

static void on_tick(void *context)
{
    struct recover *recover = context;
    uint64_t now = loop_now(recover->cluster->loop);
    bool retry = recover->changed || now - recover->retried >= recover->settings.retry_ms;

    timer_start(&recover->tick, TICK_MS);
    look_for_dead(recover);
    drain_all(recover);
    if (retry) {
        recover->changed = false;
        recover->retried = now;
    }
    LIST_EACH(link, &recover->all)
    {
        struct move *move = LIST_ENTRY(link, struct move, link);

        if (may_run(recover, move, retry, now))
            move_run(move);
    }
    if (now - recover->tidied >= TIDY_MS) {
        recover->tidied = now;
        retire_tidy(recover);
    }
}

static void on_change(const struct change *change, void *context)
{
    struct recover *recover = context;

    recover->changed = true;
    if (change->kind != CHANGE_NODE_STATE)
        return;
    /* State changes are also told when only the lease ends: a node is lost once. */
    if (change->node->view.state == NODE_DOWN && !change->node->own->lost)
        lose_node(recover, change->node);
    else if (change->node->view.state == NODE_READY)
        retire_node(recover, change->node);
    change->node->own->lost = change->node->view.state == NODE_DOWN;
}

/* ---- life ---- */

static void load_pending(struct slice key, struct slice text, void *context)
{
    struct recover *recover = context;
    struct arena *arena = arena_new();
    const struct value *value = json_parse(arena, text, NULL);
    struct slice inspect = value_get_text(value, "inspect");
    struct moved_identity *created = table_find(recover->cluster->moved_users, key);
    struct container_entry *entry = NULL;

    /* Killed between create and start: it is there, and the move ends there. */
    if (created)
        entry = cluster_container(recover->cluster, key);
    else if (inspect.length > 0)
        entry = pending_new(recover->cluster, key, inspect, "");
    if (!entry && created)
        store_remove(recover->cluster->store, "pending", key);
    if (entry && inspect.length > 0) {
        struct move *move = move_new(recover, entry);

        move->loaded = true;
        if (!entry->node)
            entry->pending_since_ns = value_get_int(value, "since", entry->pending_since_ns);
        move->inspect = xslicedup(inspect);
        move->step = MOVE_PENDING;
        free(move->from);
        move->from = xslicedup(value_get_text(value, "from"));
        free(move->old_engine_id);
        move->old_engine_id = xslicedup(value_get_text(value, "old"));
        move->held = value_get_bool(value, "held", false);
        if (move->held && !entry->node)
            pending_set_why(entry, PENDING_HELD);
    }
    arena_free(&arena);
}

struct recover *recover_new(struct cluster *cluster, const struct recover_settings *settings,
                            struct failure *failure)
{
    struct recover *recover = xcalloc(1, sizeof *recover);

    recover->cluster = cluster;
    recover->started = loop_now(cluster->loop);
    recover->settings = *settings;
    recover->by_user = table_new();
    list_init(&recover->all);
    timer_init(&recover->tick, cluster->loop, on_tick, recover);
    if (!cluster->store) {
        failure_set(failure, FAILURE_INTERNAL, "recovery needs a store");
        recover_free(&recover);
        return NULL;
    }
    if (store_load(cluster->store, "pending", load_pending, recover, failure) != 0) {
        recover_free(&recover);
        return NULL;
    }
    recover->listener = cluster_listen(cluster, on_change, recover);
    timer_start(&recover->tick, TICK_MS);
    /* Nodes that were down when the manager stopped: what is still there to move. */
    for (size_t i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i]->view.state == NODE_DOWN) {
            lose_node(recover, cluster->nodes[i]);
            cluster->nodes[i]->own->lost = true;
        }
    }
    return recover;
}

void recover_free(struct recover **pointer)
{
    struct recover *recover = *pointer;

    *pointer = NULL;
    if (!recover)
        return;
    recover->closing = true;
    timer_stop(&recover->tick);
    change_listener_cancel(&recover->listener);
    LIST_EACH(link, &recover->all)
    {
        move_free(LIST_ENTRY(link, struct move, link));
    }
    table_free(&recover->by_user);
    free(recover);
}
