/* Value: building and editing the tree. Edits keep what they do not touch: Docker clients and
 * engines exchange fields that we have never heard of. Reading is in value_read.c. */
#include "policy/base/value.h"

#include "policy/base/failure.h"

#include <stdio.h>

static struct value *make(struct arena *arena, enum value_type type)
{
    struct value *value = arena_alloc(arena, sizeof(*value));

    value->type = type;
    return value;
}

struct value *value_null(struct arena *arena)
{
    return make(arena, VALUE_NULL);
}

struct value *value_bool(struct arena *arena, bool truth)
{
    struct value *value = make(arena, VALUE_BOOL);

    value->truth = truth;
    return value;
}

struct value *value_text(struct arena *arena, struct slice text)
{
    struct value *value = make(arena, VALUE_TEXT);

    value->text = arena_copy(arena, text);
    return value;
}

struct value *value_int(struct arena *arena, int64_t number)
{
    struct value *value = make(arena, VALUE_NUMBER);

    value->text = arena_printf(arena, "%lld", (long long)number);
    return value;
}

struct value *value_number(struct arena *arena, struct slice number_text)
{
    struct value *value = make(arena, VALUE_NUMBER);

    value->text = arena_copy(arena, number_text);
    return value;
}

struct value *value_list(struct arena *arena)
{
    return make(arena, VALUE_LIST);
}

struct value *value_map(struct arena *arena)
{
    return make(arena, VALUE_MAP);
}

static void link_last(struct value *parent, struct value *child)
{
    must(!child->next && !child->previous && parent->first != child);
    child->previous = parent->last;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

struct value *value_copy(struct arena *arena, const struct value *value)
{
    struct value *copy = make(arena, value->type);

    copy->truth = value->truth;
    if (value->type == VALUE_TEXT || value->type == VALUE_NUMBER)
        copy->text = arena_copy(arena, value->text);
    VALUE_EACH(child, value)
    {
        struct value *twin = value_copy(arena, child);

        if (value->type == VALUE_MAP)
            twin->key = arena_copy(arena, child->key);
        link_last(copy, twin);
    }
    return copy;
}

void value_append(struct value *list, struct value *child)
{
    must(list->type == VALUE_LIST);
    link_last(list, child);
}

void value_remove(struct value *parent, struct value *child)
{
    if (child->previous)
        child->previous->next = child->next;
    else
        parent->first = child->next;
    if (child->next)
        child->next->previous = child->previous;
    else
        parent->last = child->previous;
    child->next = child->previous = NULL;
    parent->count--;
}

/* Puts `child` where `old` was. */
static void replace(struct value *map, struct value *old, struct value *child)
{
    child->previous = old->previous;
    child->next = old->next;
    if (child->previous)
        child->previous->next = child;
    else
        map->first = child;
    if (child->next)
        child->next->previous = child;
    else
        map->last = child;
    old->next = old->previous = NULL;
}

struct value *value_set_slice(struct arena *arena, struct value *map, struct slice key,
                              struct value *child)
{
    struct value *place = NULL;

    must(map->type == VALUE_MAP);
    for (struct value *member = map->last, *before; member; member = before) {
        before = member->previous;
        if (!slice_equal(member->key, key))
            continue;
        if (place)
            value_remove(map, member);
        else
            place = member;
    }
    if (place == child)
        return child;
    must(!child->next && !child->previous);
    child->key = arena_copy(arena, key);
    if (place)
        replace(map, place, child);
    else
        link_last(map, child);
    return child;
}

struct value *value_set(struct arena *arena, struct value *map, const char *key,
                        struct value *child)
{
    return value_set_slice(arena, map, slice_of(key), child);
}

void value_set_text(struct arena *arena, struct value *map, const char *key, struct slice text)
{
    value_set(arena, map, key, value_text(arena, text));
}

void value_set_int(struct arena *arena, struct value *map, const char *key, int64_t number)
{
    value_set(arena, map, key, value_int(arena, number));
}

void value_set_bool(struct arena *arena, struct value *map, const char *key, bool truth)
{
    value_set(arena, map, key, value_bool(arena, truth));
}

struct value *value_submap(struct arena *arena, struct value *map, const char *key)
{
    struct value *child = value_find(map, key);

    if (child && child->type == VALUE_MAP)
        return child;
    return value_set(arena, map, key, value_map(arena));
}

size_t value_drop(struct value *map, const char *key)
{
    size_t dropped = 0;

    if (!map || map->type != VALUE_MAP)
        return 0;
    for (struct value *member = map->first, *next; member; member = next) {
        next = member->next;
        if (value_key_matches(member->key, key)) {
            value_remove(map, member);
            dropped++;
        }
    }
    return dropped;
}
