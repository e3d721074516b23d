/* Mutate: relay, keep the answer, refresh, answer. The refresh can't be stopped, so it holds a
 * ticket rather than the call: a client that leaves after the engine's answer changes nothing. */
#include "proxy/docker/mutate.h"

#include "proxy/cluster/records.h"

#include "proxy/cluster/inventory.h"

struct mutation {
    struct mutate_options options;
    struct ticket *ticket;
    int status;
    struct headers headers;
    struct slice body;
};

static void settle(struct call_context *call, struct mutation *mutation)
{
    if (mutation->options.on_settled)
        mutation->options.on_settled(call);
    call_reply_engine(call, call_node(call), mutation->status, &mutation->headers, mutation->body);
}

static void on_ticket(void *context)
{
    struct ticket *ticket = context;
    struct call_context *call = ticket_redeem(&ticket);
    if (call)
        settle(call, call->mutation);
}

static void on_refreshed(struct container_entry *entry, void *context)
{
    on_ticket(context);
}

static enum relay_verdict on_head(struct exchange *exchange, struct response_head *head,
                                  void *context)
{
    return RELAY_BUFFER;
}

static void keep_answer(struct call_context *call, struct mutation *mutation, int status,
                        const struct headers *headers, struct slice body)
{
    mutation->status = status;
    mutation->body = arena_copy(call->arena, body);
    mutation->headers.count = headers->count;
    for (size_t i = 0; i < headers->count; i++) {
        mutation->headers.list[i].name = arena_copy(call->arena, headers->list[i].name);
        mutation->headers.list[i].value = arena_copy(call->arena, headers->list[i].value);
    }
}

static void on_body(struct exchange *exchange, int status, const struct headers *headers,
                    struct slice body, void *context)
{
    struct call_context *call = context;
    struct mutation *mutation = call->mutation;
    const struct mutate_options *options = &mutation->options;
    struct engine_node *node = call_node(call);
    bool success = status >= 200 && status < 300;
    keep_answer(call, mutation, status, headers, body);
    if (options->on_answer)
        options->on_answer(call, status, mutation->body);
    struct container_entry *entry =
        options->engine_id.length ? cluster_container_on(node, options->engine_id) : NULL;
    if (entry && success && options->removes) {
        cluster_apply_removed(entry);
        cluster_when_kept(call->cluster, on_ticket, ticket_new(call));
        return;
    }
    if (entry && (success || status == 304) && slice_ends(options->path, "/stop"))
        cluster_note_wish(entry, true);
    if (entry && (success || status == 304) &&
        (slice_ends(options->path, "/start") || slice_ends(options->path, "/restart")))
        cluster_note_wish(entry, false);
    if (entry && success && options->renamed.length)
        cluster_apply_renamed(entry, options->renamed);
    if (options->images && success)
        inventory_refresh(node, WATCH_IMAGES, on_ticket, ticket_new(call));
    else if (options->engine_id.length && (success || status == 404))
        cluster_refresh(call->cluster, node, options->engine_id, on_refreshed, ticket_new(call));
    else
        settle(call, mutation);
}

static void on_failure(struct exchange *exchange, const struct failure *failure, bool sent,
                       void *context)
{
    struct call_context *call = context;
    struct mutation *mutation = call->mutation;
    if (mutation->options.on_settled)
        mutation->options.on_settled(call);
    call_node_failed(call, failure);
}

static const struct relay_hooks hooks = {
    .on_head = on_head,
    .on_body = on_body,
    .on_failure = on_failure,
};

void mutate_start(struct call_context *call, const struct mutate_options *options)
{
    struct mutation *mutation = arena_alloc(call->arena, sizeof(*mutation));
    mutation->options = *options;
    mutation->options.engine_id = arena_copy(call->arena, options->engine_id);
    mutation->options.path = arena_copy(call->arena, options->path);
    call->mutation = mutation;
    struct call_relay relay = {
        .node = options->node,
        .path = mutation->options.path,
        .body = options->body,
        .hooks = &hooks,
    };
    call_relay(call, &relay);
}
