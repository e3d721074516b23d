/* Info: GET /info: the cluster as if it were one engine: sums, what all nodes have in common, and
 * a row per node in SystemStatus, which the CLI prints. */
#include "proxy/cluster/records.h"
#include "proxy/cluster/recover.h"
#include "proxy/docker/handler.h"
#include "proxy/store/store.h"

#include "proxy/docker/owner.h"
#include "proxy/docker/size.h"
#include "proxy/docker/system.h"
#include "proxy/json.h"
#include "proxy/version.h"

#include <stdio.h>
#include <stdlib.h>

#define INFO_FEW_NODES 8
#define INFO_KEPT_MS   5000
#define CPU            1000000000.0

/* Keys that are one engine's own affair: shown when all nodes agree, else "mixed". */
static const char *const common_keys[] = {
    "Driver",          "LoggingDriver", "CgroupDriver",       "CgroupVersion", "KernelVersion",
    "OperatingSystem", "OSVersion",     "Architecture",       "OSType",        "DefaultRuntime",
    "InitBinary",      "DockerRootDir", "IndexServerAddress",
};

struct infos {
    struct value *list[4096];
    size_t count;
};

/* ---- SystemStatus ---- */

static void add_row(struct arena *arena, struct value *rows, struct slice key, struct slice text)
{
    struct value *pair = value_list(arena);
    value_append(pair, value_text(arena, key));
    value_append(pair, value_text(arena, text));
    value_append(rows, pair);
}

static struct slice tags_text(struct arena *arena, const struct node *node)
{
    struct slice text = SLICE("");
    const struct tags *all[] = {&node->tags, &node->standard};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < all[k]->count; i++)
            text = arena_printf(arena, SLICE_FMT "%s" SLICE_FMT "=" SLICE_FMT, SLICE_ARG(text),
                                text.length ? ", " : "", SLICE_ARG(all[k]->list[i].key),
                                SLICE_ARG(all[k]->list[i].value));
    }
    return text;
}

static const char *health_word(const struct engine_node *node)
{
    switch (node->view.state) {
    case NODE_JOINING:
        return "Pending";
    case NODE_READY:
        return "Healthy";
    case NODE_UNREACHABLE:
        return "Unhealthy";
    case NODE_DOWN:
        return "Down";
    }
    return "";
}

static void node_rows(struct arena *arena, struct value *rows, const struct engine_node *node)
{
    const struct node *view = &node->view;
    char asked[32], total[32];
    int64_t memory = view->used.memory_bytes + view->reserved.memory_bytes;
    int64_t cpus = view->used.nano_cpus + view->reserved.nano_cpus;
    add_row(arena, rows, arena_printf(arena, " " SLICE_FMT, SLICE_ARG(view->name)),
            slice_of(node->endpoint.text));
    add_row(arena, rows, SLICE("  ID"), view->id);
    add_row(arena, rows, SLICE("  Status"),
            arena_printf(
                arena, "%s%s%s", health_word(node), view->availability == NODE_ACTIVE ? "" : ", ",
                view->availability == NODE_ACTIVE ? "" : availability_name(view->availability)));
    add_row(arena, rows, SLICE("  Containers"),
            arena_printf(arena, "%zu (%zu running, %zu paused)", view->containers_total,
                         view->running, node->paused));
    add_row(arena, rows, SLICE("  Reserved CPUs"),
            arena_printf(arena, "%.3g / %.3g", (double)cpus / CPU,
                         (double)view->total.nano_cpus / CPU));
    add_row(arena, rows, SLICE("  Reserved Memory"),
            arena_printf(arena, "%s / %s", size_format(memory, asked, sizeof(asked)),
                         size_format(view->total.memory_bytes, total, sizeof(total))));
    add_row(arena, rows, SLICE("  Labels"), tags_text(arena, view));
    add_row(arena, rows, SLICE("  ServerVersion"), node->engine_version);
    if (node->why[0])
        add_row(arena, rows, SLICE("  Error"), slice_of(node->why));
}

static struct value *system_status(struct call_context *call)
{
    struct arena *arena = call->arena;
    struct value *rows = value_list(arena);
    const struct cluster_options *options = cluster_options(call->cluster);
    size_t count = cluster_node_count(call->cluster);
    add_row(arena, rows, SLICE("Cluster"), slice_of(options->name));
    add_row(arena, rows, SLICE("Strategy"), slice_of(options->strategy));
    add_row(arena, rows, SLICE("Nodes"), arena_printf(arena, "%zu", count));
    for (size_t i = 0; i < count; i++)
        node_rows(arena, rows, cluster_node_at(call->cluster, i));
    return rows;
}

/* ---- what the nodes have in common ---- */

static void read_infos(struct call_context *call, struct infos *infos)
{
    struct failure failure;
    infos->count = 0;
    for (size_t i = 0; i < cluster_node_count(call->cluster); i++) {
        const struct engine_node *node = cluster_node_at(call->cluster, i);
        struct value *info = node->info_text.length && infos->count < 4096
                                 ? json_parse(call->arena, node->info_text, &failure)
                                 : NULL;
        if (info && info->type == VALUE_MAP)
            infos->list[infos->count++] = info;
    }
}

static void set_common(struct arena *arena, struct value *info, const struct infos *infos)
{
    for (size_t k = 0; k < sizeof(common_keys) / sizeof(common_keys[0]); k++) {
        struct slice first = value_get_text(infos->list[0], common_keys[k]);
        bool same = true;
        for (size_t i = 1; i < infos->count; i++)
            same = same && slice_equal(first, value_get_text(infos->list[i], common_keys[k]));
        if (first.at || !same)
            value_set_text(arena, info, common_keys[k], same ? first : SLICE("mixed"));
    }
}

static bool list_has(const struct value *list, struct slice text)
{
    VALUE_EACH(item, list)
    {
        if (slice_equal(item->text, text))
            return true;
    }
    return false;
}

/* A volume or network driver counts when every node has it. */
static void intersect(struct arena *arena, struct value *plugins, const char *kind,
                      const struct infos *infos)
{
    struct value *both = value_list(arena);
    struct value *first = value_find(value_find(infos->list[0], "Plugins"), kind);
    VALUE_EACH(name, first)
    {
        bool everywhere = true;
        for (size_t i = 1; i < infos->count; i++)
            everywhere =
                everywhere &&
                list_has(value_find(value_find(infos->list[i], "Plugins"), kind), name->text);
        if (everywhere)
            value_append(both, value_text(arena, name->text));
    }
    value_set(arena, plugins, kind, both);
}

static void unite(struct arena *arena, struct value *plugins, const char *kind,
                  const struct infos *infos)
{
    struct value *all = value_list(arena);
    for (size_t i = 0; i < infos->count; i++) {
        struct value *list = value_find(value_find(infos->list[i], "Plugins"), kind);
        VALUE_EACH(name, list)
        {
            if (!list_has(all, name->text))
                value_append(all, value_text(arena, name->text));
        }
    }
    /* As an engine: null when there is none. */
    value_set(arena, plugins, kind, all->count ? all : value_null(arena));
}

static void set_plugins(struct arena *arena, struct value *info, const struct infos *infos)
{
    struct value *plugins = value_map(arena);
    if (infos->count > 0) {
        intersect(arena, plugins, "Volume", infos);
        intersect(arena, plugins, "Network", infos);
        unite(arena, plugins, "Authorization", infos);
        unite(arena, plugins, "Log", infos);
    }
    value_set(arena, info, "Plugins", plugins);
}

/* What an operator must know of the manager itself. */
static void add_troubles(struct call_context *call, struct value *list)
{
    const struct recover *recover = docker_options(call->docker)->recover;
    const struct store *store = cluster_store(call->cluster);
    const char *guard = recover ? recover_guard(recover) : NULL;
    char why[200];

    if (guard)
        value_append(list, value_text(call->arena,
                                      arena_printf(call->arena, "WARNING: quorum guard: %s", guard)));
    if (store && !store_health(store, why, sizeof(why)))
        value_append(list,
                     value_text(call->arena,
                                arena_printf(call->arena,
                                             "WARNING: the state can't be written (%s): it is kept "
                                             "in memory and tried again",
                                             why)));
}

static struct value *warnings(struct call_context *call)
{
    struct value *list = value_list(call->arena);
    for (size_t i = 0; i < cluster_node_count(call->cluster); i++) {
        const struct engine_node *node = cluster_node_at(call->cluster, i);
        if (node->view.state == NODE_READY)
            continue;
        value_append(list,
                     value_text(call->arena,
                                arena_printf(call->arena, "WARNING: node " SLICE_FMT " is %s: %s",
                                             SLICE_ARG(node->view.name),
                                             node_state_name(node->view.state), node->why)));
    }
    add_troubles(call, list);
    return list;
}

/* A tenant is told of its own containers only. */
static void count_own(struct call_context *call, struct cluster_sums *sums)
{
    size_t count;
    struct container_entry *const *entries = cluster_containers(call->cluster, &count);
    sums->containers = sums->running = sums->paused = sums->stopped = 0;
    for (size_t i = 0; i < count; i++) {
        if (!owner_sees_container(call, entries[i]))
            continue;
        enum container_state state = entries[i]->view.state;
        sums->containers++;
        sums->running += state == CONTAINER_RUNNING || state == CONTAINER_RESTARTING;
        sums->paused += state == CONTAINER_PAUSED;
        sums->stopped +=
            state == CONTAINER_EXITED || state == CONTAINER_CREATED || state == CONTAINER_DEAD;
    }
}

static void set_sums(struct call_context *call, struct value *info)
{
    struct arena *arena = call->arena;
    struct cluster_sums sums = cluster_sums(call->cluster);
    if (!owner_sees_all(call))
        count_own(call, &sums);
    value_set_int(arena, info, "Containers", (int64_t)sums.containers);
    value_set_int(arena, info, "ContainersRunning", (int64_t)sums.running);
    value_set_int(arena, info, "ContainersPaused", (int64_t)sums.paused);
    value_set_int(arena, info, "ContainersStopped", (int64_t)sums.stopped);
    value_set_int(arena, info, "Images", (int64_t)sums.images);
    value_set_int(arena, info, "NCPU", sums.total.nano_cpus / 1000000000);
    value_set_int(arena, info, "MemTotal", sums.total.memory_bytes);
}

static void set_identity(struct call_context *call, struct value *info)
{
    struct arena *arena = call->arena;
    const char *name = cluster_options(call->cluster)->name;
    value_set_text(arena, info, "ID", arena_printf(arena, "berth:%s", name));
    value_set_text(arena, info, "Name", slice_of(name));
    value_set(arena, info, "Labels", value_list(arena));
    value_set(arena, info, "DriverStatus", value_list(arena));
    struct value *swarm = value_map(arena);
    value_set_text(arena, swarm, "NodeID", SLICE(""));
    value_set_text(arena, swarm, "NodeAddr", SLICE(""));
    value_set_text(arena, swarm, "LocalNodeState", SLICE("inactive"));
    value_set_bool(arena, swarm, "ControlAvailable", false);
    value_set_text(arena, swarm, "Error", SLICE(""));
    value_set(arena, swarm, "RemoteManagers", value_null(arena));
    value_set(arena, info, "Swarm", swarm);
    value_set(arena, info, "SystemStatus", system_status(call));
    value_set(arena, info, "Warnings", warnings(call));
}

static struct value *pattern_of(struct call_context *call)
{
    const struct engine_node *lowest = system_lowest(call->cluster);
    struct failure ignored;
    struct value *info =
        lowest ? json_parse(call->arena, lowest->info_text, &ignored) : value_map(call->arena);
    if (lowest && info && info->type == VALUE_MAP)
        return info;
    info = value_map(call->arena);
    value_set_text(call->arena, info, "ServerVersion", SLICE(BERTH_VERSION));
    value_set_text(call->arena, info, "OSType", SLICE("linux"));
    return info;
}

/* What does not depend on who asks and rarely changes. Reading every node's info for each call
 * would make one call cost milliseconds with many nodes: there it is kept for a while. */
static struct value *common_info(struct call_context *call)
{
    struct info_cache *cache = docker_info_cache(call->docker);
    uint64_t now = loop_now(exchange_loop(call->exchange));
    bool many = cluster_node_count(call->cluster) > INFO_FEW_NODES;
    struct failure failure;
    if (many && cache->text && now < cache->until)
        return json_parse(call->arena, slice_of(cache->text), &failure);
    struct infos *infos = arena_alloc(call->arena, sizeof(*infos));
    read_infos(call, infos);
    struct value *info = pattern_of(call);
    if (infos->count > 0)
        set_common(call->arena, info, infos);
    set_plugins(call->arena, info, infos);
    free(cache->text);
    cache->text = many ? xslicedup(json_text(call->arena, info)) : NULL;
    cache->until = now + INFO_KEPT_MS;
    return info;
}

void system_info(struct call_context *call)
{
    struct value *info = common_info(call);
    set_sums(call, info);
    set_identity(call, info);
    call_reply_json(call, 200, info);
}
