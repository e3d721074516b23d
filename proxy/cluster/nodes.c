/* Nodes: the registry: who is a node, under which name and id, and in which state. */
#include "proxy/cluster/nodes.h"

#include "proxy/cluster/state.h"
#include "proxy/log.h"

#include <stdio.h>
#include <stdlib.h>

#define LEASE_TICK_MS 250
#define LEASE_PAUSE_MS 1000 /* a tick so late was a pause, not load */

const char *node_state_name(enum node_state state)
{
    static const char *const names[NODE_STATES] = {"joining", "ready", "unreachable", "down"};

    return names[state];
}

const char *availability_name(enum availability availability)
{
    static const char *const names[] = {"active", "pause", "drain"};

    return names[availability];
}

int availability_parse(struct slice word, enum availability *result)
{
    for (int i = NODE_ACTIVE; i <= NODE_DRAIN; i++) {
        if (slice_is_nocase(word, availability_name((enum availability)i))) {
            *result = (enum availability)i;
            return 0;
        }
    }
    return -1;
}

/* ---- order and lookup ---- */

void nodes_touch(struct cluster *cluster)
{
    cluster->generation++;
}

static int by_name(const void *a, const void *b)
{
    const struct engine_node *const *left = a, *const *right = b;

    return slice_compare((*left)->view.name, (*right)->view.name);
}

void nodes_sort(struct cluster *cluster)
{
    qsort(cluster->nodes, cluster->node_count, sizeof(struct engine_node *), by_name);
    for (size_t i = 0; i < cluster->node_count; i++)
        cluster->views[i] = &cluster->nodes[i]->view;
    cluster->unsorted = true; /* containers are ordered by node, too */
    nodes_touch(cluster);
}

size_t cluster_node_count(const struct cluster *cluster)
{
    return cluster->node_count;
}

struct engine_node *cluster_node_at(const struct cluster *cluster, size_t index)
{
    must(index < cluster->node_count);
    return cluster->nodes[index];
}

struct nodes cluster_node_views(const struct cluster *cluster)
{
    return (struct nodes){cluster->views, cluster->node_count, cluster->generation};
}

struct engine_node *cluster_node_named(struct cluster *cluster, struct slice name)
{
    return table_find(cluster->nodes_by_name, name);
}

struct engine_node *cluster_node_find(struct cluster *cluster, struct slice reference)
{
    struct engine_node *found = table_find(cluster->nodes_by_name, reference);

    if (!found)
        found = table_find(cluster->nodes_by_id, reference);
    if (found || reference.length < 4)
        return found;
    for (size_t i = 0; i < cluster->node_count; i++) {
        struct engine_node *node = cluster->nodes[i];

        if (slice_equal(slice_cut(slice_of(node->swarm_id), 0, reference.length), reference) ||
            slice_equal(slice_cut(node->view.id, 0, reference.length), reference)) {
            if (found)
                return NULL;
            found = node;
        }
    }
    return found;
}

/* ---- states ---- */

void node_set_state(struct engine_node *node, enum node_state state, const char *why)
{
    struct cluster *cluster = node->cluster;
    static const char *const actions[NODE_STATES] = {NULL, "ready", "unreachable", "down"};

    bool was_down = node->view.state == NODE_DOWN;

    snprintf(node->why, sizeof node->why, "%s", why);
    if (node->view.state == state || node->removed)
        return;
    cluster->sums.nodes_by_state[node->view.state]--;
    node->view.state = state;
    cluster->sums.nodes_by_state[state]++;
    list_remove(&node->state_link);
    list_append(&cluster->by_state[state], &node->state_link);
    node->changed_ns = loop_wall_ns();
    if (state == NODE_UNREACHABLE)
        node->own->lost_at = loop_now(cluster->loop);
    if (state == NODE_UNREACHABLE || state == NODE_DOWN)
        upstream_cut(node->upstream, node->why);
    if (state == NODE_DOWN || was_down)
        record_node(node);
    changes_notify(cluster, CHANGE_NODE_STATE, node, NULL);
    if (actions[state] && !node->removed) {
        struct tag attributes[] = {{SLICE("name"), node->view.name},
                                   {SLICE("reason"), slice_of(node->why)}};

        cluster_publish(cluster, SLICE("node"), slice_of(actions[state]), slice_of(node->swarm_id),
                        (struct tags){attributes, 2}, node);
    }
}

static void publish_update(struct engine_node *node)
{
    struct tag attributes[] = {
        {SLICE("name"), node->view.name},
        {SLICE("availability"), slice_of(availability_name(node->view.availability))}};

    node->version_index++;
    node->changed_ns = loop_wall_ns();
    record_node(node);
    changes_notify(node->cluster, CHANGE_NODE_CONFIG, node, NULL);
    cluster_publish(node->cluster, SLICE("node"), SLICE("update"), slice_of(node->swarm_id),
                    (struct tags){attributes, 2}, node);
}

void node_set_availability(struct engine_node *node, enum availability availability)
{
    if (node->view.availability == availability)
        return;
    node->view.availability = availability;
    publish_update(node);
}

void node_set_labels(struct engine_node *node, struct tags labels)
{
    struct arena *arena = arena_new();
    struct tag *list = arena_alloc(arena, (labels.count + 1) * sizeof *list);

    for (size_t i = 0; i < labels.count; i++) {
        list[i].key = arena_copy(arena, labels.list[i].key);
        list[i].value = arena_copy(arena, labels.list[i].value);
    }
    arena_free(&node->own->label_arena);
    node->own->label_arena = arena;
    node->labels = (struct tags){list, labels.count};
    node_retag(node);
    publish_update(node);
}

int node_usable(const struct engine_node *node, struct failure *failure)
{
    if (node->removed)
        return failure_set(failure, FAILURE_UNREACHABLE, SLICE_FMT " has left the cluster",
                           SLICE_ARG(node->view.name));
    if (node->view.state == NODE_READY)
        return 0;
    return failure_set(
        failure, FAILURE_UNREACHABLE, SLICE_FMT " is %s%s%s", SLICE_ARG(node->view.name),
        node->view.state == NODE_JOINING ? "joining" : "down", node->why[0] ? ": " : "", node->why);
}

void node_touch(struct engine_node *node)
{
    node->touched_ms = loop_now(node->cluster->loop);
}

bool node_quiet(const struct engine_node *node)
{
    return node->in_sync && node->view.state == NODE_READY &&
           (!node->touched_ms ||
            loop_now(node->cluster->loop) - node->touched_ms > NODE_QUIET_MS);
}

/* ---- versions ---- */

int node_api_version(const struct engine_node *node, int wanted)
{
    if (wanted == 0)
        wanted = cluster_api_max(node->cluster);
    if (node->api_max > 0 && wanted > node->api_max)
        wanted = node->api_max;
    if (node->api_min > 0 && wanted < node->api_min)
        wanted = node->api_min;
    return wanted;
}

int cluster_api_max(const struct cluster *cluster)
{
    int lowest = 0;

    for (size_t i = 0; i < cluster->node_count; i++) {
        int version = cluster->nodes[i]->api_max;

        if (version > 0 && (lowest == 0 || version < lowest))
            lowest = version;
    }
    return lowest ? lowest : API_VERSION(1, 41);
}

int cluster_api_min(const struct cluster *cluster)
{
    int highest = 0;

    for (size_t i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i]->api_min > highest)
            highest = cluster->nodes[i]->api_min;
    }
    return highest ? highest : API_VERSION(1, 24);
}

/* ---- leases ---- */

/* A manager that was stopped for a while (a paused machine, a debugger) could not take renewals: the
 * time that it missed is nobody's silence. Agents count on that, docs/decisions/004-fencing.md. */
static void forgive_pause(struct cluster *cluster, uint64_t now)
{
    uint64_t late = now - cluster->lease_ticked_ms;

    cluster->lease_ticked_ms = now;
    if (late < LEASE_PAUSE_MS)
        return;
    log_warning("berthd was stopped for a while, leases are longer by that", "late_ms=%llu",
                (unsigned long long)late);
    for (size_t i = 0; i < cluster->node_count; i++) {
        if (!cluster->nodes[i]->lease_over)
            cluster->nodes[i]->lease_until += late;
    }
}

static void check_leases(void *context)
{
    struct cluster *cluster = context;
    uint64_t now = loop_now(cluster->loop);

    forgive_pause(cluster, now);
    timer_start(&cluster->lease_timer, LEASE_TICK_MS);
    for (size_t i = 0; i < cluster->node_count; i++) {
        struct engine_node *node = cluster->nodes[i];

        if (node->joined && !node->lease_over && now > node->lease_until) {
            node->lease_over = true;
            changes_notify(cluster, CHANGE_NODE_STATE, node, NULL);
            return; /* a listener may have removed nodes; the rest at the next tick */
        }
    }
}

void cluster_node_renew(struct engine_node *node)
{
    node->lease_until = loop_now(node->cluster->loop) + node->cluster->options.lease_ms;
    if (node->lease_over) {
        node->lease_over = false;
        changes_notify(node->cluster, CHANGE_NODE_STATE, node, NULL);
    }
    if (node->view.state != NODE_READY && node->watch)
        watch_hurry(node->watch);
}

void nodes_init(struct cluster *cluster)
{
    cluster->lease_ticked_ms = loop_now(cluster->loop);
    timer_init(&cluster->lease_timer, cluster->loop, check_leases, cluster);
    timer_start(&cluster->lease_timer, LEASE_TICK_MS);
}
