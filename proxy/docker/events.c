/* Events: the history asked for, then live, until the client goes or `until` comes. */
#include "proxy/docker/events_filter.h"
#include "proxy/docker/handler.h"
#include "proxy/docker/owner.h"
#include "proxy/docker/timestamp.h"

#include "proxy/cluster/changes.h"

/* A client that does not read is cut when this much waits for it. */
#define EVENTS_MAX_QUEUE (8u << 20)

struct events {
    struct call_context *call;
    struct filters filters;
    struct subscription *subscription;
    struct timer until;
    bool over;
};

static void stop(struct events *events)
{
    events->over = true;
    timer_stop(&events->until);
    if (events->subscription)
        subscription_cancel(&events->subscription);
}

static void on_gone(struct call_context *call)
{
    stop(call->own);
}

static void end(struct events *events)
{
    call_on_gone(events->call, NULL);
    stop(events);
    exchange_end(events->call->exchange);
}

static void on_until(void *context)
{
    end(context);
}

static void on_event(const struct cluster_event *event, void *context)
{
    struct events *events = context;
    struct exchange *exchange = events->call->exchange;
    struct buffer line;

    if (events->over || !owner_sees_event(events->call, event->value) ||
        !events_filter_matches(&events->filters, event->value))
        return;
    buffer_init(&line, event->text.length + 1);
    buffer_add(&line, event->text);
    buffer_char(&line, '\n');
    if (exchange_send(exchange, buffer_slice(&line)) > EVENTS_MAX_QUEUE) {
        call_on_gone(events->call, NULL);
        stop(events);
        exchange_abort(exchange);
    }
    buffer_deinit(&line);
}

/* since= or until=: 0 when absent. -1: answered. */
static int read_time(struct call_context *call, const char *key, int64_t now, int64_t *wall_ns)
{
    struct slice text = query_get(call->query, key);
    struct failure failure;

    *wall_ns = 0;
    if (!text.length || slice_is(text, "0"))
        return 0;
    if (timestamp_parse(text, now, wall_ns, &failure) == 0)
        return 0;
    call_fail(call, &failure);
    return -1;
}

static void start_live(struct events *events, int64_t now, int64_t until)
{
    struct call_context *call = events->call;

    events->subscription = cluster_subscribe(call->cluster, on_event, events);
    if (until)
        timer_start(&events->until, (uint64_t)((until - now) / 1000000));
}

void system_events(struct call_context *call)
{
    struct events *events = arena_alloc(call->arena, sizeof(*events));
    int64_t now = loop_wall_ns(), since, until;
    struct failure failure;

    if (filters_parse(&events->filters, call->arena, query_get(call->query, "filters"),
                      events_filter_keys, &failure) != 0) {
        call_fail(call, &failure);
        return;
    }
    if (read_time(call, "since", now, &since) != 0 || read_time(call, "until", now, &until) != 0)
        return;
    if (since && until && since > until) {
        call_error(
            call, 400, "`since` time (" SLICE_FMT ") cannot be after `until` time (" SLICE_FMT ")",
            SLICE_ARG(query_get(call->query, "since")), SLICE_ARG(query_get(call->query, "until")));
        return;
    }
    events->call = call;
    call->own = events;
    timer_init(&events->until, exchange_loop(call->exchange), on_until, events);
    call_on_gone(call, on_gone);
    exchange_begin(call->exchange, 200, "application/json", call->extra);
    if (since)
        cluster_history(call->cluster, since, until && until < now ? until : INT64_MAX, on_event,
                        events);
    if (events->over)
        return;
    if (until && until <= now)
        end(events);
    else
        start_live(events, now, until);
}
