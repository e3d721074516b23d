/* Merge of networks, volumes and plugins: lists keyed by name, where some rows exist once for the
 * whole cluster and the others belong to one node. */
#include "proxy/docker/merge.h"

#include "policy/base/failure.h"
#include "policy/base/table.h"

#include <stdlib.h>

struct name_merge {
    struct arena *arena;
    struct table *shared; /* key of a row that exists once -> its row */
    struct value **local; /* rows of one node each */
    const struct merge_body **owners;
    size_t local_count;
    struct value **rows; /* all, in the order found */
    size_t count;
};

bool network_is_predefined(struct slice name)
{
    return slice_is(name, "bridge") || slice_is(name, "host") || slice_is(name, "none");
}

size_t merge_count_rows(const struct merge_body *bodies, size_t count)
{
    size_t rows = 0;

    for (size_t i = 0; i < count; i++)
        if (bodies[i].body)
            rows += bodies[i].body->count;
    return rows;
}

void merge_mark_node(struct arena *arena, struct value *row, const struct merge_body *body)
{
    struct value *node = value_map(arena);

    value_set_text(arena, node, "ID", body->node_id);
    value_set_text(arena, node, "Name", body->node);
    value_set(arena, row, "Node", node);
}

void merge_name_duplicates(struct arena *arena, struct value *const *rows,
                           const struct merge_body *const *owners, size_t count)
{
    struct table *uses = table_new();
    bool *again = arena_alloc(arena, count + 1);

    for (size_t i = 0; i < count; i++) {
        struct slice name = value_get_text(rows[i], "Name");
        bool *first = table_put(uses, name, &again[i]);

        if (first)
            *first = again[i] = true;
    }
    table_free(&uses);
    for (size_t i = 0; i < count; i++) {
        struct slice name = value_get_text(rows[i], "Name");

        if (again[i])
            value_set_text(arena, rows[i], "Name",
                           arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(owners[i]->node),
                                        SLICE_ARG(name)));
    }
}

static int by_name(const void *left, const void *right)
{
    const struct value *a = *(struct value *const *)left, *b = *(struct value *const *)right;
    int order = slice_compare(value_get_text(a, "Name"), value_get_text(b, "Name"));

    return order ? order : slice_compare(value_get_text(a, "Id"), value_get_text(b, "Id"));
}

struct value *merge_sorted_by_name(struct arena *arena, struct value **rows, size_t count)
{
    struct value *list = value_list(arena);

    qsort(rows, count, sizeof(*rows), by_name);
    for (size_t i = 0; i < count; i++)
        value_append(list, rows[i]);
    return list;
}

static void merge_init(struct name_merge *merge, struct arena *arena, size_t rows)
{
    *merge = (struct name_merge){.arena = arena, .shared = table_new()};
    merge->local = arena_alloc(arena, (rows + 1) * sizeof(*merge->local));
    merge->owners = arena_alloc(arena, (rows + 1) * sizeof(*merge->owners));
    merge->rows = arena_alloc(arena, (rows + 1) * sizeof(*merge->rows));
}

static void add_local(struct name_merge *merge, struct value *row, const struct merge_body *body)
{
    merge_mark_node(merge->arena, row, body);
    merge->owners[merge->local_count] = body;
    merge->local[merge->local_count++] = row;
    merge->rows[merge->count++] = row;
}

/* Adds a row that exists once under `key`; returns the row that is there already, or NULL. */
static struct value *add_shared(struct name_merge *merge, struct slice key, struct value *row)
{
    struct value *known = table_find(merge->shared, key);

    if (known)
        return known;
    table_put(merge->shared, key, row);
    merge->rows[merge->count++] = row;
    return NULL;
}

static struct value *merge_finish(struct name_merge *merge)
{
    merge_name_duplicates(merge->arena, merge->local, merge->owners, merge->local_count);
    table_free(&merge->shared);
    return merge_sorted_by_name(merge->arena, merge->rows, merge->count);
}

/* Moves the members of map `key` of `from` into that of `into`. */
static void unite_map(struct arena *arena, struct value *into, struct value *from, const char *key)
{
    struct value *source = value_find(from, key);

    if (!source || source->type != VALUE_MAP || !source->count)
        return;
    for (struct value *member = source->first, *next; member; member = next) {
        next = member->next;
        value_remove(source, member);
        value_set_slice(arena, value_submap(arena, into, key), member->key, member);
    }
}

static void add_network(struct name_merge *merge, struct value *row, const struct merge_body *body)
{
    struct slice name = value_get_text(row, "Name"), scope = value_get_text(row, "Scope");
    struct value *known;
    bool wide = slice_is(scope, "global") || slice_is(scope, "swarm");

    if (!wide && !network_is_predefined(name)) {
        add_local(merge, row, body);
        return;
    }
    known = add_shared(merge, wide ? value_get_text(row, "Id") : name, row);
    if (known)
        unite_map(merge->arena, known, row, "Containers");
}

struct value *merge_networks(struct arena *arena, const struct merge_body *bodies, size_t count)
{
    struct name_merge merge;

    merge_init(&merge, arena, merge_count_rows(bodies, count));
    for (size_t i = 0; i < count; i++) {
        struct value *body = bodies[i].body;

        for (struct value *row = body && body->type == VALUE_LIST ? body->first : NULL, *next; row;
             row = next) {
            next = row->next;
            if (row->type != VALUE_MAP)
                continue;
            value_remove(body, row);
            add_network(&merge, row, &bodies[i]);
        }
    }
    return merge_finish(&merge);
}

/* Warnings of all nodes, equal ones once. */
static struct value *unite_warnings(struct arena *arena, const struct merge_body *bodies,
                                    size_t count)
{
    struct value *warnings = value_list(arena);
    struct table *seen = table_new();

    for (size_t i = 0; i < count; i++) {
        const struct value *list = value_find(bodies[i].body, "Warnings");

        if (!list || list->type != VALUE_LIST)
            continue;
        VALUE_EACH(text, list)
        {
            if (text->type == VALUE_TEXT && !table_put(seen, text->text, warnings))
                value_append(warnings, value_text(arena, text->text));
        }
    }
    table_free(&seen);
    return warnings->count ? warnings : value_null(arena);
}

static void add_volume(struct name_merge *merge, struct value *row, const struct merge_body *body)
{
    if (slice_is(value_get_text(row, "Scope"), "global"))
        (void)add_shared(merge, value_get_text(row, "Name"), row);
    else
        add_local(merge, row, body);
}

struct value *merge_volume_rows(struct arena *arena, const struct merge_body *lists, size_t count)
{
    struct name_merge merge;

    merge_init(&merge, arena, merge_count_rows(lists, count));
    for (size_t i = 0; i < count; i++) {
        struct value *list = lists[i].body;

        for (struct value *row = list && list->type == VALUE_LIST ? list->first : NULL, *next; row;
             row = next) {
            next = row->next;
            if (row->type != VALUE_MAP)
                continue;
            value_remove(list, row);
            add_volume(&merge, row, &lists[i]);
        }
    }
    return merge_finish(&merge);
}

struct value *merge_volumes(struct arena *arena, const struct merge_body *bodies, size_t count)
{
    struct merge_body *lists = arena_alloc(arena, (count + 1) * sizeof(*lists));
    struct value *answer = value_map(arena);

    for (size_t i = 0; i < count; i++) {
        lists[i] = bodies[i];
        lists[i].body = value_find(bodies[i].body, "Volumes");
    }
    value_set(arena, answer, "Volumes", merge_volume_rows(arena, lists, count));
    value_set(arena, answer, "Warnings", unite_warnings(arena, bodies, count));
    return answer;
}

struct value *merge_plugins(struct arena *arena, const struct merge_body *bodies, size_t count)
{
    struct name_merge merge;

    merge_init(&merge, arena, merge_count_rows(bodies, count));
    for (size_t i = 0; i < count; i++) {
        struct value *body = bodies[i].body;

        for (struct value *row = body && body->type == VALUE_LIST ? body->first : NULL, *next; row;
             row = next) {
            struct value *known;

            next = row->next;
            if (row->type != VALUE_MAP)
                continue;
            value_remove(body, row);
            known = add_shared(&merge, value_get_text(row, "Name"), row);
            if (known && !value_get_bool(row, "Enabled", false))
                value_set_bool(arena, known, "Enabled", false);
        }
    }
    return merge_finish(&merge);
}
