/* Filter plan: what filter.c, filter_memory.c and filter_text.c share. Nobody else includes this.
 */
#pragma once

#include "policy/filter.h"
#include "policy/pattern.h"
#include "policy/ports.h"

/* One constraint or affinity, compiled. With columns: value_of[position] is the number of the value
 * that the node has for the key (0: it lacks the tag), met[number] whether that value will do. */
struct filter_rule {
    const struct constraint *constraint;
    const struct pattern *pattern;
    const uint32_t *value_of;
    const bool *met;
};

struct filter_plan {
    const struct workload *workload;
    const struct nodes *nodes;
    const struct cluster_settings *settings;
    struct filter_rule *rules;
    size_t count;
    size_t hard_constraints, hard_affinities;
    bool has_soft;
    bool has_columns;           /* all hard constraints have theirs */
    struct port_bits port_bits; /* of the ports asked for */
    int64_t steps;              /* left for patterns */
};

/* Whether `node` meets the rule, asked directly. */
bool filter_rule_met(struct filter_plan *plan, const struct filter_rule *rule,
                     const struct node *node);
/* Gives every constraint of the plan its column, built now or remembered. */
void filter_memory_columns(struct filter_memory *memory, struct arena *arena,
                           struct filter_plan *plan);
