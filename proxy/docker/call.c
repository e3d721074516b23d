/* Call: the helpers every handler shares: answers, JSON bodies, finding a container, and the way
 * back for operations that outlive their client. */
#include "proxy/docker/container_pending.h"
#include "proxy/docker/handler.h"

#include "proxy/cluster/gather.h"
#include "proxy/docker/guarded.h"
#include "proxy/docker/owner.h"
#include "proxy/json.h"

#include <stdio.h>
#include <stdlib.h>

struct ticket {
    struct call_context *call;
    struct ticket *next;
};

/* ---- life ---- */

static void stop_asking(struct call_context *call)
{
    if (call->resolve)
        resolve_cancel(&call->resolve);
    if (call->gather)
        gather_cancel(&call->gather);
}

static void on_client_gone(struct exchange *exchange, void *context)
{
    struct call_context *call = context;
    stop_asking(call);
    if (call->on_gone)
        call->on_gone(call);
}

void call_watch_client(struct call_context *call)
{
    exchange_on_gone(call->exchange, on_client_gone, call);
}

void call_on_gone(struct call_context *call, void (*on_gone)(struct call_context *call))
{
    call->on_gone = on_gone;
}

void call_end(struct call_context *call)
{
    stop_asking(call);
    for (struct ticket *ticket = call->tickets; ticket; ticket = ticket->next)
        ticket->call = NULL;
    call->tickets = NULL;
    for (size_t i = 0; i < call->held_count && call->route->flags & ROUTE_MUTATES; i++)
        node_touch(call->held[i]);
    while (call->held_count > 0)
        node_release(call->held[--call->held_count]);
}

void call_hold_node(struct call_context *call, struct engine_node *node)
{
    for (size_t i = 0; i < call->held_count; i++) {
        if (call->held[i] == node)
            return;
    }
    if (call->held_count == sizeof(call->held) / sizeof(call->held[0]))
        node_release(call->held[--call->held_count]);
    call->held[call->held_count++] = node_hold(node);
}

struct ticket *ticket_new(struct call_context *call)
{
    struct ticket *ticket = xcalloc(1, sizeof(*ticket));
    ticket->call = call;
    ticket->next = call->tickets;
    call->tickets = ticket;
    return ticket;
}

struct call_context *ticket_redeem(struct ticket **ticket)
{
    struct call_context *call = (*ticket)->call;
    if (call) {
        struct ticket **link = &call->tickets;
        while (*link != *ticket)
            link = &(*link)->next;
        *link = (*ticket)->next;
    }
    free(*ticket);
    *ticket = NULL;
    return call;
}

/* ---- answers ---- */

void call_add_header(struct call_context *call, const char *name, struct slice value)
{
    if (!call->extra)
        call->extra = headers_new(call->arena);
    headers_drop(call->extra, name);
    headers_add(call->extra, slice_of(name), value);
}

void call_mark_node(struct call_context *call, const struct engine_node *node)
{
    call_add_header(call, "X-Cluster-Node", arena_copy(call->arena, node->view.name));
}

void call_reply(struct call_context *call, int status, const char *content_type, struct slice body)
{
    exchange_reply(call->exchange, status, content_type, body, call->extra);
}

void call_reply_json(struct call_context *call, int status, const struct value *value)
{
    call_reply(call, status, "application/json", json_text(call->arena, value));
}

void call_reply_empty(struct call_context *call, int status)
{
    call_reply(call, status, NULL, SLICE_NONE);
}

static void reply_message(struct call_context *call, int status, struct slice message)
{
    struct value *body = value_map(call->arena);
    value_set_text(call->arena, body, "message", message);
    call_reply_json(call, status, body);
}

void call_fail(struct call_context *call, const struct failure *failure)
{
    exchange_reply_failure(call->exchange, failure);
}

void call_error(struct call_context *call, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct slice message = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    reply_message(call, status, message);
}

/* ---- JSON bodies ---- */

struct body_read {
    struct call_context *call;
    call_value_fn on_value;
    bool optional;
};

static bool type_is_json(struct call_context *call)
{
    const struct request_head *head = exchange_head(call->exchange);
    struct slice type = headers_find(&head->headers, "Content-Type"), first = SLICE_NONE;
    slice_next(&type, ';', &first);
    return slice_is_nocase(slice_trim(first), "application/json");
}

static void on_body(struct exchange *exchange, struct slice body, const struct failure *failure,
                    void *context)
{
    struct body_read *read = context;
    struct call_context *call = read->call;
    struct failure why;
    call->body_read = true;
    if (failure) {
        call_fail(call, failure);
        return;
    }
    if (body.length == 0) {
        if (read->optional)
            read->on_value(call, NULL);
        else
            call_error(call, 400, "invalid JSON: got EOF while reading request body");
        return;
    }
    if (!type_is_json(call)) {
        struct slice type = headers_find(&exchange_head(exchange)->headers, "Content-Type");
        call_error(call, 400,
                   "malformed Content-Type header (" SLICE_FMT "): must be application/json",
                   SLICE_ARG(type.at ? type : SLICE("")));
        return;
    }
    struct value *value = json_parse(call->arena, body, &why);
    if (!value) {
        call_fail(call, &why);
    } else if (value->type == VALUE_NULL && read->optional) {
        read->on_value(call, NULL); /* older clients' word for nothing: docker commit */
    } else if (value->type != VALUE_MAP) {
        call_error(call, 400, "invalid JSON: the body must be an object");
    } else if (guarded_body(call, value) == 0) {
        read->on_value(call, value);
    }
}

void call_read_json(struct call_context *call, bool optional, call_value_fn on_value)
{
    struct body_read *read = arena_alloc(call->arena, sizeof(*read));
    *read = (struct body_read){call, on_value, optional};
    exchange_read_body(call->exchange, CALL_MAX_JSON, on_body, read);
}

/* ---- one container ---- */

struct lookup {
    struct call_context *call;
    struct slice reference;
    call_entry_fn on_entry;
};

static void found(struct call_context *call, struct slice reference, struct container_entry *entry,
                  const struct failure *failure, call_entry_fn on_entry)
{
    struct failure why;
    if (!entry) {
        call_fail(call, failure);
    } else if (!owner_sees_container(call, entry)) {
        failure_set(&why, FAILURE_NOT_FOUND, "No such container: " SLICE_FMT, SLICE_ARG(reference));
        call_fail(call, &why);
    } else if (!entry->node) {
        container_pending(call, entry);
    } else if (node_usable(entry->node, &why) != 0) {
        char text[sizeof(why.text) + 160];
        snprintf(text, sizeof(text), "%s: container " SLICE_FMT " cannot be reached", why.text,
                 SLICE_ARG(slice_cut(entry->view.name, 0, 128)));
        call_error(call, 503, "%s", text);
    } else {
        call_mark_node(call, entry->node);
        call->target = arena_copy(call->arena, entry->view.id);
        on_entry(call, entry);
    }
}

static void on_resolved(struct container_entry *entry, const struct failure *failure, void *context)
{
    struct lookup *lookup = context;
    lookup->call->resolve = NULL;
    found(lookup->call, lookup->reference, entry, failure, lookup->on_entry);
}

void call_find_container(struct call_context *call, struct slice reference, call_entry_fn on_entry)
{
    struct lookup *lookup = arena_alloc(call->arena, sizeof(*lookup));
    struct container_entry *entry = NULL;
    struct failure failure;
    failure_clear(&failure);
    *lookup = (struct lookup){call, arena_copy(call->arena, reference), on_entry};
    call->resolve =
        cluster_resolve(call->cluster, reference, &entry, &failure, on_resolved, lookup);
    if (!call->resolve)
        found(call, reference, entry, &failure, on_entry);
}

struct slice call_container_path(struct call_context *call, const struct container_entry *entry)
{
    struct slice behind = slice_from(call->path, strlen("/containers/") + call->names[0].length);
    struct slice parts[] = {SLICE("/containers/"), entry->engine_id, behind};
    return arena_join(call->arena, parts, 3);
}
