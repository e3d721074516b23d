/* Filters matching: dockerd's rules. Patterns come from clients, so they run on our own regular
 * expressions, which take linear time; glibc's grow without bound on "++++…". In filters.h. */
#include "proxy/docker/filters.h"

#include "policy/regex.h"

#define MAX_STEPS 1000000 /* for all patterns on one text */

bool filters_exact(const struct filters *filters, const char *key, struct slice text)
{
    const struct filter *filter = filters_find(filters, key);

    if (!filter || filter->count == 0)
        return true;
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (slice_equal(value->text, text))
            return true;
    }
    return false;
}

bool filters_prefix(const struct filters *filters, const char *key, struct slice text)
{
    const struct filter *filter = filters_find(filters, key);

    if (!filter || filter->count == 0)
        return true;
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (text.length >= value->text.length &&
            slice_equal(slice_cut(text, 0, value->text.length), value->text))
            return true;
    }
    return false;
}

static bool pattern_matches(struct slice pattern, struct slice text, int64_t *steps)
{
    struct arena *arena;
    struct regex *regex;
    bool matches;

    if (pattern.length == 0 || slice_equal(pattern, text))
        return true;
    if (pattern.length > FILTERS_MAX_PATTERN)
        return false;
    arena = arena_new();
    regex = regex_compile(arena, pattern, NULL);
    matches = regex && regex_match(regex, text, steps);
    arena_free(&arena);
    return matches;
}

bool filters_name(const struct filters *filters, const char *key, struct slice text)
{
    const struct filter *filter = filters_find(filters, key);
    int64_t steps = MAX_STEPS;

    if (!filter || filter->count == 0)
        return true;
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (pattern_matches(value->text, text, &steps))
            return true;
    }
    return false;
}

static bool has_label(struct tags labels, struct slice wanted)
{
    ptrdiff_t equals = slice_find(wanted, '=');
    struct slice key = equals >= 0 ? slice_cut(wanted, 0, (size_t)equals) : wanted;

    for (size_t i = 0; i < labels.count; i++) {
        if (!slice_equal(labels.list[i].key, key))
            continue;
        return equals < 0 ||
               slice_equal(labels.list[i].value, slice_from(wanted, (size_t)equals + 1));
    }
    return false;
}

bool filters_labels(const struct filters *filters, const char *key, struct tags labels)
{
    const struct filter *filter = filters_find(filters, key);

    if (!filter)
        return true;
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (!has_label(labels, value->text))
            return false;
    }
    return true;
}

bool filters_unlabels(const struct filters *filters, struct tags labels)
{
    const struct filter *filter = filters_find(filters, "label!");

    return !filter || filter->count == 0 || !filters_labels(filters, "label!", labels);
}

static bool names_node(struct slice text, struct slice name, struct slice id)
{
    return text.length > 0 &&
           (slice_equal(text, name) ||
            (text.length <= id.length && slice_equal(slice_cut(id, 0, text.length), text)));
}

bool filters_node(const struct filter *filter, struct slice node_name, struct slice node_id)
{
    bool wanted = false, found = false;

    if (!filter)
        return true;
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        bool excludes = slice_starts(value->text, "!");
        bool named = names_node(excludes ? slice_from(value->text, 1) : value->text, node_name,
                                node_id);

        if (excludes && named)
            return false;
        wanted |= !excludes;
        found |= !excludes && named;
    }
    return found || !wanted;
}
