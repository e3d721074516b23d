/* Filter: one row a filter. A row knows whether the workload concerns it at all (most don't), and
 * asks one node. Constraints go a faster way when the nodes are known: policy/filter_memory.c. */
#include "policy/filter.h"

#include "policy/constraint.h"
#include "policy/filter_plan.h"
#include "policy/ports.h"
#include "policy/resources.h"

#include <stdio.h>

#define PREFETCH 16 /* nodes ahead */

/* ---- the questions: 0 passes, else the part that refused, plus one ---- */

static unsigned check_health(struct filter_plan *plan, const struct node *node)
{
    return node->state == NODE_READY ? 0 : (unsigned)node->state + 1;
}

static unsigned check_availability(struct filter_plan *plan, const struct node *node)
{
    return node->availability == NODE_ACTIVE ? 0 : (unsigned)node->availability + 1;
}

static unsigned check_home(struct filter_plan *plan, const struct node *node)
{
    for (size_t i = 0; i < plan->workload->home_count; i++) {
        if (!slice_equal(plan->workload->homes[i], node->name)) {
            return (unsigned)i + 1;
        }
    }
    return 0;
}

static unsigned check_constraint(struct filter_plan *plan, const struct node *node)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct filter_rule *rule = &plan->rules[i];
        if (!rule->constraint->affinity && !rule->constraint->soft &&
            !filter_rule_met(plan, rule, node)) {
            return (unsigned)i + 1;
        }
    }
    return 0;
}

static unsigned check_affinity(struct filter_plan *plan, const struct node *node)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct filter_rule *rule = &plan->rules[i];
        if (rule->constraint->affinity && !rule->constraint->soft &&
            !filter_rule_met(plan, rule, node)) {
            return (unsigned)i + 1;
        }
    }
    return 0;
}

/* Both spellings of an architecture in one: docker's. */
static struct slice architecture(struct slice name)
{
    static const struct {
        struct slice engine, docker;
    } names[] = {
        {SLICE_INIT("x86_64"), SLICE_INIT("amd64")},  {SLICE_INIT("x86-64"), SLICE_INIT("amd64")},
        {SLICE_INIT("aarch64"), SLICE_INIT("arm64")}, {SLICE_INIT("armv7l"), SLICE_INIT("arm")},
        {SLICE_INIT("armv6l"), SLICE_INIT("arm")},    {SLICE_INIT("armhf"), SLICE_INIT("arm")},
        {SLICE_INIT("i386"), SLICE_INIT("386")},      {SLICE_INIT("i686"), SLICE_INIT("386")},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal_nocase(name, names[i].engine)) {
            return names[i].docker;
        }
    }
    return name;
}

/* A processor also runs its family's 32-bit programs. */
static bool runs(struct slice has, struct slice asked)
{
    return slice_equal_nocase(has, asked) || (slice_is(has, "amd64") && slice_is(asked, "386")) ||
           (slice_is(has, "arm64") && slice_is(asked, "arm"));
}

/* "os[/arch[/variant]]", or an architecture alone, as docker reads --platform. */
static unsigned check_platform(struct filter_plan *plan, const struct node *node)
{
    struct slice rest = plan->workload->platform, os = SLICE_NONE, arch = SLICE_NONE;
    slice_next(&rest, '/', &os);
    slice_next(&rest, '/', &arch);
    bool is_os = slice_is_nocase(os, "linux") || slice_is_nocase(os, "windows") ||
                 slice_is_nocase(os, "freebsd") || slice_is_nocase(os, "darwin");
    if (!is_os && arch.length == 0) {
        arch = os;
        os = SLICE_NONE;
    }
    struct slice node_os = constraint_node_tag(node, SLICE("ostype"));
    struct slice node_arch = architecture(constraint_node_tag(node, SLICE("architecture")));
    if (os.length > 0 && node_os.length > 0 && !slice_equal_nocase(os, node_os)) {
        return 1;
    }
    return arch.length == 0 || node_arch.length == 0 || runs(node_arch, architecture(arch)) ? 0 : 1;
}

static bool image_is(struct slice held, struct slice asked)
{
    if (slice_equal(held, asked)) {
        return true;
    }
    /* "redis" asks for "redis:latest"; an id may be written without its "sha256:" */
    bool latest = held.length == asked.length + 7 && slice_ends(held, ":latest");
    bool id = held.length == asked.length + 7 && slice_starts(held, "sha256:");
    return (latest && slice_equal(slice_cut(held, 0, asked.length), asked)) ||
           (id && slice_equal(slice_from(held, 7), asked));
}

static unsigned check_image(struct filter_plan *plan, const struct node *node)
{
    for (size_t i = 0; i < node->image_count; i++) {
        if (image_is(node->images[i], plan->workload->image)) {
            return 0;
        }
    }
    return 1;
}

static unsigned check_port(struct filter_plan *plan, const struct node *node)
{
    if (!ports_may_conflict(node, &plan->port_bits)) {
        return 0;
    }
    return (unsigned)(ports_conflict(node, &plan->workload->ports) + 1);
}

static unsigned check_resource(struct filter_plan *plan, const struct node *node)
{
    return resources_fit(node, plan->workload->asked, plan->settings);
}

/* ---- does the workload concern the filter at all ---- */

static bool concerns_all(const struct filter_plan *plan)
{
    return true;
}

static bool concerns_home(const struct filter_plan *plan)
{
    return plan->workload->home_count > 0;
}

static bool concerns_constraint(const struct filter_plan *plan)
{
    return plan->hard_constraints > 0;
}

static bool concerns_affinity(const struct filter_plan *plan)
{
    return plan->hard_affinities > 0;
}

static bool concerns_platform(const struct filter_plan *plan)
{
    return plan->workload->platform.length > 0;
}

static bool concerns_image(const struct filter_plan *plan)
{
    return plan->workload->needs_image_present;
}

static bool concerns_port(const struct filter_plan *plan)
{
    return plan->workload->ports.count > 0;
}

static bool concerns_resource(const struct filter_plan *plan)
{
    return plan->workload->asked.memory_bytes > 0 || plan->workload->asked.nano_cpus > 0;
}

static const struct {
    const char *name;
    bool (*concerns)(const struct filter_plan *plan);
    unsigned (*check)(struct filter_plan *plan, const struct node *node);
} filters[FILTER_KINDS] = {
    [FILTER_HEALTH] = {"health", concerns_all, check_health},
    [FILTER_AVAILABILITY] = {"availability", concerns_all, check_availability},
    [FILTER_HOME] = {"home", concerns_home, check_home},
    [FILTER_CONSTRAINT] = {"constraint", concerns_constraint, check_constraint},
    [FILTER_AFFINITY] = {"affinity", concerns_affinity, check_affinity},
    [FILTER_PLATFORM] = {"platform", concerns_platform, check_platform},
    [FILTER_IMAGE] = {"image", concerns_image, check_image},
    [FILTER_PORT] = {"port", concerns_port, check_port},
    [FILTER_RESOURCE] = {"resource", concerns_resource, check_resource},
};

const char *filter_name(unsigned kind)
{
    if (kind < FILTER_KINDS) {
        return filters[kind].name;
    }
    return kind == FILTER_POLICY ? "policy" : "excluded";
}

int filter_find(struct slice name, enum filter_kind *kind)
{
    for (unsigned i = 0; i < FILTER_KINDS; i++) {
        if (slice_is(name, filters[i].name)) {
            *kind = (enum filter_kind)i;
            return 0;
        }
    }
    return -1;
}

/* Constraints by column: one load and one compare a node. */
static size_t pass_constraints(struct filter_plan *plan, uint32_t *positions, size_t count,
                               struct filter_refusal *refusals)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct filter_rule *rule = &plan->rules[i];
        if (rule->constraint->affinity || rule->constraint->soft) {
            continue;
        }
        size_t kept = 0;
        for (size_t n = 0; n < count; n++) {
            uint32_t position = positions[n];
            if (rule->met[rule->value_of[position]]) {
                positions[kept++] = position;
            } else {
                refusals[position] = (struct filter_refusal){FILTER_CONSTRAINT, (uint16_t)i};
            }
        }
        count = kept;
    }
    return count;
}

/* Ten thousand nodes are more than the near caches hold: what is asked about next is fetched early.
 * First the node, then (half as far ahead) what it points at. */
static inline void prefetch(const struct filter_plan *plan, enum filter_kind kind,
                            const uint32_t *positions, size_t count, size_t n)
{
    if (n + PREFETCH < count) {
        const struct node *ahead = plan->nodes->list[positions[n + PREFETCH]];
        __builtin_prefetch(kind == FILTER_PORT ? (const void *)&ahead->held_ports
                                               : (const void *)&ahead->total);
    }
    if (kind == FILTER_PORT && n + PREFETCH / 2 < count) {
        const struct node *ahead = plan->nodes->list[positions[n + PREFETCH / 2]];
        if (ahead->held_ports) {
            __builtin_prefetch(&ahead->held_ports->bits);
        }
    }
}

size_t filter_pass(struct filter_plan *plan, enum filter_kind kind, uint32_t *positions,
                   size_t count, struct filter_refusal *refusals)
{
    if (!filters[kind].concerns(plan)) {
        return count;
    }
    if (kind == FILTER_CONSTRAINT && plan->has_columns) {
        return pass_constraints(plan, positions, count, refusals);
    }
    size_t kept = 0;
    for (size_t n = 0; n < count; n++) {
        uint32_t position = positions[n];
        prefetch(plan, kind, positions, count, n);
        unsigned part = filters[kind].check(plan, plan->nodes->list[position]);
        if (part == 0) {
            positions[kept++] = position;
        } else {
            refusals[position] = (struct filter_refusal){(uint16_t)kind, (uint16_t)(part - 1)};
        }
    }
    return kept;
}

unsigned filter_soft_misses(struct filter_plan *plan, uint32_t position)
{
    unsigned misses = 0;
    for (size_t i = 0; plan->has_soft && i < plan->count; i++) {
        const struct filter_rule *rule = &plan->rules[i];
        if (rule->constraint->soft) {
            misses += !filter_rule_met(plan, rule, plan->nodes->list[position]);
        }
    }
    return misses;
}

const char *filter_check(struct filter_plan *plan, enum filter_kind kind, const struct node *node,
                         char *text)
{
    unsigned part = filters[kind].concerns(plan) ? filters[kind].check(plan, node) : 0;
    if (part == 0) {
        return NULL;
    }
    filter_text(plan, (struct filter_refusal){(uint16_t)kind, (uint16_t)(part - 1)}, node, text);
    return text;
}
