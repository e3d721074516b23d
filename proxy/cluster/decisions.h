/* Decisions: why the newest containers are where they are: for each placement, what every node was
 * told. The last DECISIONS_MAX, in memory; journal.h keeps them on disk. */
#pragma once

#include "policy/base/value.h"
#include "policy/schedule.h"

#define DECISIONS_MAX   1024
#define DECISIONS_BIG   2000 /* a cluster with more nodes is not noted: it would cost too much */
#define DECISIONS_NODES 64   /* nodes a decision keeps: the best, then those refused */

struct decisions;
struct decisions *decisions_new(void);
void decisions_free(struct decisions **decisions);
/* Remembers how `request` came out; the workload's name is its key (the newest counts). */
void decisions_note(struct decisions *decisions, struct scheduler *scheduler,
                    const struct schedule_request *request, int64_t wall_ns);
/* The newest decision about the container called `name`, as a map in `arena`; NULL: none is kept.
 */
struct value *decisions_find(const struct decisions *decisions, struct arena *arena,
                             struct slice name);
/* What the scheduler would say now: {"node":…, "strategy":…, "nodes":[{"name","fits","score","rank"
 * | "filter","reason"}]}. NULL with a failure when the request itself is wrong. */
struct value *decisions_explain(struct scheduler *scheduler, const struct schedule_request *request,
                                struct arena *arena, struct failure *failure) MUST_CHECK;
/* The newest but `age` (0: the newest), with "container" and "decided_ms" in it; *slot: its place
 * in the ring. NULL: there are not so many. Valid until the next note. */
const struct value *decisions_at(const struct decisions *decisions, size_t age, size_t *slot);
/* Puts a decision back into its place after a restart (copied); the ring goes on behind the newest.
 * -1: not one. */
int decisions_restore(struct decisions *decisions, size_t slot, const struct value *value);
