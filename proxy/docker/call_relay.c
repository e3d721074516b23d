/* Call relay: sends a call to one engine: our path, query and headers built from the parse, the
 * version clamped, the engine's identity taken off the answer, podman's codes mapped. */
#include "proxy/docker/handler.h"

#include "proxy/docker/path.h"
#include "proxy/docker/podman.h"

#include <stdlib.h>

struct slice call_target(struct call_context *call, const struct engine_node *node,
                         struct slice path)
{
    char version[16];
    struct slice query = query_text(call->query);
    api_version_text(node_api_version(node, call->version), version);
    struct slice parts[] = {SLICE("/v"), slice_of(version), path_encode(call->arena, path),
                            query.length ? SLICE("?") : SLICE_NONE, query};
    return arena_join(call->arena, parts, sizeof(parts) / sizeof(parts[0]));
}

static bool is_ours(struct slice name)
{
    static const char prefix[] = "x-cluster-";
    return slice_is_nocase(slice_cut(name, 0, sizeof(prefix) - 1), prefix) ||
           slice_is_nocase(name, "Authorization") || slice_is_nocase(name, "Host") ||
           slice_is_nocase(name, "Expect") || slice_is_nocase(name, "X-Berth-Token");
}

struct headers *call_engine_headers(struct call_context *call)
{
    const struct headers *from = &exchange_head(call->exchange)->headers;
    struct headers *headers = headers_new(call->arena);
    headers_copy(headers, from);
    headers_drop_hop_by_hop(headers);
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (!is_ours(headers->list[i].name))
            headers->list[kept++] = headers->list[i];
    }
    headers->count = kept;
    return headers;
}

/* Takes off what an engine says of itself; adds what was collected for the answer. */
static void clean_headers(struct call_context *call, const struct engine_node *node,
                          struct headers *headers)
{
    static const char *const dropped[] = {
        "Server", "Api-Version", "Ostype", "Docker-Experimental", "X-Reference-Id", "Date"};
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
        headers_drop(headers, dropped[i]);
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (!slice_is_nocase(slice_cut(headers->list[i].name, 0, 7), "libpod-"))
            headers->list[kept++] = headers->list[i];
    }
    headers->count = kept;
    call_mark_node(call, node);
    for (size_t i = 0; i < call->extra->count; i++)
        headers_add(headers, call->extra->list[i].name, call->extra->list[i].value);
}

void call_clean_head(struct call_context *call, const struct engine_node *node,
                     struct response_head *head)
{
    clean_headers(call, node, &head->headers);
}

/* ---- passing as it is ---- */

struct passing {
    struct engine_node *node;
};

static enum relay_verdict on_head(struct exchange *exchange, struct response_head *head,
                                  void *context)
{
    struct call_context *call = context;
    struct passing *passing = call->relaying;
    if (passing->node->podman && head->status >= 400)
        return RELAY_BUFFER;
    call_clean_head(call, passing->node, head);
    return RELAY_PASS;
}

static void on_body(struct exchange *exchange, int status, const struct headers *headers,
                    struct slice body, void *context)
{
    struct call_context *call = context;
    struct passing *passing = call->relaying;
    call_reply_engine(call, passing->node, status, headers, body);
}

static void on_failure(struct exchange *exchange, const struct failure *failure, bool sent,
                       void *context)
{
    call_node_failed(context, failure);
}

static const struct relay_hooks passing_hooks = {
    .on_head = on_head,
    .on_body = on_body,
    .on_failure = on_failure,
};

void call_node_failed(struct call_context *call, const struct failure *failure)
{
    struct passing *passing = call->relaying;
    call_error(call, 503, SLICE_FMT ": %s", SLICE_ARG(passing->node->view.name), failure->text);
}

struct relay *call_relay(struct call_context *call, const struct call_relay *options)
{
    struct failure failure;
    struct engine_node *node = options->node;
    if (node_usable(node, &failure) != 0) {
        call_fail(call, &failure);
        return NULL;
    }
    struct passing *passing = arena_alloc(call->arena, sizeof(*passing));
    /* The node's memory must outlive the relay: it is held for the call's life. */
    call_hold_node(call, node);
    if (call->route->flags & ROUTE_MUTATES)
        node_touch(node);
    passing->node = node;
    call->relaying = passing;
    struct slice path = options->path.at ? options->path : call->path;
    struct relay_request request = {
        .method = exchange_head(call->exchange)->method,
        .target =
            options->unversioned ? path_encode(call->arena, path) : call_target(call, node, path),
        .headers = call_engine_headers(call),
        .body = options->body,
        .head_deadline_ms = options->deadline_ms,
        .upgrade = (call->route->flags & ROUTE_HIJACK) != 0,
    };
    if (!request.body.at && call->body_read)
        request.body = SLICE("");
    return relay_start(call->exchange, node->upstream, &request,
                       options->hooks ? options->hooks : &passing_hooks, call);
}

struct engine_node *call_node(const struct call_context *call)
{
    const struct passing *passing = call->relaying;
    return passing ? passing->node : NULL;
}

void call_reply_engine(struct call_context *call, const struct engine_node *node, int status,
                       const struct headers *headers, struct slice body)
{
    struct response_head head = {.status = status, .headers = *headers};
    headers_drop_hop_by_hop(&head.headers);
    struct slice type = headers_find(&head.headers, "Content-Type");
    headers_drop(&head.headers, "Content-Type");
    clean_headers(call, node, &head.headers);
    if (node->podman && status >= 400)
        podman_error(call->arena, &status, &body, &type);
    exchange_reply(call->exchange, status, type.at ? arena_text(call->arena, type) : NULL, body,
                   &head.headers);
}
