/* Watch: keeps an eye on one engine: connects (with backoff), asks /version and /info, opens the
 * event stream, lists everything, then hands over every event; on a break all of it again. The
 * event stream is opened BEFORE the lists are asked, so nothing is lost between. Knows no cluster.
 *
 * Order of callbacks for one connection: on_info, on_list (each kind), on_container (each), then
 * on_settled(true). on_event comes from the moment the stream is open. When an event makes the
 * copy doubtful, on_settled(false) comes before on_event; on_container or on_list follow, and
 * on_settled(true) when nothing is doubtful any more. on_lost ends it. Callbacks may call
 * watch_free. */
#pragma once

#include "proxy/engine/decode.h"
#include "proxy/http/upstream.h"

struct watch;

enum watch_kind { WATCH_CONTAINERS, WATCH_IMAGES, WATCH_NETWORKS, WATCH_VOLUMES, WATCH_KINDS };

struct watch_handlers {
    /* Engine answered /version and /info. -1 refuses it (e.g. id in use): tried again later. */
    int (*on_info)(const struct engine_info *info, const struct value *info_value,
                   const struct value *version_value, void *context);
    /* A whole list (a JSON array; volumes: the array inside): replaces what was known. */
    void (*on_list)(enum watch_kind kind, const struct value *list, void *context);
    /* One container: its row in the list and its inspect; row NULL: the row of on_list stands;
     * both NULL: it is gone. */
    void (*on_container)(struct slice engine_id, const struct value *row,
                         const struct value *inspect, void *context);
    /* true: everything has been delivered, the copy is as the engine is. */
    void (*on_settled)(bool settled, void *context);
    void (*on_event)(const struct engine_event *event, void *context);
    /* Not reachable, refused, or the stream broke; tried again by itself. */
    void (*on_lost)(const struct failure *why, void *context);
};

struct watch_settings {
    uint64_t retry_min_ms;      /* 250: first retry; doubles */
    uint64_t retry_max_ms;      /* 5000 */
    uint64_t call_deadline_ms;  /* 10000: each list and inspect */
    uint64_t probe_ms;          /* 2000: a quiet engine is pinged this often; silence for
                                   probe_ms + probe_deadline_ms counts as lost */
    uint64_t probe_deadline_ms; /* 3000 */
    uint64_t info_ms;           /* 60000: /info is asked anew (sizes, labels) */
    size_t inspects;            /* 4: at once per engine */
};

struct watch *watch_new(struct loop *loop, struct upstream *upstream,
                        const struct watch_settings *settings,
                        const struct watch_handlers *handlers, void *context);
void watch_free(struct watch **watch);
/* Tries at once when it is waiting to retry (an agent has just said hello). */
void watch_hurry(struct watch *watch);
/* Fetches one container (row and inspect) with calls that start now or later, delivers
 * on_container, then runs on_done (failure NULL = done). Calls for one id are joined. */
typedef void (*watch_done_fn)(const struct failure *failure, void *context);
void watch_refresh(struct watch *watch, struct slice engine_id, watch_done_fn on_done,
                   void *context);
/* The same for a whole kind (not containers): on_list, then on_done. */
void watch_refresh_kind(struct watch *watch, enum watch_kind kind, watch_done_fn on_done,
                        void *context);
