/* Filter plan: prepares a workload: patterns compiled, columns looked up; and answers one rule for
 * one node. */
#include "policy/filter_plan.h"

#include "policy/constraint.h"

static bool id_matches(const struct filter_plan *plan, const struct pattern *pattern,
                       struct slice id, int64_t *steps)
{
    return pattern_match(pattern, id, steps) ||
           (id.length == 64 && pattern_match(pattern, slice_cut(id, 0, 12), steps));
}

/* A container that is there, whether it runs or not. */
static bool counts(const struct container *container)
{
    return container->state != CONTAINER_REMOVING && container->state != CONTAINER_DEAD;
}

static bool has_container(struct filter_plan *plan, const struct filter_rule *rule,
                          const struct node *node)
{
    for (size_t i = 0; i < node->containers_total; i++) {
        const struct container *container = node->containers[i];
        if (counts(container) && (pattern_match(rule->pattern, container->name, &plan->steps) ||
                                  id_matches(plan, rule->pattern, container->id, &plan->steps))) {
            return true;
        }
    }
    return false;
}

/* "redis:7" also answers to "redis": the part before the tag, which a registry's port is not. */
static struct slice without_tag(struct slice image)
{
    ptrdiff_t colon = slice_find_last(image, ':'), slash = slice_find_last(image, '/');
    return colon > slash ? slice_cut(image, 0, (size_t)colon) : image;
}

static bool has_image(struct filter_plan *plan, const struct filter_rule *rule,
                      const struct node *node)
{
    for (size_t i = 0; i < node->image_count; i++) {
        struct slice image = node->images[i];
        if (pattern_match(rule->pattern, image, &plan->steps) ||
            pattern_match(rule->pattern, without_tag(image), &plan->steps)) {
            return true;
        }
    }
    return false;
}

static bool has_label(struct filter_plan *plan, const struct filter_rule *rule,
                      const struct node *node)
{
    for (size_t i = 0; i < node->containers_total; i++) {
        const struct container *container = node->containers[i];
        for (size_t l = 0; counts(container) && l < container->labels.count; l++) {
            const struct tag *label = &container->labels.list[l];
            if (slice_equal_nocase(label->key, rule->constraint->key) &&
                pattern_match(rule->pattern, label->value, &plan->steps)) {
                return true;
            }
        }
    }
    return false;
}

bool filter_rule_met(struct filter_plan *plan, const struct filter_rule *rule,
                     const struct node *node)
{
    struct slice key = rule->constraint->key;
    bool equal = false;
    if (rule->constraint->affinity) {
        equal = slice_is_nocase(key, "container") ? has_container(plan, rule, node)
                : slice_is_nocase(key, "image")   ? has_image(plan, rule, node)
                                                  : has_label(plan, rule, node);
    } else {
        struct slice value = constraint_node_tag(node, key);
        equal = value.at && pattern_match(rule->pattern, value, &plan->steps);
        if (!equal && slice_is_nocase(key, "node")) {
            equal = pattern_match(rule->pattern, node->id, &plan->steps);
        }
    }
    return equal == (rule->constraint->operator== CONSTRAINT_EQUAL);
}

struct filter_plan *filter_plan(struct arena *arena, struct filter_memory *memory,
                                const struct workload *workload, const struct nodes *nodes,
                                const struct cluster_settings *settings, struct failure *failure)
{
    struct filter_plan *plan = arena_alloc(arena, sizeof(*plan));
    plan->workload = workload;
    plan->nodes = nodes;
    plan->settings = settings;
    plan->steps = PATTERN_STEPS;
    plan->port_bits = ports_bits(&workload->ports);
    plan->count = workload->constraints.count;
    plan->rules = arena_alloc(arena, (plan->count + 1) * sizeof(plan->rules[0]));
    for (size_t i = 0; i < plan->count; i++) {
        const struct constraint *constraint = &workload->constraints.list[i];
        struct filter_rule *rule = &plan->rules[i];
        rule->constraint = constraint;
        rule->pattern = pattern_compile(arena, constraint->pattern, failure);
        if (!rule->pattern) {
            return NULL;
        }
        plan->has_soft = plan->has_soft || constraint->soft;
        plan->hard_constraints += !constraint->soft && !constraint->affinity;
        plan->hard_affinities += !constraint->soft && constraint->affinity;
    }
    if (memory && nodes && nodes->generation != 0 && plan->hard_constraints > 0) {
        filter_memory_columns(memory, arena, plan);
    }
    return plan;
}

bool filter_exhausted(const struct filter_plan *plan)
{
    return plan->steps <= 0;
}
