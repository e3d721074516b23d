/* Prefix: a sorted tree (treap) of ids. The priorities come from a hash of the key, so the
 * shape needs no random source and depends only on the set of keys. */
#include "policy/base/prefix.h"

#include "policy/base/memory.h"

#include <stdlib.h>

struct item {
    struct item *left, *right;
    char *key;
    size_t key_length;
    uint64_t priority;
    void *value;
};

struct prefix_index {
    struct item *root;
};

struct prefix_index *prefix_index_new(void)
{
    return xcalloc(1, sizeof(struct prefix_index));
}

static struct slice key_of(const struct item *item)
{
    return slice_make(item->key, item->key_length);
}

static void free_item(struct item *item)
{
    free(item->key);
    free(item);
}

void prefix_index_free(struct prefix_index **index)
{
    struct item *item;

    if (!*index)
        return;
    /* Rotates left children up instead of recursing: no depth limit to think of. */
    for (item = (*index)->root; item;) {
        struct item *next = item->left;

        if (next) {
            item->left = next->right;
            next->right = item;
        } else {
            next = item->right;
            free_item(item);
        }
        item = next;
    }
    free(*index);
    *index = NULL;
}

/* FNV-1a with a final mix. Ids are engine-made random hex, so nobody chooses them. */
static uint64_t priority_of(struct slice key)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < key.length; i++)
        hash = (hash ^ (unsigned char)key.at[i]) * 0x100000001b3ULL;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    return hash ^ (hash >> 33);
}

/* Splits the tree under `item` into keys below and above `key`, which is not in it. */
static void split(struct item *item, struct slice key, struct item **below, struct item **above)
{
    while (item) {
        if (slice_compare(key_of(item), key) < 0) {
            *below = item;
            below = &item->right;
            item = item->right;
        } else {
            *above = item;
            above = &item->left;
            item = item->left;
        }
    }
    *below = NULL;
    *above = NULL;
}

static struct item **find_link(struct item **link, struct slice key)
{
    while (*link) {
        int order = slice_compare(key, key_of(*link));

        if (order == 0)
            break;
        link = order < 0 ? &(*link)->left : &(*link)->right;
    }
    return link;
}

void prefix_index_put(struct prefix_index *index, struct slice key, void *value)
{
    struct item **link = find_link(&index->root, key);
    struct item *item;

    if (*link) {
        (*link)->value = value;
        return;
    }
    item = xcalloc(1, sizeof(*item));
    item->key = xslicedup(key.at ? key : SLICE(""));
    item->key_length = key.length;
    item->priority = priority_of(key);
    item->value = value;
    link = &index->root;
    while (*link && (*link)->priority >= item->priority)
        link = slice_compare(key, key_of(*link)) < 0 ? &(*link)->left : &(*link)->right;
    split(*link, key, &item->left, &item->right);
    *link = item;
}

void *prefix_index_remove(struct prefix_index *index, struct slice key)
{
    struct item **link = find_link(&index->root, key);
    struct item *item = *link, *left, *right;
    void *value;

    if (!item)
        return NULL;
    left = item->left;
    right = item->right;
    while (left && right) {
        if (left->priority >= right->priority) {
            *link = left;
            link = &left->right;
            left = left->right;
        } else {
            *link = right;
            link = &right->left;
            right = right->left;
        }
    }
    *link = left ? left : right;
    value = item->value;
    free_item(item);
    return value;
}

/* The smallest item whose key is not below `key` (or, with `after`, is above it). */
static const struct item *first_from(const struct item *item, struct slice key, bool after)
{
    const struct item *found = NULL;

    while (item) {
        int order = slice_compare(key_of(item), key);

        if (order > 0 || (order == 0 && !after)) {
            found = item;
            item = item->left;
        } else {
            item = item->right;
        }
    }
    return found;
}

static bool has_prefix(const struct item *item, struct slice prefix)
{
    return item && item->key_length >= prefix.length &&
           memcmp(item->key, prefix.at, prefix.length) == 0;
}

int prefix_index_find(const struct prefix_index *index, struct slice prefix, void **value)
{
    const struct item *first, *second;

    if (prefix.length == 0)
        return 0;
    first = first_from(index->root, prefix, false);
    if (!has_prefix(first, prefix))
        return 0;
    if (first->key_length != prefix.length) {
        second = first_from(index->root, key_of(first), true);
        if (has_prefix(second, prefix))
            return 2;
    }
    *value = first->value;
    return 1;
}
