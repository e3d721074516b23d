/* Loop: the one event loop, timers, deferred calls, messages from other threads, signals, foreign
 * descriptors. Only net/ knows libh2o. One thread, except loop_post.
 *
 * Time is monotonic milliseconds. Timers survive steps of the wall clock. */
#pragma once

#include "policy/base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
typedef void (*loop_fn)(void *context);

struct loop *loop_new(void);
void loop_free(struct loop **loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* One turn, waiting at most `wait_ms`; for tests. */
void loop_turn(struct loop *loop, int wait_ms);
/* Monotonic ms, as of the start of this turn (cheap). */
uint64_t loop_now(const struct loop *loop);
/* Wall clock, ns since 1970, read now. */
int64_t loop_wall_ns(void);

/* Pooled blocks of LOOP_BLOCK_BYTES for reading sockets: get gives uninitialised memory (never
 * NULL), put takes it back. Hold one only while it has bytes in it. */
#define LOOP_BLOCK_BYTES ((size_t)65536)
char *loop_block_get(struct loop *loop);
void loop_block_put(struct loop *loop, char *block);

/* Embedded timer. One shot; start again from its own callback is fine. */
struct timer {
    struct loop *loop;
    loop_fn on_fire;
    void *context;
    uint64_t due;   /* monotonic ms */
    int heap_index; /* -1: not running */
};
void timer_init(struct timer *timer, struct loop *loop, loop_fn on_fire, void *context);
/* (Re)starts: fires once after `delay_ms` (0: next turn). */
void timer_start(struct timer *timer, uint64_t delay_ms);
void timer_stop(struct timer *timer); /* harmless when not running; call before freeing */
bool timer_running(const struct timer *timer);

/* Calls fn after the current turn's callbacks have run; for two-step death of objects. */
void loop_defer(struct loop *loop, loop_fn fn, void *context);

/* Thread-safe: makes the loop's thread call fn soon, in order of posting. */
void loop_post(struct loop *loop, loop_fn fn, void *context);

/* Calls fn on the loop (not in signal context) when `signal_number` arrives. */
void loop_on_signal(struct loop *loop, int signal_number, loop_fn fn, void *context);

/* Watches a foreign descriptor (inotify, curl, child pipes) for reading and/or writing. The
 * descriptor stays the caller's but becomes non-blocking; level-triggered; NULL fn = not watched.
 * NULL when no more descriptors may be opened (it needs one). */
struct loop_watch;
struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_fn on_readable,
                                  loop_fn on_writable, void *context);
void loop_watch_set(struct loop_watch *watch, bool read, bool write);
void loop_watch_free(struct loop_watch **watch);
