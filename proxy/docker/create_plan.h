/* Create plan: what a create request asks of the scheduler, and the body that the engine gets.
 * Scheduling hints (constraints, affinities, reschedule) are taken out of the environment, so that
 * they do not reach the process, and kept as labels, so that a move later knows them. Pure.
 * Rules: the guide, "Constraints"; classic Swarm's labels. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"
#include "policy/constraint.h"
#include "policy/model.h"

#define CREATE_MAX_HOMES 32

struct create_plan {
    struct value *body; /* canonical, hints moved to labels */
    struct workload workload;
    struct constraint_set constraints;
    struct slice homes[CREATE_MAX_HOMES]; /* filled by create_plan_add_home */
    struct slice reasons[CREATE_MAX_HOMES];
};

/* Reads `body` (edited in place). Everything lives in `arena`. `name` without '/'. INVALID says
 * what is wrong with a hint, a port or a label. */
int create_plan_read(struct create_plan *plan, struct arena *arena, struct value *body,
                     struct slice name, struct failure *failure) MUST_CHECK;
/* The container must run on `node` because of `reason` ("network app_default"). Both must live as
 * long as the plan. Naming a node twice is one home; more than CREATE_MAX_HOMES: INVALID. */
int create_plan_add_home(struct create_plan *plan, struct slice node, struct slice reason,
                         struct failure *failure) MUST_CHECK;
/* The container must run on one of these nodes: a hard constraint, with as many of them as its
 * pattern can hold. */
int create_plan_add_choice(struct create_plan *plan, struct arena *arena, const struct slice *nodes,
                           size_t count, struct failure *failure) MUST_CHECK;
/* Call last: puts constraints and homes into plan->workload. */
void create_plan_finish(struct create_plan *plan);
