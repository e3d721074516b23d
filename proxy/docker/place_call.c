/* Place, for a call: looks, lists anew when nothing is found, looks again. */
#include "proxy/docker/place_call.h"

#include "proxy/docker/fan.h"
#include "proxy/docker/owner.h"

static void settle(struct call_context *call, const struct place_search *search,
                   const struct place *place, const struct failure *failure)
{
    if (place || (failure->kind == FAILURE_NOT_FOUND && search->missing_ok))
        search->on_found(call, place, search->context);
    else
        call_fail(call, failure);
}

static void look_again(struct call_context *call, void *context)
{
    const struct place_search *search = context;
    struct failure failure = {0};
    struct place place;
    bool found = owner_find_place(call, search->kind, search->reference, &place, &failure) == 0;

    settle(call, search, found ? &place : NULL, &failure);
}

void place_search(struct call_context *call, const struct place_search *search)
{
    struct place_search *kept;
    struct engine_node **nodes;
    struct failure failure = {0};
    struct place place;
    size_t count;

    if (owner_find_place(call, search->kind, search->reference, &place, &failure) == 0 ||
        failure.kind != FAILURE_NOT_FOUND) {
        settle(call, search, failure.kind ? NULL : &place, &failure);
        return;
    }
    kept = arena_alloc(call->arena, sizeof(*kept));
    *kept = *search;
    nodes = gather_all(call->cluster, call->arena, &count);
    fan_refresh(call, nodes, fan_only_usable(nodes, count), search->kind, look_again, kept);
}
