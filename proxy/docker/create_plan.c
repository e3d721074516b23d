/* Create plan: body -> workload, with hints from environment and labels. */
#include "proxy/docker/create_plan.h"

#include "proxy/docker/create_shape.h"
#include "proxy/engine/decode.h"
#include "proxy/json.h"

#define LABEL_CONSTRAINTS "com.docker.swarm.constraints"
#define LABEL_AFFINITIES  "com.docker.swarm.affinities"
#define LABEL_RESCHEDULE  "com.docker.swarm.reschedule-policies"

/* ---- labels ---- */

/* Adds `text` to the JSON list that is the value of label `key`. */
static void keep_as_label(struct arena *arena, struct value *labels, const char *key,
                          struct slice text)
{
    struct failure ignored;
    struct value *list = json_parse(arena, value_get_text(labels, key), &ignored);
    if (!list || list->type != VALUE_LIST)
        list = value_list(arena);
    value_append(list, value_text(arena, text));
    value_set_text(arena, labels, key, json_text(arena, list));
}

static int add_list_label(struct create_plan *plan, struct arena *arena,
                          enum constraint_list_label kind, struct slice text,
                          struct failure *failure)
{
    struct value *list = json_parse(arena, text, failure);
    if (!list || list->type != VALUE_LIST)
        return failure_set(failure, FAILURE_INVALID, "is not a JSON list of texts");
    VALUE_EACH(item, list)
    {
        if (item->type != VALUE_TEXT)
            return failure_set(failure, FAILURE_INVALID, "is not a JSON list of texts");
        int result = kind == CONSTRAINT_LABEL_RESCHEDULE
                         ? constraint_set_reschedule(&plan->constraints, item->text, failure)
                         : constraint_set_add(&plan->constraints, item->text,
                                              kind == CONSTRAINT_LABEL_AFFINITIES, failure);
        if (result != 0)
            return -1;
    }
    return 0;
}

static int read_labels(struct create_plan *plan, struct arena *arena, struct failure *failure)
{
    struct value *labels = value_find(plan->body, "Labels");
    VALUE_EACH(label, labels)
    {
        enum constraint_list_label kind = constraint_label_is_list(label->key);
        bool taken;
        int result = kind == CONSTRAINT_LABEL_OTHER
                         ? constraint_set_add_label(&plan->constraints, arena, label->key,
                                                    label->text, &taken, failure)
                         : add_list_label(plan, arena, kind, label->text, failure);
        if (result != 0)
            return failure_prefix(failure, "label " SLICE_FMT, SLICE_ARG(label->key));
    }
    return 0;
}

/* ---- environment ---- */

static void move_hint(struct create_plan *plan, struct arena *arena, struct slice entry)
{
    struct value *labels = value_submap(arena, plan->body, "Labels");
    ptrdiff_t colon = slice_find(entry, ':');
    const char *key = slice_starts(entry, "affinity:")     ? LABEL_AFFINITIES
                      : slice_starts(entry, "reschedule:") ? LABEL_RESCHEDULE
                                                           : LABEL_CONSTRAINTS;
    keep_as_label(arena, labels, key, slice_from(entry, (size_t)colon + 1));
}

/* After the labels have been read, as the hints become labels here. */
static int read_environment(struct create_plan *plan, struct arena *arena, struct failure *failure)
{
    struct value *env = value_find(plan->body, "Env");
    for (struct value *entry = env ? env->first : NULL, *next; entry; entry = next) {
        bool taken = false;
        next = entry->next;
        if (entry->type != VALUE_TEXT)
            continue;
        if (constraint_set_add_env(&plan->constraints, entry->text, &taken, failure) != 0)
            return -1;
        if (!taken)
            continue;
        move_hint(plan, arena, entry->text);
        value_remove(env, entry);
    }
    return 0;
}

int create_plan_read(struct create_plan *plan, struct arena *arena, struct value *body,
                     struct slice name, struct failure *failure)
{
    *plan = (struct create_plan){.body = body};
    create_shape_fix(body);
    if (read_labels(plan, arena, failure) != 0 || read_environment(plan, arena, failure) != 0)
        return -1;
    return decode_workload(arena, body, name, &plan->workload, failure);
}

int create_plan_add_home(struct create_plan *plan, struct slice node, struct slice reason,
                         struct failure *failure)
{
    for (size_t i = 0; i < plan->workload.home_count; i++) {
        if (slice_equal(plan->homes[i], node))
            return 0;
    }
    if (plan->workload.home_count == CREATE_MAX_HOMES)
        return failure_set(failure, FAILURE_INVALID,
                           "the container refers to things on more than %d nodes",
                           CREATE_MAX_HOMES);
    plan->homes[plan->workload.home_count] = node;
    plan->reasons[plan->workload.home_count++] = reason;
    return 0;
}

int create_plan_add_choice(struct create_plan *plan, struct arena *arena, const struct slice *nodes,
                           size_t count, struct failure *failure)
{
    struct slice expression = SLICE("node==/^(");
    for (size_t i = 0; i < count && expression.length < CONSTRAINT_PATTERN_MAX - 80; i++)
        expression = arena_printf(arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(expression),
                                  i ? "|" : "", SLICE_ARG(nodes[i]));
    expression = arena_printf(arena, SLICE_FMT ")$/", SLICE_ARG(expression));
    return constraint_set_add(&plan->constraints, expression, false, failure);
}

void create_plan_finish(struct create_plan *plan)
{
    plan->workload.constraints = constraint_set_view(&plan->constraints);
    plan->workload.reschedule = plan->constraints.reschedule;
    plan->workload.homes = plan->homes;
    plan->workload.home_reasons = plan->reasons;
}
