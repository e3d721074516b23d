/* Table: hash table from text to pointer. Keys are copied in; values are the caller's.
 * Hashing is keyed (table_seed, once at start) so that clients can't choose colliding names. */
#pragma once

#include "policy/base/slice.h"

/* Sets the process-wide hash key; call once before the first table is made. */
void table_seed(uint64_t key0, uint64_t key1);

struct table;
struct table *table_new(void);
void table_free(struct table **table);
size_t table_count(const struct table *table);
/* The value of `key`, or NULL. */
void *table_find(const struct table *table, struct slice key);
/* Sets `key` to `value` (not NULL); returns the old value or NULL. */
void *table_put(struct table *table, struct slice key, void *value);
/* Takes the key out; returns its value or NULL. */
void *table_remove(struct table *table, struct slice key);
/* Walks all entries in no order: start with *cursor = 0; false at the end. The entry returned
 * last may be removed, nothing may be added, while walking. */
bool table_each(const struct table *table, size_t *cursor, struct slice *key, void **value);

/* Sorted text set for unique-prefix lookup of ids: see prefix.h. */
