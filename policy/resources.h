/* Resources: memory and CPU of a node: what there is, what is free, what fits.
 * free = total x (1 + overcommit) - running - reserved. Nothing asked (0) always fits. */
#pragma once

#include "policy/model.h"

enum resource_lack { RESOURCE_FITS, RESOURCE_LACKS_MEMORY, RESOURCE_LACKS_CPU };

/* total x (1 + overcommit), rounded down. */
struct resources resources_limit(const struct node *node, const struct cluster_settings *settings);
/* May be negative after an engine-side start that berth did not place. */
struct resources resources_free(const struct node *node, const struct cluster_settings *settings);
/* Memory is looked at before CPU. */
enum resource_lack resources_fit(const struct node *node, struct resources asked,
                                 const struct cluster_settings *settings);
/* "10 GiB", "512 MiB", "1.5 GiB", "0 B": as docker prints sizes. Negative: "0 B". */
void resources_memory_text(int64_t bytes, char *text, size_t size);
/* "1", "0.5", "2.25": CPUs. Negative: "0". */
void resources_cpus_text(int64_t nano_cpus, char *text, size_t size);
