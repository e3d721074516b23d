/* Execs: which node an exec id belongs to. Engines forget a finished exec after some minutes; so do
 * we, a little later. */
#include "proxy/cluster/state.h"

#include <stdlib.h>

#define EXEC_MAX     100000
#define EXEC_KEEP_MS (10 * 60 * 1000)
#define EXEC_TICK_MS 60000

struct exec {
    struct list link; /* oldest first */
    char *id, *container;
    struct engine_node *node;
    uint64_t ended; /* 0: not yet */
};

struct exec_map {
    struct loop *loop;
    struct table *by_id;
    struct list all;
    struct timer timer;
};

static void exec_drop(struct exec_map *map, struct exec *exec)
{
    table_remove(map->by_id, slice_of(exec->id));
    list_remove(&exec->link);
    free(exec->id);
    free(exec->container);
    free(exec);
}

static void on_tick(void *context)
{
    struct exec_map *map = context;
    uint64_t now = loop_now(map->loop);

    LIST_EACH(link, &map->all)
    {
        struct exec *exec = LIST_ENTRY(link, struct exec, link);

        if (exec->ended && now - exec->ended > EXEC_KEEP_MS)
            exec_drop(map, exec);
    }
    if (!list_empty(&map->all))
        timer_start(&map->timer, EXEC_TICK_MS);
}

struct exec_map *execs_new(struct loop *loop)
{
    struct exec_map *map = xcalloc(1, sizeof *map);

    map->loop = loop;
    map->by_id = table_new();
    list_init(&map->all);
    timer_init(&map->timer, loop, on_tick, map);
    return map;
}

void execs_free(struct exec_map **pointer)
{
    struct exec_map *map = *pointer;

    *pointer = NULL;
    if (!map)
        return;
    timer_stop(&map->timer);
    LIST_EACH(link, &map->all)
    {
        exec_drop(map, LIST_ENTRY(link, struct exec, link));
    }
    table_free(&map->by_id);
    free(map);
}

void execs_drop_node(struct cluster *cluster, struct engine_node *node)
{
    LIST_EACH(link, &cluster->execs->all)
    {
        struct exec *exec = LIST_ENTRY(link, struct exec, link);

        if (exec->node == node)
            exec_drop(cluster->execs, exec);
    }
}

void cluster_exec_add(struct cluster *cluster, struct slice exec_id, struct engine_node *node,
                      struct slice engine_container_id)
{
    struct exec_map *map = cluster->execs;
    struct exec *exec;

    if (exec_id.length == 0 || table_find(map->by_id, exec_id))
        return;
    if (table_count(map->by_id) >= EXEC_MAX)
        exec_drop(map, LIST_ENTRY(map->all.next, struct exec, link));
    exec = xcalloc(1, sizeof *exec);
    exec->id = xslicedup(exec_id);
    exec->container = xslicedup(engine_container_id);
    exec->node = node;
    table_put(map->by_id, exec_id, exec);
    list_append(&map->all, &exec->link);
    if (!timer_running(&map->timer))
        timer_start(&map->timer, EXEC_TICK_MS);
}

void execs_take_event(struct engine_node *node, const struct engine_event *event)
{
    struct cluster *cluster = node->cluster;
    struct slice id = value_get_text(event->attributes, "execID");
    struct exec *exec;

    if (!slice_is(event->type, "container") || id.length == 0)
        return;
    if (slice_starts(event->action, "exec_create"))
        cluster_exec_add(cluster, id, node, event->actor);
    exec = table_find(cluster->execs->by_id, id);
    if (exec && slice_starts(event->action, "exec_die"))
        exec->ended = loop_now(cluster->loop);
}

struct engine_node *cluster_exec_node(struct cluster *cluster, struct slice exec_id)
{
    struct exec *exec = table_find(cluster->execs->by_id, exec_id);

    return exec ? exec->node : NULL;
}

struct slice cluster_exec_container(struct cluster *cluster, struct slice exec_id)
{
    struct exec *exec = table_find(cluster->execs->by_id, exec_id);

    return exec ? slice_of(exec->container) : SLICE_NONE;
}
