/* Filter: the named yes-or-no questions a node must pass to take a workload, in one table and in
 * the order they are asked. A workload is prepared once (patterns compiled, keys resolved), then
 * asked of many nodes; a refusal is a small code in the hot loop, its text is made on demand. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"
#include "policy/model.h"

enum filter_kind {
    FILTER_HEALTH,       /* the engine is reachable */
    FILTER_AVAILABILITY, /* neither paused nor drained */
    FILTER_HOME,         /* what the workload names (network, volume, container:X) lives there */
    FILTER_CONSTRAINT,
    FILTER_AFFINITY,
    FILTER_PLATFORM, /* --platform */
    FILTER_IMAGE,    /* only when the image can't be pulled: held there */
    FILTER_PORT,
    FILTER_RESOURCE,
    FILTER_KINDS,
};
#define FILTER_EXCLUDED FILTER_KINDS       /* already tried and refused: see schedule_request */
#define FILTER_POLICY   (FILTER_KINDS + 1) /* the operator's policy.lua refused */

#define FILTER_TEXT_MAX 200 /* bytes of a reason, NUL included */

/* Why a node was refused. `part` says which constraint, port, home or resource it was (the
 * filter's own numbering). */
struct filter_refusal {
    uint16_t kind;
    uint16_t part;
};

/* What the scheduler remembers between decisions about unchanged nodes (nodes->generation). */
struct filter_memory;
struct filter_memory *filter_memory_new(void);
void filter_memory_free(struct filter_memory **memory);

/* A workload ready to be asked. Lives in `arena`; points at workload, nodes and memory. */
struct filter_plan;
/* INVALID: a constraint's regular expression is wrong. `nodes` may be NULL when only filter_check
 * is going to be used; `memory` may be NULL (nothing remembered). */
struct filter_plan *filter_plan(struct arena *arena, struct filter_memory *memory,
                                const struct workload *workload, const struct nodes *nodes,
                                const struct cluster_settings *settings,
                                struct failure *failure) MUST_CHECK;
/* Runs filter `kind` over the nodes at positions[0..count) of the plan's nodes; those that pass
 * are moved to the front, their number is returned. Sets refusals[position] of each refused. */
size_t filter_pass(struct filter_plan *plan, enum filter_kind kind, uint32_t *positions,
                   size_t count, struct filter_refusal *refusals);
/* How many soft constraints and affinities the node at `position` misses. */
unsigned filter_soft_misses(struct filter_plan *plan, uint32_t position);
/* Whether the steps for regular expressions ran out: the answer can't be trusted. */
bool filter_exhausted(const struct filter_plan *plan);

/* One filter, one node, by any caller (the Lua policy): NULL if it passes, else the reason, written
 * to text[FILTER_TEXT_MAX]. The node need not be in the plan's nodes. */
const char *filter_check(struct filter_plan *plan, enum filter_kind kind, const struct node *node,
                         char *text);
/* The reason of a refusal: "not enough memory (10 GiB asked, 2 GiB free)". */
void filter_text(const struct filter_plan *plan, struct filter_refusal refusal,
                 const struct node *node, char *text);

/* "health", "constraint"…; also "excluded" and "policy". */
const char *filter_name(unsigned kind);
/* 0, or -1 when no filter has the name. */
int filter_find(struct slice name, enum filter_kind *kind);
