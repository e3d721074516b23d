/* Container pending: inspect tells what is known, rm forgets it, stop and start say whether it is
 * to be placed when there is room. */
#include "proxy/docker/container_pending.h"

#include "proxy/cluster/names.h"
#include "proxy/cluster/recover.h"
#include "proxy/json.h"

static void inspect(struct call_context *call, const struct container_entry *entry)
{
    struct failure failure;
    struct value *container = json_parse(call->arena, cluster_pending_inspect(entry), &failure),
                 *state;

    if (!container) {
        call_fail(call, &failure);
        return;
    }
    value_set_text(call->arena, container, "Id", entry->view.id);
    state = value_submap(call->arena, container, "State");
    value_set_text(call->arena, state, "Status", SLICE("pending"));
    value_set_bool(call->arena, state, "Running", false);
    value_set_text(call->arena, state, "Error",
                   slice_of(entry->pending_why ? entry->pending_why : ""));
    value_set(call->arena, value_submap(call->arena, container, "NetworkSettings"), "Ports",
              value_map(call->arena));
    call_reply_json(call, 200, container);
}

static int rename_pending(struct call_context *call, struct recover *recover,
                          const struct container_entry *entry, struct failure *failure)
{
    struct slice name = query_get(call->query, "name");
    struct name_reservation *reservation;
    int result;

    if (slice_starts(name, "/"))
        name = slice_from(name, 1);
    reservation = names_reserve(call->cluster, name, failure);
    if (!reservation)
        return -1;
    result = recover_rename(recover, entry->view.id, name, failure);
    names_release(&reservation);
    return result;
}

static bool asks(const struct call_context *call, const char *method, const char *verb)
{
    return slice_is(call->route->method, method) && slice_ends(call->path, verb);
}

void container_pending(struct call_context *call, struct container_entry *entry)
{
    struct recover *recover = docker_options(call->docker)->recover;
    struct failure failure;
    int result;

    call->target = arena_copy(call->arena, entry->view.id);
    if (asks(call, "GET", "/json")) {
        inspect(call, entry);
        return;
    }
    if (recover && slice_is(call->route->method, "DELETE"))
        result = recover_remove(recover, entry->view.id, &failure);
    else if (recover && (asks(call, "POST", "/stop") || asks(call, "POST", "/kill")))
        result = recover_hold(recover, entry->view.id, true, &failure);
    else if (recover && (asks(call, "POST", "/start") || asks(call, "POST", "/restart")))
        result = recover_hold(recover, entry->view.id, false, &failure);
    else if (recover && asks(call, "POST", "/rename"))
        result = rename_pending(call, recover, entry, &failure);
    else
        result =
            failure_set(&failure, FAILURE_UNREACHABLE,
                        "container " SLICE_FMT " is pending%s%s; it starts when a node has room",
                        SLICE_ARG(entry->view.name), entry->pending_why ? ": " : "",
                        entry->pending_why ? entry->pending_why : "");
    if (result == 0)
        call_reply_empty(call, 204);
    else
        call_fail(call, &failure);
}
