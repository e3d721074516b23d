/* Table: open addressing with linear probing and backward-shift removal (no tombstones, so a
 * table that lives for months does not slow down). The hash is SipHash-1-3 with a key made at
 * start: names come from clients, who must not be able to choose ones that collide. */
#include "policy/base/table.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <stdlib.h>

#define CAPACITY_FIRST 16

struct entry {
    char *key; /* NULL: free */
    size_t key_length;
    uint64_t hash;
    void *value;
};

struct table {
    struct entry *entries;
    size_t capacity; /* power of two */
    size_t count;
};

static uint64_t seed[2];

void table_seed(uint64_t key0, uint64_t key1)
{
    seed[0] = key0;
    seed[1] = key1;
}

static uint64_t rotate(uint64_t word, int bits)
{
    return (word << bits) | (word >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t hash_of(struct slice key)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575ULL, seed[1] ^ 0x646f72616e646f6dULL,
                     seed[0] ^ 0x6c7967656e657261ULL, seed[1] ^ 0x7465646279746573ULL};
    uint64_t word;
    size_t at = 0;

    for (; key.length - at >= 8; at += 8) {
        memcpy(&word, key.at + at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)key.length << 56;
    for (size_t i = 0; at + i < key.length; i++)
        word |= (uint64_t)(unsigned char)key.at[at + i] << (8 * i);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct table *table_new(void)
{
    return xcalloc(1, sizeof(struct table));
}

void table_free(struct table **table)
{
    if (!*table)
        return;
    for (size_t i = 0; i < (*table)->capacity; i++)
        free((*table)->entries[i].key);
    free((*table)->entries);
    free(*table);
    *table = NULL;
}

size_t table_count(const struct table *table)
{
    return table->count;
}

/* The entry of `key`, or the free one where it belongs. Needs at least one free entry. */
static struct entry *entry_of(const struct table *table, struct slice key, uint64_t hash)
{
    size_t mask = table->capacity - 1;

    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        struct entry *entry = &table->entries[at];

        if (!entry->key || (entry->hash == hash &&
                            slice_equal(slice_make(entry->key, entry->key_length), key)))
            return entry;
    }
}

void *table_find(const struct table *table, struct slice key)
{
    struct entry *entry;

    if (table->count == 0)
        return NULL;
    entry = entry_of(table, key, hash_of(key));
    return entry->key ? entry->value : NULL;
}

static void grow(struct table *table)
{
    struct entry *old = table->entries;
    size_t old_capacity = table->capacity;

    table->capacity = old_capacity ? old_capacity * 2 : CAPACITY_FIRST;
    table->entries = xcalloc(table->capacity, sizeof(*table->entries));
    for (size_t i = 0; i < old_capacity; i++) {
        size_t at;

        if (!old[i].key)
            continue;
        at = old[i].hash & (table->capacity - 1);
        while (table->entries[at].key)
            at = (at + 1) & (table->capacity - 1);
        table->entries[at] = old[i];
    }
    free(old);
}

void *table_put(struct table *table, struct slice key, void *value)
{
    uint64_t hash = hash_of(key);
    struct entry *entry;
    void *before;

    must(value != NULL);
    if (!key.at)
        key = SLICE("");
    if ((table->count + 1) * 4 > table->capacity * 3)
        grow(table);
    entry = entry_of(table, key, hash);
    before = entry->key ? entry->value : NULL;
    if (!entry->key) {
        entry->key = xslicedup(key);
        entry->key_length = key.length;
        entry->hash = hash;
        table->count++;
    }
    entry->value = value;
    return before;
}

void *table_remove(struct table *table, struct slice key)
{
    size_t mask = table->capacity - 1;
    struct entry *entry;
    void *value;
    size_t hole;

    if (table->count == 0)
        return NULL;
    entry = entry_of(table, key, hash_of(key));
    if (!entry->key)
        return NULL;
    value = entry->value;
    free(entry->key);
    table->count--;
    hole = (size_t)(entry - table->entries);
    /* Entries behind the hole that were pushed past it move back, so that probing finds them. */
    for (size_t at = (hole + 1) & mask; table->entries[at].key; at = (at + 1) & mask) {
        size_t home = table->entries[at].hash & mask;

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->entries[hole] = table->entries[at];
            hole = at;
        }
    }
    table->entries[hole] = (struct entry){0};
    return value;
}

/* Walks downward, beginning under a free entry. Removing the entry just returned moves only
 * entries from above it, up to that free entry, and all of those have been seen. The cursor holds
 * the free entry in its upper half and one more than the steps taken in its lower half. */
bool table_each(const struct table *table, size_t *cursor, struct slice *key, void **value)
{
    size_t start, steps;

    if (table->capacity == 0)
        return false;
    if (*cursor == 0) {
        for (start = 0; table->entries[start].key; start++)
            ;
        *cursor = (start << 32) | 1;
    }
    start = *cursor >> 32;
    for (steps = (*cursor & UINT32_MAX); steps < table->capacity; steps++) {
        struct entry *entry = &table->entries[(start - steps) & (table->capacity - 1)];

        if (!entry->key)
            continue;
        *key = slice_make(entry->key, entry->key_length);
        *value = entry->value;
        *cursor = (start << 32) | (steps + 1);
        return true;
    }
    *cursor = (start << 32) | table->capacity;
    return false;
}
