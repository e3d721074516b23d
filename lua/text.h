/* Text: the string and table functions of the sandbox, each of which either is quick or looks at
 * the clock: find match gmatch gsub rep (Lua patterns, step by step), format lower upper sub byte
 * char len reverse; table.concat; tonumber and unpack with a cap; and the policy's own helpers
 * str.* path.* cidr.*. Only lua/ includes this. */
#pragma once

#include <lua.h>

/* Puts them into the globals. The standard library has been taken out before. */
void text_open(lua_State *state);
void text_open_addresses(lua_State *state); /* path and cidr: lua/address.c */

/* One Lua pattern against subject[from..]. Captures as byte ranges. */
#define MATCH_CAPTURES 32
struct match {
    size_t start, end; /* of the whole match */
    size_t count;      /* captures */
    struct {
        size_t start;
        ptrdiff_t length; /* -1: still open, -2: a position */
    } capture[MATCH_CAPTURES];
};
/* True and *match if the pattern matches at or after `from`. Raises a Lua error when the pattern is
 * malformed, too deep, or the call's budget is over. */
int match_find(lua_State *state, const char *subject, size_t subject_length, const char *pattern,
               size_t pattern_length, size_t from, struct match *match);
