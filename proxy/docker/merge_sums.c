/* Merge of disk usage and of prune results: numbers summed, lists joined. */
#include "proxy/docker/merge.h"

#include "policy/base/table.h"
#include "proxy/json.h"

/* The bodies' members `key`, in place of the bodies. */
static struct merge_body *members(struct arena *arena, const struct merge_body *bodies,
                                  size_t count, const char *key)
{
    struct merge_body *lists = arena_alloc(arena, (count + 1) * sizeof(*lists));

    for (size_t i = 0; i < count; i++) {
        lists[i] = bodies[i];
        lists[i].body = value_find(bodies[i].body, key);
    }
    return lists;
}

static bool any_has(const struct merge_body *bodies, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (value_find(bodies[i].body, key))
            return true;
    return false;
}

/* Engines say null or [] for "nothing", depending on the list and their version: so do we. */
static bool any_list(const struct merge_body *lists, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lists[i].body && lists[i].body->type == VALUE_LIST)
            return true;
    return false;
}

/* Sum of a number member; a sum that would not fit stays where it is. Negative = unknown = 0. */
static void sum_member(struct arena *arena, struct value *answer, const struct merge_body *bodies,
                       size_t count, const char *key)
{
    int64_t total = 0;

    if (!any_has(bodies, count, key))
        return;
    for (size_t i = 0; i < count; i++) {
        int64_t more = value_get_int(bodies[i].body, key, 0), sum;

        if (more > 0 && !__builtin_add_overflow(total, more, &sum))
            total = sum;
    }
    value_set_int(arena, answer, key, total);
}

struct value *merge_rows(struct arena *arena, const struct merge_body *bodies, size_t count)
{
    struct value *joined = value_list(arena);
    struct table *seen = table_new();

    for (size_t i = 0; i < count; i++) {
        struct value *list = bodies[i].body;

        for (struct value *row = list && list->type == VALUE_LIST ? list->first : NULL, *next; row;
             row = next) {
            next = row->next;
            if (table_put(seen, json_text(arena, row), joined))
                continue;
            value_remove(list, row);
            value_append(joined, row);
        }
    }
    table_free(&seen);
    return joined;
}

struct value *merge_prune(struct arena *arena, const struct merge_body *bodies, size_t count)
{
    static const char *const lists[] = {"ContainersDeleted", "ImagesDeleted", "NetworksDeleted",
                                        "VolumesDeleted", "CachesDeleted"};
    struct value *answer = value_map(arena);

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        struct merge_body *parts = members(arena, bodies, count, lists[i]);
        bool none = !any_list(parts, count);

        if (any_has(bodies, count, lists[i]))
            value_set(arena, answer, lists[i],
                      none ? value_null(arena) : merge_rows(arena, parts, count));
    }
    sum_member(arena, answer, bodies, count, "SpaceReclaimed");
    return answer;
}

/* Joins lists without looking for equal rows: containers and cache records are a node's own. */
static struct value *join(struct arena *arena, const struct merge_body *lists, size_t count)
{
    struct value *joined = value_list(arena);

    for (size_t i = 0; i < count; i++) {
        struct value *list = lists[i].body;

        for (struct value *row = list && list->type == VALUE_LIST ? list->first : NULL, *next; row;
             row = next) {
            next = row->next;
            value_remove(list, row);
            value_append(joined, row);
        }
    }
    return joined;
}

static struct value *merge_kind(struct arena *arena, const struct merge_body *bodies, size_t count,
                                const char *key, const char *kind)
{
    struct merge_body *lists = members(arena, bodies, count, key);

    if (!any_list(lists, count))
        return value_null(arena);
    if (slice_is(slice_of(kind), "Images"))
        return merge_images(arena, lists, count);
    if (slice_is(slice_of(kind), "Volumes"))
        return merge_volume_rows(arena, lists, count);
    return join(arena, lists, count);
}

/* The >= 1.52 objects: {ActiveCount, TotalCount, Reclaimable, TotalSize, Items}. */
static void merge_usage(struct arena *arena, struct value *answer, const struct merge_body *bodies,
                        size_t count, const char *key, const char *kind)
{
    static const char *const sums[] = {"ActiveCount", "TotalCount", "Reclaimable", "TotalSize"};
    struct merge_body *usages = members(arena, bodies, count, key);
    struct value *usage;

    if (!any_has(bodies, count, key))
        return;
    usage = value_map(arena);
    for (size_t i = 0; i < sizeof(sums) / sizeof(*sums); i++)
        sum_member(arena, usage, usages, count, sums[i]);
    if (any_has(usages, count, "Items"))
        value_set(arena, usage, "Items", merge_kind(arena, usages, count, "Items", kind));
    value_set(arena, answer, key, usage);
}

struct value *merge_df(struct arena *arena, const struct merge_body *bodies, size_t count)
{
    static const char *const kinds[][2] = {{"Images", "ImageUsage"},
                                           {"Containers", "ContainerUsage"},
                                           {"Volumes", "VolumeUsage"},
                                           {"BuildCache", "BuildCacheUsage"}};
    struct value *answer = value_map(arena);

    sum_member(arena, answer, bodies, count, "LayersSize");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        const char *kind = kinds[i][0];

        if (any_has(bodies, count, kind))
            value_set(arena, answer, kind, merge_kind(arena, bodies, count, kind, kind));
        merge_usage(arena, answer, bodies, count, kinds[i][1], kind);
    }
    sum_member(arena, answer, bodies, count, "BuilderSize");
    return answer;
}
