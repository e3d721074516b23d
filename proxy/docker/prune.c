/* Prune: every node cleans up, the results are added up. What changed is known again before the
 * answer. */
#include "proxy/docker/prune.h"
#include "proxy/docker/owner.h"

#include "proxy/cluster/containers.h"

static void answer_prune(struct call_context *call, void *context)
{
    const struct pruning *pruning = context;

    call_reply_json(call, 200, pruning->answer);
}

/* Containers that are gone leave the cache at once, under their engines' ids; the client is told
 * the ids that it knows. */
static void forget_containers(struct call_context *call, struct value *answer)
{
    const struct value *list = value_find(answer, "ContainersDeleted");

    if (!list || list->type != VALUE_LIST)
        return;
    VALUE_EACH(id, list)
    {
        struct container_entry *entry =
            id->type == VALUE_TEXT ? cluster_container(call->cluster, id->text) : NULL;

        if (!entry)
            continue;
        id->text = arena_copy(call->arena, entry->view.id);
        cluster_apply_removed(entry);
    }
}

void prune_merge(struct call_context *call, struct merge_body *bodies, size_t count, void *context)
{
    struct pruning *pruning = context;

    pruning->answer = merge_prune(call->arena, bodies, count);
    forget_containers(call, pruning->answer);
    if (pruning->kind == WATCH_KINDS) {
        answer_prune(call, pruning);
        return;
    }
    pruning->count = fan_only_usable(pruning->nodes, pruning->count);
    fan_refresh(call, pruning->nodes, pruning->count, pruning->kind, answer_prune, pruning);
}

struct pruning *prune_prepare(struct call_context *call, const char *const *allowed,
                              enum watch_kind kind, struct filters *filters)
{
    struct pruning *pruning = arena_alloc(call->arena, sizeof(*pruning));
    const struct filter *node_filter;
    struct failure failure;

    /* Containers, networks and volumes are somebody's; images and build caches are shared. */
    if (kind != WATCH_IMAGES && strcmp(call->route->operation, "build.prune") != 0 &&
        owner_filter(call, &failure) != 0) {
        call_fail(call, &failure);
        return NULL;
    }
    if (fan_filters(call, allowed, filters, &node_filter) != 0)
        return NULL;
    pruning->kind = kind;
    pruning->nodes = fan_nodes(call, node_filter, &pruning->count);
    return pruning;
}

void prune_all(struct call_context *call, struct pruning *pruning)
{
    struct engine_node **nodes = arena_alloc(call->arena, (pruning->count + 1) * sizeof(*nodes));

    memcpy(nodes, pruning->nodes, pruning->count * sizeof(*nodes));
    fan_merge(call,
              &(struct fan_request){.method = "POST",
                                    .path = call->path,
                                    .nodes = nodes,
                                    .count = pruning->count,
                                    .deadline_ms = FAN_SLOW_MS,
                                    .mutates = true},
              prune_merge, pruning);
}

static void prune(struct call_context *call, const char *const *allowed, enum watch_kind kind)
{
    struct filters filters;
    struct pruning *pruning = prune_prepare(call, allowed, kind, &filters);

    if (pruning)
        prune_all(call, pruning);
}

void container_prune(struct call_context *call)
{
    static const char *const allowed[] = {"label", "label!", "until", "node", NULL};

    prune(call, allowed, WATCH_KINDS);
}

void network_prune(struct call_context *call)
{
    static const char *const allowed[] = {"label", "label!", "until", "node", NULL};

    prune(call, allowed, WATCH_NETWORKS);
}

void image_prune(struct call_context *call)
{
    static const char *const allowed[] = {"dangling", "label", "label!", "until", "node", NULL};

    prune(call, allowed, WATCH_IMAGES);
}

void build_prune(struct call_context *call)
{
    static const char *const allowed[] = {"id",         "parent", "type",    "description",
                                          "inuse",      "shared", "private", "until",
                                          "unused-for", "node",   NULL};
    struct filters filters;
    struct pruning *pruning = prune_prepare(call, allowed, WATCH_KINDS, &filters);

    if (!pruning)
        return;
    pruning->count = fan_only_dockerd(pruning->nodes, pruning->count);
    prune_all(call, pruning);
}
