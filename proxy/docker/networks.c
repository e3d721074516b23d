/* Networks: a local one has a home node, the predefined ones exist everywhere and are shown once.
 */
#include "proxy/docker/fan.h"
#include "proxy/docker/nouns.h"
#include "proxy/docker/owner.h"
#include "proxy/docker/place_call.h"
#include "proxy/settings.h"

#include <stdlib.h>

static const char *const allowed[] = {"dangling", "driver", "id",   "label", "name",
                                      "scope",    "type",   "node", NULL};

/* ---- list ---- */

static void on_lists(struct call_context *call, struct merge_body *bodies, size_t count,
                     void *context)
{
    struct value *rows = merge_networks(call->arena, bodies, count);

    owner_filter_rows(call, rows);
    call_reply_json(call, 200, rows);
}

void network_list(struct call_context *call)
{
    const struct filter *node_filter;
    struct filters filters;
    struct engine_node **nodes;
    struct fan_request request = {
        .method = "GET", .path = SLICE("/networks"), .deadline_ms = FAN_LIST_MS};

    if (fan_filters(call, allowed, &filters, &node_filter) != 0)
        return;
    nodes = fan_nodes(call, node_filter, &request.count);
    request.count = fan_split_names(call, &filters, nodes, request.count);
    request.nodes = nodes;
    request.plain = call->query->count == 0;
    request.kind = WATCH_NETWORKS;
    fan_merge(call, &request, on_lists, NULL);
}

/* ---- inspect ---- */

/* The same network of all nodes: one row with the containers of all. */
static void on_everywhere(struct call_context *call, struct merge_body *bodies, size_t count,
                          void *context)
{
    struct value *merged;

    for (size_t i = 0; i < count; i++) {
        struct value *list = value_list(call->arena);

        if (bodies[i].body)
            value_append(list, bodies[i].body);
        bodies[i].body = list;
    }
    merged = merge_networks(call->arena, bodies, count);
    if (merged->first) {
        struct value *row = merged->first;

        value_remove(merged, row);
        owner_filter_members(call, row);
        call_reply_json(call, 200, row);
    } else {
        call_error(call, 404, "network " SLICE_FMT " not found", SLICE_ARG(call->names[0]));
    }
}

static void on_local(struct call_context *call, struct engine_node *node, int status,
                     const struct headers *headers, struct slice body)
{
    struct value *row = json_parse(call->arena, body, NULL);
    struct merge_body owner = {node->view.name, node->view.id, row};

    if (!row || row->type != VALUE_MAP) {
        call_reply_engine(call, node, status, headers, body);
        return;
    }
    merge_mark_node(call->arena, row, &owner);
    owner_filter_members(call, row);
    call_mark_node(call, node);
    call_reply_json(call, 200, row);
}

static void inspect(struct call_context *call, const struct place *place, void *context)
{
    struct engine_node *node = place->node;
    struct fan_request request = {
        .method = "GET",
        .path = arena_printf(call->arena, "/networks/" SLICE_FMT, SLICE_ARG(place->id)),
        .deadline_ms = FAN_LIST_MS};

    if (place->everywhere) {
        request.nodes = fan_nodes(call, NULL, &request.count);
        fan_merge(call, &request, on_everywhere, NULL);
    } else {
        fan_try(call, &(struct fan_try){.nodes = &node,
                                        .count = 1,
                                        .path = request.path,
                                        .deadline_ms = FAN_LIST_MS,
                                        .on_answer = on_local});
    }
}

void network_inspect(struct call_context *call)
{
    place_search(call, &(struct place_search){.kind = WATCH_NETWORKS,
                                              .reference = call->names[0],
                                              .on_found = inspect});
}

/* ---- delete ---- */

/* Any usable node, for what exists everywhere. */
static struct engine_node *some_node(struct call_context *call)
{
    size_t count;
    struct engine_node **nodes = fan_nodes(call, NULL, &count);

    return fan_only_usable(nodes, count) ? nodes[0] : NULL;
}

static void delete_at(struct call_context *call, const struct place *place, void *context)
{
    struct fan_change change = {
        .node = place->node ? place->node : some_node(call),
        .method = "DELETE",
        .path = arena_printf(call->arena, "/networks/" SLICE_FMT, SLICE_ARG(place->id)),
        .kind = WATCH_NETWORKS,
        .deadline_ms = FAN_SLOW_MS};

    if (change.node)
        fan_change(call, &change);
    else
        call_error(call, 503, "no node can be asked: none is ready");
}

void network_delete(struct call_context *call)
{
    place_search(call, &(struct place_search){.kind = WATCH_NETWORKS,
                                              .reference = call->names[0],
                                              .on_found = delete_at});
}

/* ---- create ---- */

struct claim {
    struct nouns *nouns;
    char *name;
};

static void release_claim(void *context)
{
    struct claim *claim = context;

    nouns_release_name(claim->nouns, WATCH_NETWORKS, slice_of(claim->name));
    free(claim->name);
    free(claim);
}

static bool name_taken(struct call_context *call, struct slice name)
{
    struct engine_node *holder;

    return inventory_holders(call->cluster, WATCH_NETWORKS, name, &holder, 1) > 0 &&
           slice_equal(inventory_find(holder, WATCH_NETWORKS, name)->name, name);
}

/* The home, or NULL: answered. */
static struct engine_node *choose(struct call_context *call, const struct value *body,
                                  struct slice name, struct engine_node *named)
{
    struct place_wish wish = {
        .name = name,
        .labels = value_find_folded(body, "Labels"),
        .pinned = named ? named->view.name : call->pinned,
        .affinity = call->settings->project_affinity,
    };
    struct engine_node *node = NULL;
    struct failure failure;

    if (place_choose(call->cluster, call->arena, &wish, &node, &failure) == 0)
        return node;
    call_fail(call, &failure);
    return NULL;
}

static void create(struct call_context *call, struct value *body)
{
    struct value *name_value = value_find_folded(body, "Name");
    struct fan_change change = {.method = "POST",
                                .path = SLICE("/networks/create"),
                                .kind = WATCH_NETWORKS,
                                .deadline_ms = FAN_SLOW_MS};
    struct engine_node *named = NULL, *claimant;
    struct slice name = SLICE("");
    struct claim *claim;

    if (name_value && name_value->type == VALUE_TEXT)
        named = place_split(call->cluster, name_value->text, &name);
    change.node = choose(call, body, name, named);
    if (!change.node)
        return;
    if (!network_is_predefined(name) &&
        (name_taken(call, name) ||
         nouns_name_claimed(docker_nouns(call->docker), WATCH_NETWORKS, name, &claimant))) {
        call_error(call, 409, "network with name " SLICE_FMT " already exists", SLICE_ARG(name));
        return;
    }
    claim = xcalloc(1, sizeof(*claim));
    claim->nouns = docker_nouns(call->docker);
    claim->name = xslicedup(name);
    nouns_claim_name(claim->nouns, WATCH_NETWORKS, name, change.node);
    if (named)
        name_value->text = name;
    owner_stamp(call, body);
    call_mark_node(call, change.node);
    change.body = json_text(call->arena, body);
    change.on_settled = release_claim;
    change.context = claim;
    fan_change(call, &change);
}

void network_create(struct call_context *call)
{
    call_read_json(call, false, create);
}
