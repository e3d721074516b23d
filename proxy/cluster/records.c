/* Records: one JSON object each; kinds node, networks, container, identity, superseded, pending. */
#include "proxy/cluster/records.h"

#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdlib.h>

#define RECORD_MAX (4u * 1024 * 1024)

struct store *cluster_store(const struct cluster *cluster)
{
    return cluster->store;
}

void cluster_when_kept(struct cluster *cluster, loop_fn on_done, void *context)
{
    if (cluster->store)
        store_barrier(cluster->store, on_done, context);
    else
        loop_defer(cluster->loop, on_done, context);
}

static void put(struct cluster *cluster, const char *kind, struct slice key,
                const struct value *value)
{
    struct buffer text;

    buffer_init(&text, RECORD_MAX);
    if (json_write(&text, value) == 0)
        store_put(cluster->store, kind, key, buffer_slice(&text), NULL, NULL);
    buffer_deinit(&text);
}

/* ---- nodes ---- */

static struct value *tags_value(struct arena *arena, struct tags tags)
{
    struct value *map = value_map(arena);

    for (size_t i = 0; i < tags.count; i++)
        value_set_slice(arena, map, tags.list[i].key, value_text(arena, tags.list[i].value));
    return map;
}

void record_node(struct engine_node *node)
{
    struct cluster *cluster = node->cluster;
    struct arena *arena;
    struct value *value;

    if (!cluster->store || cluster->loading || node->removed || node->view.id.length == 0)
        return;
    arena = arena_new();
    value = value_map(arena);
    value_set_text(arena, value, "engine_id", node->view.id);
    value_set_text(arena, value, "endpoint", slice_of(node->endpoint.text));
    value_set_text(arena, value, "address", node->view.address);
    value_set_text(arena, value, "pool", node->view.pool);
    value_set_bool(arena, value, "joined", node->joined);
    value_set_bool(arena, value, "down", node->view.state == NODE_DOWN);
    value_set_text(arena, value, "availability",
                   slice_of(availability_name(node->view.availability)));
    value_set_int(arena, value, "memory", node->declared.memory_bytes);
    value_set_int(arena, value, "cpus", node->declared.nano_cpus);
    value_set(arena, value, "tags", tags_value(arena, node->own->declared_tags));
    value_set(arena, value, "facts", tags_value(arena, node->view.facts));
    value_set(arena, value, "labels", tags_value(arena, node->labels));
    put(cluster, "node", node->view.name, value);
    arena_free(&arena);
}

void record_node_gone(struct engine_node *node)
{
    struct cluster *cluster = node->cluster;

    if (!cluster->store || cluster->closing)
        return;
    store_remove(cluster->store, "node", node->view.name);
    store_remove(cluster->store, "networks", node->view.name);
}

/* The operator's words about a node, once it is known by name. */
static void recall(struct engine_node *node, const struct value *value)
{
    struct arena *arena = arena_new();
    struct tags labels = decode_labels(arena, value_find(value, "labels"));
    enum availability availability;

    if (availability_parse(value_get_text(value, "availability"), &availability) == 0)
        node_set_availability(node, availability);
    if (labels.count > 0)
        node_set_labels(node, labels);
    arena_free(&arena);
}

void records_recall(struct engine_node *node)
{
    struct value *value = table_remove(node->cluster->remembered, node->view.name);

    if (value)
        recall(node, value);
}

static void load_node(struct slice key, struct slice text, void *context)
{
    struct cluster *cluster = context;
    struct arena *arena = cluster->remembered_arena;
    const struct value *value = json_parse(arena, text, NULL);
    struct node_options options = {.name = key, .joined = true};
    struct engine_node *node;
    struct failure failure;

    if (!value)
        return;
    if (!value_get_bool(value, "joined", false)) {
        /* Given by --node, or not any more: kept until it is. */
        table_put(cluster->remembered, key, value_copy(arena, value));
        return;
    }
    options.engine_id = value_get_text(value, "engine_id");
    options.address = value_get_text(value, "address");
    options.pool = value_get_text(value, "pool");
    options.tags = decode_labels(arena, value_find(value, "tags"));
    options.facts = decode_labels(arena, value_find(value, "facts"));
    options.declared.memory_bytes = value_get_int(value, "memory", 0);
    options.declared.nano_cpus = value_get_int(value, "cpus", 0);
    if (endpoint_parse(&options.endpoint, value_get_text(value, "endpoint"), 0, &failure) != 0)
        return;
    node = cluster_node_add(cluster, &options, &failure);
    if (!node)
        return;
    recall(node, value);
    if (value_get_bool(value, "down", false))
        node_set_state(node, NODE_DOWN, "was declared dead before the manager was restarted");
}

/* ---- networks of a node: what is needed to make them again elsewhere ---- */

void record_networks(struct engine_node *node, const struct value *list)
{
    struct arena *arena;
    struct value *kept;

    if (!node->cluster->store || node->cluster->loading)
        return;
    arena = arena_new();
    kept = value_list(arena);
    VALUE_EACH(network, list)
    {
        struct slice name = value_get_text(network, "Name");

        if (!slice_is(name, "bridge") && !slice_is(name, "host") && !slice_is(name, "none"))
            value_append(kept, value_copy(arena, network));
    }
    if (kept->count > 0)
        put(node->cluster, "networks", node->view.name, kept);
    else
        store_remove(node->cluster->store, "networks", node->view.name);
    arena_free(&arena);
}

static void load_networks(struct slice key, struct slice text, void *context)
{
    struct engine_node *node = cluster_node_named(context, key);
    struct arena *arena = arena_new();
    const struct value *list = json_parse(arena, text, NULL);

    if (node && list)
        inventory_take(node, WATCH_NETWORKS, list);
    arena_free(&arena);
}

/* ---- containers ---- */

/* Of an inspect only what a copy elsewhere needs and what lists show. */
static struct value *trim_inspect(struct arena *arena, const struct value *inspect)
{
    static const char *const kept[] = {"Id",     "Name",       "Created",         "Image",
                                       "Config", "HostConfig", "NetworkSettings", "Mounts",
                                       "State",  NULL};
    static const char *const state_kept[] = {"Status", "StartedAt", "FinishedAt", "ExitCode", NULL};
    struct value *trimmed = value_map(arena);

    for (int i = 0; kept[i]; i++) {
        const struct value *part = value_find(inspect, kept[i]);
        struct value *state;

        if (!part)
            continue;
        if (strcmp(kept[i], "State") != 0) {
            value_set(arena, trimmed, kept[i], value_copy(arena, part));
            continue;
        }
        state = value_submap(arena, trimmed, "State");
        for (int j = 0; state_kept[j]; j++) {
            const struct value *word = value_find(part, state_kept[j]);

            if (word)
                value_set(arena, state, state_kept[j], value_copy(arena, word));
        }
    }
    return trimmed;
}

static uint64_t text_hash(struct slice text)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < text.length; i++)
        hash = (hash ^ (unsigned char)text.at[i]) * 1099511628211u;
    return hash;
}

/* Written when it differs from what was written last: a resync of a large node writes nothing. */
void record_container(struct container_entry *entry, const struct value *inspect)
{
    struct container_private *own = entry->own;
    struct cluster *cluster = own->cluster;
    struct arena *arena;
    struct value *value;
    struct buffer text;

    if (!cluster->store || cluster->loading || !entry->node || entry->superseded)
        return;
    arena = arena_new();
    value = value_map(arena);
    value_set_text(arena, value, "node", entry->node->view.name);
    value_set(arena, value, "inspect", trim_inspect(arena, inspect));
    if (entry->row.length > 0)
        value_set_text(arena, value, "row", entry->row);
    buffer_init(&text, RECORD_MAX);
    if (json_write(&text, value) == 0) {
        uint64_t hash = text_hash(buffer_slice(&text));

        if (hash != own->record_hash)
            store_put(cluster->store, "container", entry->engine_id, buffer_slice(&text), NULL,
                      NULL);
        own->record_hash = hash;
    }
    buffer_deinit(&text);
    arena_free(&arena);
}

void record_container_gone(struct container_entry *entry)
{
    struct cluster *cluster = entry->own->cluster;

    if (!cluster->store || cluster->closing || !entry->node)
        return;
    store_remove(cluster->store, "container", entry->engine_id);
    if (entry->superseded)
        superseded_forget(cluster, entry->engine_id);
    else if (entry->moved)
        identity_forget(cluster, entry->view.id);
}

static void load_container(struct slice key, struct slice text, void *context)
{
    struct cluster *cluster = context;
    struct arena *arena = arena_new();
    const struct value *value = json_parse(arena, text, NULL);
    struct engine_node *node = cluster_node_named(cluster, value_get_text(value, "node"));
    struct slice row = value_get_text(value, "row");

    if (node)
        container_take(node, key, row.length ? json_parse(arena, row, NULL) : NULL,
                       value_find(value, "inspect"));
    arena_free(&arena);
}

/* ---- identities ---- */

void record_identity(struct cluster *cluster, struct slice user_id, struct slice engine_id)
{
    if (!cluster->store || cluster->loading || cluster->closing)
        return;
    if (engine_id.length > 0)
        store_put(cluster->store, "identity", user_id, engine_id, NULL, NULL);
    else
        store_remove(cluster->store, "identity", user_id);
}

void record_superseded(struct cluster *cluster, struct slice engine_id, struct slice user_id)
{
    if (!cluster->store || cluster->loading || cluster->closing)
        return;
    if (user_id.length > 0)
        store_put(cluster->store, "superseded", engine_id, user_id, NULL, NULL);
    else
        store_remove(cluster->store, "superseded", engine_id);
}

static void load_identity(struct slice key, struct slice text, void *context)
{
    identity_set(context, key, text);
}

static void load_superseded(struct slice key, struct slice text, void *context)
{
    superseded_set(context, key, text);
}

static void load_doubt(struct slice key, struct slice text, void *context)
{
    doubts_load(context, key, text);
}

int cluster_set_store(struct cluster *cluster, struct store *store, struct failure *failure)
{
    static const struct {
        const char *kind;
        store_each_fn load;
    } kinds[] = {
        {"identity", load_identity}, {"superseded", load_superseded}, {"node", load_node},
        {"networks", load_networks}, {"container", load_container},   {"doubt", load_doubt},
    };

    must(cluster->node_count == 0);
    cluster->store = store;
    cluster->loading = true;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (store_load(store, kinds[i].kind, kinds[i].load, cluster, failure) != 0)
            return -1;
    }
    cluster->loading = false;
    return 0;
}
