/* Environment: the globals of a policy script, put together from C functions and the prelude. */
#include "lua/policy_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUOTAS_MAX     100000 /* names that quota() counts; beyond: refused */
#define QUOTA_NAME_MAX 256
#define LOG_MAX        1000

struct policy *policy_of(lua_State *state)
{
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_POLICY);
    struct policy *policy = lua_touserdata(state, -1);
    lua_pop(state, 1);
    return policy;
}

void push_entry(lua_State *state, const char *name)
{
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_ENTRIES);
    lua_getfield(state, -1, name);
    lua_remove(state, -2);
}

/* now(): the wall clock in UTC: unix, year, month, day, hour, minute, weekday (1 = Monday). */
static int env_now(lua_State *state)
{
    struct policy *policy = policy_of(state);
    int64_t unix_s = policy->host->settings.wall_ns() / 1000000000LL;
    time_t time = (time_t)unix_s;
    struct tm parts;
    gmtime_r(&time, &parts);
    lua_createtable(state, 0, 7);
    set_integer(state, "unix", unix_s);
    set_integer(state, "year", parts.tm_year + 1900);
    set_integer(state, "month", parts.tm_mon + 1);
    set_integer(state, "day", parts.tm_mday);
    set_integer(state, "hour", parts.tm_hour);
    set_integer(state, "minute", parts.tm_min);
    set_integer(state, "weekday", parts.tm_wday == 0 ? 7 : parts.tm_wday);
    return 1;
}

/* Forgets windows that are over, when there are too many. */
static void quotas_sweep(struct policy_host *host, int64_t now)
{
    size_t cursor = 0;
    struct slice name;
    void *found;
    while (table_each(host->quotas, &cursor, &name, &found)) {
        struct quota *quota = found;
        if (now - quota->window_start_ns > quota->window_ns) {
            table_remove(host->quotas, name);
            free(quota);
        }
    }
}

/* The window under this name, begun now if it is new or over. NULL: too many are open. */
static struct quota *quota_open(struct policy_host *host, struct slice name, int64_t now,
                                int64_t window_ns)
{
    struct quota *quota = table_find(host->quotas, name);
    if (!quota) {
        if (table_count(host->quotas) >= QUOTAS_MAX) {
            quotas_sweep(host, now);
        }
        if (table_count(host->quotas) >= QUOTAS_MAX) {
            return NULL;
        }
        quota = xcalloc(1, sizeof(*quota));
        quota->window_start_ns = now;
        table_put(host->quotas, name, quota);
    }
    quota->window_ns = window_ns;
    if (now - quota->window_start_ns > window_ns) {
        quota->window_start_ns = now;
        quota->used = 0;
    }
    return quota;
}

/* quota(name, most, seconds): counts one; false when there were `most` in this window already. The
 * counts outlive a reload. */
static int env_quota(lua_State *state)
{
    struct policy *policy = policy_of(state);
    size_t length;
    const char *name = luaL_checklstring(state, 1, &length);
    lua_Number most = luaL_checknumber(state, 2), seconds = luaL_checknumber(state, 3);
    luaL_argcheck(state, length <= QUOTA_NAME_MAX, 1, "longer than 256 bytes");
    luaL_argcheck(state, most >= 0 && most <= 1e9, 2, "0 to 10^9 expected");
    luaL_argcheck(state, seconds > 0 && seconds <= 1e6, 3, "up to 10^6 seconds expected");
    int64_t now = policy->host->settings.monotonic_ns();
    struct quota *quota =
        quota_open(policy->host, slice_make(name, length), now, (int64_t)(seconds * 1e9));
    if (!quota) {
        lua_pushboolean(state, 0);
        return 1;
    }
    bool free_left = (lua_Number)quota->used < most;
    quota->used += free_left;
    lua_pushboolean(state, free_left);
    return 1;
}

/* log(...): one line, with tostring and spaces, as print would. */
static int env_log(lua_State *state)
{
    struct policy *policy = policy_of(state);
    char line[LOG_MAX];
    size_t used = 0;
    int count = lua_gettop(state);
    for (int i = 1; i <= count && used + 1 < sizeof(line); i++) {
        struct slice text = slice_at(state, i);
        if (lua_type(state, i) == LUA_TNUMBER) {
            lua_pushvalue(state, i);
            text = slice_of(lua_tostring(state, -1));
        } else if (!text.at) {
            text = lua_isboolean(state, i) ? slice_of(lua_toboolean(state, i) ? "true" : "false")
                                           : slice_of(luaL_typename(state, i));
        }
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s" SLICE_FMT, i > 1 ? " " : "",
                                 SLICE_ARG(slice_cut(text, 0, LOG_MAX)));
    }
    if (policy->host->settings.on_log) {
        size_t length = used < sizeof(line) ? used : sizeof(line) - 1;
        policy->host->settings.on_log(slice_make(line, length), policy->host->settings.context);
    }
    return 0;
}

/* The place of whoever called the caller: "policy.lua:12". */
static int env_where(lua_State *state)
{
    luaL_where(state, 2);
    struct slice place = slice_at(state, -1);
    if (slice_ends(place, ": ")) {
        push_slice(state, slice_cut(place, 0, place.length - 2));
    }
    return 1;
}

static void push_functions(lua_State *state)
{
    static const luaL_Reg functions[] = {{"now", env_now},
                                         {"quota", env_quota},
                                         {"log", env_log},
                                         {"where", env_where},
                                         {NULL, NULL}};
    lua_newtable(state);
    for (const luaL_Reg *function = functions; function->name; function++) {
        lua_pushcfunction(state, function->func);
        lua_setfield(state, -2, function->name);
    }
    rules_open(state);
    lua_newtable(state);
    place_open(state);
    lua_setfield(state, -2, "berth");
}

/* The names of the callbacks as keys, and at [0] all of them as a text for messages. */
static void push_known(lua_State *state)
{
    char all[200] = "";
    size_t used = 0;
    lua_newtable(state);
    for (int i = 0; i < POLICY_CALLBACKS; i++) {
        const char *name = policy_callback_name((enum policy_callback)i);
        lua_pushboolean(state, 1);
        lua_setfield(state, -2, name);
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? " " : "", name);
    }
    lua_pushstring(state, all);
    lua_rawseti(state, -2, 0);
}

static int open_all(lua_State *state)
{
    struct policy *policy = lua_touserdata(state, 1);
    lua_pushlightuserdata(state, policy);
    lua_setfield(state, LUA_REGISTRYINDEX, KEY_POLICY);
    edit_open(state);
    lua_setfield(state, LUA_REGISTRYINDEX, "berth.edit");
    node_methods_open(state);
    lua_setfield(state, LUA_REGISTRYINDEX, "berth.node");
    if (luaL_loadbuffer(state, prelude_text, strlen(prelude_text), "=prelude") != 0) {
        return lua_error(state);
    }
    push_functions(state);
    push_known(state);
    lua_call(state, 2, 1);
    lua_setfield(state, LUA_REGISTRYINDEX, KEY_ENTRIES);
    return 0;
}

int environment_open(struct policy *policy, struct failure *failure)
{
    return sandbox_protect(policy->sandbox, open_all, policy, failure);
}
