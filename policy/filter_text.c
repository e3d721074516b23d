/* Filter text: refusals in words, made only when somebody is going to read them. Without a node the
 * text is what several refused nodes have in common. */
#include "policy/filter_plan.h"

#include "policy/constraint.h"
#include "policy/ports.h"
#include "policy/resources.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN_MAX 60 /* bytes of one name, tag or expression in a reason */

static void write_text(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void write_text(char *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, FILTER_TEXT_MAX, format, arguments);
    va_end(arguments);
}

static struct slice shown(struct slice text)
{
    return slice_cut(text, 0, SHOWN_MAX);
}

static void constraint_words(const struct filter_plan *plan, unsigned part, const struct node *node,
                             char *text)
{
    const struct constraint *constraint = plan->rules[part].constraint;
    char expression[SHOWN_MAX + 20];
    constraint_text(constraint, expression, sizeof(expression));
    if (constraint->affinity) {
        write_text(text, "affinity %s not met", expression);
        return;
    }
    if (!node) {
        write_text(text, "constraint %s not met", expression);
        return;
    }
    struct slice value = constraint_node_tag(node, constraint->key);
    if (value.at) {
        write_text(text, "constraint %s not met (it is " SLICE_FMT ")", expression,
                   SLICE_ARG(shown(value)));
    } else {
        write_text(text, "constraint %s not met (no such tag)", expression);
    }
}

static void resource_words(const struct filter_plan *plan, unsigned part, const struct node *node,
                           char *text)
{
    char asked[32], left[32];
    const struct resources *want = &plan->workload->asked;
    struct resources have = {0};
    if (node) {
        have = resources_free(node, plan->settings);
    }
    bool memory = part + 1 == RESOURCE_LACKS_MEMORY;
    if (memory) {
        resources_memory_text(want->memory_bytes, asked, sizeof(asked));
        resources_memory_text(have.memory_bytes, left, sizeof(left));
    } else {
        resources_cpus_text(want->nano_cpus, asked, sizeof(asked));
        resources_cpus_text(have.nano_cpus, left, sizeof(left));
    }
    const char *what = memory ? "memory" : "CPU";
    if (node) {
        write_text(text, "not enough %s (%s asked, %s free)", what, asked, left);
    } else {
        write_text(text, "not enough %s (%s asked)", what, asked);
    }
}

static void home_words(const struct filter_plan *plan, unsigned part, char *text)
{
    struct slice reason = SLICE("what it names");
    if (plan->workload->home_reasons) {
        reason = plan->workload->home_reasons[part];
    }
    write_text(text, SLICE_FMT " is on " SLICE_FMT, SLICE_ARG(shown(reason)),
               SLICE_ARG(shown(plan->workload->homes[part])));
}

static void platform_words(const struct filter_plan *plan, const struct node *node, char *text)
{
    struct slice asked = shown(plan->workload->platform);
    if (!node) {
        write_text(text, "platform " SLICE_FMT " not run there", SLICE_ARG(asked));
        return;
    }
    write_text(text, "platform " SLICE_FMT " asked, it is " SLICE_FMT "/" SLICE_FMT,
               SLICE_ARG(asked), SLICE_ARG(shown(constraint_node_tag(node, SLICE("ostype")))),
               SLICE_ARG(shown(constraint_node_tag(node, SLICE("architecture")))));
}

void filter_text(const struct filter_plan *plan, struct filter_refusal refusal,
                 const struct node *node, char *text)
{
    static const char *const states[] = {"still joining", "ready", "unreachable", "down"};
    static const char *const availabilities[] = {"active", "paused", "drained"};
    char port[96];
    switch (refusal.kind) {
    case FILTER_HEALTH:
        write_text(text, "%s", states[refusal.part]);
        return;
    case FILTER_AVAILABILITY:
        write_text(text, "%s", availabilities[refusal.part]);
        return;
    case FILTER_HOME:
        home_words(plan, refusal.part, text);
        return;
    case FILTER_CONSTRAINT:
    case FILTER_AFFINITY:
        constraint_words(plan, refusal.part, node, text);
        return;
    case FILTER_PLATFORM:
        platform_words(plan, node, text);
        return;
    case FILTER_IMAGE:
        write_text(text, "image " SLICE_FMT " is not there",
                   SLICE_ARG(shown(plan->workload->image)));
        return;
    case FILTER_PORT:
        port_text(&plan->workload->ports.list[refusal.part], port, sizeof(port));
        write_text(text, "port %s is taken", port);
        return;
    case FILTER_RESOURCE:
        resource_words(plan, refusal.part, node, text);
        return;
    default: /* FILTER_EXCLUDED: the only one left that is ours */
        write_text(text, "tried, and it failed");
    }
}
