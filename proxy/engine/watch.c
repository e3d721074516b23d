/* Watch: the steps of following one engine, from the first question to the event stream, and back
 * to the start whenever something breaks. */
#include "proxy/engine/watch_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENT_MAX     (1024 * 1024)
#define WATCH_API_MAX API_VERSION(1, 51) /* the newest whose answers we have read */
/* Engines send the head of /events at once; one that does not has still subscribed us. */
#define HEAD_PATIENCE_MS 2000

static void ask(struct watch *watch);
static void list_all(struct watch *watch);

/* ---- losing and trying again ---- */

static void cancel_calls(struct watch *watch)
{
    if (watch->version_call)
        call_cancel(&watch->version_call);
    if (watch->info_call)
        call_cancel(&watch->info_call);
    if (watch->events_call)
        call_cancel(&watch->events_call);
    if (watch->ping_call)
        call_cancel(&watch->ping_call);
    timer_stop(&watch->retry);
    timer_stop(&watch->probe);
    timer_stop(&watch->deadline);
}

void watch_lose(struct watch *watch, const struct failure *why)
{
    struct failure copy = *why;

    if (watch->dead || watch->step == WATCH_WAITING)
        return;
    cancel_calls(watch);
    watch->step = WATCH_WAITING;
    watch->settled = false;
    watch->slow_since = 0;
    timer_start(&watch->retry, watch->delay_ms);
    watch->delay_ms *= 2;
    if (watch->delay_ms > watch->settings.retry_max_ms)
        watch->delay_ms = watch->settings.retry_max_ms;
    watch->handlers.on_lost(&copy, watch->context);
    watch_fetch_abort(watch, &copy);
}

static void on_retry(void *context)
{
    ask(context);
}

void watch_hurry(struct watch *watch)
{
    watch->delay_ms = watch->settings.retry_min_ms;
    if (watch->step == WATCH_WAITING && !watch->dead)
        timer_start(&watch->retry, 0);
}

/* ---- step ASKING ---- */

static void asked(struct watch *watch);

/* An engine with its hands full may be slow to count itself; whether it lives is for the probe to
 * say. What it said last stands, and it is asked again next time. */
static void give_up_info(struct watch *watch)
{
    if (watch->version_call)
        call_cancel(&watch->version_call);
    if (watch->info_call)
        call_cancel(&watch->info_call);
}

static void take_answer(struct watch *watch, const struct call_reply *reply,
                        const struct failure *failure, const char *what, struct value **value)
{
    struct failure why = {0};

    if (failure && failure->kind == FAILURE_TIMED_OUT && watch->step > WATCH_ASKING) {
        give_up_info(watch);
        return;
    }
    if (failure) {
        why = *failure;
        watch_lose(watch, &why);
        return;
    }
    if (reply->status == 200)
        *value = json_parse(watch->info_arena, reply->body, &why);
    if (reply->status != 200)
        failure_set(&why, FAILURE_UNREACHABLE, "%s answered %d", what, reply->status);
    if (why.kind != FAILURE_NONE) {
        watch_lose(watch, &why);
        return;
    }
    if (!watch->version_call && !watch->info_call)
        asked(watch);
}

static void version_done(const struct call_reply *reply, const struct failure *failure,
                         void *context)
{
    struct watch *watch = context;

    watch->version_call = NULL;
    take_answer(watch, reply, failure, "GET /version", &watch->version_value);
}

static void info_done(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct watch *watch = context;

    watch->info_call = NULL;
    take_answer(watch, reply, failure, "GET /info", &watch->info_value);
}

static void ask(struct watch *watch)
{
    struct call_request request = {.method = SLICE("GET"),
                                   .deadline_ms = watch->settings.call_deadline_ms};

    if (watch->dead || watch->version_call || watch->info_call)
        return;
    if (watch->step == WATCH_WAITING)
        watch->step = WATCH_ASKING;
    arena_free(&watch->info_arena);
    watch->info_arena = arena_new();
    watch->version_value = watch->info_value = NULL;
    watch->info_at = loop_now(watch->loop);
    request.target = SLICE("/version");
    watch->version_call = call_start(watch->upstream, &request, version_done, watch);
    request.target = SLICE("/info");
    watch->info_call = call_start(watch->upstream, &request, info_done, watch);
}

/* ---- step OPENING ---- */

/* FNV-1a: only to recognise events that a resumed stream tells again. */
static uint64_t text_hash(struct slice text)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < text.length; i++)
        hash = (hash ^ (unsigned char)text.at[i]) * 1099511628211u;
    return hash;
}

static bool seen_before(struct watch *watch, struct slice text)
{
    uint64_t hash = text_hash(text);

    for (size_t i = 0; i < WATCH_SEEN; i++) {
        if (watch->seen[i] == hash)
            return true;
    }
    watch->seen[watch->seen_at++ % WATCH_SEEN] = hash;
    return false;
}

/* Container events that leave the row and the inspect as they were. */
static bool is_harmless(struct slice action)
{
    static const char *const words[] = {
        "exec_",        "attach",         "detach", "export", "top",        "resize", "copy",
        "archive-path", "extract-to-dir", "commit", "kill",   "checkpoint", NULL};

    for (int i = 0; words[i]; i++) {
        if (slice_starts(action, words[i]))
            return true;
    }
    return false;
}

static void doubt_by_event(struct watch *watch, const struct engine_event *event)
{
    if (slice_is(event->type, "container")) {
        if (slice_is(event->action, "commit"))
            watch_list_start(watch, WATCH_IMAGES, NULL, NULL);
        if (event->actor.length > 0 && !is_harmless(event->action))
            watch_fetch_add(watch, event->actor, !slice_is(event->action, "destroy"), NULL, NULL);
    } else if (slice_is(event->type, "image")) {
        if (!slice_is(event->action, "save") && !slice_is(event->action, "push"))
            watch_list_start(watch, WATCH_IMAGES, NULL, NULL);
    } else if (slice_is(event->type, "network")) {
        struct slice container = value_get_text(event->attributes, "container");

        if (slice_is(event->action, "connect") || slice_is(event->action, "disconnect")) {
            if (container.length > 0)
                watch_fetch_add(watch, container, true, NULL, NULL);
        } else {
            watch_list_start(watch, WATCH_NETWORKS, NULL, NULL);
        }
    } else if (slice_is(event->type, "volume")) {
        if (!slice_is(event->action, "mount") && !slice_is(event->action, "unmount"))
            watch_list_start(watch, WATCH_VOLUMES, NULL, NULL);
    } else if (slice_is(event->type, "daemon") && slice_is(event->action, "reload")) {
        ask(watch);
    }
}

static bool take_event(struct slice text, void *context)
{
    struct watch *watch = context;
    struct arena *arena;
    struct engine_event event;
    struct failure failure;

    if (seen_before(watch, text))
        return true;
    arena = arena_new();
    if (decode_event(arena, text, &event, &failure) == 0) {
        if (event.time_ns > 0)
            watch->last_event_ns = event.time_ns;
        doubt_by_event(watch, &event);
        if (slice_is(event.type, "container") && slice_is(event.action, "destroy") &&
            watch->step >= WATCH_INSPECTING)
            watch->handlers.on_container(event.actor, NULL, NULL, watch->context);
        if (!watch->dead)
            watch->handlers.on_event(&event, watch->context);
    }
    arena_free(&arena);
    return !watch->dead && watch->step != WATCH_WAITING;
}

static void events_data(struct call *call, struct slice payload, void *context)
{
    struct watch *watch = context;
    struct failure why;

    (void)call;
    watch->heard = loop_now(watch->loop);
    if (json_splitter_feed(watch->splitter, payload, take_event, watch) != 0 && !watch->dead) {
        failure_set(&why, FAILURE_UNREACHABLE, "the event stream is not JSON");
        watch_lose(watch, &why);
    }
}

static void events_head(struct call *call, const struct response_head *head, void *context)
{
    struct watch *watch = context;
    struct failure why;

    (void)call;
    if (head->status != 200) {
        failure_set(&why, FAILURE_UNREACHABLE, "GET /events answered %d", head->status);
        watch_lose(watch, &why);
        return;
    }
    if (watch->step == WATCH_OPENING)
        list_all(watch);
}

static void events_end(struct call *call, const struct failure *failure, void *context)
{
    struct watch *watch = context;
    struct failure why;

    (void)call;
    watch->events_call = NULL;
    if (failure)
        why = *failure;
    else
        failure_set(&why, FAILURE_UNREACHABLE, "the engine ended the event stream");
    watch_lose(watch, &why);
}

static void open_events(struct watch *watch)
{
    static const struct call_handlers handlers = {events_head, events_data, events_end};
    struct call_request request = {.method = SLICE("GET")};
    char target[100], since[48] = "";

    watch->step = WATCH_OPENING;
    json_splitter_free(&watch->splitter);
    watch->splitter = json_splitter_new(EVENT_MAX);
    if (watch->last_event_ns > 0)
        snprintf(since, sizeof since, "?since=%" PRId64 ".%09" PRId64,
                 watch->last_event_ns / 1000000000, watch->last_event_ns % 1000000000);
    snprintf(target, sizeof target, "%s/events%s", watch->prefix, since);
    request.target = slice_of(target);
    watch->events_call = call_stream(watch->upstream, &request, &handlers, watch);
    timer_start(&watch->deadline, HEAD_PATIENCE_MS);
}

static void on_deadline(void *context)
{
    struct watch *watch = context;

    if (watch->step == WATCH_OPENING)
        list_all(watch);
}

static void asked(struct watch *watch)
{
    struct arena *arena = arena_new();
    struct engine_info info;
    struct failure why = {0};
    char text[16];

    if (decode_info(arena, watch->info_value, watch->version_value, &info, &why) == 0) {
        int version = info.api_max < WATCH_API_MAX ? info.api_max : WATCH_API_MAX;

        snprintf(watch->prefix, sizeof watch->prefix, "/v%s", api_version_text(version, text));
        if (watch->handlers.on_info(&info, watch->info_value, watch->version_value,
                                    watch->context) != 0 &&
            !watch->dead)
            failure_set(&why, FAILURE_CONFLICT, "the engine was refused");
    }
    arena_free(&arena);
    if (watch->dead)
        return;
    watch->heard = loop_now(watch->loop);
    if (why.kind != FAILURE_NONE)
        watch_lose(watch, &why);
    else if (watch->step == WATCH_ASKING)
        open_events(watch);
}

/* ---- steps LISTING, INSPECTING, FOLLOWING ---- */

static void list_all(struct watch *watch)
{
    watch->step = WATCH_LISTING;
    timer_stop(&watch->deadline);
    timer_start(&watch->probe, watch->settings.probe_ms);
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        watch_list_start(watch, (enum watch_kind)kind, NULL, NULL);
}

bool watch_too_slow(struct watch *watch)
{
    uint64_t now = loop_now(watch->loop);

    if (!watch->slow_since)
        watch->slow_since = now;
    return now - watch->slow_since >= WATCH_SLOW_MS;
}

void watch_answered(struct watch *watch)
{
    watch->heard = loop_now(watch->loop);
    watch->slow_since = 0;
}

void watch_progress(struct watch *watch)
{
    if (watch->dead)
        return;
    if (watch->step == WATCH_LISTING && !watch_lists_pending(watch)) {
        watch->step = WATCH_INSPECTING;
        watch_fetch_pump(watch);
    }
    if (watch_lists_pending(watch) || watch_fetches_pending(watch))
        return;
    if (watch->step == WATCH_INSPECTING) {
        watch->step = WATCH_FOLLOWING;
        watch->delay_ms = watch->settings.retry_min_ms;
    }
    if (watch->step == WATCH_FOLLOWING && !watch->settled) {
        watch->settled = true;
        watch->handlers.on_settled(true, watch->context);
    }
}

void watch_doubt(struct watch *watch)
{
    if (!watch->settled)
        return;
    watch->settled = false;
    watch->handlers.on_settled(false, watch->context);
}

static void ping_done(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct watch *watch = context;

    (void)reply;
    watch->ping_call = NULL;
    if (failure)
        watch_lose(watch, failure);
    else
        watch->heard = loop_now(watch->loop);
}

static void on_probe(void *context)
{
    struct watch *watch = context;
    uint64_t now = loop_now(watch->loop);
    struct call_request request = {.method = SLICE("GET"), .target = SLICE("/_ping")};

    timer_start(&watch->probe, watch->settings.probe_ms);
    if (now - watch->info_at >= watch->settings.info_ms)
        ask(watch);
    if (watch->ping_call || now - watch->heard < watch->settings.probe_ms)
        return;
    request.deadline_ms = watch->settings.probe_deadline_ms;
    watch->ping_call = call_start(watch->upstream, &request, ping_done, watch);
}

/* ---- life ---- */

struct watch *watch_new(struct loop *loop, struct upstream *upstream,
                        const struct watch_settings *settings,
                        const struct watch_handlers *handlers, void *context)
{
    struct watch *watch = xcalloc(1, sizeof *watch);

    watch->loop = loop;
    watch->upstream = upstream;
    watch->settings = *settings;
    watch->handlers = *handlers;
    watch->context = context;
    watch->delay_ms = settings->retry_min_ms;
    timer_init(&watch->retry, loop, on_retry, watch);
    timer_init(&watch->probe, loop, on_probe, watch);
    timer_init(&watch->deadline, loop, on_deadline, watch);
    watch_fetch_init(watch);
    timer_start(&watch->retry, 0);
    return watch;
}

static void watch_destroy(void *context)
{
    struct watch *watch = context;
    struct failure why;

    failure_set(&why, FAILURE_UNREACHABLE, "the node was removed");
    watch_fetch_abort(watch, &why);
    watch_fetch_deinit(watch);
    json_splitter_free(&watch->splitter);
    arena_free(&watch->info_arena);
    free(watch);
}

void watch_free(struct watch **pointer)
{
    struct watch *watch = *pointer;

    *pointer = NULL;
    if (!watch)
        return;
    watch->dead = true;
    cancel_calls(watch);
    loop_defer(watch->loop, watch_destroy, watch);
}

void watch_refresh(struct watch *watch, struct slice engine_id, watch_done_fn on_done,
                   void *context)
{
    if (watch->dead || watch->step < WATCH_LISTING)
        watch_orphan(watch, on_done, context);
    else
        watch_fetch_add(watch, engine_id, true, on_done, context);
}

void watch_refresh_kind(struct watch *watch, enum watch_kind kind, watch_done_fn on_done,
                        void *context)
{
    if (watch->dead || watch->step < WATCH_LISTING)
        watch_orphan(watch, on_done, context);
    else
        watch_list_start(watch, kind, on_done, context);
}
