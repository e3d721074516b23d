/* Container order: all containers newest first, as lists show them. New ones are appended and
 * merged in when somebody asks, so a burst of changes costs one pass. */
#include "proxy/cluster/state.h"

#include <stdlib.h>

static int newest_first(const void *a, const void *b)
{
    const struct container_entry *const *left = a, *const *right = b;
    int64_t x = (*left)->view.created_ns, y = (*right)->view.created_ns;
    int order = 0;

    if (x != y)
        return x > y ? -1 : 1;
    if ((*left)->node && (*right)->node)
        order = slice_compare((*left)->node->view.name, (*right)->node->view.name);
    return order ? order : slice_compare((*left)->view.id, (*right)->view.id);
}

void containers_order_add(struct container_entry *entry)
{
    struct cluster *cluster = entry->own->cluster;

    if (cluster->sorted_used == cluster->sorted_capacity) {
        cluster->sorted_capacity = cluster->sorted_capacity ? cluster->sorted_capacity * 2 : 64;
        cluster->sorted =
            xrealloc(cluster->sorted, cluster->sorted_capacity * sizeof *cluster->sorted);
    }
    entry->own->sorted_index = cluster->sorted_used;
    cluster->sorted[cluster->sorted_used++] = entry;
}

void containers_order_remove(struct container_entry *entry)
{
    struct cluster *cluster = entry->own->cluster;

    must(cluster->sorted[entry->own->sorted_index] == entry);
    cluster->sorted[entry->own->sorted_index] = NULL;
    cluster->sorted_holes = true;
}

static void close_holes(struct cluster *cluster)
{
    size_t used = 0, in_order = 0;

    for (size_t i = 0; i < cluster->sorted_used; i++) {
        if (!cluster->sorted[i])
            continue;
        if (i < cluster->sorted_count)
            in_order++;
        cluster->sorted[used++] = cluster->sorted[i];
    }
    cluster->sorted_used = used;
    cluster->sorted_count = in_order;
    cluster->sorted_holes = false;
}

/* Sorts the tail and merges it into the sorted part from the back. */
static void merge_tail(struct cluster *cluster)
{
    size_t tail_count = cluster->sorted_used - cluster->sorted_count;
    size_t left = cluster->sorted_count, right = tail_count, to = cluster->sorted_used;
    struct container_entry **tail = xmalloc((tail_count + 1) * sizeof(struct container_entry *));

    memcpy(tail, cluster->sorted + left, tail_count * sizeof(struct container_entry *));
    qsort(tail, tail_count, sizeof(struct container_entry *), newest_first);
    while (right > 0) {
        if (left > 0 && newest_first(&cluster->sorted[left - 1], &tail[right - 1]) > 0)
            cluster->sorted[--to] = cluster->sorted[--left];
        else
            cluster->sorted[--to] = tail[--right];
    }
    free(tail);
    cluster->sorted_count = cluster->sorted_used;
}

/* Rare, so it may cost a walk: while old copies exist. */
static struct container_entry *const *without_old_copies(struct cluster *cluster, size_t *count)
{
    *count = 0;
    cluster->shown =
        xrealloc(cluster->shown, (cluster->sorted_used + 1) * sizeof(struct container_entry *));
    for (size_t i = 0; i < cluster->sorted_used; i++) {
        if (!cluster->sorted[i]->superseded)
            cluster->shown[(*count)++] = cluster->sorted[i];
    }
    return cluster->shown;
}

struct container_entry *const *cluster_containers(struct cluster *cluster, size_t *count)
{
    bool changed =
        cluster->sorted_holes || cluster->unsorted || cluster->sorted_count < cluster->sorted_used;

    if (cluster->sorted_holes)
        close_holes(cluster);
    if (cluster->unsorted)
        cluster->sorted_count = 0;
    cluster->unsorted = false;
    if (cluster->sorted_count < cluster->sorted_used)
        merge_tail(cluster);
    for (size_t i = 0; changed && i < cluster->sorted_used; i++)
        cluster->sorted[i]->own->sorted_index = i;
    if (table_count(cluster->superseded) == 0) {
        *count = cluster->sorted_used;
        return cluster->sorted;
    }
    return without_old_copies(cluster, count);
}
