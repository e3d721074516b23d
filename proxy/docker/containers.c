/* Containers: calls on one container. Reads, streams and tunnels pass as they are; what changes a
 * container is answered only after the cache has the change, so that whoever got the answer sees
 * it in the next list. */
#include "proxy/docker/handler.h"

#include "proxy/cluster/inventory.h"
#include "proxy/cluster/names.h"
#include "proxy/docker/container_edit.h"
#include "proxy/docker/mutate.h"
#include "proxy/docker/owner.h"
#include "proxy/json.h"

#define READ_DEADLINE_MS 30000
#define SLOW_DEADLINE_MS 600000 /* size=1, commit */

/* ---- as they are ---- */

static void pass_entry(struct call_context *call, struct container_entry *entry)
{
    bool endless = call->route->flags & (ROUTE_LONG | ROUTE_MUTATES);
    struct call_relay options = {
        .node = entry->node,
        .path = call_container_path(call, entry),
        .deadline_ms = endless ? 0 : READ_DEADLINE_MS,
    };
    call_relay(call, &options);
}

void container_pass(struct call_context *call)
{
    call_find_container(call, call->names[0], pass_entry);
}

/* ---- wait ---- */

static enum relay_verdict wait_on_head(struct exchange *exchange, struct response_head *head,
                                       void *context)
{
    call_clean_head(context, call_node(context), head);
    return RELAY_PASS;
}

static void wait_on_failure(struct exchange *exchange, const struct failure *failure, bool sent,
                            void *context)
{
    call_node_failed(context, failure);
}

/* The CLI exits with 125 and shows the text, instead of an "unexpected EOF". */
static void wait_on_broken(struct exchange *exchange, const struct failure *failure, void *context)
{
    struct call_context *call = context;
    struct value *answer = value_map(call->arena);
    value_set_int(call->arena, answer, "StatusCode", 125);
    value_set_text(
        call->arena, value_submap(call->arena, answer, "Error"), "Message",
        arena_printf(call->arena, SLICE_FMT " lost", SLICE_ARG(call_node(call)->view.name)));
    relay_last_words(exchange, json_text(call->arena, answer));
}

static const struct relay_hooks wait_hooks = {
    .on_head = wait_on_head,
    .on_failure = wait_on_failure,
    .on_broken = wait_on_broken,
};

static void wait_entry(struct call_context *call, struct container_entry *entry)
{
    struct call_relay options = {
        .node = entry->node,
        .path = call_container_path(call, entry),
        .hooks = &wait_hooks,
    };
    call_relay(call, &options);
}

void container_wait(struct call_context *call)
{
    call_find_container(call, call->names[0], wait_entry);
}

/* ---- inspect ---- */

static enum relay_verdict inspect_on_head(struct exchange *exchange, struct response_head *head,
                                          void *context)
{
    return RELAY_BUFFER;
}

static void inspect_on_body(struct exchange *exchange, int status, const struct headers *headers,
                            struct slice body, void *context)
{
    struct call_context *call = context;
    struct failure failure;
    struct engine_node *node = call_node(call);
    struct value *container = status == 200 ? json_parse(call->arena, body, &failure) : NULL;
    if (!container) {
        call_reply_engine(call, node, status, headers, body);
        return;
    }
    container_edit_inspect(call->arena, container, node,
                           cluster_user_id(call->cluster, value_get_text(container, "Id")));
    call_reply_json(call, 200, container);
}

static const struct relay_hooks inspect_hooks = {
    .on_head = inspect_on_head,
    .on_body = inspect_on_body,
    .on_failure = wait_on_failure,
};

static void inspect_entry(struct call_context *call, struct container_entry *entry)
{
    struct call_relay options = {
        .node = entry->node,
        .path = call_container_path(call, entry),
        .deadline_ms = query_bool(call->query, "size", false) ? SLOW_DEADLINE_MS : READ_DEADLINE_MS,
        .hooks = &inspect_hooks,
    };
    call_relay(call, &options);
}

void container_inspect(struct call_context *call)
{
    call_find_container(call, call->names[0], inspect_entry);
}

/* ---- changes ---- */

static void mutate_entry(struct call_context *call, struct container_entry *entry)
{
    if (slice_ends(call->path, "/stop") || slice_ends(call->path, "/kill"))
        cluster_note_stop(entry);
    struct mutate_options options = {
        .node = entry->node,
        .engine_id = entry->engine_id,
        .path = call_container_path(call, entry),
        .removes = slice_is(call->route->method, "DELETE"),
    };
    mutate_start(call, &options);
}

void container_mutate(struct call_context *call)
{
    call_find_container(call, call->names[0], mutate_entry);
}

static void update_entry(struct call_context *call, struct container_entry *entry)
{
    struct mutate_options options = {
        .node = entry->node,
        .engine_id = entry->engine_id,
        .path = call_container_path(call, entry),
        .body = json_text(call->arena, call->own),
    };
    mutate_start(call, &options);
}

static void update_body(struct call_context *call, struct value *body)
{
    call->own = body;
    call_find_container(call, call->names[0], update_entry);
}

/* The body is sent as parsed: what was checked is what the engine reads. */
void container_update(struct call_context *call)
{
    call_read_json(call, false, update_body);
}

/* ---- rename ---- */

struct rename {
    struct name_reservation *name;
};

static void rename_release(struct call_context *call)
{
    struct rename *rename = call->own;
    names_release(&rename->name);
}

static void rename_entry(struct call_context *call, struct container_entry *entry)
{
    struct rename *rename = call->own;
    struct failure failure;
    struct slice name = query_get(call->query, "name");
    ptrdiff_t cut;
    if (slice_starts(name, "/"))
        name = slice_from(name, 1);
    cut = slice_find(name, '/');
    if (cut > 0 && slice_equal(slice_cut(name, 0, (size_t)cut), entry->node->view.name))
        name = slice_from(name, (size_t)cut + 1);
    /* Its own name again, or none: the engine has the words for it. */
    if (name.length > 0 && !slice_equal(name, entry->view.name)) {
        rename->name = names_reserve(call->cluster, name, &failure);
        if (!rename->name) {
            owner_hide_name(call, name, &failure);
            call_fail(call, &failure);
            return;
        }
    }
    query_set(call->query, "name", name);
    struct mutate_options options = {
        .node = entry->node,
        .engine_id = entry->engine_id,
        .path = call_container_path(call, entry),
        .renamed = rename->name ? arena_copy(call->arena, name) : SLICE_NONE,
        .on_settled = rename_release,
    };
    call_on_gone(call, rename_release);
    mutate_start(call, &options);
}

void container_rename(struct call_context *call)
{
    call->own = arena_alloc(call->arena, sizeof(struct rename));
    call_find_container(call, call->names[0], rename_entry);
}

/* ---- commit ---- */

static void commit_entry(struct call_context *call, struct container_entry *entry)
{
    struct mutate_options options = {
        .node = entry->node,
        .path = SLICE("/commit"),
        .body = call->own ? json_text(call->arena, call->own) : SLICE_NONE,
        .images = true,
    };
    query_set(call->query, "container", arena_copy(call->arena, entry->engine_id));
    mutate_start(call, &options);
}

static void commit_body(struct call_context *call, struct value *body)
{
    call->own = body;
    call_find_container(call, query_get(call->query, "container"), commit_entry);
}

void container_commit(struct call_context *call)
{
    if (query_get(call->query, "container").length == 0)
        call_error(call, 400, "container is required: which one to commit");
    else
        call_read_json(call, true, commit_body);
}
