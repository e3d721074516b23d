/* Prune volumes: since API 1.42 only anonymous ones go unless filter all=1; before, all unused ones
 * went. A node that speaks less than 1.42 would do the old thing to a new client: there we list
 * what dangles and delete the anonymous ones ourselves. */
#include "proxy/docker/prune.h"

#include <stdlib.h>

struct old_prune {
    struct pruning *pruning;
    struct engine_node **old_nodes;
    size_t old_count;
    struct value *deleted; /* names */
    struct merge_body *bodies;
    size_t body_count;
    size_t left;
};

static bool is_anonymous(struct slice name)
{
    if (name.length != 64)
        return false;
    for (size_t i = 0; i < name.length; i++)
        if (!((name.at[i] >= '0' && name.at[i] <= '9') || (name.at[i] >= 'a' && name.at[i] <= 'f')))
            return false;
    return true;
}

static void finish_old(struct call_context *call, struct old_prune *old)
{
    struct merge_body *extra = &old->bodies[old->body_count++];

    *extra = (struct merge_body){.body = value_map(call->arena)};
    value_set(call->arena, extra->body, "VolumesDeleted", old->deleted);
    value_set_int(call->arena, extra->body, "SpaceReclaimed", 0);
    prune_merge(call, old->bodies, old->body_count, old->pruning);
}

struct old_delete {
    struct ticket *ticket;
    struct old_prune *old; /* in the call's arena: valid while the ticket gives a call */
    char *name;
};

static void on_old_deleted(const struct gather_result *result, void *context)
{
    struct old_delete *deletion = context;
    struct call_context *call = ticket_redeem(&deletion->ticket);

    if (call) {
        struct old_prune *old = deletion->old;

        if (result->answered)
            value_append(old->deleted, value_text(call->arena, slice_of(deletion->name)));
        if (--old->left == 0)
            finish_old(call, old);
    }
    free(deletion->name);
    free(deletion);
}

static void delete_old(struct call_context *call, struct old_prune *old, struct engine_node *node,
                       struct slice name)
{
    struct old_delete *deletion = xcalloc(1, sizeof(*deletion));
    struct gather_request request = {
        .method = SLICE("DELETE"),
        .target = arena_printf(call->arena, "/volumes/" SLICE_FMT, SLICE_ARG(name)),
        .deadline_ms = FAN_SLOW_MS,
    };

    deletion->ticket = ticket_new(call);
    deletion->old = old;
    deletion->name = xslicedup(name);
    old->left++;
    (void)gather_start(call->cluster, &request, &node, 1, on_old_deleted, deletion);
}

static void on_old_listed(struct call_context *call, const struct gather_result *result,
                          void *context)
{
    struct old_prune *old = context;

    old->left = 1;
    for (size_t i = 0; i < result->count; i++) {
        const struct value *volumes = NULL;

        if (result->list[i].status == 200)
            volumes = value_find(json_parse(call->arena, result->list[i].body, NULL), "Volumes");
        VALUE_EACH(volume, volumes)
        {
            struct slice name = value_get_text(volume, "Name");

            if (is_anonymous(name))
                delete_old(call, old, result->list[i].node, name);
        }
    }
    if (--old->left == 0)
        finish_old(call, old);
}

/* The dangling volumes of old nodes, with the client's label filters. */
static void list_old(struct call_context *call, struct merge_body *bodies, size_t count,
                     void *context)
{
    struct old_prune *old = context;
    struct filters filters;
    struct failure failure;

    old->bodies = arena_alloc(call->arena, (count + 1) * sizeof(*old->bodies));
    memcpy(old->bodies, bodies, count * sizeof(*bodies));
    old->body_count = count;
    old->deleted = value_list(call->arena);
    if (filters_parse(&filters, call->arena, query_get(call->query, "filters"), NULL, &failure) !=
        0) {
        call_fail(call, &failure);
        return;
    }
    filters_add(&filters, "dangling", SLICE("true"));
    query_set(call->query, "filters", filters_text(&filters));
    fan_ask(call,
            &(struct fan_request){.method = "GET",
                                  .path = SLICE("/volumes"),
                                  .nodes = old->old_nodes,
                                  .count = old->old_count,
                                  .deadline_ms = FAN_LIST_MS},
            on_old_listed, old);
}

void volume_prune(struct call_context *call)
{
    static const char *const allowed[] = {"all", "label", "label!", "node", NULL};
    struct filters filters;
    struct pruning *pruning = prune_prepare(call, allowed, WATCH_VOLUMES, &filters);
    struct old_prune *old;
    struct engine_node **fresh;
    size_t fresh_count = 0;
    struct failure failure;
    bool all = false;

    if (!pruning)
        return;
    if (filters_bool(&filters, "all", false, &all, &failure) != 0) {
        call_fail(call, &failure);
        return;
    }
    if (call->version < API_VERSION(1, 42) || all) {
        prune_all(call, pruning);
        return;
    }
    old = arena_alloc(call->arena, sizeof(*old));
    old->pruning = pruning;
    old->old_nodes = arena_alloc(call->arena, (pruning->count + 1) * sizeof(*fresh));
    fresh = arena_alloc(call->arena, (pruning->count + 1) * sizeof(*fresh));
    for (size_t i = 0; i < pruning->count; i++) {
        if (node_api_version(pruning->nodes[i], call->version) < API_VERSION(1, 42))
            old->old_nodes[old->old_count++] = pruning->nodes[i];
        else
            fresh[fresh_count++] = pruning->nodes[i];
    }
    if (!old->old_count) {
        prune_all(call, pruning);
        return;
    }
    fan_merge(call,
              &(struct fan_request){.method = "POST",
                                    .path = call->path,
                                    .nodes = fresh,
                                    .count = fresh_count,
                                    .deadline_ms = FAN_SLOW_MS,
                                    .mutates = true},
              list_old, old);
}
