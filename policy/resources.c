/* Resources: sums and their texts. */
#include "policy/resources.h"

#include <stdio.h>

static int64_t stretch(int64_t total, double overcommit)
{
    double limit = (double)total * (1.0 + overcommit);
    return limit >= 9.2e18 ? INT64_MAX : (int64_t)limit;
}

struct resources resources_limit(const struct node *node, const struct cluster_settings *settings)
{
    return (struct resources){stretch(node->total.memory_bytes, settings->overcommit),
                              stretch(node->total.nano_cpus, settings->overcommit)};
}

struct resources resources_free(const struct node *node, const struct cluster_settings *settings)
{
    struct resources limit = resources_limit(node, settings);
    return (struct resources){limit.memory_bytes - node->used.memory_bytes -
                                  node->reserved.memory_bytes,
                              limit.nano_cpus - node->used.nano_cpus - node->reserved.nano_cpus};
}

enum resource_lack resources_fit(const struct node *node, struct resources asked,
                                 const struct cluster_settings *settings)
{
    struct resources left = resources_free(node, settings);
    if (asked.memory_bytes > 0 && asked.memory_bytes > left.memory_bytes) {
        return RESOURCE_LACKS_MEMORY;
    }
    if (asked.nano_cpus > 0 && asked.nano_cpus > left.nano_cpus) {
        return RESOURCE_LACKS_CPU;
    }
    return RESOURCE_FITS;
}

void resources_memory_text(int64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double number = bytes > 0 ? (double)bytes : 0;
    size_t unit = 0;
    while (number >= 1024 && unit < 6) {
        number /= 1024;
        unit++;
    }
    snprintf(text, size, "%.4g %s", number, units[unit]);
}

void resources_cpus_text(int64_t nano_cpus, char *text, size_t size)
{
    snprintf(text, size, "%.4g", nano_cpus > 0 ? (double)nano_cpus / 1e9 : 0.0);
}
