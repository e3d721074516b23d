/* Convert: slices, tags and value trees to Lua and back. */
#include "lua/policy_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX  64
#define VALUES_MAX 100000

void push_slice(lua_State *state, struct slice text)
{
    lua_pushlstring(state, text.at ? text.at : "", text.length);
}

void set_slice(lua_State *state, const char *key, struct slice text)
{
    if (text.length > 0) {
        push_slice(state, text);
        lua_setfield(state, -2, key);
    }
}

void set_integer(lua_State *state, const char *key, int64_t number)
{
    lua_pushnumber(state, (lua_Number)number);
    lua_setfield(state, -2, key);
}

void push_tags(lua_State *state, const struct tags *tags)
{
    lua_createtable(state, 0, (int)tags->count);
    for (size_t i = 0; i < tags->count; i++) {
        push_slice(state, tags->list[i].key);
        push_slice(state, tags->list[i].value);
        lua_rawset(state, -3);
    }
}

struct slice slice_at(lua_State *state, int index)
{
    size_t length = 0;
    const char *text =
        lua_type(state, index) == LUA_TSTRING ? lua_tolstring(state, index, &length) : NULL;
    return slice_make(text, length);
}

static void push_children(lua_State *state, const struct value *value, unsigned depth);

static void push_deep(lua_State *state, const struct value *value, unsigned depth)
{
    if (!value) {
        lua_pushnil(state);
        return;
    }
    switch (value->type) {
    case VALUE_NULL:
        lua_pushnil(state);
        return;
    case VALUE_BOOL:
        lua_pushboolean(state, value->truth);
        return;
    case VALUE_NUMBER:
        lua_pushnumber(state, value_to_double(value, 0));
        return;
    case VALUE_TEXT:
        push_slice(state, value->text);
        return;
    case VALUE_LIST:
    case VALUE_MAP:
        push_children(state, value, depth + 1);
    }
}

static void push_children(lua_State *state, const struct value *value, unsigned depth)
{
    if (depth > DEPTH_MAX) {
        luaL_error(state, "the body is nested deeper than %d", DEPTH_MAX);
    }
    luaL_checkstack(state, 4, "the body is nested too deep");
    lua_newtable(state);
    int index = 1;
    VALUE_EACH(child, value)
    {
        if (value->type == VALUE_LIST) {
            push_deep(state, child, depth);
            lua_rawseti(state, -2, index++);
        } else {
            push_slice(state, child->key);
            push_deep(state, child, depth);
            lua_rawset(state, -3);
        }
    }
}

void push_value(lua_State *state, const struct value *value)
{
    push_deep(state, value, 0);
}

struct conversion {
    lua_State *state;
    struct arena *arena;
    size_t count;
};

static struct value *convert(struct conversion *c, int index, unsigned depth,
                             const struct value *like);

static struct value *convert_number(struct conversion *c, lua_Number number)
{
    char text[40];
    if (isnan(number) || isinf(number)) {
        luaL_error(c->state, "a body can't hold %s", isnan(number) ? "nan" : "infinity");
    }
    if (number >= -9007199254740992.0 && number <= 9007199254740992.0 && number == floor(number)) {
        return value_int(c->arena, (int64_t)number);
    }
    snprintf(text, sizeof(text), "%.17g", number);
    return value_number(c->arena, slice_of(text));
}

static struct value *convert_list(struct conversion *c, int index, size_t length, unsigned depth)
{
    struct value *list = value_list(c->arena);
    for (size_t i = 1; i <= length; i++) {
        lua_rawgeti(c->state, index, (int)i);
        value_append(list, convert(c, lua_gettop(c->state), depth, NULL));
        lua_pop(c->state, 1);
    }
    return list;
}

static int by_key(const void *left, const void *right)
{
    return slice_compare(*(const struct slice *)left, *(const struct slice *)right);
}

/* Keys in sorted order: Lua's own order differs from run to run, the body must not. */
static struct value *convert_map(struct conversion *c, int index, unsigned depth)
{
    struct value *map = value_map(c->arena);
    size_t count = 0, room = 0;
    struct slice *keys = NULL;
    lua_pushnil(c->state);
    while (lua_next(c->state, index)) {
        lua_pop(c->state, 1);
        if (lua_type(c->state, -1) != LUA_TSTRING) {
            luaL_error(c->state, "a table is a list or has only text as keys");
        }
        if (count == room) {
            size_t larger = room ? room * 2 : 8;
            struct slice *moved = arena_alloc(c->arena, larger * sizeof(*moved));
            if (count > 0) {
                memcpy(moved, keys, count * sizeof(*moved));
            }
            keys = moved;
            room = larger;
        }
        keys[count++] = slice_at(c->state, -1);
    }
    if (count > 0) {
        qsort(keys, count, sizeof(keys[0]), by_key);
    }
    for (size_t i = 0; i < count; i++) {
        push_slice(c->state, keys[i]);
        lua_rawget(c->state, index);
        value_set_slice(c->arena, map, keys[i], convert(c, lua_gettop(c->state), depth, NULL));
        lua_pop(c->state, 1);
    }
    return map;
}

static struct value *convert(struct conversion *c, int index, unsigned depth,
                             const struct value *like)
{
    if (++c->count > VALUES_MAX || depth > DEPTH_MAX) {
        luaL_error(c->state, "too many values or nested too deep for a body");
    }
    luaL_checkstack(c->state, 6, "nested too deep for a body");
    switch (lua_type(c->state, index)) {
    case LUA_TNIL:
        return value_null(c->arena);
    case LUA_TBOOLEAN:
        return value_bool(c->arena, lua_toboolean(c->state, index));
    case LUA_TNUMBER:
        return convert_number(c, lua_tonumber(c->state, index));
    case LUA_TSTRING:
        return value_text(c->arena, slice_at(c->state, index));
    case LUA_TTABLE:
        break;
    default:
        luaL_error(c->state, "a body can't hold a %s", luaL_typename(c->state, index));
    }
    size_t length = lua_objlen(c->state, index);
    bool list = length > 0 || (like && like->type == VALUE_LIST);
    return list ? convert_list(c, index, length, depth + 1) : convert_map(c, index, depth + 1);
}

struct value *to_value(lua_State *state, int index, struct arena *arena, const struct value *like)
{
    struct conversion c = {.state = state, .arena = arena};
    if (index < 0) {
        index = lua_gettop(state) + index + 1;
    }
    return convert(&c, index, 0, like);
}
