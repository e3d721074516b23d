/* Prefix: sorted index of ids (lower-case hex, any text) for "unique prefix" lookup. Keys are
 * copied; values are the caller's. Cost: O(log n) find, insert amortised O(log n). */
#pragma once

#include "policy/base/slice.h"

struct prefix_index;
struct prefix_index *prefix_index_new(void);
void prefix_index_free(struct prefix_index **index);
void prefix_index_put(struct prefix_index *index, struct slice key, void *value);
void *prefix_index_remove(struct prefix_index *index, struct slice key);
/* Number of keys that start with `prefix`, counted up to 2: 0 none, 1 unique (*value set),
 * 2 ambiguous. An exact key always counts as unique. An empty prefix gives 0. */
int prefix_index_find(const struct prefix_index *index, struct slice prefix, void **value);
