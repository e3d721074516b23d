/* Resolve: from what a user typed to a container, in the cache and, once, behind our back. */
#include "proxy/cluster/gather.h"
#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdlib.h>

#define ASK_DEADLINE_MS 5000

struct container_entry *cluster_container(struct cluster *cluster, struct slice id)
{
    return table_find(cluster->containers, id);
}

struct container_entry *cluster_container_on(struct engine_node *node, struct slice engine_id)
{
    return table_find(node->own->containers, engine_id);
}

static struct container_entry *slot_entry(const struct name_slot *slot)
{
    return LIST_ENTRY(slot->entries.next, struct container_private, name_link)->entry;
}

static int name_conflict(const struct name_slot *slot, struct slice name, struct failure *failure)
{
    struct buffer nodes;
    struct slice first = SLICE("a node");
    int result;

    buffer_init(&nodes, 300);
    LIST_EACH(link, &slot->entries)
    {
        struct container_entry *entry =
            LIST_ENTRY(link, struct container_private, name_link)->entry;
        struct slice node = entry->node ? entry->node->view.name : SLICE("(pending)");

        if (link == slot->entries.next)
            first = node;
        else
            buffer_text(&nodes, link->next == &slot->entries ? " and " : ", ");
        buffer_add(&nodes, node);
    }
    result = failure_set(
        failure, FAILURE_CONFLICT,
        "container name \"" SLICE_FMT "\" exists on " SLICE_FMT "; use " SLICE_FMT "/" SLICE_FMT,
        SLICE_ARG(name), SLICE_ARG(buffer_slice(&nodes)), SLICE_ARG(first), SLICE_ARG(name));
    buffer_deinit(&nodes);
    return result;
}

static int ambiguous(struct slice reference, struct failure *failure)
{
    return failure_set(failure, FAILURE_INVALID,
                       "multiple IDs found with provided prefix: " SLICE_FMT, SLICE_ARG(reference));
}

/* Id, name or unique id prefix within one node: 0 not there, 1 found, 2 ambiguous. */
static int find_on_node(struct engine_node *node, struct slice reference,
                        struct container_entry **found)
{
    size_t cursor = 0;
    struct slice key;
    void *value;
    int count = 0;

    *found = table_find(node->own->containers, reference);
    if (*found)
        return 1;
    while (table_each(node->own->containers, &cursor, &key, &value)) {
        struct container_entry *entry = value;

        if (slice_equal(entry->view.name, reference) || slice_equal(entry->view.id, reference)) {
            *found = entry;
            return 1;
        }
        if (slice_equal(slice_cut(key, 0, reference.length), reference) ||
            slice_equal(slice_cut(entry->view.id, 0, reference.length), reference)) {
            *found = entry;
            count++;
        }
    }
    return count > 2 ? 2 : count;
}

/* node/rest: 0 no such node or not there, 1 found, -1 failed. */
static int find_qualified(struct cluster *cluster, struct slice reference,
                          struct container_entry **found, struct failure *failure)
{
    ptrdiff_t slash = slice_find(reference, '/');
    struct engine_node *node;
    struct slice rest;
    int count;

    if (slash <= 0)
        return 0;
    node = cluster_node_find(cluster, slice_cut(reference, 0, (size_t)slash));
    rest = slice_from(reference, (size_t)slash + 1);
    if (!node || rest.length == 0)
        return 0;
    count = find_on_node(node, rest, found);
    return count == 2 ? ambiguous(rest, failure) : count;
}

int cluster_find_container(struct cluster *cluster, struct slice reference,
                           struct container_entry **entry, struct failure *failure)
{
    struct slice plain = slice_starts(reference, "/") ? slice_from(reference, 1) : reference;
    struct name_slot *slot;
    void *value = NULL;
    int found;

    *entry = table_find(cluster->containers, reference);
    if (*entry)
        return 0;
    slot = names_find(cluster, plain);
    if (slot && slot->count > 1)
        return name_conflict(slot, plain, failure);
    if (slot && slot->count == 1) {
        *entry = slot_entry(slot);
        return 0;
    }
    found = find_qualified(cluster, plain, entry, failure);
    if (found != 0)
        return found > 0 ? 0 : -1;
    *entry = table_find(cluster->aliases, plain);
    if (*entry)
        return 0;
    found = prefix_index_find(cluster->prefixes, reference, &value);
    if (found == 1) {
        *entry = value;
        return 0;
    }
    if (found > 1)
        return ambiguous(reference, failure);
    return failure_set(failure, FAILURE_NOT_FOUND, "No such container: " SLICE_FMT,
                       SLICE_ARG(reference));
}

/* ---- asking the nodes ---- */

struct resolve {
    struct cluster *cluster;
    char *reference;
    resolve_fn on_done;
    void *context;
    struct gather *gather;
    size_t refreshing;
};

static void resolve_free(struct resolve *resolve)
{
    free(resolve->reference);
    free(resolve);
}

static void resolve_finish(struct resolve *resolve)
{
    struct container_entry *entry = NULL;
    struct failure failure;
    int found =
        cluster_find_container(resolve->cluster, slice_of(resolve->reference), &entry, &failure);

    if (resolve->on_done)
        resolve->on_done(found == 0 ? entry : NULL, found == 0 ? NULL : &failure, resolve->context);
    resolve_free(resolve);
}

static void on_refreshed(struct container_entry *entry, void *context)
{
    struct resolve *resolve = context;

    (void)entry;
    if (--resolve->refreshing == 0)
        resolve_finish(resolve);
}

static void on_gathered(const struct gather_result *result, void *context)
{
    struct resolve *resolve = context;

    resolve->gather = NULL;
    resolve->refreshing = 1;
    for (size_t i = 0; i < result->count; i++) {
        const struct gather_answer *answer = &result->list[i];
        const struct value *inspect =
            answer->status == 200 ? json_parse(result->arena, answer->body, NULL) : NULL;
        struct slice id = value_get_text(inspect, "Id");

        if (id.length == 0)
            continue;
        /* The list row is missing here; the refresh brings both. */
        resolve->refreshing++;
        cluster_refresh(resolve->cluster, answer->node, id, on_refreshed, resolve);
    }
    on_refreshed(NULL, resolve);
}

/* What goes into a path; anything else can't be a container's name or id. */
static bool is_plain_word(struct slice text)
{
    if (text.length == 0 || text.length > 200 || text.at[0] == '.')
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '.' || c == '-'))
            return false;
    }
    return true;
}

struct resolve *cluster_resolve(struct cluster *cluster, struct slice reference,
                                struct container_entry **entry, struct failure *failure,
                                resolve_fn on_done, void *context)
{
    struct slice plain = slice_starts(reference, "/") ? slice_from(reference, 1) : reference;
    struct gather_request request = {.method = SLICE("GET"), .deadline_ms = ASK_DEADLINE_MS};
    struct resolve *resolve;
    struct arena *arena;
    struct engine_node **nodes;
    size_t all, count = 0;

    failure_clear(failure);
    *entry = NULL;
    if (cluster_find_container(cluster, reference, entry, failure) == 0)
        return NULL;
    if (failure->kind != FAILURE_NOT_FOUND || !is_plain_word(plain))
        return NULL;
    arena = arena_new();
    nodes = gather_all(cluster, arena, &all);
    for (size_t i = 0; i < all; i++) {
        if (nodes[i]->view.state == NODE_READY)
            nodes[count++] = nodes[i];
    }
    if (count == 0) {
        arena_free(&arena);
        return NULL;
    }
    resolve = xcalloc(1, sizeof *resolve);
    resolve->cluster = cluster;
    resolve->reference = xslicedup(reference);
    resolve->on_done = on_done;
    resolve->context = context;
    request.target = arena_printf(arena, "/containers/" SLICE_FMT "/json", SLICE_ARG(plain));
    resolve->gather = gather_start(cluster, &request, nodes, count, on_gathered, resolve);
    arena_free(&arena);
    return resolve;
}

void resolve_cancel(struct resolve **pointer)
{
    struct resolve *resolve = *pointer;

    *pointer = NULL;
    if (!resolve)
        return;
    resolve->on_done = NULL;
    if (!resolve->gather)
        return; /* refreshes are under way: the last one frees it */
    gather_cancel(&resolve->gather);
    resolve_free(resolve);
}

/* ---- refresh ---- */

struct refresh {
    struct engine_node *node;
    char *engine_id;
    refreshed_fn on_done;
    void *context;
};

static void refresh_kept(void *context)
{
    struct refresh *refresh = context;
    struct container_entry *entry = NULL;

    if (!refresh->node->removed)
        entry = cluster_container_on(refresh->node, slice_of(refresh->engine_id));
    refresh->on_done(entry, refresh->context);
    node_release(refresh->node);
    free(refresh->engine_id);
    free(refresh);
}

static void refresh_done(const struct failure *failure, void *context)
{
    struct refresh *refresh = context;

    (void)failure; /* not reachable: what the cache has is the answer */
    cluster_when_kept(refresh->node->cluster, refresh_kept, refresh);
}

void cluster_refresh(struct cluster *cluster, struct engine_node *node, struct slice engine_id,
                     refreshed_fn on_done, void *context)
{
    struct refresh *refresh = xcalloc(1, sizeof *refresh);

    refresh->node = node_hold(node);
    refresh->engine_id = xslicedup(engine_id);
    refresh->on_done = on_done;
    refresh->context = context;
    if (node->removed)
        loop_defer(cluster->loop, refresh_kept, refresh);
    else
        watch_refresh(node->watch, engine_id, refresh_done, refresh);
}
