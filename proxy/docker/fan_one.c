/* Fan, one node at a time: the first that answers, and changes that must be visible before they
 * are answered. */
#include "proxy/docker/fan.h"

#include "proxy/docker/path.h"

#include <stdlib.h>

/* ---- one node after another ---- */

struct attempt {
    struct slice *names; /* of nodes: they may go between attempts */
    size_t count, next;
    struct fan_try options;
};

static void try_next(struct call_context *call);

static bool more(const struct attempt *attempt)
{
    return attempt->next < attempt->count;
}

/* Another node may know better: it broke, or it lacks what is asked for. */
static bool worth_another(int status)
{
    return status >= 500 || status == 404;
}

static enum relay_verdict on_head(struct exchange *exchange, struct response_head *head,
                                  void *context)
{
    struct call_context *call = context;
    struct attempt *attempt = call->own;
    struct engine_node *node = call_node(call);

    if (attempt->options.on_answer || (worth_another(head->status) && more(attempt)) ||
        (node->podman && head->status >= 400))
        return RELAY_BUFFER;
    call_clean_head(call, node, head);
    return RELAY_PASS;
}

static void on_body(struct exchange *exchange, int status, const struct headers *headers,
                    struct slice body, void *context)
{
    struct call_context *call = context;
    struct attempt *attempt = call->own;

    if (worth_another(status) && more(attempt))
        try_next(call);
    else if (attempt->options.on_answer && status < 300)
        attempt->options.on_answer(call, call_node(call), status, headers, body);
    else
        call_reply_engine(call, call_node(call), status, headers, body);
}

static void on_failure(struct exchange *exchange, const struct failure *failure, bool sent,
                       void *context)
{
    struct call_context *call = context;
    struct attempt *attempt = call->own;
    struct slice method = call->route->method;
    bool harmless = slice_is(method, "GET") || slice_is(method, "HEAD");

    if ((harmless || !sent) && more(attempt))
        try_next(call);
    else
        call_node_failed(call, failure);
}

static const struct relay_hooks attempt_hooks = {
    .on_head = on_head, .on_body = on_body, .on_failure = on_failure};

static void try_next(struct call_context *call)
{
    struct attempt *attempt = call->own;
    struct call_relay relay = {.path = attempt->options.path,
                               .body = attempt->options.body,
                               .deadline_ms = attempt->options.deadline_ms,
                               .hooks = &attempt_hooks};
    struct failure why;

    while (!relay.node && more(attempt)) {
        struct engine_node *node =
            cluster_node_named(call->cluster, attempt->names[attempt->next++]);

        if (node && (node_usable(node, &why) == 0 || !more(attempt)))
            relay.node = node;
    }
    if (relay.node)
        (void)call_relay(call, &relay);
    else
        call_error(call, 503, "%s", attempt->options.nobody);
}

void fan_try(struct call_context *call, const struct fan_try *options)
{
    struct attempt *attempt = arena_alloc(call->arena, sizeof(*attempt));

    attempt->options = *options;
    if (!attempt->options.nobody)
        attempt->options.nobody = "no node can be asked: none is ready";
    attempt->names = arena_alloc(call->arena, (options->count + 1) * sizeof(*attempt->names));
    for (size_t i = 0; i < options->count; i++)
        attempt->names[i] = arena_copy(call->arena, options->nodes[i]->view.name);
    attempt->count = options->count;
    call->own = attempt;
    try_next(call);
}

/* ---- a change on one node ---- */

struct change {
    struct ticket *ticket;
    struct engine_node *node; /* held */
    enum watch_kind kind;
    struct slice container; /* on the heap */
    void (*on_settled)(void *context);
    void *context;
    int status;
    char *body;
    size_t length;
    struct failure failure;
};

static void settle(void *context)
{
    struct change *change = context;
    struct call_context *call = ticket_redeem(&change->ticket);
    struct headers headers = {.count = 0};

    if (change->on_settled)
        change->on_settled(change->context);
    if (call && change->status) {
        if (change->length)
            headers_add(&headers, SLICE("Content-Type"), SLICE("application/json"));
        call_reply_engine(call, change->node, change->status, &headers,
                          slice_make(change->body, change->length));
    } else if (call) {
        call_fail(call, &change->failure);
    }
    node_release(change->node);
    free((void *)(uintptr_t)change->container.at);
    free(change->body);
    free(change);
}

static void on_container(struct container_entry *entry, void *context)
{
    settle(context);
}

static void on_changed(const struct gather_result *result, void *context)
{
    struct change *change = context;
    const struct gather_answer *answer = &result->list[0];

    change->status = answer->status;
    change->failure = answer->failure;
    change->body = xslicedup(answer->body);
    change->length = answer->body.length;
    if (answer->status < 200 || answer->status > 299 || change->node->removed)
        settle(change);
    else if (change->container.length)
        cluster_refresh(change->node->cluster, change->node, change->container, on_container,
                        change);
    else
        inventory_refresh(change->node, change->kind, settle, change);
}

void fan_change(struct call_context *call, const struct fan_change *options)
{
    struct change *change = xcalloc(1, sizeof(*change));
    struct slice query = query_text(call->query);
    struct engine_node *nodes[] = {options->node};
    struct gather_request request = {
        .method = slice_of(options->method),
        .target = arena_printf(call->arena, SLICE_FMT "%s" SLICE_FMT,
                               SLICE_ARG(path_encode(call->arena, options->path)),
                               query.length ? "?" : "", SLICE_ARG(query)),
        .api_version = call->version,
        .body = options->body,
        .deadline_ms = options->deadline_ms,
    };

    change->ticket = ticket_new(call);
    change->node = node_hold(options->node);
    change->kind = options->kind;
    if (options->container.length)
        change->container = slice_make(xslicedup(options->container), options->container.length);
    change->on_settled = options->on_settled;
    change->context = options->context;
    (void)gather_start(call->cluster, &request, nodes, 1, on_changed, change);
}

/* ---- bringing inventories up to date ---- */

struct refresh {
    struct ticket *ticket;
    size_t left;
    void (*next)(struct call_context *call, void *context);
    void *context;
};

static void on_refreshed(void *context)
{
    struct refresh *refresh = context;
    struct call_context *call;

    if (--refresh->left)
        return;
    call = ticket_redeem(&refresh->ticket);
    if (call)
        refresh->next(call, refresh->context);
    free(refresh);
}

void fan_refresh(struct call_context *call, struct engine_node *const *nodes, size_t count,
                 enum watch_kind kind, void (*next)(struct call_context *call, void *context),
                 void *context)
{
    struct refresh *refresh = xcalloc(1, sizeof(*refresh));

    *refresh = (struct refresh){ticket_new(call), count + 1, next, context};
    for (size_t i = 0; i < count; i++)
        inventory_refresh(nodes[i], kind, on_refreshed, refresh);
    on_refreshed(refresh);
}
