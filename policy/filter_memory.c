/* Filter memory: node tags as columns. For a key, every node's value is a small number; equal
 * values have equal numbers. A pattern is then matched once per distinct value, and asking a node
 * is one array access. Columns are built when a key is first asked for and live as long as the node
 * list keeps its generation. */
#include "policy/filter_plan.h"

#include "policy/base/table.h"
#include "policy/constraint.h"

#include <stdlib.h>

#define COLUMNS_MAX 64 /* keys remembered; users may ask for any key, so it must end somewhere */

struct column {
    char *key;
    uint32_t *value_of;   /* one a node */
    struct slice *values; /* [0] is "lacks it" */
    uint32_t value_count;
};

struct filter_memory {
    uint64_t generation;
    size_t node_count;
    struct arena *texts; /* keys, values and columns */
    struct column columns[COLUMNS_MAX];
    size_t count;
};

struct filter_memory *filter_memory_new(void)
{
    struct filter_memory *memory = xcalloc(1, sizeof(*memory));
    memory->texts = arena_new();
    return memory;
}

void filter_memory_free(struct filter_memory **memory)
{
    if (*memory) {
        arena_free(&(*memory)->texts);
        free(*memory);
        *memory = NULL;
    }
}

static void forget(struct filter_memory *memory)
{
    arena_reset(memory->texts);
    memory->count = 0;
}

/* Two columns can't be one for "node", which is name or id: both are numbered, the id's column
 * under a key that no user can write. */
static const char key_id[] = "\x01id";

static struct slice value_for(const struct node *node, struct slice key)
{
    return slice_is(key, key_id) ? node->id : constraint_node_tag(node, key);
}

static void column_fill(struct filter_memory *memory, struct column *column,
                        const struct nodes *nodes)
{
    struct table *numbers = table_new();
    struct slice key = slice_of(column->key);
    column->value_of = arena_alloc(memory->texts, (nodes->count + 1) * sizeof(uint32_t));
    column->values = arena_alloc(memory->texts, (nodes->count + 2) * sizeof(struct slice));
    column->value_count = 1;
    for (size_t i = 0; i < nodes->count; i++) {
        struct slice value = value_for(nodes->list[i], key);
        if (!value.at) {
            continue;
        }
        uintptr_t number = (uintptr_t)table_find(numbers, value);
        if (number == 0) {
            number = column->value_count++;
            column->values[number] = arena_copy(memory->texts, value);
            table_put(numbers, value, (void *)number);
        }
        column->value_of[i] = (uint32_t)number;
    }
    table_free(&numbers);
}

static const struct column *column_get(struct filter_memory *memory, const struct nodes *nodes,
                                       struct slice key)
{
    for (size_t i = 0; i < memory->count; i++) {
        if (slice_is_nocase(key, memory->columns[i].key)) {
            return &memory->columns[i];
        }
    }
    struct column *column = &memory->columns[memory->count++];
    *column = (struct column){.key = arena_text(memory->texts, key)};
    column_fill(memory, column, nodes);
    return column;
}

static void rule_match(struct filter_plan *plan, struct arena *arena, struct filter_rule *rule,
                       const struct column *column)
{
    bool *met = arena_alloc(arena, column->value_count);
    bool wanted = rule->constraint->operator== CONSTRAINT_EQUAL;
    met[0] = !wanted;
    for (uint32_t i = 1; i < column->value_count; i++) {
        met[i] = pattern_match(rule->pattern, column->values[i], &plan->steps) == wanted;
    }
    rule->value_of = column->value_of;
    rule->met = met;
}

/* node==X is met by name or by id, node!=X by neither: one answer a node, numbered as 1 and 0. */
static void rule_match_node(struct filter_memory *memory, struct filter_plan *plan,
                            struct arena *arena, struct filter_rule *rule)
{
    struct filter_rule by_id = *rule;
    rule_match(plan, arena, rule, column_get(memory, plan->nodes, SLICE("node")));
    rule_match(plan, arena, &by_id, column_get(memory, plan->nodes, slice_of(key_id)));
    bool equal = rule->constraint->operator== CONSTRAINT_EQUAL;
    uint32_t *answer = arena_alloc(arena, (plan->nodes->count + 1) * sizeof(*answer));
    for (size_t i = 0; i < plan->nodes->count; i++) {
        bool name = rule->met[rule->value_of[i]], id = by_id.met[by_id.value_of[i]];
        answer[i] = equal ? name || id : name && id;
    }
    bool *met = arena_alloc(arena, 2);
    met[1] = true;
    rule->value_of = answer;
    rule->met = met;
}

void filter_memory_columns(struct filter_memory *memory, struct arena *arena,
                           struct filter_plan *plan)
{
    if (memory->generation != plan->nodes->generation || memory->node_count != plan->nodes->count ||
        memory->count + 2 * plan->count > COLUMNS_MAX) {
        forget(memory);
        memory->generation = plan->nodes->generation;
        memory->node_count = plan->nodes->count;
    }
    if (2 * plan->count > COLUMNS_MAX) {
        return; /* more than half of CONSTRAINTS_MAX: asked directly */
    }
    for (size_t i = 0; i < plan->count; i++) {
        struct filter_rule *rule = &plan->rules[i];
        if (rule->constraint->affinity || rule->constraint->soft) {
            continue;
        }
        if (slice_is_nocase(rule->constraint->key, "node")) {
            rule_match_node(memory, plan, arena, rule);
        } else {
            rule_match(plan, arena, rule, column_get(memory, plan->nodes, rule->constraint->key));
        }
    }
    plan->has_columns = true;
}
