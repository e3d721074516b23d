/* Nodes, coming and going: what is checked before an engine becomes a node, what changes when its
 * agent says hello again, and what must be undone when it leaves. */
#include "proxy/cluster/state.h"

#include <netdb.h>
#include <stdlib.h>

static struct tags copy_tags(struct arena *arena, struct tags tags)
{
    struct tag *list = arena_alloc(arena, (tags.count + 1) * sizeof *list);

    for (size_t i = 0; i < tags.count; i++) {
        list[i].key = arena_copy(arena, tags.list[i].key);
        list[i].value = arena_copy(arena, tags.list[i].value);
    }
    return (struct tags){list, tags.count};
}

/* The address that "Ports" show when nobody said one: the endpoint's, in numbers. */
static struct slice numeric_address(struct arena *arena, const struct endpoint *endpoint)
{
    char host[NI_MAXHOST];

    if (endpoint->kind != ENDPOINT_TCP)
        return SLICE_NONE;
    if (getnameinfo((const struct sockaddr *)&endpoint->address, endpoint->address_length, host,
                    sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        return arena_copy(arena, slice_of(endpoint->host));
    return arena_copy(arena, slice_of(host));
}

static void set_config(struct engine_node *node, const struct node_options *options)
{
    struct node_private *own = node->own;
    struct arena *arena = arena_new();
    struct slice name = options->name.length ? options->name : node->view.name;

    node->view.name = arena_copy(arena, name);
    node->view.address = options->address.length ? arena_copy(arena, options->address)
                                                 : numeric_address(arena, &options->endpoint);
    node->view.pool = arena_copy(arena, options->pool);
    node->view.facts = copy_tags(arena, options->facts);
    own->declared_tags = copy_tags(arena, options->tags);
    own->pinned_name = options->name.length > 0;
    node->declared = options->declared;
    node->joined = options->joined;
    arena_free(&own->config);
    own->config = arena;
    node_retag(node);
    node_set_total(node);
}

static void connect_node(struct engine_node *node, const struct node_options *options)
{
    struct cluster *cluster = node->cluster;
    struct upstream_settings settings = cluster->options.upstream;

    settings.tls = node->tls = options->tls;
    settings.sign = options->sign;
    settings.sign_context = options->sign_context;
    settings.passive = node->passive = options->passive;
    node->endpoint = options->endpoint;
    node->upstream = upstream_new(cluster->loop, &node->endpoint, &settings);
    node->watch = watch_new(cluster->loop, node->upstream, &cluster->options.watch,
                            &node_watch_handlers, node);
}

static void append_node(struct cluster *cluster, struct engine_node *node)
{
    if (cluster->node_count == cluster->node_capacity) {
        cluster->node_capacity = cluster->node_capacity ? cluster->node_capacity * 2 : 16;
        cluster->nodes = xrealloc(cluster->nodes, cluster->node_capacity * sizeof *cluster->nodes);
        cluster->views = xrealloc(cluster->views, cluster->node_capacity * sizeof *cluster->views);
    }
    cluster->nodes[cluster->node_count++] = node;
}

static struct engine_node *make_node(struct cluster *cluster, const struct node_options *options)
{
    struct engine_node *node = xcalloc(1, sizeof *node);

    node->cluster = cluster;
    node->own = xcalloc(1, sizeof *node->own);
    node->own->containers = table_new();
    node->own->inventory = inventory_new();
    list_init(&node->own->reservations);
    list_init(&node->state_link);
    node->holds = 1;
    node->version_index = 1;
    node->view.state = NODE_JOINING;
    node->view.held_ports = &node->own->held;
    node->view.joined_ns = node->changed_ns = loop_wall_ns();
    /* Until the engine has told its hostname a node without a name goes by its address. */
    node->view.name = slice_of(options->endpoint.text);
    set_config(node, options);
    cluster->sums.nodes++;
    cluster->sums.nodes_by_state[NODE_JOINING]++;
    list_append(&cluster->by_state[NODE_JOINING], &node->state_link);
    return node;
}

/* An agent that says hello again, or after its node had gone. */
static int update_node(struct engine_node *node, const struct node_options *options,
                       struct failure *failure)
{
    bool same_endpoint = slice_is(slice_of(node->endpoint.text), options->endpoint.text);

    if (options->engine_id.length > 0 && node->view.id.length > 0 &&
        !slice_equal(options->engine_id, node->view.id) && node->view.state == NODE_READY)
        return failure_set(failure, FAILURE_CONFLICT,
                           "node name \"" SLICE_FMT
                           "\" is in use by another engine; start the agent with another --name",
                           SLICE_ARG(node->view.name));
    set_config(node, options);
    if (!same_endpoint || node->tls != options->tls || node->passive != options->passive) {
        upstream_cut(node->upstream, "the node has moved to another address");
        watch_free(&node->watch);
        upstream_free(&node->upstream);
        connect_node(node, options);
    }
    nodes_touch(node->cluster);
    cluster_node_renew(node);
    record_node(node);
    changes_notify(node->cluster, CHANGE_NODE_CONFIG, node, NULL);
    return 0;
}

static struct engine_node *add_node(struct cluster *cluster, const struct node_options *options,
                                    struct failure *failure)
{
    struct slice name = options->name.length ? options->name : slice_of(options->endpoint.text);
    struct engine_node *node = table_find(cluster->nodes_by_name, name);
    struct engine_node *twin =
        options->engine_id.length ? table_find(cluster->nodes_by_id, options->engine_id) : NULL;

    if (twin && twin != node) {
        failure_set(failure, FAILURE_CONFLICT,
                    "engine id " SLICE_FMT " is already in the cluster as node \"" SLICE_FMT
                    "\"; a cloned machine needs its own id: remove /etc/docker/key.json (or "
                    "engine-id) and restart its engine",
                    SLICE_ARG(options->engine_id), SLICE_ARG(twin->view.name));
        return NULL;
    }
    if (node && !options->joined) {
        failure_set(failure, FAILURE_CONFLICT, "node \"" SLICE_FMT "\" is given twice",
                    SLICE_ARG(name));
        return NULL;
    }
    if (node)
        return update_node(node, options, failure) == 0 ? node : NULL;
    node = make_node(cluster, options);
    table_put(cluster->nodes_by_name, node->view.name, node);
    if (options->engine_id.length > 0 && node_identify(node, options->engine_id, failure) != 0) {
        cluster_node_remove(node);
        return NULL;
    }
    append_node(cluster, node);
    nodes_sort(cluster);
    connect_node(node, options);
    if (node->joined)
        cluster_node_renew(node);
    records_recall(node);
    record_node(node);
    changes_notify(cluster, CHANGE_NODE_ADDED, node, NULL);
    return node;
}

struct engine_node *cluster_node_add(struct cluster *cluster, const struct node_options *given,
                                     struct failure *failure)
{
    struct node_options options = *given;
    if (!options.tls && cluster->options.tls_of &&
        cluster->options.tls_of(&options.endpoint, &options.tls, cluster->options.tls_context,
                                failure) != 0)
        return NULL;
    return add_node(cluster, &options, failure);
}

int node_rename(struct engine_node *node, struct slice name, struct failure *failure)
{
    struct cluster *cluster = node->cluster;
    struct engine_node *other = table_find(cluster->nodes_by_name, name);

    if (other == node)
        return 0;
    if (other)
        return failure_set(failure, FAILURE_CONFLICT,
                           "two nodes are called \"" SLICE_FMT "\" (%s and %s): give one another "
                           "hostname, or a name with --node NAME=ADDRESS",
                           SLICE_ARG(name), other->endpoint.text, node->endpoint.text);
    table_remove(cluster->nodes_by_name, node->view.name);
    node->view.name = arena_copy(node->own->config, name);
    table_put(cluster->nodes_by_name, node->view.name, node);
    nodes_sort(cluster);
    return 0;
}

int node_identify(struct engine_node *node, struct slice engine_id, struct failure *failure)
{
    struct cluster *cluster = node->cluster;
    struct engine_node *other = table_find(cluster->nodes_by_id, engine_id);

    if (slice_equal(node->view.id, engine_id))
        return 0;
    if (other && other != node)
        return failure_set(failure, FAILURE_CONFLICT,
                           "has the engine id of node \"" SLICE_FMT "\" (%s): a cloned machine "
                           "needs its own id",
                           SLICE_ARG(other->view.name), other->endpoint.text);
    if (node->view.id.length > 0) {
        table_remove(cluster->nodes_by_id, node->view.id);
        table_remove(cluster->nodes_by_id, slice_of(node->swarm_id));
    }
    free(node->own->engine_id);
    node->own->engine_id = xslicedup(engine_id);
    node->view.id = slice_of(node->own->engine_id);
    node_make_swarm_id(node);
    table_put(cluster->nodes_by_id, node->view.id, node);
    table_put(cluster->nodes_by_id, slice_of(node->swarm_id), node);
    nodes_touch(cluster);
    return 0;
}

/* ---- what the view is made of ---- */

/* 25 characters a-z0-9, as Swarm's node ids look; the same engine always has the same one. */
void node_make_swarm_id(struct engine_node *node)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t hash[2] = {14695981039346656037u, 1099511628211u * 31};

    for (size_t i = 0; i < node->view.id.length; i++) {
        hash[0] = (hash[0] ^ (unsigned char)node->view.id.at[i]) * 1099511628211u;
        hash[1] = (hash[1] ^ hash[0]) * 2862933555777941757u + 3037000493u;
    }
    for (int i = 0; i < 25; i++) {
        uint64_t *word = &hash[i & 1];

        node->swarm_id[i] = digits[*word % 36];
        *word /= 36;
    }
    node->swarm_id[25] = '\0';
}

static bool has_key(const struct tag *tags, size_t count, struct slice key)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(tags[i].key, key))
            return true;
    }
    return false;
}

/* view.tags: what docker node update set, then what the agent declared, then the engine's labels;
 * the first that has a key wins. */
void node_retag(struct engine_node *node)
{
    struct node_private *own = node->own;
    const struct tags sources[] = {node->labels, own->declared_tags, own->engine_labels};
    size_t count = 0;

    for (size_t i = 0; i < 3; i++)
        count += sources[i].count;
    own->tags = xrealloc(own->tags, (count + 1) * sizeof *own->tags);
    count = 0;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < sources[i].count; j++) {
            if (!has_key(own->tags, count, sources[i].list[j].key))
                own->tags[count++] = sources[i].list[j];
        }
    }
    node->view.tags = (struct tags){own->tags, count};
    nodes_touch(node->cluster);
}

/* The size declared by the agent, where it declared one, else the engine's. */
void node_set_total(struct engine_node *node)
{
    struct cluster_sums *sums = &node->cluster->sums;
    struct resources engine = node->own->engine_total;
    struct resources total = {
        node->declared.memory_bytes > 0 ? node->declared.memory_bytes : engine.memory_bytes,
        node->declared.nano_cpus > 0 ? node->declared.nano_cpus : engine.nano_cpus};

    sums->total.memory_bytes += total.memory_bytes - node->view.total.memory_bytes;
    sums->total.nano_cpus += total.nano_cpus - node->view.total.nano_cpus;
    node->view.total = total;
}

/* ---- going ---- */

struct engine_node *node_hold(struct engine_node *node)
{
    node->holds++;
    return node;
}

void node_release(struct engine_node *node)
{
    struct node_private *own = node->own;

    must(node->holds > 0);
    if (--node->holds > 0)
        return;
    must(list_empty(&own->reservations));
    arena_free(&own->config);
    arena_free(&own->info);
    arena_free(&own->label_arena);
    table_free(&own->containers);
    port_set_deinit(&own->held);
    free(own->engine_id);
    free(own->tags);
    free(own->views);
    free(own->reserved_ports);
    free(own->info_text);
    free(own->version_text);
    free(own);
    free(node);
}

static void unregister(struct engine_node *node)
{
    struct cluster *cluster = node->cluster;

    if (table_find(cluster->nodes_by_name, node->view.name) == node)
        table_remove(cluster->nodes_by_name, node->view.name);
    if (node->view.id.length > 0) {
        table_remove(cluster->nodes_by_id, node->view.id);
        table_remove(cluster->nodes_by_id, slice_of(node->swarm_id));
    }
    for (size_t i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i] != node)
            continue;
        memmove(&cluster->nodes[i], &cluster->nodes[i + 1],
                (cluster->node_count - i - 1) * sizeof *cluster->nodes);
        cluster->node_count--;
        nodes_sort(cluster);
    }
    list_remove(&node->state_link);
    cluster->sums.nodes--;
    cluster->sums.nodes_by_state[node->view.state]--;
    node->declared = node->own->engine_total = (struct resources){0};
    node_set_total(node);
}

void cluster_node_remove(struct engine_node *node)
{
    struct cluster *cluster = node->cluster;

    if (node->removed)
        return;
    node_hold(node);
    if (!cluster->closing) {
        changes_notify(cluster, CHANGE_NODE_REMOVED, node, NULL);
        cluster_publish(cluster, SLICE("node"), SLICE("remove"), slice_of(node->swarm_id),
                        (struct tags){&(struct tag){SLICE("name"), node->view.name}, 1}, node);
    }
    record_node_gone(node);
    node->removed = true;
    node->in_sync = false;
    containers_drop_node(node);
    inventory_free(node);
    execs_drop_node(cluster, node);
    unregister(node);
    watch_free(&node->watch);
    upstream_free(&node->upstream);
    LIST_EACH(link, &node->own->reservations)
    {
        struct reservation *reservation = LIST_ENTRY(link, struct reservation, link);

        list_remove(&reservation->link);
    }
    node_release(node);
    node_release(node);
}

void cluster_node_leave(struct engine_node *node)
{
    if (node->view.containers_total == 0) {
        cluster_node_remove(node);
        return;
    }
    /* An orderly poweroff ends the agent first: what runs there must not be forgotten. */
    node->lease_until = 0;
    if (!node->lease_over) {
        node->lease_over = true;
        changes_notify(node->cluster, CHANGE_NODE_STATE, node, NULL);
    }
}

void nodes_free_all(struct cluster *cluster)
{
    timer_stop(&cluster->lease_timer);
    while (cluster->node_count > 0)
        cluster_node_remove(cluster->nodes[cluster->node_count - 1]);
}
