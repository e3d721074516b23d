/* Prune: what the prune handlers share. */
#pragma once

#include "proxy/docker/fan.h"

struct pruning {
    struct engine_node **nodes;
    size_t count;
    enum watch_kind kind; /* listed anew after; WATCH_KINDS: nothing */
    struct value *answer;
};

/* Reads filters and chooses nodes. NULL: answered. */
struct pruning *prune_prepare(struct call_context *call, const char *const *allowed,
                              enum watch_kind kind, struct filters *filters);
/* Sends the call to all chosen nodes, then prune_merge. */
void prune_all(struct call_context *call, struct pruning *pruning);
/* Merges, refreshes, answers; `context` is the pruning. */
void prune_merge(struct call_context *call, struct merge_body *bodies, size_t count, void *context);
