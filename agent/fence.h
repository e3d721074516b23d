/* Fence: a node that may have been given up must not go on running what starts elsewhere. When no
 * manager has answered for long enough, the containers that a manager could move are stopped; when
 * one answers again, those that it still counts on this node are started.
 *
 * The order of delays, and why a refused connection counts as an answer:
 * docs/decisions/004-fencing.md. Times are ms of a clock that also runs while the machine sleeps.
 */
#pragma once

#include "policy/base/value.h"
#include "proxy/client.h"

struct fence;

/* `directory` (NULL: none) keeps the lists across restarts of the agent. What can't be read there
 * is logged and begun anew. */
struct fence *fence_new(const char *directory, int64_t now_ms);
void fence_free(struct fence **fence);

/* Nobody can have given this node up before `at_ms`: a renewal sent then was answered, or every
 * manager refused the connection. */
void fence_safe(struct fence *fence, int64_t at_ms);
/* Takes "fence" of a manager's answer: after_ms, within_ms, containers; absent: unchanged. */
void fence_take(struct fence *fence, const struct value *answer);
/* When to run, INT64_MAX: never (not told to, nothing to stop, or done). */
int64_t fence_due_ms(const struct fence *fence);
/* Stops the containers, many at once: TERM, and KILL when half of within_ms is over. What could not
 * be stopped is tried again at the next call. */
void fence_run(struct fence *fence, struct client *client, const char *engine, int64_t now_ms);

/* For the renewal's body: digest of the list that is known ("" none), and the ids that were stopped
 * here and wait for a word (NULL: none). In the arena. */
struct slice fence_digest(const struct fence *fence);
struct value *fence_stopped(const struct fence *fence, struct arena *arena);
/* Starts what the answer's "start" names, many at once, for at most `limit_ms`: the next renewal
 * must not wait for it. Forgets what its "drop" names. */
void fence_settle(struct fence *fence, const struct value *answer, struct client *client,
                  const char *engine, int64_t limit_ms);
