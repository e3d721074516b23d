/* Fan: one call to many nodes, answers merged. */
#include "proxy/docker/fan.h"

#include "proxy/docker/path.h"
#include "proxy/docker/place.h"
#include "proxy/docker/timestamp.h"

#include <stdlib.h>

struct engine_node **fan_nodes(struct call_context *call, const struct filter *node_filter,
                               size_t *count)
{
    struct engine_node **nodes = gather_all(call->cluster, call->arena, count);
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        const struct node *view = &nodes[i]->view;

        if (call->pinned.length && !slice_equal(view->name, call->pinned))
            continue;
        if (node_filter && !filters_node(node_filter, view->name, view->id))
            continue;
        nodes[kept++] = nodes[i];
    }
    *count = kept;
    return nodes;
}

size_t fan_only_dockerd(struct engine_node **nodes, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!nodes[i]->podman)
            nodes[kept++] = nodes[i];
    return kept;
}

size_t fan_only_usable(struct engine_node **nodes, size_t count)
{
    struct failure why;
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (node_usable(nodes[i], &why) == 0)
            nodes[kept++] = nodes[i];
    return kept;
}

/* Nodes have clocks of their own: "24h" must mean the same moment on all. */
static int make_until_absolute(struct call_context *call, struct filters *filters)
{
    struct slice until = filters_get(filters, "until");
    struct failure failure;
    int64_t wall_ns;
    char text[32];

    if (!until.at)
        return 0;
    if (timestamp_parse(until, loop_wall_ns(), &wall_ns, &failure) != 0) {
        call_fail(call, &failure);
        return -1;
    }
    timestamp_write(wall_ns, text);
    (void)filters_take(filters, "until");
    filters_add(filters, "until", arena_copy(call->arena, slice_of(text)));
    return 0;
}

int fan_filters(struct call_context *call, const char *const *allowed, struct filters *filters,
                const struct filter **node_filter)
{
    struct failure failure;
    struct slice text;

    if (filters_parse(filters, call->arena, query_get(call->query, "filters"), allowed, &failure) !=
        0) {
        call_fail(call, &failure);
        return -1;
    }
    *node_filter = filters_take(filters, "node");
    if (make_until_absolute(call, filters) != 0)
        return -1;
    text = filters_text(filters);
    if (text.at)
        query_set(call->query, "filters", text);
    else
        query_drop(call->query, "filters");
    return 0;
}

size_t fan_split_names(struct call_context *call, struct filters *filters,
                       struct engine_node **nodes, size_t count)
{
    const struct filter *names = filters_take(filters, "name");
    bool all = names != NULL;
    size_t kept = 0, wanted_count = 0;
    struct engine_node **wanted;

    if (!names)
        return count;
    wanted = arena_alloc(call->arena, (names->count + 1) * sizeof(*wanted));
    for (const struct filter_value *value = names->first; value; value = value->next) {
        struct slice plain;
        struct engine_node *node = place_split(call->cluster, value->text, &plain);

        filters_add(filters, "name", plain);
        if (node)
            wanted[wanted_count++] = node;
        else
            all = false;
    }
    query_set(call->query, "filters", filters_text(filters));
    for (size_t i = 0; i < count; i++) {
        bool keep = !all;

        for (size_t k = 0; !keep && k < wanted_count; k++)
            keep = wanted[k] == nodes[i];
        if (keep)
            nodes[kept++] = nodes[i];
    }
    return kept;
}

struct fan {
    struct call_context *call;
    struct gather *gather;
    struct ticket *ticket; /* instead of call, when it is seen through */
    fan_result_fn on_result;
    void *context;
};

static void on_gathered(const struct gather_result *result, void *context)
{
    struct fan fan = *(struct fan *)context;
    struct call_context *call = fan.ticket ? ticket_redeem(&fan.ticket) : fan.call;

    free(context);
    if (!call)
        return;
    if (fan.call)
        call_on_gone(call, NULL);
    fan.on_result(call, result, fan.context);
}

static void on_gone(struct call_context *call)
{
    struct fan *fan = call->own;

    gather_cancel(&fan->gather);
    free(fan);
}

void fan_ask(struct call_context *call, const struct fan_request *request, fan_result_fn on_result,
             void *context)
{
    struct fan *fan = xcalloc(1, sizeof(*fan));
    struct slice query = query_text(call->query);
    struct gather_request ask = {
        .method = slice_of(request->method),
        .target = arena_printf(call->arena, SLICE_FMT "%s" SLICE_FMT,
                               SLICE_ARG(path_encode(call->arena, request->path)),
                               query.length ? "?" : "", SLICE_ARG(query)),
        .api_version = call->version,
        .headers = request->body.at ? NULL : call_engine_headers(call),
        .body = request->body,
        .deadline_ms = request->deadline_ms,
    };

    fan->on_result = on_result;
    fan->context = context;
    if (request->mutates) {
        fan->ticket = ticket_new(call);
    } else {
        fan->call = call;
        call->own = fan;
        call_on_gone(call, on_gone);
    }
    fan->gather =
        gather_start(call->cluster, &ask, request->nodes, request->count, on_gathered, fan);
}

struct merge_body *fan_bodies(struct call_context *call, const struct gather_result *result,
                              size_t *count)
{
    struct merge_body *bodies = arena_alloc(call->arena, (result->count + 1) * sizeof(*bodies));
    struct slice failed = gather_failed(result, call->arena);

    *count = 0;
    for (size_t i = 0; i < result->count; i++) {
        const struct gather_answer *answer = &result->list[i];

        if (answer->status < 200 || answer->status > 299)
            continue;
        bodies[*count].node = arena_copy(call->arena, answer->node->view.name);
        bodies[*count].node_id = arena_copy(call->arena, answer->node->view.id);
        bodies[*count].body =
            answer->body.length ? json_parse(call->arena, answer->body, NULL) : NULL;
        ++*count;
    }
    if (failed.length)
        call_add_header(call, "X-Cluster-Nodes-Failed", failed);
    return bodies;
}

struct merging {
    fan_bodies_fn on_bodies;
    void *context;
    bool mutates;
    struct merge_body *known; /* of nodes that need not be asked */
    size_t known_count;
};

/* ---- answers from the inventory ---- */

/* The node would word its rows as the watch got them: the same API version. */
static bool answers_for(const struct call_context *call, const struct engine_node *node)
{
    return node_quiet(node) && node->api_max <= ROUTES_API_MAX &&
           node_api_version(node, call->version) == node->api_max;
}

static struct value *known_body(struct call_context *call, const struct engine_node *node,
                                enum watch_kind kind)
{
    struct value *rows = value_list(call->arena), *volumes;
    size_t count = inventory_count(node, kind);

    for (size_t i = 0; i < count; i++) {
        struct value *row = json_parse(call->arena, inventory_at(node, kind, i)->row, NULL);

        if (row)
            value_append(rows, row);
    }
    if (kind != WATCH_VOLUMES)
        return rows;
    volumes = value_map(call->arena);
    value_set(call->arena, volumes, "Volumes", rows);
    return volumes;
}

/* Moves the nodes that need not be asked out of `nodes` into merging->known. */
static size_t take_known(struct call_context *call, struct merging *merging,
                         const struct fan_request *request, struct engine_node **nodes)
{
    size_t left = 0;

    merging->known = arena_alloc(call->arena, (request->count + 1) * sizeof(*merging->known));
    for (size_t i = 0; i < request->count; i++) {
        struct engine_node *node = request->nodes[i];

        if (request->plain && answers_for(call, node))
            merging->known[merging->known_count++] = (struct merge_body){
                arena_copy(call->arena, node->view.name), arena_copy(call->arena, node->view.id),
                known_body(call, node, request->kind)};
        else
            nodes[left++] = node;
    }
    return left;
}

static void on_merge_result(struct call_context *call, const struct gather_result *result,
                            void *context)
{
    struct merging *merging = context;
    struct merge_body *bodies, *all;
    struct failure failure = {0};
    size_t count = 0;
    int status = 0;

    if (result->count && !result->answered && !merging->known_count) {
        gather_explain(result, &status, &failure);
        if (status == 0)
            status = merging->mutates ? 500 : 503;
        call_error(call, status, "%s", failure.text);
        return;
    }
    bodies = fan_bodies(call, result, &count);
    all = arena_alloc(call->arena, (count + merging->known_count + 1) * sizeof(*all));
    memcpy(all, merging->known, merging->known_count * sizeof(*all));
    memcpy(all + merging->known_count, bodies, count * sizeof(*all));
    merging->on_bodies(call, all, count + merging->known_count, merging->context);
}

void fan_merge(struct call_context *call, const struct fan_request *request,
               fan_bodies_fn on_bodies, void *context)
{
    struct merging *merging = arena_alloc(call->arena, sizeof(*merging));
    struct engine_node **nodes =
        arena_alloc(call->arena, (request->count + 1) * sizeof(struct engine_node *));
    struct fan_request rest = *request;

    *merging = (struct merging){on_bodies, context, request->mutates, NULL, 0};
    rest.count = take_known(call, merging, request, nodes);
    rest.nodes = nodes;
    if (rest.count || !merging->known_count)
        fan_ask(call, &rest, on_merge_result, merging);
    else
        on_bodies(call, merging->known, merging->known_count, context);
}

struct slice fan_message(struct call_context *call, struct slice body)
{
    struct slice text = value_get_text(json_parse(call->arena, body, NULL), "message");

    return text.at ? text : body;
}
