/* Text: pattern functions over match.c, the rest of `string` and `table` behind a look at the
 * clock. */
#include "lua/text.h"

#include "lua/sandbox.h"
#include "policy/pattern.h"

#include <string.h>

#define UNPACK_MAX 250
#define NUMBER_MAX 400 /* bytes of a text that tonumber reads */

static const char *subject_check(lua_State *state, int index, size_t *length)
{
    const char *text = luaL_checklstring(state, index, length);
    luaL_argcheck(state, *length <= SANDBOX_TEXT_MAX, index, "longer than 64 KiB");
    return text;
}

static void push_capture(lua_State *state, const char *subject, const struct match *match,
                         size_t index)
{
    if (index >= match->count) { /* no captures: the whole match */
        lua_pushlstring(state, subject + match->start, match->end - match->start);
    } else if (match->capture[index].length < 0) {
        lua_pushinteger(state, (lua_Integer)match->capture[index].start + 1);
    } else {
        lua_pushlstring(state, subject + match->capture[index].start,
                        (size_t)match->capture[index].length);
    }
}

static int push_captures(lua_State *state, const char *subject, const struct match *match,
                         bool whole_if_none)
{
    size_t count = match->count == 0 && whole_if_none ? 1 : match->count;
    luaL_checkstack(state, (int)count, "too many captures");
    for (size_t i = 0; i < count; i++) {
        push_capture(state, subject, match, i);
    }
    return (int)count;
}

/* Lua's start index (1-based, negative from the end) as an offset; more than length: no match. */
static size_t start_of(lua_Integer index, size_t length)
{
    if (index < 0) {
        index += (lua_Integer)length + 1;
    }
    return index < 1 ? 0 : (size_t)index - 1;
}

static int find_plain(lua_State *state, const char *subject, size_t length, const char *needle,
                      size_t needle_length, size_t from)
{
    const char *found = memmem(subject + from, length - from, needle, needle_length);
    if (!found) {
        lua_pushnil(state);
        return 1;
    }
    lua_pushinteger(state, found - subject + 1);
    lua_pushinteger(state, found - subject + (lua_Integer)needle_length);
    return 2;
}

static int find_or_match(lua_State *state, bool find)
{
    size_t length, pattern_length;
    const char *subject = subject_check(state, 1, &length);
    const char *pattern = subject_check(state, 2, &pattern_length);
    size_t from = start_of(luaL_optinteger(state, 3, 1), length);
    struct match match;
    sandbox_check_time(state);
    if (from > length) {
        lua_pushnil(state);
        return 1;
    }
    if (find && lua_toboolean(state, 4)) {
        return find_plain(state, subject, length, pattern, pattern_length, from);
    }
    if (!match_find(state, subject, length, pattern, pattern_length, from, &match)) {
        lua_pushnil(state);
        return 1;
    }
    if (!find) {
        return push_captures(state, subject, &match, true);
    }
    lua_pushinteger(state, (lua_Integer)match.start + 1);
    lua_pushinteger(state, (lua_Integer)match.end);
    return 2 + push_captures(state, subject, &match, false);
}

static int string_find(lua_State *state)
{
    return find_or_match(state, true);
}

static int string_match(lua_State *state)
{
    return find_or_match(state, false);
}

/* Upvalues: subject, pattern, where to go on. */
static int gmatch_next(lua_State *state)
{
    size_t length, pattern_length;
    const char *subject = lua_tolstring(state, lua_upvalueindex(1), &length);
    const char *pattern = lua_tolstring(state, lua_upvalueindex(2), &pattern_length);
    size_t from = (size_t)lua_tointeger(state, lua_upvalueindex(3));
    struct match match;
    if (from > length ||
        !match_find(state, subject, length, pattern, pattern_length, from, &match)) {
        return 0;
    }
    size_t next = match.end == match.start ? match.end + 1 : match.end;
    lua_pushinteger(state, (lua_Integer)next);
    lua_replace(state, lua_upvalueindex(3));
    return push_captures(state, subject, &match, true);
}

static int string_gmatch(lua_State *state)
{
    size_t length;
    subject_check(state, 1, &length);
    subject_check(state, 2, &length);
    lua_settop(state, 2);
    lua_pushinteger(state, 0);
    lua_pushcclosure(state, gmatch_next, 3);
    return 1;
}

/* "%1" and "%%" in a replacement text. */
static void add_text(lua_State *state, luaL_Buffer *buffer, const char *subject,
                     const struct match *match)
{
    size_t length;
    const char *text = lua_tolstring(state, 3, &length);
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '%' || i + 1 == length) {
            luaL_addchar(buffer, text[i]);
            continue;
        }
        i++;
        if (text[i] == '0') {
            luaL_addlstring(buffer, subject + match->start, match->end - match->start);
        } else if (text[i] >= '1' && text[i] <= '9') {
            size_t index = (size_t)(text[i] - '1');
            if (index > 0 && index >= match->count) {
                luaL_error(state, "invalid capture %%%d in the replacement", (int)index + 1);
            }
            push_capture(state, subject, match, index);
            luaL_addvalue(buffer);
        } else {
            luaL_addchar(buffer, text[i]);
        }
    }
}

static void add_replacement(lua_State *state, luaL_Buffer *buffer, const char *subject,
                            const struct match *match)
{
    int type = lua_type(state, 3);
    if (type == LUA_TSTRING || type == LUA_TNUMBER) {
        add_text(state, buffer, subject, match);
        return;
    }
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(state, 3);
        int count = push_captures(state, subject, match, true);
        lua_call(state, count, 1);
    } else {
        push_capture(state, subject, match, 0);
        lua_gettable(state, 3);
    }
    if (!lua_toboolean(state, -1)) {
        lua_pop(state, 1);
        lua_pushlstring(state, subject + match->start, match->end - match->start);
    } else if (!lua_isstring(state, -1)) {
        luaL_error(state, "the replacement is a %s, not text", luaL_typename(state, -1));
    }
    luaL_addvalue(buffer);
}

static int string_gsub(lua_State *state)
{
    size_t length, pattern_length;
    const char *subject = subject_check(state, 1, &length);
    const char *pattern = subject_check(state, 2, &pattern_length);
    int type = lua_type(state, 3);
    luaL_argcheck(state,
                  type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TTABLE ||
                      type == LUA_TFUNCTION,
                  3, "text, table or function expected");
    lua_Integer most = luaL_optinteger(state, 4, (lua_Integer)length + 1), done = 0;
    bool anchored = pattern_length > 0 && pattern[0] == '^';
    struct match match;
    luaL_Buffer buffer;
    size_t at = 0;
    luaL_buffinit(state, &buffer);
    while (done < most && at <= length &&
           match_find(state, subject, length, pattern, pattern_length, at, &match)) {
        sandbox_check_time(state);
        luaL_addlstring(&buffer, subject + at, match.start - at);
        add_replacement(state, &buffer, subject, &match);
        done++;
        at = match.end;
        if (match.end == match.start) {
            if (at < length) {
                luaL_addchar(&buffer, subject[at]);
            }
            at++;
        }
        if (anchored) {
            break;
        }
    }
    if (at < length) {
        luaL_addlstring(&buffer, subject + at, length - at);
    }
    luaL_pushresult(&buffer);
    lua_pushinteger(state, done);
    return 2;
}

static int string_rep(lua_State *state)
{
    size_t length;
    const char *text = luaL_checklstring(state, 1, &length);
    lua_Integer count = luaL_checkinteger(state, 2);
    if (count <= 0 || length == 0) {
        lua_pushliteral(state, "");
        return 1;
    }
    if ((size_t)count > SANDBOX_TEXT_MAX / length) {
        return luaL_error(state, "string.rep would make more than 64 KiB");
    }
    luaL_Buffer buffer;
    luaL_buffinit(state, &buffer);
    for (lua_Integer i = 0; i < count; i++) {
        luaL_addlstring(&buffer, text, length);
    }
    luaL_pushresult(&buffer);
    return 1;
}

/* A function of the standard library, asked only while there is time. */
static int timed(lua_State *state)
{
    sandbox_check_time(state);
    int count = lua_gettop(state);
    lua_pushvalue(state, lua_upvalueindex(1));
    lua_insert(state, 1);
    lua_call(state, count, LUA_MULTRET);
    return lua_gettop(state);
}

static int table_concat(lua_State *state)
{
    luaL_checktype(state, 1, LUA_TTABLE);
    size_t separator_length;
    const char *separator = luaL_optlstring(state, 2, "", &separator_length);
    lua_Integer first = luaL_optinteger(state, 3, 1);
    lua_Integer last = luaL_optinteger(state, 4, (lua_Integer)lua_objlen(state, 1));
    luaL_Buffer buffer;
    luaL_buffinit(state, &buffer);
    for (lua_Integer i = first; i <= last && i - first < 1000000; i++) {
        if ((i & 255) == 0) {
            sandbox_check_time(state);
        }
        lua_rawgeti(state, 1, (int)i);
        if (!lua_isstring(state, -1)) {
            return luaL_error(state, "item %d is a %s, not text", (int)i, luaL_typename(state, -1));
        }
        luaL_addvalue(&buffer);
        if (i < last) {
            luaL_addlstring(&buffer, separator, separator_length);
        }
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int unpack_few(lua_State *state)
{
    luaL_checktype(state, 1, LUA_TTABLE);
    lua_Integer first = luaL_optinteger(state, 2, 1);
    lua_Integer last = luaL_optinteger(state, 3, (lua_Integer)lua_objlen(state, 1));
    if (first > last) {
        return 0;
    }
    if (first < -1000000 || last > 1000000 || last - first >= UNPACK_MAX) {
        return luaL_error(state, "unpack gives at most %d values", UNPACK_MAX);
    }
    luaL_checkstack(state, UNPACK_MAX, "too many values");
    for (lua_Integer i = first; i <= last; i++) {
        lua_rawgeti(state, 1, (int)i);
    }
    return (int)(last - first) + 1;
}

static int tonumber_short(lua_State *state)
{
    size_t length;
    if (lua_type(state, 1) == LUA_TNUMBER) {
        lua_settop(state, 1);
        return 1;
    }
    const char *text = lua_tolstring(state, 1, &length);
    if (!text || length > NUMBER_MAX) {
        lua_pushnil(state);
        return 1;
    }
    lua_pushvalue(state, lua_upvalueindex(1));
    lua_insert(state, 1);
    lua_call(state, lua_gettop(state) - 1, 1);
    return 1;
}

/* ---- the policy's own helpers ---- */

static int str_prefix(lua_State *state)
{
    size_t length, prefix_length;
    const char *text = luaL_checklstring(state, 1, &length);
    const char *prefix = luaL_checklstring(state, 2, &prefix_length);
    lua_pushboolean(state, length >= prefix_length && memcmp(text, prefix, prefix_length) == 0);
    return 1;
}

static int str_suffix(lua_State *state)
{
    size_t length, suffix_length;
    const char *text = luaL_checklstring(state, 1, &length);
    const char *suffix = luaL_checklstring(state, 2, &suffix_length);
    lua_pushboolean(state, length >= suffix_length &&
                               memcmp(text + length - suffix_length, suffix, suffix_length) == 0);
    return 1;
}

/* str.glob(text, pattern): text, glob or /regex/, exactly as a constraint's value. */
static int str_glob(lua_State *state)
{
    size_t length, pattern_length;
    const char *text = subject_check(state, 1, &length);
    const char *pattern_text = luaL_checklstring(state, 2, &pattern_length);
    luaL_argcheck(state, pattern_length <= 256, 2, "longer than 256 bytes");
    sandbox_check_time(state);
    struct arena *arena = arena_new();
    struct failure failure = {0};
    int64_t steps = PATTERN_STEPS / 10;
    struct pattern *pattern =
        pattern_compile(arena, slice_make(pattern_text, pattern_length), &failure);
    bool found = pattern && pattern_match(pattern, slice_make(text, length), &steps);
    arena_free(&arena);
    if (!pattern) {
        return luaL_error(state, "%s", failure.text);
    }
    lua_pushboolean(state, found);
    return 1;
}

static int str_split(lua_State *state)
{
    size_t length, separator_length;
    const char *text = subject_check(state, 1, &length);
    const char *separator = luaL_checklstring(state, 2, &separator_length);
    luaL_argcheck(state, separator_length > 0, 2, "empty separator");
    lua_newtable(state);
    for (int i = 1;; i++) {
        const char *found = memmem(text, length, separator, separator_length);
        size_t part = found ? (size_t)(found - text) : length;
        lua_pushlstring(state, text, part);
        lua_rawseti(state, -2, i);
        if (!found) {
            return 1;
        }
        text = found + separator_length;
        length -= part + separator_length;
    }
}

/* str.capture(text, pattern): the first capture (or the whole match), or nil. */
static int str_capture(lua_State *state)
{
    size_t length, pattern_length;
    const char *subject = subject_check(state, 1, &length);
    const char *pattern = subject_check(state, 2, &pattern_length);
    struct match match;
    sandbox_check_time(state);
    if (match_find(state, subject, length, pattern, pattern_length, 0, &match)) {
        push_capture(state, subject, &match, 0);
    } else {
        lua_pushnil(state);
    }
    return 1;
}

static void take_functions(lua_State *state, const char *table, const luaL_Reg *own,
                           const char *const *timed_names)
{
    lua_newtable(state);
    lua_getglobal(state, table);
    for (; timed_names && *timed_names; timed_names++) {
        lua_getfield(state, -1, *timed_names);
        lua_pushcclosure(state, timed, 1);
        lua_setfield(state, -3, *timed_names);
    }
    lua_pop(state, 1);
    for (; own->name; own++) {
        lua_pushcfunction(state, own->func);
        lua_setfield(state, -2, own->name);
    }
    lua_setglobal(state, table);
}

void text_open(lua_State *state)
{
    static const char *const timed_names[] = {"format", "lower", "upper",   "sub", "byte",
                                              "char",   "len",   "reverse", NULL};
    static const luaL_Reg string[] = {{"find", string_find},     {"match", string_match},
                                      {"gmatch", string_gmatch}, {"gsub", string_gsub},
                                      {"rep", string_rep},       {NULL, NULL}};
    static const luaL_Reg table[] = {{"concat", table_concat}, {NULL, NULL}};
    static const luaL_Reg str[] = {{"prefix", str_prefix},   {"suffix", str_suffix},
                                   {"glob", str_glob},       {"split", str_split},
                                   {"capture", str_capture}, {NULL, NULL}};
    take_functions(state, "string", string, timed_names);
    take_functions(state, "table", table, NULL);
    lua_newtable(state);
    lua_setglobal(state, "str");
    take_functions(state, "str", str, NULL);
    text_open_addresses(state);
    lua_getglobal(state, "tonumber");
    lua_pushcclosure(state, tonumber_short, 1);
    lua_setglobal(state, "tonumber");
    lua_pushcfunction(state, unpack_few);
    lua_setglobal(state, "unpack");
}
