/* Node watch: takes what the watch of one engine says into the cluster's state. */
#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdlib.h>

static void keep_text(char **keep, struct slice *shown, const struct value *value)
{
    struct buffer buffer;
    size_t length;

    buffer_init(&buffer, 1024 * 1024);
    json_write(&buffer, value);
    free(*keep);
    *keep = buffer_take(&buffer, &length);
    *shown = slice_make(*keep, length);
}

static struct tags copy_tags(struct arena *arena, struct tags tags)
{
    struct tag *list = arena_alloc(arena, (tags.count + 1) * sizeof *list);

    for (size_t i = 0; i < tags.count; i++) {
        list[i].key = arena_copy(arena, tags.list[i].key);
        list[i].value = arena_copy(arena, tags.list[i].value);
    }
    return (struct tags){list, tags.count};
}

static bool same_tags(struct tags a, struct tags b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++) {
        if (!slice_equal(a.list[i].key, b.list[i].key) ||
            !slice_equal(a.list[i].value, b.list[i].value))
            return false;
    }
    return true;
}

/* Ages are told by the engine's clock; small differences are travel time. */
static void measure_skew(struct engine_node *node, const struct value *info)
{
    int64_t theirs = decode_time(value_get_text(info, "SystemTime"));
    int64_t skew = theirs > 0 ? theirs - loop_wall_ns() : 0;

    node->own->clock_skew_ns = skew > 2000000000 || skew < -2000000000 ? skew : 0;
}

static int on_info(const struct engine_info *info, const struct value *info_value,
                   const struct value *version_value, void *context)
{
    struct engine_node *node = context;
    struct node_private *own = node->own;
    struct slice id = info->id.length ? info->id : slice_of(node->endpoint.text);
    struct failure failure;
    bool changed;

    if (node_identify(node, id, &failure) != 0 ||
        (!own->pinned_name && info->hostname.length > 0 &&
         node_rename(node, info->hostname, &failure) != 0)) {
        node_set_state(node, NODE_UNREACHABLE, failure.text);
        return -1;
    }
    changed = !same_tags(own->engine_labels, info->labels) ||
              !same_tags(node->view.standard, info->standard) ||
              own->engine_total.memory_bytes != info->total.memory_bytes ||
              own->engine_total.nano_cpus != info->total.nano_cpus;
    if (changed || !own->info) {
        struct arena *arena = arena_new();

        node->view.standard = copy_tags(arena, info->standard);
        own->engine_labels = copy_tags(arena, info->labels);
        node->engine_version = arena_copy(arena, info->server_version);
        own->engine_total = info->total;
        arena_free(&own->info);
        own->info = arena;
        node_retag(node);
        node_set_total(node);
    }
    node->api_max = info->api_max;
    node->api_min = info->api_min;
    node->podman = info->podman;
    node->experimental = info->experimental;
    measure_skew(node, info_value);
    keep_text(&own->info_text, &node->info_text, info_value);
    keep_text(&own->version_text, &node->version_text, version_value);
    records_recall(node);
    if (changed) {
        record_node(node);
        changes_notify(node->cluster, CHANGE_NODE_CONFIG, node, NULL);
    }
    return 0;
}

static void on_list(enum watch_kind kind, const struct value *list, void *context)
{
    struct engine_node *node = context;

    if (kind == WATCH_CONTAINERS)
        containers_take_list(node, list);
    else
        inventory_take(node, kind, list);
    if (kind == WATCH_NETWORKS)
        record_networks(node, list);
}

static void on_container(struct slice engine_id, const struct value *row,
                         const struct value *inspect, void *context)
{
    container_take(context, engine_id, row, inspect);
}

static void on_settled(bool settled, void *context)
{
    struct engine_node *node = context;

    node->in_sync = settled;
    if (settled && node->view.state != NODE_READY)
        node_set_state(node, NODE_READY, "");
}

static void on_event(const struct engine_event *event, void *context)
{
    events_take(context, event);
}

static void on_lost(const struct failure *why, void *context)
{
    struct engine_node *node = context;

    node->in_sync = false;
    /* A node that was down stays so: only its return changes that. */
    if (node->view.state == NODE_DOWN)
        return;
    /* on_info refused it and has said why. */
    if (why->kind == FAILURE_CONFLICT)
        return;
    node_set_state(node, NODE_UNREACHABLE, why->text);
}

const struct watch_handlers node_watch_handlers = {on_info,    on_list,  on_container,
                                                   on_settled, on_event, on_lost};
