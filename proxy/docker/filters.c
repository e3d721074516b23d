/* Filters: reading, checking and writing the filters parameter. Matching is in filters_match.c. */
#include "proxy/docker/filters.h"

void filters_init(struct filters *filters, struct arena *arena)
{
    *filters = (struct filters){.arena = arena};
}

static struct filter *find(const struct filters *filters, struct slice key)
{
    for (struct filter *filter = filters->first; filter; filter = filter->next) {
        if (slice_equal(filter->key, key))
            return filter;
    }
    return NULL;
}

const struct filter *filters_find(const struct filters *filters, const char *key)
{
    return find(filters, slice_of(key));
}

bool filters_empty(const struct filters *filters)
{
    return filters->first == NULL;
}

struct slice filters_get(const struct filters *filters, const char *key)
{
    const struct filter *filter = filters_find(filters, key);

    return filter && filter->first ? filter->first->text : SLICE_NONE;
}

static void add(struct filters *filters, struct slice key, struct slice text)
{
    struct filter *filter = find(filters, key);
    struct filter_value *value;

    if (!filter) {
        filter = arena_alloc(filters->arena, sizeof(*filter));
        filter->key = arena_copy(filters->arena, key);
        if (filters->last)
            filters->last->next = filter;
        else
            filters->first = filter;
        filters->last = filter;
    }
    for (value = filter->first; value; value = value->next) {
        if (slice_equal(value->text, text))
            return;
    }
    value = arena_alloc(filters->arena, sizeof(*value));
    value->text = arena_copy(filters->arena, text);
    if (filter->last)
        filter->last->next = value;
    else
        filter->first = value;
    filter->last = value;
    filter->count++;
}

void filters_add(struct filters *filters, const char *key, struct slice value)
{
    add(filters, slice_of(key), value);
}

const struct filter *filters_take(struct filters *filters, const char *key)
{
    struct filter **link = &filters->first, *before = NULL, *taken;

    while (*link && !slice_is((*link)->key, key)) {
        before = *link;
        link = &(*link)->next;
    }
    taken = *link;
    if (!taken)
        return NULL;
    *link = taken->next;
    if (filters->last == taken)
        filters->last = before;
    taken->next = NULL;
    return taken;
}

/* One key's values, as a map (value as key, the boolean is not looked at, as in dockerd), as the
 * older list of texts, or null. */
static bool add_values(struct filters *filters, const struct value *values)
{
    if (values->type == VALUE_NULL)
        return true;
    if (values->type != VALUE_MAP && values->type != VALUE_LIST)
        return false;
    VALUE_EACH(item, values)
    {
        bool in_map = values->type == VALUE_MAP;

        if (item->type != (in_map ? VALUE_BOOL : VALUE_TEXT))
            return false;
        add(filters, values->key, in_map ? item->key : item->text);
    }
    return true;
}

int filters_parse(struct filters *filters, struct arena *arena, struct slice text,
                  const char *const *allowed, struct failure *failure)
{
    const struct value *map;

    filters_init(filters, arena);
    if (slice_trim(text).length == 0)
        return 0;
    if (text.length > FILTERS_MAX_BYTES)
        return failure_set(failure, FAILURE_INVALID, "filters are longer than %d bytes",
                           FILTERS_MAX_BYTES);
    map = json_parse(arena, text, NULL);
    if (!map || (map->type != VALUE_MAP && map->type != VALUE_NULL))
        return failure_set(failure, FAILURE_INVALID, "invalid filter");
    VALUE_EACH(values, map)
    {
        if (!add_values(filters, values))
            return failure_set(failure, FAILURE_INVALID, "invalid filter");
    }
    return filters_check(filters, allowed, failure);
}

int filters_check(const struct filters *filters, const char *const *allowed,
                  struct failure *failure)
{
    for (const struct filter *filter = filters->first; filter && allowed; filter = filter->next) {
        const char *const *key = allowed;

        while (*key && !slice_is(filter->key, *key))
            key++;
        if (!*key)
            return failure_set(failure, FAILURE_INVALID, "invalid filter '" SLICE_FMT "'",
                               SLICE_ARG(slice_cut(filter->key, 0, 200)));
    }
    return 0;
}

struct slice filters_text(const struct filters *filters)
{
    struct value *map;

    if (filters_empty(filters))
        return SLICE_NONE;
    map = value_map(filters->arena);
    for (const struct filter *filter = filters->first; filter; filter = filter->next) {
        struct value *values = value_map(filters->arena);

        for (const struct filter_value *value = filter->first; value; value = value->next)
            value_set_slice(filters->arena, values, value->text, value_bool(filters->arena, true));
        value_set_slice(filters->arena, map, filter->key, values);
    }
    return json_text(filters->arena, map);
}

int filters_bool(const struct filters *filters, const char *key, bool otherwise, bool *truth,
                 struct failure *failure)
{
    static const char *const words[] = {"1", "t", "true", "0", "f", "false"};
    const struct filter *filter = filters_find(filters, key);
    bool seen[2] = {false, false};
    const struct filter_value *value;

    *truth = otherwise;
    if (!filter || filter->count == 0)
        return 0;
    for (value = filter->first; value; value = value->next) {
        size_t i = 0;

        while (i < 6 && !slice_is_nocase(value->text, words[i]))
            i++;
        if (i == 6)
            break;
        seen[i < 3] = true;
    }
    if (value || seen[0] == seen[1])
        return failure_set(failure, FAILURE_INVALID, "invalid filter '%s=[" SLICE_FMT "]'", key,
                           SLICE_ARG(slice_cut(filter->first->text, 0, 200)));
    *truth = seen[1];
    return 0;
}
