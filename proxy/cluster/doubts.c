/* Doubts: creates whose answer was lost. The next node was asked instead; should the silent one
 * have carried it out after all, its container is an orphan that nobody was told of, never started:
 * it is hidden at once and removed. */
#include "proxy/cluster/state.h"
#include "proxy/log.h"

#include <inttypes.h>
#include <stdlib.h>

/* A hung engine may carry out what it was asked long after it was given up. */
#define DOUBT_NS   (600ll * 1000000000)
#define DOUBTS_MAX 10000
#define TIMEOUT_MS 30000

struct doubt {
    int64_t since_ns; /* wall clock: kept in the store */
};

static struct slice doubt_key(struct arena *arena, const struct engine_node *node,
                              struct slice name)
{
    return arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(node->view.name),
                        SLICE_ARG(name));
}

static void put(struct cluster *cluster, struct slice key, int64_t since_ns)
{
    struct doubt *doubt = xcalloc(1, sizeof *doubt);

    doubt->since_ns = since_ns;
    free(table_put(cluster->doubts, key, doubt));
}

void doubt_add(struct engine_node *node, struct slice name)
{
    struct cluster *cluster = node->cluster;
    struct arena *arena = arena_new();
    struct slice key = doubt_key(arena, node, name);
    int64_t now = loop_wall_ns();

    if (table_count(cluster->doubts) < DOUBTS_MAX) {
        put(cluster, key, now);
        if (cluster->store)
            store_put(cluster->store, "doubt", key, arena_printf(arena, "%" PRId64, now), NULL,
                      NULL);
    }
    arena_free(&arena);
}

static void forget(struct cluster *cluster, struct slice key)
{
    struct doubt *doubt = table_remove(cluster->doubts, key);

    if (!doubt)
        return;
    free(doubt);
    if (cluster->store)
        store_remove(cluster->store, "doubt", key);
}

void doubt_forget(struct engine_node *node, struct slice name)
{
    struct arena *arena = arena_new();

    if (table_count(node->cluster->doubts) > 0)
        forget(node->cluster, doubt_key(arena, node, name));
    arena_free(&arena);
}

void doubts_load(struct cluster *cluster, struct slice key, struct slice text)
{
    int64_t since = 0;

    if (slice_to_i64(text, &since) == 0)
        put(cluster, key, since);
}

void doubts_deinit(struct cluster *cluster)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    while (table_each(cluster->doubts, &cursor, &key, &value))
        free(value);
    table_free(&cluster->doubts);
}

static void on_removed(const struct call_reply *reply, const struct failure *failure, void *context)
{
    (void)reply;
    (void)failure; /* it stays hidden; the engine's event takes it out of the cache */
    (void)context;
}

void doubt_meets(struct container_entry *entry)
{
    struct engine_node *node = entry->node;
    struct cluster *cluster = node->cluster;
    struct call_request request = {.method = SLICE("DELETE"), .deadline_ms = TIMEOUT_MS};
    struct arena *arena;
    const struct doubt *doubt;
    struct slice key;
    bool meets;

    if (table_count(cluster->doubts) == 0 || cluster->loading)
        return;
    arena = arena_new();
    key = doubt_key(arena, node, entry->view.name);
    doubt = table_find(cluster->doubts, key);
    /* A launch under way there is another story: that one is awaited. */
    meets = doubt && !entry->moved && !entry->superseded &&
            entry->view.state == CONTAINER_CREATED && loop_wall_ns() - doubt->since_ns < DOUBT_NS &&
            !table_find(cluster->arrivals, entry->view.name);
    /* While a launch of that name is under way the question stays open. */
    if (doubt && !table_find(cluster->arrivals, entry->view.name))
        forget(cluster, key);
    if (meets) {
        log_info("orphan removed", "container=" SLICE_FMT " node=" SLICE_FMT,
                 SLICE_ARG(entry->view.name), SLICE_ARG(node->view.name));
        superseded_set(cluster, entry->engine_id, entry->engine_id);
        request.target = arena_printf(arena, "/containers/" SLICE_FMT, SLICE_ARG(entry->engine_id));
        call_start(node->upstream, &request, on_removed, NULL);
    }
    arena_free(&arena);
}
