/* Plugins: volume and network drivers must be on every node, so changes go to every dockerd node.
 * podman has none. */
#include "proxy/docker/broadcast.h"

/* ---- reads ---- */

static void on_lists(struct call_context *call, struct merge_body *bodies, size_t count,
                     void *context)
{
    call_reply_json(call, 200, merge_plugins(call->arena, bodies, count));
}

void plugin_list(struct call_context *call)
{
    static const char *const allowed[] = {"enabled", "capability", "node", NULL};
    const struct filter *node_filter;
    struct filters filters;
    struct engine_node **nodes;
    struct fan_request request = {
        .method = "GET", .path = SLICE("/plugins"), .deadline_ms = FAN_LIST_MS};

    if (fan_filters(call, allowed, &filters, &node_filter) != 0)
        return;
    nodes = fan_nodes(call, node_filter, &request.count);
    request.count = fan_only_dockerd(nodes, request.count);
    request.nodes = nodes;
    fan_merge(call, &request, on_lists, NULL);
}

static struct engine_node **dockerd_nodes(struct call_context *call, size_t *count)
{
    struct engine_node **nodes = fan_nodes(call, NULL, count);

    *count = fan_only_usable(nodes, fan_only_dockerd(nodes, *count));
    return nodes;
}

void plugin_pass(struct call_context *call)
{
    size_t count;
    struct engine_node **nodes = dockerd_nodes(call, &count);

    fan_try(call, &(struct fan_try){.nodes = nodes, .count = count});
}

/* ---- changes ---- */

/* All must succeed: a driver that only some nodes have is a trap. */
static void on_changed(struct call_context *call, const struct gather_result *result, void *context)
{
    for (size_t i = 0; i < result->count; i++) {
        const struct gather_answer *answer = &result->list[i];

        if (answer->status >= 200 && answer->status < 300)
            continue;
        call_error(call, answer->status ? answer->status : 503, SLICE_FMT ": " SLICE_FMT,
                   SLICE_ARG(answer->node->view.name),
                   SLICE_ARG(answer->status ? fan_message(call, answer->body)
                                            : slice_of(answer->failure.text)));
        return;
    }
    if (!result->count)
        call_error(call, 503, "no node can be asked: none is ready");
    else if (result->list[0].body.length)
        call_reply(call, result->list[0].status, "application/json", result->list[0].body);
    else
        call_reply_empty(call, result->list[0].status);
}

static void change_all(struct call_context *call, struct slice body)
{
    size_t count;
    struct engine_node **nodes = dockerd_nodes(call, &count);

    fan_ask(call,
            &(struct fan_request){.method = arena_text(call->arena, call->route->method),
                                  .path = call->path,
                                  .nodes = nodes,
                                  .count = count,
                                  .body = body,
                                  .deadline_ms = FAN_SLOW_MS,
                                  .mutates = true},
            on_changed, NULL);
}

static void on_body(struct exchange *exchange, struct slice body, const struct failure *failure,
                    void *context)
{
    struct call_context *call = context;

    if (failure)
        call_fail(call, failure);
    else
        change_all(call, body.length ? body : SLICE_NONE);
}

void plugin_change(struct call_context *call)
{
    exchange_read_body(call->exchange, CALL_MAX_JSON, on_body, call);
}

static void start_stream(struct call_context *call, struct slice body, bool tee)
{
    struct broadcast_request request = {.verb = "Installing", .body = body, .tee = tee};

    request.nodes = dockerd_nodes(call, &request.count);
    request.required = request.count;
    if (request.count)
        broadcast_start(call, &request);
    else
        call_error(call, 503, "no node can be asked: none is ready");
}

static void on_stream_body(struct exchange *exchange, struct slice body,
                           const struct failure *failure, void *context)
{
    struct call_context *call = context;

    if (failure)
        call_fail(call, failure);
    else
        start_stream(call, body.length ? body : SLICE("[]"), false);
}

void plugin_stream(struct call_context *call)
{
    if (call->route->body == ROUTE_BODY_TAR)
        start_stream(call, SLICE_NONE, true);
    else
        exchange_read_body(call->exchange, CALL_MAX_JSON, on_stream_body, call);
}
