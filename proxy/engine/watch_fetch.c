/* Watch fetch: the requests that bring lists and single containers up to date. Requests for the
 * same thing are joined; one that comes while an answer is under way waits for the next answer,
 * because the one under way may be older than what the asker has seen. */
#include "proxy/engine/watch_private.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kind_paths[WATCH_KINDS] = {
    [WATCH_CONTAINERS] = "/containers/json?all=1",
    [WATCH_IMAGES] = "/images/json",
    [WATCH_NETWORKS] = "/networks",
    [WATCH_VOLUMES] = "/volumes",
};

static void add_waiter(struct list *waiters, watch_done_fn on_done, void *context)
{
    struct watch_waiter *waiter;

    if (!on_done)
        return;
    waiter = xcalloc(1, sizeof *waiter);
    waiter->on_done = on_done;
    waiter->context = context;
    list_append(waiters, &waiter->link);
}

static void tell_waiters(struct list *waiters, const struct failure *failure)
{
    while (!list_empty(waiters)) {
        struct watch_waiter *waiter = LIST_ENTRY(waiters->next, struct watch_waiter, link);
        struct watch_waiter copy = *waiter;

        list_remove(&waiter->link);
        free(waiter);
        copy.on_done(failure, copy.context);
    }
}

static void move_waiters(struct list *from, struct list *to)
{
    LIST_EACH(link, from)
    {
        list_remove(link);
        list_append(to, link);
    }
}

void watch_fetch_init(struct watch *watch)
{
    watch->fetches = table_new();
    list_init(&watch->queue);
    list_init(&watch->orphans);
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        watch->kinds[kind].watch = watch;
        watch->kinds[kind].kind = (enum watch_kind)kind;
        list_init(&watch->kinds[kind].waiters);
        list_init(&watch->kinds[kind].next);
    }
}

bool watch_lists_pending(const struct watch *watch)
{
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        if (watch->kinds[kind].call)
            return true;
    }
    return false;
}

bool watch_fetches_pending(const struct watch *watch)
{
    return table_count(watch->fetches) > 0;
}

/* ---- lists ---- */

static void answer_failure(const struct call_reply *reply, const struct failure *failure,
                           const char *what, struct failure *result)
{
    if (failure) {
        *result = *failure;
        failure_prefix(result, "%s", what);
    } else {
        failure_set(result, FAILURE_INTERNAL, "%s: the engine answered %d", what, reply->status);
    }
}

static void list_call(struct watch_kind_state *state);

static void list_done(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct watch_kind_state *state = context;
    struct watch *watch = state->watch;
    struct arena *arena = arena_new();
    struct failure parse = {0};
    struct value *list = NULL;
    struct list waiters;

    state->call = NULL;
    if (failure && failure->kind == FAILURE_TIMED_OUT && !watch_too_slow(watch)) {
        arena_free(&arena);
        list_call(state);
        return;
    }
    if (!failure)
        watch_answered(watch);
    if (!failure && reply->status == 200)
        list = json_parse(arena, reply->body, &parse);
    else
        answer_failure(reply, failure, kind_paths[state->kind], &parse);
    if (list && state->kind == WATCH_VOLUMES)
        list = value_find(list, "Volumes");
    if (!list && parse.kind == FAILURE_NONE)
        list = value_list(arena); /* podman and old engines say null for none */
    if (list)
        watch->handlers.on_list(state->kind, list, watch->context);
    if (list && !watch->dead && state->kind == WATCH_CONTAINERS) {
        VALUE_EACH(row, list)
        {
            watch_fetch_add(watch, value_get_text(row, "Id"), false, NULL, NULL);
        }
    }
    arena_free(&arena);
    if (watch->dead)
        return;
    list_init(&waiters);
    move_waiters(&state->waiters, &waiters);
    if (state->again) {
        state->again = false;
        move_waiters(&state->next, &state->waiters);
        watch_list_start(watch, state->kind, NULL, NULL);
    }
    tell_waiters(&waiters, list ? NULL : &parse);
    if (watch->dead)
        return;
    if (!list)
        watch_lose(watch, &parse);
    else
        watch_progress(watch);
}

static void list_call(struct watch_kind_state *state)
{
    struct watch *watch = state->watch;
    struct call_request request = {.method = SLICE("GET")};
    char target[80];

    snprintf(target, sizeof target, "%s%s", watch->prefix, kind_paths[state->kind]);
    request.target = slice_of(target);
    request.deadline_ms = watch->settings.call_deadline_ms;
    state->call = call_start(watch->upstream, &request, list_done, state);
}

void watch_list_start(struct watch *watch, enum watch_kind kind, watch_done_fn on_done,
                      void *context)
{
    struct watch_kind_state *state = &watch->kinds[kind];

    if (state->call) {
        state->again = true;
        add_waiter(&state->next, on_done, context);
        return;
    }
    watch_doubt(watch);
    add_waiter(&state->waiters, on_done, context);
    list_call(state);
}

/* ---- one container ---- */

static void fetch_free(struct watch_fetch *fetch)
{
    list_remove(&fetch->link);
    if (fetch->row_call)
        call_cancel(&fetch->row_call);
    if (fetch->inspect_call)
        call_cancel(&fetch->inspect_call);
    arena_free(&fetch->arena);
    free(fetch->id);
    free(fetch);
}

static void fetch_deliver(struct watch_fetch *fetch)
{
    struct watch *watch = fetch->watch;

    if (fetch->gone)
        watch->handlers.on_container(slice_of(fetch->id), NULL, NULL, watch->context);
    else if (fetch->inspect)
        watch->handlers.on_container(slice_of(fetch->id), fetch->row, fetch->inspect,
                                     watch->context);
}

/* Both answers are here. */
static void fetch_finish(struct watch_fetch *fetch)
{
    struct watch *watch = fetch->watch;
    struct failure failure = fetch->failure;
    bool failed = !fetch->gone && !fetch->inspect;
    struct list waiters;

    fetch->active = false;
    watch->active--;
    /* The list did not have it yet, or not any more, when the inspect did: look once more. */
    if (!fetch->gone && fetch->inspect && fetch->with_row && !fetch->row && fetch->tries < 2)
        fetch->again = fetch->again_row = true;
    fetch_deliver(fetch);
    if (watch->dead)
        return;
    list_init(&waiters);
    move_waiters(&fetch->waiters, &waiters);
    arena_free(&fetch->arena);
    fetch->row = fetch->inspect = NULL;
    if (fetch->again) {
        fetch->again = fetch->gone = false;
        fetch->with_row = fetch->again_row;
        fetch->again_row = false;
        move_waiters(&fetch->next, &fetch->waiters);
        list_append(&watch->queue, &fetch->link);
    } else {
        table_remove(watch->fetches, slice_of(fetch->id));
        fetch_free(fetch);
    }
    tell_waiters(&waiters, failed ? &failure : NULL);
    if (watch->dead)
        return;
    watch_fetch_pump(watch);
    watch_progress(watch);
}

static void row_done(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct watch_fetch *fetch = context;

    fetch->row_call = NULL;
    if (!failure && reply->status == 200) {
        struct value *list = json_parse(fetch->arena, reply->body, &fetch->failure);

        VALUE_EACH(row, list)
        {
            if (slice_is(value_get_text(row, "Id"), fetch->id))
                fetch->row = row;
        }
    }
    if (!fetch->inspect_call)
        fetch_finish(fetch);
}

static void inspect_done(const struct call_reply *reply, const struct failure *failure,
                         void *context)
{
    struct watch_fetch *fetch = context;

    fetch->inspect_call = NULL;
    if (!failure)
        watch_answered(fetch->watch);
    else if (failure->kind == FAILURE_TIMED_OUT) {
        /* The copy must still come true. */
        fetch->again = fetch->again_row = true;
        if (watch_too_slow(fetch->watch)) {
            struct failure why = *failure;

            watch_lose(fetch->watch, &why);
            return;
        }
    }
    if (failure || reply->status != 200) {
        fetch->gone = !failure && reply->status == 404;
        answer_failure(reply, failure, "inspect of a container", &fetch->failure);
    } else {
        fetch->inspect = json_parse(fetch->arena, reply->body, &fetch->failure);
    }
    if (!fetch->row_call)
        fetch_finish(fetch);
}

static void fetch_start(struct watch_fetch *fetch)
{
    struct watch *watch = fetch->watch;
    struct call_request request = {.method = SLICE("GET")};
    char target[400];

    list_remove(&fetch->link);
    fetch->active = true;
    fetch->tries++;
    watch->active++;
    fetch->arena = arena_new();
    failure_clear(&fetch->failure);
    request.deadline_ms = watch->settings.call_deadline_ms;
    snprintf(target, sizeof target, "%s/containers/%s/json", watch->prefix, fetch->id);
    request.target = slice_of(target);
    fetch->inspect_call = call_start(watch->upstream, &request, inspect_done, fetch);
    if (fetch->with_row) {
        snprintf(target, sizeof target,
                 "%s/containers/json?all=1&filters=%%7B%%22id%%22%%3A%%5B%%22%s%%22%%5D%%7D",
                 watch->prefix, fetch->id);
        request.target = slice_of(target);
        fetch->row_call = call_start(watch->upstream, &request, row_done, fetch);
    }
}

void watch_fetch_pump(struct watch *watch)
{
    /* Not before the lists are in: an older list must not overwrite a newer single answer. */
    if (watch->step < WATCH_INSPECTING)
        return;
    while (watch->active < watch->settings.inspects && !list_empty(&watch->queue))
        fetch_start(LIST_ENTRY(watch->queue.next, struct watch_fetch, link));
}

/* Ids are put into a path: what is not hex or a plain word is not an id. */
static bool usable_id(struct slice id)
{
    if (id.length == 0 || id.length > 128)
        return false;
    for (size_t i = 0; i < id.length; i++) {
        char c = id.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '-' || c == '.'))
            return false;
    }
    return !slice_is(id, ".") && !slice_is(id, "..");
}

void watch_fetch_add(struct watch *watch, struct slice id, bool with_row, watch_done_fn on_done,
                     void *context)
{
    struct watch_fetch *fetch = table_find(watch->fetches, id);

    if (!usable_id(id)) {
        watch_orphan(watch, on_done, context);
        return;
    }
    watch_doubt(watch);
    if (!fetch) {
        fetch = xcalloc(1, sizeof *fetch);
        fetch->watch = watch;
        fetch->id = xslicedup(id);
        list_init(&fetch->waiters);
        list_init(&fetch->next);
        table_put(watch->fetches, id, fetch);
        list_init(&fetch->link);
        list_append(&watch->queue, &fetch->link);
    }
    if (fetch->active) {
        fetch->again = true;
        fetch->again_row |= with_row;
        add_waiter(&fetch->next, on_done, context);
        return;
    }
    fetch->with_row |= with_row;
    add_waiter(&fetch->waiters, on_done, context);
    watch_fetch_pump(watch);
}

void watch_fetch_abort(struct watch *watch, const struct failure *why)
{
    struct list waiters;
    size_t cursor = 0;
    struct slice key;
    void *value;

    list_init(&waiters);
    while (table_each(watch->fetches, &cursor, &key, &value)) {
        struct watch_fetch *fetch = value;

        table_remove(watch->fetches, slice_of(fetch->id));
        move_waiters(&fetch->waiters, &waiters);
        move_waiters(&fetch->next, &waiters);
        fetch_free(fetch);
    }
    watch->active = 0;
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        struct watch_kind_state *state = &watch->kinds[kind];

        if (state->call)
            call_cancel(&state->call);
        state->again = false;
        move_waiters(&state->waiters, &waiters);
        move_waiters(&state->next, &waiters);
    }
    tell_waiters(&waiters, why);
}

static void orphans_flush(void *context)
{
    struct watch *watch = context;
    struct failure why;

    failure_set(&why, FAILURE_UNREACHABLE, "the engine is not connected");
    tell_waiters(&watch->orphans, &why);
}

void watch_orphan(struct watch *watch, watch_done_fn on_done, void *context)
{
    if (list_empty(&watch->orphans))
        loop_defer(watch->loop, orphans_flush, watch);
    add_waiter(&watch->orphans, on_done, context);
}

void watch_fetch_deinit(struct watch *watch)
{
    table_free(&watch->fetches);
}
