/* System: what the manager says of itself: ping, version, OPTIONS. From the cache, with no node
 * round trip; works with no node at all. */
#include "proxy/docker/handler.h"

#include "proxy/docker/system.h"
#include "proxy/json.h"
#include "proxy/version.h"

#include <sys/utsname.h>

static bool has_buildkit(const struct cluster *cluster)
{
    for (size_t i = 0; i < cluster_node_count(cluster); i++) {
        const struct engine_node *node = cluster_node_at(cluster, i);
        if (!node->podman && node->api_max >= API_VERSION(1, 39))
            return true;
    }
    return false;
}

void system_ping(struct call_context *call)
{
    call_add_header(call, "Builder-Version", has_buildkit(call->cluster) ? SLICE("2") : SLICE("1"));
    call_add_header(call, "Swarm", SLICE("inactive"));
    call_add_header(call, "Cache-Control", SLICE("no-cache, no-store, must-revalidate"));
    call_add_header(call, "Pragma", SLICE("no-cache"));
    bool head = slice_is(call->route->method, "HEAD");
    call_reply(call, 200, "text/plain; charset=utf-8", head ? SLICE("") : SLICE("OK"));
}

void system_options(struct call_context *call)
{
    call_reply(call, 200, NULL, SLICE_NONE);
}

/* "20.10.24+dfsg1" and "28.5.2": by numbers, field by field. */
static bool version_less(struct slice a, struct slice b)
{
    struct slice field_a, field_b;
    while (slice_next(&a, '.', &field_a) && slice_next(&b, '.', &field_b)) {
        long number_a = 0, number_b = 0;
        for (size_t i = 0; i < field_a.length && field_a.at[i] >= '0' && field_a.at[i] <= '9'; i++)
            number_a = number_a * 10 + (field_a.at[i] - '0');
        for (size_t i = 0; i < field_b.length && field_b.at[i] >= '0' && field_b.at[i] <= '9'; i++)
            number_b = number_b * 10 + (field_b.at[i] - '0');
        if (number_a != number_b)
            return number_a < number_b;
    }
    return false;
}

const struct engine_node *system_lowest(const struct cluster *cluster)
{
    const struct engine_node *best = NULL;
    for (size_t i = 0; i < cluster_node_count(cluster); i++) {
        const struct engine_node *node = cluster_node_at(cluster, i);
        if (!node->version_text.length || node->podman)
            continue;
        if (!best || version_less(node->engine_version, best->engine_version))
            best = node;
    }
    for (size_t i = 0; !best && i < cluster_node_count(cluster); i++) {
        const struct engine_node *node = cluster_node_at(cluster, i);
        best = node->version_text.length ? node : NULL;
    }
    return best;
}

static struct value *engine_version(struct call_context *call)
{
    const struct engine_node *node = system_lowest(call->cluster);
    struct failure failure;
    struct utsname host;
    struct value *version = node ? json_parse(call->arena, node->version_text, &failure) : NULL;
    if (version && version->type == VALUE_MAP)
        return version;
    version = value_map(call->arena);
    uname(&host);
    value_set_text(call->arena, version, "Version", SLICE(BERTH_VERSION));
    value_set_text(call->arena, version, "Os", SLICE("linux"));
    value_set_text(call->arena, version, "Arch", slice_of(host.machine));
    value_set_text(call->arena, version, "KernelVersion", slice_of(host.release));
    value_set_text(call->arena, version, "GitCommit", SLICE(""));
    value_set_text(call->arena, version, "GoVersion", SLICE(""));
    return version;
}

static const char *const detail_keys[][2] = {
    {"GitCommit", "GitCommit"}, {"GoVersion", "GoVersion"}, {"Os", "Os"},
    {"Arch", "Arch"},           {"BuildTime", "BuildTime"}, {"KernelVersion", "KernelVersion"},
};

static struct value *engine_component(struct call_context *call, struct value *version)
{
    struct value *component = value_map(call->arena);
    value_set_text(call->arena, component, "Name", SLICE("Engine"));
    value_set_text(call->arena, component, "Version", value_get_text(version, "Version"));
    struct value *details = value_submap(call->arena, component, "Details");
    value_set_text(call->arena, details, "ApiVersion", value_get_text(version, "ApiVersion"));
    value_set_text(call->arena, details, "MinAPIVersion", value_get_text(version, "MinAPIVersion"));
    value_set_text(call->arena, details, "Experimental", SLICE("false"));
    for (size_t i = 0; i < sizeof(detail_keys) / sizeof(detail_keys[0]); i++)
        value_set_text(call->arena, details, detail_keys[i][1],
                       value_get_text(version, detail_keys[i][0]));
    return component;
}

void system_version(struct call_context *call)
{
    struct value *version = engine_version(call);
    char most[16], least[16];
    value_set_text(call->arena, version, "ApiVersion",
                   slice_of(api_version_text(docker_api_version(call->docker), most)));
    int minimum = cluster_api_min(call->cluster);
    value_set_text(
        call->arena, version, "MinAPIVersion",
        slice_of(api_version_text(minimum > ROUTES_API_MIN ? minimum : ROUTES_API_MIN, least)));
    struct value *platform = value_map(call->arena);
    value_set_text(call->arena, platform, "Name", SLICE("berth " BERTH_VERSION));
    value_set(call->arena, version, "Platform", platform);
    struct value *components = value_list(call->arena);
    value_append(components, engine_component(call, version));
    struct value *berth = value_map(call->arena);
    value_set_text(call->arena, berth, "Name", SLICE("berth"));
    value_set_text(call->arena, berth, "Version", SLICE(BERTH_VERSION));
    value_set_text(call->arena, value_submap(call->arena, berth, "Details"), "Nodes",
                   arena_printf(call->arena, "%zu", cluster_node_count(call->cluster)));
    value_append(components, berth);
    value_set(call->arena, version, "Components", components);
    call_reply_json(call, 200, version);
}
