/* Strategy: one number a node. */
#include "policy/strategy.h"

#include "policy/resources.h"

/* Share of the node in use after placing, 0 to 1, as the mean over what is asked; `nothing` when
 * nothing is asked. */
static double share_after(const struct workload *workload, const struct node *node,
                          const struct cluster_settings *settings, double nothing)
{
    struct resources limit = resources_limit(node, settings);
    double sum = 0, count = 0;
    if (workload->asked.memory_bytes > 0 && limit.memory_bytes > 0) {
        sum += (double)(node->used.memory_bytes + node->reserved.memory_bytes +
                        workload->asked.memory_bytes) /
               (double)limit.memory_bytes;
        count++;
    }
    if (workload->asked.nano_cpus > 0 && limit.nano_cpus > 0) {
        sum +=
            (double)(node->used.nano_cpus + node->reserved.nano_cpus + workload->asked.nano_cpus) /
            (double)limit.nano_cpus;
        count++;
    }
    if (count == 0) {
        return nothing;
    }
    double share = sum / count;
    return share > 1 ? 1 : share < 0 ? 0 : share;
}

/* Bits well mixed from seed and name (FNV-1a, then a finishing mix), as a number in [0, 1). */
static double chance(uint64_t seed, struct slice name)
{
    uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
    for (size_t i = 0; i < name.length; i++) {
        hash = (hash ^ (unsigned char)name.at[i]) * 0x100000001b3ULL;
    }
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return (double)(hash >> 11) / 9007199254740992.0;
}

double strategy_score(enum strategy strategy, const struct workload *workload,
                      const struct node *node, const struct cluster_settings *settings,
                      uint64_t seed)
{
    switch (strategy) {
    case STRATEGY_BINPACK:
        return 100 * share_after(workload, node, settings, 0.5);
    case STRATEGY_SPREAD:
        return 100 -
               100 * share_after(workload, node, settings, 1 - 1 / (1 + (double)node->running));
    case STRATEGY_RANDOM:
        return 100 * chance(seed, node->name);
    }
    return 0;
}

static const char *const names[] = {"binpack", "spread", "random"};

int strategy_parse(struct slice name, enum strategy *strategy, struct failure *failure)
{
    if (slice_is(name, "binpacking")) {
        name = SLICE("binpack");
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_is(name, names[i])) {
            *strategy = (enum strategy)i;
            return 0;
        }
    }
    return failure_set(failure, FAILURE_INVALID,
                       "strategy \"" SLICE_FMT "\" is not known: binpack, spread or random",
                       SLICE_ARG(slice_cut(name, 0, 50)));
}

const char *strategy_name(enum strategy strategy)
{
    return names[strategy];
}
