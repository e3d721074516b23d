/* Cluster nodes: `docker node ls|inspect|update|rm|ps` answered for our nodes, in swarm mode's
 * words, which the CLI sends without looking whether swarm mode is on. Labels set here count as
 * constraint tags at once. */
#include "proxy/docker/handler.h"

#include "proxy/cluster/changes.h"
#include "proxy/docker/filters.h"
#include "proxy/json.h"

#include <time.h>

static struct slice time_text(struct arena *arena, int64_t ns)
{
    struct tm utc;
    char text[32];
    time_t seconds = (time_t)(ns / 1000000000);
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    return arena_printf(arena, "%s.%09lldZ", text, (long long)(ns % 1000000000));
}

static struct slice tag_value(const struct tags *tags, const char *key)
{
    for (size_t i = 0; i < tags->count; i++) {
        if (slice_is(tags->list[i].key, key))
            return tags->list[i].value;
    }
    return SLICE("");
}

static void set_tags(struct arena *arena, struct value *map, const struct tags *tags)
{
    for (size_t i = 0; i < tags->count; i++)
        value_set_slice(arena, map, tags->list[i].key, value_text(arena, tags->list[i].value));
}

static const char *swarm_state(const struct engine_node *node)
{
    switch (node->view.state) {
    case NODE_JOINING:
    case NODE_UNREACHABLE:
        return "unknown";
    case NODE_READY:
        return "ready";
    case NODE_DOWN:
        return "down";
    }
    return "unknown";
}

static void set_description(struct arena *arena, struct value *object,
                            const struct engine_node *node)
{
    struct value *description = value_submap(arena, object, "Description");
    value_set_text(arena, description, "Hostname", node->view.name);
    struct value *platform = value_submap(arena, description, "Platform");
    value_set_text(arena, platform, "Architecture",
                   tag_value(&node->view.standard, "architecture"));
    value_set_text(arena, platform, "OS", tag_value(&node->view.standard, "ostype"));
    struct value *resources = value_submap(arena, description, "Resources");
    value_set_int(arena, resources, "NanoCPUs", node->view.total.nano_cpus);
    value_set_int(arena, resources, "MemoryBytes", node->view.total.memory_bytes);
    struct value *engine = value_submap(arena, description, "Engine");
    value_set_text(arena, engine, "EngineVersion", node->engine_version);
    set_tags(arena, value_submap(arena, engine, "Labels"), &node->view.tags);
    value_set(arena, engine, "Plugins", value_list(arena));
}

static struct value *node_value(struct arena *arena, const struct engine_node *node)
{
    struct value *object = value_map(arena);
    value_set_text(arena, object, "ID", slice_of(node->swarm_id));
    value_set_int(arena, value_submap(arena, object, "Version"), "Index",
                  (int64_t)node->version_index);
    value_set_text(arena, object, "CreatedAt", time_text(arena, node->view.joined_ns));
    value_set_text(arena, object, "UpdatedAt", time_text(arena, node->changed_ns));
    struct value *spec = value_submap(arena, object, "Spec");
    value_set_text(arena, spec, "Name", node->view.name);
    set_tags(arena, value_submap(arena, spec, "Labels"), &node->labels);
    value_set_text(arena, spec, "Role", SLICE("worker"));
    value_set_text(arena, spec, "Availability",
                   slice_of(availability_name(node->view.availability)));
    set_description(arena, object, node);
    struct value *status = value_submap(arena, object, "Status");
    value_set_text(arena, status, "State", slice_of(swarm_state(node)));
    if (node->why[0])
        value_set_text(arena, status, "Message", slice_of(node->why));
    value_set_text(arena, status, "Addr", node->view.address);
    return object;
}

/* ---- list ---- */

static bool matches(const struct filters *filters, const struct engine_node *node)
{
    if (!filters_prefix(filters, "id", slice_of(node->swarm_id)) ||
        !filters_prefix(filters, "name", node->view.name) ||
        !filters_exact(filters, "role", SLICE("worker")) ||
        !filters_exact(filters, "membership", SLICE("accepted")))
        return false;
    return filters_labels(filters, "label", node->view.tags) &&
           filters_labels(filters, "node.label", node->labels);
}

void node_list(struct call_context *call)
{
    static const char *const allowed[] = {"id",   "label",      "membership", "name",
                                          "role", "node.label", NULL};
    struct filters filters;
    struct failure failure;
    if (filters_parse(&filters, call->arena, query_get(call->query, "filters"), allowed,
                      &failure) != 0) {
        call_fail(call, &failure);
        return;
    }
    struct value *list = value_list(call->arena);
    for (size_t i = 0; i < cluster_node_count(call->cluster); i++) {
        const struct engine_node *node = cluster_node_at(call->cluster, i);
        if (matches(&filters, node))
            value_append(list, node_value(call->arena, node));
    }
    call_reply_json(call, 200, list);
}

/* ---- one node ---- */

static struct engine_node *find(struct call_context *call)
{
    struct engine_node *node = cluster_node_find(call->cluster, call->names[0]);
    if (!node)
        call_error(call, 404, "node " SLICE_FMT " not found", SLICE_ARG(call->names[0]));
    return node;
}

void node_inspect(struct call_context *call)
{
    struct engine_node *node = find(call);
    if (node)
        call_reply_json(call, 200, node_value(call->arena, node));
}

void node_delete(struct call_context *call)
{
    struct engine_node *node = find(call);
    if (!node)
        return;
    if (node->view.state == NODE_READY && !query_bool(call->query, "force", false)) {
        call_error(call, 400,
                   "node " SLICE_FMT " is not down and can't be removed: stop its agent, or "
                   "use --force",
                   SLICE_ARG(node->view.name));
        return;
    }
    cluster_node_remove(node);
    call_reply(call, 200, NULL, SLICE_NONE);
}

static int read_labels(struct call_context *call, const struct value *spec, struct tags *tags)
{
    struct value *labels = value_find_folded(spec, "Labels");
    struct tag *list = arena_alloc(call->arena, (labels ? labels->count : 0) * sizeof(*list) + 1);
    tags->count = 0;
    tags->list = list;
    VALUE_EACH(label, labels)
    {
        if (label->type != VALUE_TEXT)
            return -1;
        list[tags->count++] = (struct tag){label->key, label->text};
    }
    return 0;
}

static void update_body(struct call_context *call, struct value *spec)
{
    struct engine_node *node = find(call);
    struct failure failure;
    struct tags labels;
    enum availability availability;
    int64_t version;
    if (!node)
        return;
    if (query_int(call->query, "version", -1, &version, &failure) != 0) {
        call_fail(call, &failure);
        return;
    }
    if (version < 0 || (uint64_t)version != node->version_index) {
        call_error(call, 409, "update out of sequence");
        return;
    }
    struct value *wanted = value_find_folded(spec, "Availability");
    if (!wanted || availability_parse(wanted->text, &availability) != 0 ||
        read_labels(call, spec, &labels) != 0) {
        call_error(call, 400,
                   "a node's spec needs an Availability of active, pause or drain, and Labels "
                   "of texts");
        return;
    }
    node_set_availability(node, availability);
    node_set_labels(node, labels);
    struct tag name = {SLICE_INIT("name"), node->view.name};
    cluster_publish(call->cluster, SLICE("node"), SLICE("update"), slice_of(node->swarm_id),
                    (struct tags){&name, 1}, node);
    call_reply(call, 200, NULL, SLICE_NONE);
}

void node_update(struct call_context *call)
{
    call_read_json(call, false, update_body);
}

/* ---- tasks: there are no services, so no tasks ---- */

void task_list(struct call_context *call)
{
    call_reply_json(call, 200, value_list(call->arena));
}

void task_inspect(struct call_context *call)
{
    call_error(call, 404, "task " SLICE_FMT " not found", SLICE_ARG(call->names[0]));
}
