/* Launch, making it: everything of the request is copied, since the caller's client may leave. */
#include "proxy/cluster/launch_private.h"
#include "proxy/json.h"

#include <stdlib.h>

#define BODY_MAX (16u * 1024 * 1024)

static struct tags copy_tags(struct arena *arena, struct tags tags)
{
    struct tag *list = arena_alloc(arena, (tags.count + 1) * sizeof *list);

    for (size_t i = 0; i < tags.count; i++) {
        list[i].key = arena_copy(arena, tags.list[i].key);
        list[i].value = arena_copy(arena, tags.list[i].value);
    }
    return (struct tags){list, tags.count};
}

static const struct slice *copy_slices(struct arena *arena, const struct slice *list, size_t count)
{
    struct slice *copy = arena_alloc(arena, (count + 1) * sizeof *copy);

    for (size_t i = 0; list && i < count; i++)
        copy[i] = arena_copy(arena, list[i]);
    return copy;
}

static struct workload copy_workload(struct arena *arena, const struct workload *from)
{
    struct workload copy = *from;
    struct port *ports = arena_alloc(arena, (from->ports.count + 1) * sizeof *ports);
    struct constraint *constraints =
        arena_alloc(arena, (from->constraints.count + 1) * sizeof *constraints);

    for (size_t i = 0; i < from->ports.count; i++) {
        ports[i] = from->ports.list[i];
        ports[i].ip = arena_copy(arena, ports[i].ip);
    }
    for (size_t i = 0; i < from->constraints.count; i++) {
        constraints[i] = from->constraints.list[i];
        constraints[i].key = arena_copy(arena, constraints[i].key);
        constraints[i].pattern = arena_copy(arena, constraints[i].pattern);
    }
    copy.ports.list = ports;
    copy.constraints.list = constraints;
    copy.labels = copy_tags(arena, from->labels);
    copy.id = arena_copy(arena, from->id);
    copy.name = arena_copy(arena, from->name);
    copy.image = arena_copy(arena, from->image);
    copy.platform = arena_copy(arena, from->platform);
    copy.owner = arena_copy(arena, from->owner);
    copy.homes = copy_slices(arena, from->homes, from->home_count);
    copy.home_reasons = copy_slices(arena, from->home_reasons, from->home_count);
    return copy;
}

static const struct headers *copy_headers(struct arena *arena, const struct headers *headers)
{
    struct headers *copy;

    if (!headers)
        return NULL;
    copy = arena_alloc(arena, sizeof *copy);
    copy->count = headers->count;
    for (size_t i = 0; i < headers->count; i++) {
        copy->list[i].name = arena_copy(arena, headers->list[i].name);
        copy->list[i].value = arena_copy(arena, headers->list[i].value);
    }
    return copy;
}

struct launch *launch_make(struct cluster *cluster, const struct launch_request *request)
{
    struct launch *launch = xcalloc(1, sizeof *launch);
    struct buffer body;

    launch->cluster = cluster;
    launch->arena = arena_new();
    launch->workload = copy_workload(launch->arena, request->workload);
    launch->workload.name = arena_copy(launch->arena, names_text(request->name));
    launch->name = request->name;
    launch->query = arena_copy(launch->arena, request->query);
    launch->user_id = arena_copy(launch->arena, request->user_id);
    launch->supersedes = arena_copy(launch->arena, request->supersedes);
    launch->prepare = request->prepare;
    launch->prepare_context = request->prepare_context;
    launch->image = launch->workload.image;
    launch->headers = copy_headers(launch->arena, request->headers);
    launch->api_version = request->api_version;
    launch->strict = request->strict;
    buffer_init(&body, BODY_MAX);
    json_write(&body, request->body);
    launch->body = arena_copy(launch->arena, buffer_slice(&body));
    if (body.overflow) {
        failure_set(&launch->failure, FAILURE_TOO_LARGE,
                    "the container's description is over %u MiB", BODY_MAX / 1024 / 1024);
        launch->step = LAUNCH_DONE;
    }
    buffer_deinit(&body);
    return launch;
}
