/* Filters matching: dockerd's rules. Patterns come from clients, so the regular expression that is
 * tried is short and of a kind that can't run away. Declared in filters.h. */
#include "proxy/docker/filters.h"

#include <regex.h>

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

/* A bound like {2,16} of at most two digits each; larger ones make the automaton huge. */
static bool bound_small(struct slice rest)
{
    int digits = 0;

    for (size_t i = 1; i < rest.length && rest.at[i] != '}'; i++) {
        digits = rest.at[i] >= '0' && rest.at[i] <= '9' ? digits + 1 : 0;
        if (digits > 2)
            return false;
    }
    return true;
}

/* The POSIX spelling of Go's pattern in `out`; false when it is not one that we run. */
static bool translate(struct slice pattern, char *out, bool *ignore_case)
{
    size_t length = 0;
    int bounds = 0;

    *ignore_case = slice_starts(pattern, "(?i)");
    if (*ignore_case)
        pattern = slice_from(pattern, 4);
    for (size_t i = 0; i < pattern.length; i++) {
        char c = pattern.at[i], next = i + 1 < pattern.length ? pattern.at[i + 1] : '\0';

        if (c == '\0' || (c == '\\' && next >= '0' && next <= '9') ||
            (c == '{' && (++bounds > 1 || !bound_small(slice_from(pattern, i)))))
            return false;
        if (c == '\\' && next == 'd') {
            memcpy(out + length, "[0-9]", 5);
            length += 5;
            i++;
        } else if (c == '\\' && next) {
            out[length++] = c;
            out[length++] = next;
            i++;
        } else if (c == '(' && slice_starts(slice_from(pattern, i), "(?:")) {
            out[length++] = c;
            i += 2;
        } else {
            out[length++] = c;
            /* A lazy quantifier matches the same set of texts as the greedy one. */
            if ((c == '*' || c == '+') && next == '?')
                i++;
        }
    }
    out[length] = '\0';
    return true;
}

/* For patterns that are not run: plain containment. */
static bool contains(struct slice text, struct slice part)
{
    if (part.length == 0)
        return true;
    return text.length >= part.length && memmem(text.at, text.length, part.at, part.length);
}

static bool pattern_matches(struct slice pattern, struct slice text)
{
    char posix[FILTERS_MAX_PATTERN * 3 + 1];
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)text.length};
    bool ignore_case, matches;
    regex_t regex;

    if (slice_equal(pattern, text))
        return true;
    if (pattern.length > FILTERS_MAX_PATTERN || !translate(pattern, posix, &ignore_case))
        return contains(text, pattern);
    /* An empty pattern is found everywhere, as in Go; POSIX leaves it undefined. */
    if (!posix[0])
        return true;
    if (regcomp(&regex, posix, REG_EXTENDED | REG_NOSUB | (ignore_case ? REG_ICASE : 0)) != 0)
        return false;
    matches = regexec(&regex, text.at ? text.at : "", 1, &range, REG_STARTEND) == 0;
    regfree(&regex);
    return matches;
}

bool filters_name(const struct filters *filters, const char *key, struct slice text)
{
    const struct filter *filter = filters_find(filters, key);

    if (!filter || filter->count == 0)
        return true;
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (pattern_matches(value->text, text))
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
