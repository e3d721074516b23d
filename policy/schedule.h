/* Schedule: the whole placement decision: filters in order, scores, ranking, and when nothing fits
 * the reasons. Pure: the same request gives the same answer. One caller: cluster/launch.
 *
 * Ranking: fewest missed soft constraints, then the highest score, then fewer running containers,
 * then the lower name. Cost: a few ns per node and filter that applies; no sort over all nodes. */
#pragma once

#include "policy/filter.h"
#include "policy/strategy.h"

#define SCHEDULE_RANKED 32 /* best nodes that are reported; enough for every retry */

/* A node that the C filters kept, as shown to the operator's policy. */
struct schedule_candidate {
    const struct node *node;
    uint32_t position; /* in request->nodes */
    unsigned soft_misses;
    double score;        /* from the C strategy; the policy may change it */
    const char *refused; /* NULL, or set by the policy: why not (lives until the decision ends) */
};

struct schedule_ranked {
    const struct node *node;
    double score;
    unsigned soft_misses;
};

struct schedule_result {
    struct schedule_ranked ranked[SCHEDULE_RANKED]; /* best first */
    size_t count;                                   /* at least 1 on success */
    size_t fitting;                                 /* how many nodes fit in all */
};

struct schedule_request;

/* The operator's policy. Any function may be NULL. */
struct schedule_policy {
    /* Around each decision, before and after all others; `request` is valid between them. */
    void (*begin)(void *context, const struct schedule_request *request);
    void (*end)(void *context);
    /* All candidates at once: set .refused and .score. -1 with failure: the whole decision fails.
     */
    int (*judge)(void *context, const struct workload *workload,
                 struct schedule_candidate *candidates, size_t count, struct failure *failure);
    /* Index of the one to take first among ranked[0..count); anything else means 0. */
    size_t (*pick)(void *context, const struct workload *workload,
                   const struct schedule_ranked *ranked, size_t count);
    /* Whether a container of a lost or drained node moves, when C says `moves` (rebalance.h). */
    bool (*reschedule)(void *context, const struct container *container, const struct node *node,
                       bool moves);
    void *context;
    uint64_t generation; /* of the policy, for whoever explains */
};

struct schedule_request {
    const struct workload *workload;
    const struct nodes *nodes;
    const struct cluster_settings *settings;
    enum strategy strategy;
    uint64_t seed;                /* STRATEGY_RANDOM */
    const struct slice *excluded; /* names of nodes that were tried and failed */
    size_t excluded_count;
    unsigned filters_off;                 /* bits 1 << FILTER_…: switched off by the operator */
    const struct schedule_policy *policy; /* NULL: C decides alone */
};

/* Scratch memory and what is remembered between decisions. Not re-entrant. */
struct scheduler;
struct scheduler *scheduler_new(void);
void scheduler_free(struct scheduler **scheduler);

/* Decides. INVALID: malformed pattern. NO_ROOM: "no resources available to schedule container: …"
 * with the reasons counted per filter and the nearest miss. Else what the policy failed with. */
int schedule_run(struct scheduler *scheduler, const struct schedule_request *request,
                 struct schedule_result *result, struct failure *failure) MUST_CHECK;

/* One node's part in a decision, for "explain". */
struct schedule_verdict {
    const struct node *node;
    const char *filter; /* name of the filter that refused; NULL: it fits */
    const char *reason; /* with filter; in the arena */
    double score;       /* when it fits */
    unsigned soft_misses;
    unsigned rank; /* 1 = chosen; 0 = refused */
};

/* The same decision, shown: verdicts[nodes->count] in `arena`, in the order of request->nodes.
 * Returns 0 also when nothing fits; -1 as schedule_run for all else. Slower: sorts everything. */
int schedule_explain(struct scheduler *scheduler, const struct schedule_request *request,
                     struct arena *arena, struct schedule_verdict **verdicts,
                     struct failure *failure) MUST_CHECK;
