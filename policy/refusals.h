/* Refusals: "no resources available to schedule container: 2 of 3 nodes: not enough memory (10 GiB
 * asked, at most 2 GiB free on node-1); node-3: drained". Part of schedule.c, which alone uses it.
 */
#pragma once

#include "policy/schedule.h"

/* What the failure text is made from; all arrays are indexed by position in request->nodes. */
struct refusals {
    const struct filter_plan *plan;
    const struct schedule_request *request;
    const struct filter_refusal *list;
    const char *const *policy_reasons; /* of those with kind FILTER_POLICY */
};

/* Sets FAILURE_NO_ROOM; returns -1. Every node must have been refused. */
int refusals_fail(const struct refusals *refusals, struct arena *arena, struct failure *failure);
/* One node's reason, in `arena`. */
const char *refusals_text(const struct refusals *refusals, struct arena *arena, size_t position);
