/* Sandbox: allocator, hook, and what is left of the standard library. */
#include "lua/sandbox.h"

#include "lua/text.h"

#include <luajit.h>
#include <lualib.h>
#include <stdlib.h>
#include <time.h>

#define HOOK_INSTRUCTIONS 300         /* between two looks at the clock */
#define CLOCK_BYTES       (64 * 1024) /* allocations from this size on look at the clock */

struct sandbox {
    lua_State *state;
    int64_t (*now_ns)(void);
    /* The budget is processor time, but looking at that costs a system call: the monotonic clock is
     * looked at first, and only when that says over, how much of it was really ours. On a machine
     * under load a call that was merely not scheduled goes on, up to last_ns. */
    int64_t budget_ns, cpu_start_ns, deadline_ns, last_ns, used_ns;
    size_t used, cap; /* cap 0: unlimited, while the state is made */
    bool in_call;
    bool expired;
};

#define GRACE_NS 100000000LL /* wall time on top, when the machine is busy */

static const char timeout_text[] = "took longer than its budget";

const char *sandbox_end_code(enum sandbox_end end)
{
    static const char *const codes[] = {"ok", "policy_error", "policy_timeout", "policy_memory",
                                        "policy_answer"};
    return codes[end];
}

static int64_t cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static bool over(struct sandbox *sandbox)
{
    int64_t now = sandbox->now_ns();
    if (sandbox->expired || now <= sandbox->deadline_ns) {
        return sandbox->expired;
    }
    int64_t left = sandbox->budget_ns - (cpu_ns() - sandbox->cpu_start_ns);
    if (left > 0 && now < sandbox->last_ns) {
        sandbox->deadline_ns = now + left;
        return false;
    }
    sandbox->expired = true;
    return true;
}

static bool refuse(struct sandbox *sandbox, size_t old_size, size_t new_size)
{
    if (sandbox->cap == 0 || new_size <= old_size) {
        return false; /* shrinking must always work */
    }
    if (sandbox->used + (new_size - old_size) > sandbox->cap) {
        return true;
    }
    if (!sandbox->in_call || new_size < CLOCK_BYTES) {
        return false;
    }
    if (new_size > SANDBOX_PIECE_MAX) {
        return true;
    }
    return over(sandbox);
}

static void *allocate(void *context, void *old, size_t old_size, size_t new_size)
{
    struct sandbox *sandbox = context;
    if (!old) {
        old_size = 0;
    }
    if (new_size == 0) {
        sandbox->used -= old_size;
        free(old);
        return NULL;
    }
    if (refuse(sandbox, old_size, new_size)) {
        return NULL;
    }
    void *memory = realloc(old, new_size);
    if (memory) {
        sandbox->used += new_size - old_size;
    }
    return memory;
}

struct sandbox *sandbox_of(lua_State *state)
{
    void *context = NULL;
    lua_getallocf(state, &context);
    return context;
}

lua_State *sandbox_state(struct sandbox *sandbox)
{
    return sandbox->state;
}

int64_t sandbox_used_ns(const struct sandbox *sandbox)
{
    return sandbox->used_ns;
}

size_t sandbox_memory(const struct sandbox *sandbox)
{
    return sandbox->used;
}

void sandbox_allow(struct sandbox *sandbox, size_t bytes)
{
    sandbox->cap = SANDBOX_MEMORY_MAX + bytes;
}

/* Once expired, every instruction raises again, so that the policy's own pcall can't go on. */
static void on_count(lua_State *state, lua_Debug *debug)
{
    struct sandbox *sandbox = sandbox_of(state);
    if (!sandbox->in_call) {
        return;
    }
    if (over(sandbox)) {
        lua_sethook(state, on_count, LUA_MASKCOUNT, 1);
        lua_getinfo(state, "Sl", debug);
        lua_pushfstring(state, "%s:%d: %s", debug->short_src, debug->currentline, timeout_text);
        lua_error(state);
    }
}

void sandbox_check_time(lua_State *state)
{
    struct sandbox *sandbox = sandbox_of(state);
    if (sandbox->in_call && over(sandbox)) {
        lua_sethook(state, on_count, LUA_MASKCOUNT, 1);
        luaL_error(state, "%s", timeout_text);
    }
}

/* The names that stay; all else of the standard library goes. */
static const char *const kept_globals[] = {
    "assert", "error",    "getmetatable", "ipairs", "math",         "next", "pairs",
    "path",   "pcall",    "cidr",         "select", "setmetatable", "str",  "string",
    "table",  "tonumber", "tostring",     "type",   "unpack",       NULL};
static const char *const dropped_math[] = {"random", "randomseed", NULL};

static void keep_only(lua_State *state)
{
    lua_newtable(state);
    for (const char *const *name = kept_globals; *name; name++) {
        lua_getglobal(state, *name);
        lua_setfield(state, -2, *name);
    }
    lua_getfield(state, -1, "math");
    for (const char *const *name = dropped_math; *name; name++) {
        lua_pushnil(state);
        lua_setfield(state, -2, *name);
    }
    lua_pop(state, 1);
    /* the globals table itself is emptied and filled again: C functions keep it as environment */
    lua_pushnil(state);
    while (lua_next(state, LUA_GLOBALSINDEX)) {
        lua_pop(state, 1);
        lua_pushvalue(state, -1);
        lua_pushnil(state);
        lua_rawset(state, LUA_GLOBALSINDEX);
    }
    lua_pushnil(state);
    while (lua_next(state, -2)) {
        lua_pushvalue(state, -2);
        lua_insert(state, -2);
        lua_rawset(state, LUA_GLOBALSINDEX);
    }
    lua_pop(state, 1);
    lua_pushnil(state);
    lua_setfield(state, LUA_REGISTRYINDEX, "_LOADED");
}

/* "x":upper() finds our functions, and nobody can get at or replace the table that says so. */
static void freeze_strings(lua_State *state)
{
    lua_pushliteral(state, "");
    lua_newtable(state);
    lua_getglobal(state, "string");
    lua_setfield(state, -2, "__index");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_setmetatable(state, -2);
    lua_pop(state, 1);
}

static int set_up(lua_State *state)
{
    luaL_openlibs(state);
    if (!luaJIT_setmode(state, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF)) {
        return luaL_error(state, "LuaJIT can't be told to interpret");
    }
    text_open(state);
    keep_only(state);
    freeze_strings(state);
    return 0;
}

struct sandbox *sandbox_new(int64_t (*now_ns)(void))
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    must(sandbox);
    sandbox->now_ns = now_ns;
    sandbox->state = lua_newstate(allocate, sandbox);
    must(sandbox->state);
    must(lua_cpcall(sandbox->state, set_up, NULL) == 0);
    lua_gc(sandbox->state, LUA_GCCOLLECT, 0);
    sandbox->cap = SANDBOX_MEMORY_MAX;
    lua_sethook(sandbox->state, on_count, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    return sandbox;
}

void sandbox_free(struct sandbox **sandbox)
{
    if (*sandbox) {
        lua_close((*sandbox)->state);
        free(*sandbox);
        *sandbox = NULL;
    }
}

static enum sandbox_end end_of(const struct sandbox *sandbox, int status)
{
    if (sandbox->expired) {
        return SANDBOX_TIMEOUT;
    }
    return status == 0 ? SANDBOX_DONE : status == LUA_ERRMEM ? SANDBOX_MEMORY : SANDBOX_ERROR;
}

/* Garbage is collected between calls: a step as large as the call made, all of it after a bomb. */
static void tidy(struct sandbox *sandbox, size_t before)
{
    lua_gc(sandbox->state, LUA_GCRESTART, 0);
    if (sandbox->used > before + SANDBOX_MEMORY_MAX / 4) {
        lua_gc(sandbox->state, LUA_GCCOLLECT, 0);
    } else {
        size_t grown = sandbox->used > before ? sandbox->used - before : 0;
        lua_gc(sandbox->state, LUA_GCSTEP, (int)(grown / 1024) + 1);
    }
}

static void take_error(struct sandbox *sandbox, enum sandbox_end end, struct failure *failure)
{
    lua_State *state = sandbox->state;
    if (end == SANDBOX_MEMORY) {
        failure_set(failure, FAILURE_INTERNAL, "used more than its memory");
    } else if (lua_type(state, -1) == LUA_TSTRING) {
        failure_set(failure, FAILURE_INTERNAL, "%s", lua_tostring(state, -1));
    } else {
        failure_set(failure, FAILURE_INTERNAL, "raised a %s as its error",
                    luaL_typename(state, -1));
    }
}

enum sandbox_end sandbox_call(struct sandbox *sandbox, int arguments, int results,
                              int64_t budget_ns, struct failure *failure)
{
    must(!sandbox->in_call);
    lua_State *state = sandbox->state;
    int base = lua_gettop(state) - arguments - 1;
    size_t before = sandbox->used;
    lua_gc(state, LUA_GCSTOP, 0);
    sandbox->expired = false;
    sandbox->budget_ns = budget_ns;
    sandbox->cpu_start_ns = cpu_ns();
    sandbox->deadline_ns = sandbox->now_ns() + budget_ns;
    sandbox->last_ns = sandbox->deadline_ns + 10 * budget_ns + GRACE_NS;
    sandbox->in_call = true;
    int status = lua_pcall(state, arguments, results, 0);
    sandbox->in_call = false;
    sandbox->used_ns = cpu_ns() - sandbox->cpu_start_ns;
    lua_sethook(state, on_count, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    enum sandbox_end end = end_of(sandbox, status);
    if (end != SANDBOX_DONE) {
        if (status == 0) { /* expired within its last instructions */
            failure_set(failure, FAILURE_INTERNAL, "%s", timeout_text);
        } else {
            take_error(sandbox, end, failure);
        }
        lua_settop(state, base);
    }
    tidy(sandbox, before);
    return end;
}

int sandbox_protect(struct sandbox *sandbox, lua_CFunction work, void *context,
                    struct failure *failure)
{
    lua_State *state = sandbox->state;
    int top = lua_gettop(state);
    int status = lua_cpcall(state, work, context);
    if (status == 0) {
        return 0;
    }
    take_error(sandbox, status == LUA_ERRMEM ? SANDBOX_MEMORY : SANDBOX_ERROR, failure);
    lua_settop(state, top);
    return -1;
}
