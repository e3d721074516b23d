/* Events: turns one engine's event into one of the cluster, keeps the last ones (an engine keeps
 * only 256), and publishes berth's own. */
#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <inttypes.h>
#include <stdlib.h>

#define RING_BYTES                                                                                 \
    (8u * 1024 * 1024) /* of all kept texts: the ring is cut short before it grows                 \
                        */
#define EVENT_MAX (1024 * 1024)

struct kept_event {
    int64_t time_ns;
    char *text;
    size_t length;
    struct engine_node *node; /* only compared with registered ones */
};

struct event_ring {
    struct kept_event *list; /* a ring in the order of arrival */
    size_t capacity, first, count, bytes;
};

struct event_ring *event_ring_new(size_t capacity)
{
    struct event_ring *ring = xcalloc(1, sizeof *ring);

    ring->capacity = capacity ? capacity : 1;
    ring->list = xcalloc(ring->capacity, sizeof *ring->list);
    return ring;
}

static void drop_oldest(struct event_ring *ring)
{
    struct kept_event *oldest = &ring->list[ring->first];

    ring->bytes -= oldest->length;
    free(oldest->text);
    oldest->text = NULL;
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
}

void event_ring_free(struct event_ring **pointer)
{
    struct event_ring *ring = *pointer;

    *pointer = NULL;
    if (!ring)
        return;
    while (ring->count > 0)
        drop_oldest(ring);
    free(ring->list);
    free(ring);
}

static void keep(struct event_ring *ring, const struct cluster_event *event)
{
    struct kept_event *kept;

    while (ring->count > 0 &&
           (ring->count == ring->capacity || ring->bytes + event->text.length > RING_BYTES))
        drop_oldest(ring);
    kept = &ring->list[(ring->first + ring->count++) % ring->capacity];
    kept->time_ns = event->time_ns;
    kept->text = xslicedup(event->text);
    kept->length = event->text.length;
    kept->node = event->node;
    ring->bytes += kept->length;
}

static void keep_and_tell(struct cluster *cluster, struct cluster_event *event)
{
    struct buffer buffer;

    buffer_init(&buffer, EVENT_MAX);
    json_write(&buffer, event->value);
    if (!buffer.overflow) {
        event->text = buffer_slice(&buffer);
        keep(cluster->ring, event);
        changes_tell_event(cluster, event);
    }
    buffer_deinit(&buffer);
}

/* Moved containers are known by their first id; the node is named. */
static void edit_event(struct arena *arena, struct engine_node *node,
                       const struct engine_event *event)
{
    struct value *actor = value_submap(arena, event->value, "Actor");
    struct value *attributes = value_submap(arena, actor, "Attributes");
    struct slice container = value_get_text(attributes, "container");

    if (slice_is(event->type, "container") && event->actor.length > 0) {
        struct slice id = cluster_user_id(node->cluster, event->actor);

        value_set_text(arena, actor, "ID", id);
        if (value_find(event->value, "id"))
            value_set_text(arena, event->value, "id", id);
    }
    if (slice_is(event->type, "network") && container.length > 0)
        value_set_text(arena, attributes, "container", cluster_user_id(node->cluster, container));
    value_set_text(arena, attributes, "node.name", node->view.name);
    value_set_text(arena, attributes, "node.id", slice_of(node->swarm_id));
    value_set_text(arena, attributes, "node.ip", node->view.address);
}

void events_take(struct engine_node *node, const struct engine_event *event)
{
    struct cluster *cluster = node->cluster;
    struct cluster_event told = {.time_ns = event->time_ns,
                                 .node = node,
                                 .type = event->type,
                                 .action = event->action,
                                 .value = event->value};
    const struct container_entry *entry = cluster_container_on(node, event->actor);
    struct arena *arena;

    execs_take_event(node, event);
    if (slice_is(event->type, "container") && slice_is(event->action, "create"))
        launch_arrived(node, value_get_text(event->attributes, "name"), event->actor);
    if (entry && slice_is(event->action, "kill"))
        entry->own->killed_at = loop_now(cluster->loop);
    /* An old copy has the id of the container that lives on elsewhere: its end is not that one's.
     */
    if (table_find(cluster->superseded, event->actor))
        return;
    arena = arena_new();
    if (told.time_ns == 0)
        told.time_ns = loop_wall_ns();
    edit_event(arena, node, event);
    told.actor = value_get_text(value_find(event->value, "Actor"), "ID");
    keep_and_tell(cluster, &told);
    arena_free(&arena);
}

void cluster_publish(struct cluster *cluster, struct slice type, struct slice action,
                     struct slice actor, struct tags attributes, struct engine_node *node)
{
    struct arena *arena = arena_new();
    struct value *event = value_map(arena), *actor_value, *list;
    int64_t now = loop_wall_ns();
    struct cluster_event told = {
        .time_ns = now, .node = node, .type = type, .action = action, .actor = actor};

    value_set_text(arena, event, "Type", type);
    value_set_text(arena, event, "Action", action);
    actor_value = value_submap(arena, event, "Actor");
    value_set_text(arena, actor_value, "ID", actor);
    list = value_submap(arena, actor_value, "Attributes");
    for (size_t i = 0; i < attributes.count; i++)
        value_set_slice(arena, list, attributes.list[i].key,
                        value_text(arena, attributes.list[i].value));
    if (node) {
        value_set_text(arena, list, "node.name", node->view.name);
        value_set_text(arena, list, "node.id", slice_of(node->swarm_id));
    }
    value_set_text(arena, event, "scope", SLICE("swarm"));
    value_set_int(arena, event, "time", now / 1000000000);
    value_set_int(arena, event, "timeNano", now);
    told.value = event;
    keep_and_tell(cluster, &told);
    arena_free(&arena);
}

static int by_time(const void *a, const void *b)
{
    const struct kept_event *const *left = a, *const *right = b;
    int64_t x = (*left)->time_ns, y = (*right)->time_ns;

    if (x != y)
        return x < y ? -1 : 1;
    return *left < *right ? -1 : *left > *right; /* keeps the order of arrival, but for a wrap */
}

static struct engine_node *still_there(struct cluster *cluster, const struct engine_node *node)
{
    for (size_t i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i] == node)
            return cluster->nodes[i];
    }
    return NULL;
}

static void tell_kept(struct cluster *cluster, const struct kept_event *kept, event_fn on_event,
                      void *context)
{
    struct arena *arena = arena_new();
    struct cluster_event event = {.time_ns = kept->time_ns,
                                  .text = slice_make(kept->text, kept->length)};

    event.value = json_parse(arena, event.text, NULL);
    event.type = value_get_text(event.value, "Type");
    event.action = value_get_text(event.value, "Action");
    event.actor = value_get_text(value_find(event.value, "Actor"), "ID");
    event.node = still_there(cluster, kept->node);
    on_event(&event, context);
    arena_free(&arena);
}

void cluster_history(struct cluster *cluster, int64_t since_ns, int64_t until_ns, event_fn on_event,
                     void *context)
{
    struct event_ring *ring = cluster->ring;
    struct kept_event **list = xmalloc((ring->count + 1) * sizeof(struct kept_event *));
    size_t count = 0;

    for (size_t i = 0; i < ring->count; i++) {
        struct kept_event *kept = &ring->list[(ring->first + i) % ring->capacity];

        if (kept->time_ns >= since_ns && kept->time_ns <= until_ns)
            list[count++] = kept;
    }
    qsort(list, count, sizeof(struct kept_event *), by_time);
    for (size_t i = 0; i < count; i++)
        tell_kept(cluster, list[i], on_event, context);
    free(list);
}
