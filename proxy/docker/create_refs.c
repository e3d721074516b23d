/* Create refs: one function a kind of reference; each looks the thing up, notes its home and
 * writes what the engine understands. */
#include "proxy/docker/create_refs.h"

#include "proxy/cluster/containers.h"
#include "proxy/cluster/inventory.h"
#include "proxy/docker/owner.h"

#define HOLDERS_MAX 64

struct refs {
    struct call_context *call;
    struct create_plan *plan;
    struct cluster *cluster;
    struct arena *arena;
    struct failure *failure;
};

/* Cuts "node-1/" off the front of a name when node-1 is a node; NULL: no such prefix. */
static struct engine_node *cut_node(struct refs *refs, struct slice *name)
{
    ptrdiff_t cut = slice_find(*name, '/');
    if (cut <= 0)
        return NULL;
    struct engine_node *node = cluster_node_named(refs->cluster, slice_cut(*name, 0, (size_t)cut));
    if (node)
        *name = slice_from(*name, (size_t)cut + 1);
    return node;
}

static int add_home(struct refs *refs, const struct engine_node *node, const char *kind,
                    struct slice name)
{
    struct slice reason = arena_printf(refs->arena, "%s " SLICE_FMT, kind, SLICE_ARG(name));
    return create_plan_add_home(refs->plan, arena_copy(refs->arena, node->view.name), reason,
                                refs->failure);
}

/* *engine gets the id for the engine. */
static int find_container(struct refs *refs, struct slice reference, struct slice *engine)
{
    struct container_entry *entry;
    struct failure why;
    if (cluster_find_container(refs->cluster, reference, &entry, &why) != 0)
        return failure_set(refs->failure,
                           why.kind == FAILURE_NOT_FOUND ? FAILURE_INVALID : why.kind, "%s",
                           why.text);
    if (!owner_sees_container(refs->call, entry))
        return failure_set(refs->failure, FAILURE_INVALID, "No such container: " SLICE_FMT,
                           SLICE_ARG(reference));
    if (!entry->node)
        return failure_set(refs->failure, FAILURE_UNREACHABLE, "container " SLICE_FMT " is pending",
                           SLICE_ARG(reference));
    /* The engine's words keep the name when the user gave one. */
    *engine = slice_equal(reference, entry->view.name) ? reference
                                                       : arena_copy(refs->arena, entry->engine_id);
    return add_home(refs, entry->node, "container", reference);
}

/* "container:REF" in NetworkMode, PidMode, IpcMode, UTSMode. False: not of that form. */
static bool is_container_mode(struct slice mode)
{
    return slice_starts(mode, "container:");
}

static int resolve_mode(struct refs *refs, struct value *host_config, const char *key)
{
    struct slice mode = value_get_text(host_config, key), engine;
    if (!is_container_mode(mode))
        return 0;
    if (find_container(refs, slice_from(mode, strlen("container:")), &engine) != 0)
        return -1;
    value_set_text(refs->arena, host_config, key,
                   arena_printf(refs->arena, "container:" SLICE_FMT, SLICE_ARG(engine)));
    return 0;
}

/* "REF:rest" items of Links and VolumesFrom. */
static int resolve_list(struct refs *refs, struct value *list)
{
    VALUE_EACH(item, list)
    {
        struct slice rest = item->text, reference = SLICE_NONE, engine;
        if (item->type != VALUE_TEXT || !slice_next(&rest, ':', &reference))
            continue;
        if (reference.length == 0)
            continue;
        if (slice_starts(reference, "/"))
            reference = slice_from(reference, 1);
        if (find_container(refs, reference, &engine) != 0)
            return -1;
        item->text = rest.at ? arena_printf(refs->arena, SLICE_FMT ":" SLICE_FMT, SLICE_ARG(engine),
                                            SLICE_ARG(rest))
                             : engine;
    }
    return 0;
}

/* A local network or volume lives where it was made; one that several nodes have lets the
 * scheduler choose among them; one that nobody has is born where the container lands. */
/* Another tenant's network or volume is refused as one that is not there. */
static int check_owner(struct refs *refs, const struct inventory_item *item, const char *word,
                       struct slice name)
{
    if (!item || owner_sees_item(refs->call, item))
        return 0;
    return failure_set(refs->failure, FAILURE_INVALID, "%s " SLICE_FMT " not found", word,
                       SLICE_ARG(name));
}

static int resolve_thing(struct refs *refs, enum watch_kind kind, const char *word,
                         struct slice *name)
{
    struct engine_node *holders[HOLDERS_MAX];
    struct slice names[HOLDERS_MAX], typed = *name;
    struct engine_node *pinned = cut_node(refs, name);
    if (pinned && check_owner(refs, inventory_find(pinned, kind, *name), word, typed) != 0)
        return -1;
    if (pinned)
        return add_home(refs, pinned, word, typed);
    size_t count = inventory_holders(refs->cluster, kind, *name, holders, HOLDERS_MAX);
    if (count == 0)
        return 0;
    const struct inventory_item *item = inventory_find(holders[0], kind, *name);
    for (size_t i = 0; i < count && i < HOLDERS_MAX; i++) {
        if (check_owner(refs, inventory_find(holders[i], kind, *name), word, typed) != 0)
            return -1;
    }
    if (item && item->scope.length && !slice_is(item->scope, "local"))
        return 0;
    if (count == 1)
        return add_home(refs, holders[0], word, *name);
    count = count > HOLDERS_MAX ? HOLDERS_MAX : count;
    for (size_t i = 0; i < count; i++)
        names[i] = holders[i]->view.name;
    return create_plan_add_choice(refs->plan, refs->arena, names, count, refs->failure);
}

/* Names every engine has. */
static bool is_predefined(struct slice network)
{
    return network.length == 0 || slice_is(network, "default") || slice_is(network, "bridge") ||
           slice_is(network, "host") || slice_is(network, "none") || slice_is(network, "podman");
}

static int resolve_networks(struct refs *refs, struct value *host_config)
{
    struct slice mode = value_get_text(host_config, "NetworkMode");
    if (!is_predefined(mode) && !is_container_mode(mode)) {
        if (resolve_thing(refs, WATCH_NETWORKS, "network", &mode) != 0)
            return -1;
        value_set_text(refs->arena, host_config, "NetworkMode", mode);
    }
    struct value *networking = value_find(refs->plan->body, "NetworkingConfig");
    struct value *endpoints = value_find(networking, "EndpointsConfig");
    VALUE_EACH(endpoint, endpoints)
    {
        if (is_predefined(endpoint->key) || is_container_mode(endpoint->key))
            continue;
        if (resolve_thing(refs, WATCH_NETWORKS, "network", &endpoint->key) != 0)
            return -1;
    }
    return 0;
}

/* Named volumes in Binds ("vol:/path:ro"): the source is no path. */
static int resolve_binds(struct refs *refs, struct value *binds)
{
    VALUE_EACH(bind, binds)
    {
        struct slice rest = bind->text, source = SLICE_NONE;
        if (bind->type != VALUE_TEXT || !slice_next(&rest, ':', &source) || !rest.at)
            continue;
        if (source.length == 0 || strchr("/.~", source.at[0]))
            continue;
        if (resolve_thing(refs, WATCH_VOLUMES, "volume", &source) != 0)
            return -1;
        bind->text =
            arena_printf(refs->arena, SLICE_FMT ":" SLICE_FMT, SLICE_ARG(source), SLICE_ARG(rest));
    }
    return 0;
}

static int resolve_mounts(struct refs *refs, struct value *mounts)
{
    VALUE_EACH(mount, mounts)
    {
        struct slice source = value_get_text(mount, "Source");
        if (!slice_is(value_get_text(mount, "Type"), "volume") || source.length == 0)
            continue;
        if (resolve_thing(refs, WATCH_VOLUMES, "volume", &source) != 0)
            return -1;
        value_set_text(refs->arena, mount, "Source", source);
    }
    return 0;
}

int create_refs_resolve(struct create_plan *plan, struct call_context *call,
                        struct failure *failure)
{
    static const char *const modes[] = {"NetworkMode", "PidMode", "IpcMode", "UTSMode"};
    struct refs refs = {call, plan, call->cluster, call->arena, failure};
    struct value *host_config = value_find(plan->body, "HostConfig");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (resolve_mode(&refs, host_config, modes[i]) != 0)
            return -1;
    }
    if (resolve_list(&refs, value_find(host_config, "Links")) != 0 ||
        resolve_list(&refs, value_find(host_config, "VolumesFrom")) != 0 ||
        resolve_networks(&refs, host_config) != 0 ||
        resolve_binds(&refs, value_find(host_config, "Binds")) != 0)
        return -1;
    return resolve_mounts(&refs, value_find(host_config, "Mounts"));
}
