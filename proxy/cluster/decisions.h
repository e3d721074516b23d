/* Decisions: why the newest containers are where they are: for each placement, what every node was
 * told. In memory, the last DECISIONS_MAX. */
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
