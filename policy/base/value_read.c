/* Value reading: lookups that agree with Go's JSON decoder, because the engine behind us decides
 * with that one what a body means; a second opinion would be a hole. Declared in value.h. */
#include "policy/base/value.h"

#include <math.h>
#include <stdlib.h>

struct value *value_find(const struct value *map, const char *key)
{
    if (!map || map->type != VALUE_MAP)
        return NULL;
    for (struct value *member = map->last; member; member = member->previous) {
        if (slice_is(member->key, key))
            return member;
    }
    return NULL;
}

static unsigned char fold(unsigned char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* U+017F (long s, C5 BF) folds to s and U+212A (Kelvin sign, E2 84 AA) to k in Go's decoder. */
static unsigned char fold_next(struct slice *rest)
{
    unsigned char c = (unsigned char)rest->at[0];
    size_t used = 1;

    if (slice_starts(*rest, "\xc5\xbf")) {
        c = 's';
        used = 2;
    } else if (slice_starts(*rest, "\xe2\x84\xaa")) {
        c = 'k';
        used = 3;
    }
    *rest = slice_from(*rest, used);
    return fold(c);
}

bool value_key_matches(struct slice key, const char *name)
{
    struct slice rest = key;

    for (; *name; name++) {
        if (!rest.length || fold_next(&rest) != fold((unsigned char)*name))
            return false;
    }
    return rest.length == 0;
}

/* Go assigns members in the order of the text, each to the field that its key names, so the last
 * one that matches wins; a struct field with the exact spelling is only preferred over another
 * FIELD, never over a later member. We do as the header says: exact first. A strict body check
 * refuses bodies where that could matter. */
struct value *value_find_folded(const struct value *map, const char *key)
{
    struct value *exact = value_find(map, key);

    if (exact || !map || map->type != VALUE_MAP)
        return exact;
    for (struct value *member = map->last; member; member = member->previous) {
        if (value_key_matches(member->key, key))
            return member;
    }
    return NULL;
}

struct value *value_path(const struct value *map, const char *path)
{
    struct slice rest = slice_of(path), part;
    struct value *at = NULL;
    char name[128];

    while (slice_next(&rest, '.', &part)) {
        if (part.length >= sizeof(name))
            return NULL;
        memcpy(name, part.at, part.length);
        name[part.length] = '\0';
        at = value_find_folded(map, name);
        if (!at)
            return NULL;
        map = at;
    }
    return at;
}

struct slice value_get_text(const struct value *map, const char *key)
{
    const struct value *member = value_find(map, key);

    return member && member->type == VALUE_TEXT ? member->text : SLICE_NONE;
}

bool value_get_bool(const struct value *map, const char *key, bool otherwise)
{
    const struct value *member = value_find(map, key);

    return member && member->type == VALUE_BOOL ? member->truth : otherwise;
}

int64_t value_get_int(const struct value *map, const char *key, int64_t otherwise)
{
    return value_to_int(value_find(map, key), otherwise);
}

double value_to_double(const struct value *number, double otherwise)
{
    char text[64];

    if (!number || number->type != VALUE_NUMBER || number->text.length >= sizeof(text))
        return otherwise;
    memcpy(text, number->text.at, number->text.length);
    text[number->text.length] = '\0';
    return strtod(text, NULL);
}

int64_t value_to_int(const struct value *number, int64_t otherwise)
{
    int64_t integer;
    double approximate;

    if (!number || number->type != VALUE_NUMBER)
        return otherwise;
    if (slice_to_i64(number->text, &integer) == 0)
        return integer;
    approximate = value_to_double(number, NAN);
    if (isnan(approximate))
        return otherwise;
    if (approximate >= 9223372036854775808.0)
        return INT64_MAX;
    if (approximate < -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)approximate;
}

bool value_equal(const struct value *a, const struct value *b)
{
    const struct value *left, *right;

    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->type == VALUE_BOOL)
        return a->truth == b->truth;
    if (a->type == VALUE_TEXT || a->type == VALUE_NUMBER)
        return slice_equal(a->text, b->text);
    for (left = a->first, right = b->first; left && right; left = left->next, right = right->next) {
        if (a->type == VALUE_MAP && !slice_equal(left->key, right->key))
            return false;
        if (!value_equal(left, right))
            return false;
    }
    return true;
}
