/* Merge of image lists: one row for each image id in the cluster.
 * The same image on many nodes is the usual case, so tags are united through one hash table for the
 * whole merge and not by comparing lists. */
#include "proxy/docker/merge.h"

#include "policy/base/failure.h"
#include "policy/base/table.h"

#include <stdlib.h>

struct image_row {
    struct value *row;
    struct value *nodes;
    int64_t created;
    size_t order;
};

struct image_merge {
    struct arena *arena;
    struct table *by_id;
    struct table *seen; /* "id\ntag": already in the row */
    struct image_row *rows;
    size_t count;
};

/* podman leaves out the algorithm. */
static struct slice full_id(struct arena *arena, struct slice id)
{
    if (slice_find(id, ':') >= 0)
        return id;
    return arena_printf(arena, "sha256:" SLICE_FMT, SLICE_ARG(id));
}

/* True when `text` is new in row `id`. */
static bool first_seen(struct image_merge *merge, struct slice id, struct slice text)
{
    struct slice key =
        arena_printf(merge->arena, SLICE_FMT "\n" SLICE_FMT, SLICE_ARG(id), SLICE_ARG(text));

    return table_put(merge->seen, key, merge) == NULL;
}

static bool is_placeholder(struct slice reference)
{
    return slice_starts(reference, "<none>");
}

/* Moves the new texts of list `from`[key] into `into`[key]. Engines below 1.43 say null or
 * <none>:<none> for "no tag"; that stays only while no node has a real one. */
static void unite(struct image_merge *merge, struct slice id, struct value *into,
                  struct value *from, const char *key)
{
    struct value *source = value_find(from, key), *target = value_find(into, key);
    struct value *fresh = value_list(merge->arena);

    if (!source || source->type != VALUE_LIST)
        return;
    if (target && target->type == VALUE_LIST && target != source)
        fresh = target;
    for (struct value *text = source->first, *next; text; text = next) {
        next = text->next;
        if (text->type != VALUE_TEXT || !first_seen(merge, id, text->text))
            continue;
        value_remove(source, text);
        value_append(fresh, text);
    }
    if (fresh->count > 1) {
        for (struct value *text = fresh->first, *next; text; text = next) {
            next = text->next;
            if (is_placeholder(text->text) && fresh->count > 1)
                value_remove(fresh, text);
        }
    }
    if (fresh->count || (target && target->type == VALUE_LIST))
        value_set(merge->arena, into, key, fresh);
}

static void add_counts(struct image_merge *merge, struct value *into, const struct value *from)
{
    int64_t have = value_get_int(into, "Containers", -1);
    int64_t more = value_get_int(from, "Containers", -1);

    if (more < 0 || !value_find(into, "Containers"))
        return;
    value_set_int(merge->arena, into, "Containers", have < 0 ? more : have + more);
}

static void add_row(struct image_merge *merge, struct value *row, const struct merge_body *body)
{
    struct slice id = full_id(merge->arena, value_get_text(row, "Id"));
    struct image_row *known = table_find(merge->by_id, id);

    if (!known) {
        known = &merge->rows[merge->count];
        known->row = row;
        known->nodes = value_list(merge->arena);
        known->created = value_get_int(row, "Created", 0);
        known->order = merge->count++;
        value_set_text(merge->arena, row, "Id", id);
        table_put(merge->by_id, id, known);
        unite(merge, id, row, row, "RepoTags");
        unite(merge, id, row, row, "RepoDigests");
    } else {
        unite(merge, id, known->row, row, "RepoTags");
        unite(merge, id, known->row, row, "RepoDigests");
        add_counts(merge, known->row, row);
    }
    value_append(known->nodes, value_text(merge->arena, body->node));
}

static int newest_first(const void *left, const void *right)
{
    const struct image_row *a = left, *b = right;
    int order;

    if (a->created != b->created)
        return a->created > b->created ? -1 : 1;
    order = slice_compare(value_get_text(a->row, "Id"), value_get_text(b->row, "Id"));
    return order ? order : (a->order < b->order ? -1 : 1);
}

struct value *merge_images(struct arena *arena, const struct merge_body *bodies, size_t count)
{
    struct image_merge merge = {.arena = arena, .by_id = table_new(), .seen = table_new()};
    struct value *list = value_list(arena);

    merge.rows = arena_alloc(arena, (merge_count_rows(bodies, count) + 1) * sizeof(*merge.rows));
    for (size_t i = 0; i < count; i++) {
        struct value *body = bodies[i].body;

        for (struct value *row = body && body->type == VALUE_LIST ? body->first : NULL, *next; row;
             row = next) {
            next = row->next;
            if (row->type != VALUE_MAP)
                continue;
            value_remove(body, row);
            add_row(&merge, row, &bodies[i]);
        }
    }
    qsort(merge.rows, merge.count, sizeof(*merge.rows), newest_first);
    for (size_t i = 0; i < merge.count; i++) {
        value_set(arena, merge.rows[i].row, "Nodes", merge.rows[i].nodes);
        value_append(list, merge.rows[i].row);
    }
    table_free(&merge.by_id);
    table_free(&merge.seen);
    return list;
}
