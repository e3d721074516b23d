/* Containers: takes containers in and out of the cache and keeps everything that is derived from
 * them right: indexes, sums, held ports, names, order. */
#include "proxy/cluster/containers.h"

#include "proxy/cluster/state.h"

#include <stdlib.h>

void containers_init(struct cluster *cluster)
{
    cluster->containers = table_new();
    cluster->prefixes = prefix_index_new();
    cluster->aliases = table_new();
    cluster->moved = table_new();
    cluster->moved_users = table_new();
    list_init(&cluster->pending);
}

void containers_deinit(struct cluster *cluster)
{
    while (!list_empty(&cluster->pending)) {
        struct container_private *own =
            LIST_ENTRY(cluster->pending.next, struct container_private, pending_link);

        container_drop(own->entry);
    }
    identities_deinit(cluster);
    table_free(&cluster->containers);
    prefix_index_free(&cluster->prefixes);
    table_free(&cluster->aliases);
    table_free(&cluster->moved);
    table_free(&cluster->moved_users);
    free(cluster->sorted);
    free(cluster->shown);
}

/* ---- the node's array of views ---- */

static void link_view(struct container_entry *entry)
{
    struct node_private *node = entry->node->own;
    struct node *view = &entry->node->view;

    if (view->containers_total == node->view_capacity) {
        node->view_capacity = node->view_capacity ? node->view_capacity * 2 : 8;
        node->views = xrealloc(node->views, node->view_capacity * sizeof *node->views);
        view->containers = node->views;
    }
    entry->own->view_index = view->containers_total;
    node->views[view->containers_total++] = &entry->view;
}

static void unlink_view(struct container_entry *entry)
{
    struct node_private *node = entry->node->own;
    struct node *view = &entry->node->view;
    const struct container *last = node->views[--view->containers_total];
    /* `view` is embedded in its entry, which is not const: only the scheduler's view of it is. */
    struct container_entry *moved =
        (struct container_entry *)((uintptr_t)last - offsetof(struct container_entry, view));

    node->views[entry->own->view_index] = last;
    moved->own->view_index = entry->own->view_index;
}

/* ---- indexes ---- */

static void index_id(struct container_entry *entry, struct slice id)
{
    struct cluster *cluster = entry->own->cluster;

    if (id.length == 0 || table_find(cluster->containers, id))
        return;
    table_put(cluster->containers, id, entry);
    prefix_index_put(cluster->prefixes, id, entry);
}

static void unindex_id(struct container_entry *entry, struct slice id)
{
    struct cluster *cluster = entry->own->cluster;

    if (id.length == 0 || table_find(cluster->containers, id) != entry)
        return;
    table_remove(cluster->containers, id);
    prefix_index_remove(cluster->prefixes, id);
}

static void index_aliases(struct container_entry *entry, bool add)
{
    struct cluster *cluster = entry->own->cluster;

    for (size_t i = 0; i < entry->own->aliases; i++) {
        struct slice alias = slice_of(entry->own->alias_list[i]);

        if (add && !table_find(cluster->aliases, alias))
            table_put(cluster->aliases, alias, entry);
        else if (!add && table_find(cluster->aliases, alias) == entry)
            table_remove(cluster->aliases, alias);
    }
}

void container_index(struct container_entry *entry)
{
    if (entry->superseded)
        return;
    index_id(entry, entry->view.id);
    index_id(entry, entry->engine_id);
    index_aliases(entry, true);
    names_link(entry);
}

void container_unindex(struct container_entry *entry)
{
    names_unlink(entry);
    index_aliases(entry, false);
    unindex_id(entry, entry->view.id);
    unindex_id(entry, entry->engine_id);
}

/* ---- entries ---- */

/* The container has arrived somewhere: it is pending no more. */
static void drop_pending(struct cluster *cluster, struct slice user_id)
{
    struct container_entry *waiting = table_find(cluster->containers, user_id);

    if (waiting && !waiting->node)
        container_drop(waiting);
}

/* A new entry; node NULL: pending. Ids are copied; not indexed or accounted yet. */
struct container_entry *container_new(struct cluster *cluster, struct engine_node *node,
                                      struct slice engine_id)
{
    struct container_entry *entry = xcalloc(1, sizeof *entry);
    struct container_private *own = xcalloc(1, sizeof *own);

    entry->own = own;
    entry->node = node;
    own->entry = entry;
    own->cluster = cluster;
    own->engine_id = xslicedup(engine_id);
    entry->engine_id = slice_of(own->engine_id);
    list_init(&own->name_link);
    list_init(&own->pending_link);
    container_identify(entry);
    if (entry->moved)
        drop_pending(cluster, entry->view.id);
    if (node) {
        table_put(node->own->containers, engine_id, entry);
        link_view(entry);
    } else {
        list_append(&cluster->pending, &own->pending_link);
    }
    containers_order_add(entry);
    return entry;
}

static void entry_free(struct container_entry *entry)
{
    struct container_private *own = entry->own;

    for (size_t i = 0; i < own->aliases; i++)
        free(own->alias_list[i]);
    free(own->alias_list);
    free(own->text);
    free(own->labels);
    free(own->ports);
    free(own->row);
    free(own->status);
    free(own->name);
    free(own->user_id);
    free(own->engine_id);
    free(own->spec);
    free(entry->pending_why);
    free(own);
    free(entry);
}

void container_drop(struct container_entry *entry)
{
    struct container_private *own = entry->own;

    if (!own->cluster->closing)
        changes_notify(own->cluster, CHANGE_CONTAINER_GONE, entry->node, entry);
    record_container_gone(entry);
    if (own->reservation)
        reservation_free(&own->reservation);
    container_unaccount(entry);
    container_unindex(entry);
    containers_order_remove(entry);
    list_remove(&own->pending_link);
    if (entry->node) {
        unlink_view(entry);
        table_remove(entry->node->own->containers, entry->engine_id);
    }
    entry_free(entry);
}

/* ---- from the watch ---- */

static void take_aliases(struct container_entry *entry, const struct value *row)
{
    struct container_private *own = entry->own;
    const struct value *names = value_find(row, "Names");

    index_aliases(entry, false);
    for (size_t i = 0; i < own->aliases; i++)
        free(own->alias_list[i]);
    own->aliases = 0;
    if (!names || names->count < 2)
        return;
    own->alias_list = xrealloc(own->alias_list, names->count * sizeof *own->alias_list);
    VALUE_EACH(name, names)
    {
        struct slice text = name->text;

        if (slice_starts(text, "/"))
            text = slice_from(text, 1);
        if (slice_find(text, '/') > 0)
            own->alias_list[own->aliases++] = xslicedup(text);
    }
    if (own->accounted && !entry->superseded)
        index_aliases(entry, true);
}

static void take_row(struct container_entry *entry, const struct value *row)
{
    struct container_private *own = entry->own;

    container_set_row(entry, row);
    take_aliases(entry, row);
    free(own->status);
    own->status = own->detailed ? NULL : xslicedup(value_get_text(row, "Status"));
}

/* When it stopped, for telling an orderly shutdown of its node from a user's stop. */
static void note_end(struct container_entry *entry, bool ran)
{
    if (entry->view.state != CONTAINER_CREATED)
        entry->own->arriving = false;
    if (entry->view.state == CONTAINER_RUNNING) {
        entry->own->stop_asked = false;
        entry->own->stopped_at = 0;
    } else if (ran) {
        entry->own->stopped_at = loop_now(entry->own->cluster->loop);
    }
}

struct container_entry *container_take(struct engine_node *node, struct slice engine_id,
                                       const struct value *row, const struct value *inspect)
{
    struct container_entry *entry = table_find(node->own->containers, engine_id);
    struct container_facts facts;
    struct arena *arena;
    bool fresh = !entry, ran = entry && entry->view.state == CONTAINER_RUNNING;
    struct slice name = SLICE_NONE;

    if (!row && !inspect) {
        if (entry)
            container_drop(entry);
        return NULL;
    }
    arena = arena_new();
    if (inspect && decode_container(arena, inspect, &facts, NULL) != 0)
        inspect = NULL;
    if (!inspect && !row) {
        arena_free(&arena);
        return entry;
    }
    if (!inspect)
        container_facts_of_row(arena, row, &facts);
    name = inspect ? facts.model.name : container_name_of_row(row);
    if (fresh) {
        launch_arrived(node, name, engine_id);
        entry = container_new(node->cluster, node, engine_id);
        entry->own->arriving = entry->moved;
    } else {
        container_unaccount(entry);
    }
    if (inspect) {
        entry->own->detailed = true;
        free(entry->own->status);
        entry->own->status = NULL;
        container_keep_facts(entry, &facts);
    } else if (fresh) {
        container_keep_facts(entry, &facts);
    } else {
        /* Details follow; until then what was known of resources and ports stands. */
        entry->view.state = entry->facts.model.state = facts.model.state;
    }
    if (name.length > 0)
        container_set_name(entry, name);
    if (row)
        take_row(entry, row);
    note_end(entry, ran);
    container_account(entry);
    container_index(entry);
    entry->generation++;
    doubt_meets(entry);
    if (inspect)
        record_container(entry, inspect);
    arena_free(&arena);
    changes_notify(node->cluster, CHANGE_CONTAINER, node, entry);
    return entry;
}

void containers_take_list(struct engine_node *node, const struct value *list)
{
    struct node_private *own = node->own;
    size_t cursor = 0;
    struct slice key;
    void *value;

    own->sweep++;
    VALUE_EACH(row, list)
    {
        struct slice id = value_get_text(row, "Id");
        struct container_entry *entry = id.length ? container_take(node, id, row, NULL) : NULL;

        if (entry)
            entry->own->sweep = own->sweep;
    }
    while (table_each(own->containers, &cursor, &key, &value)) {
        struct container_entry *entry = value;

        if (entry->own->sweep != own->sweep)
            container_drop(entry);
    }
}

void containers_drop_node(struct engine_node *node)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    while (table_each(node->own->containers, &cursor, &key, &value))
        container_drop(value);
}

void cluster_note_stop(struct container_entry *entry)
{
    entry->own->stop_asked = true;
}

void cluster_note_wish(struct container_entry *entry, bool stopped)
{
    entry->own->stop_wanted = stopped;
}

bool cluster_stop_wanted(const struct container_entry *entry)
{
    return entry->own->stop_wanted;
}

void cluster_apply_removed(struct container_entry *entry)
{
    container_drop(entry);
}

void cluster_apply_renamed(struct container_entry *entry, struct slice name)
{
    container_set_name(entry, name);
    entry->generation++;
    changes_notify(entry->own->cluster, CHANGE_CONTAINER, entry->node, entry);
}
