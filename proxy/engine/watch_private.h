/* Watch, inside: what watch.c (connection and steps) and watch_fetch.c (lists, single containers)
 * share. */
#pragma once

#include "policy/base/list.h"
#include "policy/base/table.h"
#include "proxy/engine/watch.h"
#include "proxy/json.h"

#define WATCH_SEEN 64 /* last events remembered, to drop those that a resumed stream repeats */

enum watch_step {
    WATCH_WAITING,    /* for the next try */
    WATCH_ASKING,     /* /version and /info */
    WATCH_OPENING,    /* the event stream */
    WATCH_LISTING,    /* all kinds */
    WATCH_INSPECTING, /* each container once */
    WATCH_FOLLOWING,  /* events */
};

struct watch_waiter {
    struct list link;
    watch_done_fn on_done;
    void *context;
};

struct watch_kind_state {
    struct watch *watch;
    enum watch_kind kind;
    struct call *call;
    bool again;          /* asked for while a call was under way */
    struct list waiters; /* of the call under way */
    struct list next;    /* of the one after it */
};

/* Getting one container. On watch->queue until started, then only in watch->fetches. */
struct watch_fetch {
    struct list link;
    struct watch *watch;
    char *id;
    bool active, again, again_row, with_row;
    unsigned tries;
    struct arena *arena;
    struct value *row, *inspect;
    struct call *row_call, *inspect_call;
    bool gone;
    struct failure failure;
    struct list waiters, next;
};

struct watch {
    struct loop *loop;
    struct upstream *upstream;
    struct watch_settings settings;
    struct watch_handlers handlers;
    void *context;
    enum watch_step step;
    bool dead;    /* freed; the memory goes at the end of the turn */
    bool settled; /* what was last told */
    uint64_t slow_since; /* loop_now() of the first call that timed out since one was answered */
    struct timer retry, probe, deadline;
    uint64_t delay_ms, heard, info_at;
    struct call *version_call, *info_call, *events_call, *ping_call;
    struct arena *info_arena;
    struct value *version_value, *info_value;
    struct json_splitter *splitter;
    int64_t last_event_ns;
    uint64_t seen[WATCH_SEEN];
    size_t seen_at;
    char prefix[24]; /* "/v1.41" */
    struct watch_kind_state kinds[WATCH_KINDS];
    struct table *fetches; /* id -> struct watch_fetch */
    struct list queue;
    size_t active;
    struct list orphans; /* waiters to be failed after the turn */
};

/* watch.c */
void watch_lose(struct watch *watch, const struct failure *why);
/* A list or inspect timed out: slow is not dead, the probe tells them apart. But an engine that
 * answers only pings for WATCH_SLOW_MS is no use: true = give it up. */
#define WATCH_SLOW_MS 60000
bool watch_too_slow(struct watch *watch);
/* A list or inspect was answered. */
void watch_answered(struct watch *watch);
void watch_progress(struct watch *watch); /* a list or fetch has ended: next step, settled? */
void watch_doubt(struct watch *watch);    /* something must be fetched: not settled */
/* watch_fetch.c */
void watch_fetch_init(struct watch *watch);
void watch_fetch_deinit(struct watch *watch);
/* All calls cancelled; waiters told `why`. */
void watch_fetch_abort(struct watch *watch, const struct failure *why);
void watch_list_start(struct watch *watch, enum watch_kind kind, watch_done_fn on_done,
                      void *context);
void watch_fetch_add(struct watch *watch, struct slice id, bool with_row, watch_done_fn on_done,
                     void *context);
/* Can't be asked now: on_done fails after this turn. */
void watch_orphan(struct watch *watch, watch_done_fn on_done, void *context);
void watch_fetch_pump(struct watch *watch);
bool watch_lists_pending(const struct watch *watch);
bool watch_fetches_pending(const struct watch *watch);
