/* Check: what can be said about a script without running it: syntax, names that do not exist, and
 * assignments to globals (a missing `local`: state that would leak from one request to the next).
 * The names are read out of LuaJIT's bytecode, in a state of its own that runs none of the script.
 */
#include "lua/policy_private.h"

#include <lualib.h>
#include <stdio.h>

/* Returns for a chunk a list of {name, line, assigned}. The numbers of the two opcodes are learned
 * from a probe, since they differ between versions of LuaJIT. */
static const char scan_text[] =
    "local util = require('jit.util')\n"
    "local band, rshift = bit.band, bit.rshift\n"
    "local function opcode(text)\n"
    "  local f = loadstring(text)\n"
    "  for pc = 1, 10 do\n"
    "    local ins = util.funcbc(f, pc)\n"
    "    if not ins then break end\n"
    "    if util.funck(f, -rshift(ins, 16) - 1) == 'berth_probe' then return band(ins, 0xff) end\n"
    "  end\n"
    "  error('this LuaJIT keeps names where they are not looked for')\n"
    "end\n"
    "local GET, SET = opcode('return berth_probe'), opcode('berth_probe = 1')\n"
    "return function(chunk)\n"
    "  local found = {}\n"
    "  local function scan(f)\n"
    "    local pc = 1\n"
    "    while true do\n"
    "      local ins = util.funcbc(f, pc)\n"
    "      if not ins then break end\n"
    "      local op = band(ins, 0xff)\n"
    "      if op == GET or op == SET then\n"
    "        found[#found + 1] = { util.funck(f, -rshift(ins, 16) - 1),\n"
    "                              util.funcinfo(f, pc).currentline, op == SET }\n"
    "      end\n"
    "      pc = pc + 1\n"
    "    end\n"
    "    local k = -1\n"
    "    while true do\n"
    "      local constant = util.funck(f, k)\n"
    "      if constant == nil then break end\n"
    "      if type(constant) == 'proto' then scan(constant) end\n"
    "      k = k - 1\n"
    "    end\n"
    "  end\n"
    "  scan(chunk)\n"
    "  return found\n"
    "end\n";

struct checking {
    struct policy *policy;
    struct buffer *report;
    struct failure *failure;
    size_t findings;
};

static void finding(struct checking *checking, struct slice source, int line, const char *what,
                    struct slice name)
{
    char text[300];
    snprintf(text, sizeof(text), SLICE_FMT ":%d: %s%s" SLICE_FMT "%s",
             SLICE_ARG(slice_cut(source, 0, 100)), line, what, name.length ? " \"" : "",
             SLICE_ARG(slice_cut(name, 0, 60)), name.length ? "\"" : "");
    if (checking->report) {
        buffer_printf(checking->report, "%s\n", text);
    }
    if (checking->findings++ == 0) {
        failure_set(checking->failure, FAILURE_INVALID, "%s", text);
    }
}

static bool is_global(struct policy *policy, struct slice name)
{
    lua_State *state = sandbox_state(policy->sandbox);
    push_slice(state, name);
    lua_rawget(state, LUA_GLOBALSINDEX);
    bool result = !lua_isnil(state, -1);
    lua_pop(state, 1);
    return result;
}

/* What somebody used to plain Lua looks for, and why it is not there. */
static const char *explain(struct slice name)
{
    static const struct {
        const char *name, *text;
    } known[] = {
        {"print", "unknown global (use log)"},
        {"os", "unknown global (no I/O here; now() tells the time)"},
        {"io", "unknown global (no I/O here)"},
        {"require", "unknown global (put the files into one folder: they share one state)"},
        {"coroutine", "unknown global (a callback can't wait)"},
        {"load", "unknown global (no code is made at run time)"},
        {"loadstring", "unknown global (no code is made at run time)"},
        {"_G", "unknown global (globals can't be changed)"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_is(name, known[i].name)) {
            return known[i].text;
        }
    }
    return "unknown global";
}

/* The list of {name, line, assigned} is on top of the checker's stack. */
static void judge_names(struct checking *checking, lua_State *checker, struct slice source)
{
    size_t count = lua_objlen(checker, -1);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(checker, -1, (int)i);
        lua_rawgeti(checker, -1, 1);
        lua_rawgeti(checker, -2, 2);
        lua_rawgeti(checker, -3, 3);
        struct slice name = slice_at(checker, -3);
        int line = (int)lua_tointeger(checker, -2);
        if (lua_toboolean(checker, -1)) {
            finding(checking, source, line, "assignment to a global (write local)", name);
        } else if (!is_global(checking->policy, name)) {
            finding(checking, source, line, explain(name), name);
        }
        lua_pop(checker, 4);
    }
}

static void check_one(struct checking *checking, lua_State *checker,
                      const struct policy_source *source)
{
    char chunk[120];
    snprintf(chunk, sizeof(chunk), "@" SLICE_FMT, SLICE_ARG(slice_cut(source->name, 0, 100)));
    if (source->text.length > 0 && source->text.at[0] == '\x1b') {
        finding(checking, source->name, 1, "is bytecode; only text is loaded", SLICE_NONE);
        return;
    }
    lua_pushvalue(checker, 1);
    if (luaL_loadbuffer(checker, source->text.at, source->text.length, chunk) != 0) {
        struct slice text = slice_at(checker, -1);
        if (checking->report) {
            buffer_printf(checking->report, SLICE_FMT "\n", SLICE_ARG(text));
        }
        if (checking->findings++ == 0) {
            failure_set(checking->failure, FAILURE_INVALID, SLICE_FMT, SLICE_ARG(text));
        }
        lua_settop(checker, 1);
        return;
    }
    if (lua_pcall(checker, 1, 1, 0) == 0) {
        judge_names(checking, checker, source->name);
    } else {
        finding(checking, source->name, 1, "can't be checked:", slice_at(checker, -1));
    }
    lua_settop(checker, 1);
}

int check_sources(struct policy *policy, struct buffer *report, struct failure *failure)
{
    struct checking checking = {policy, report, failure, 0};
    lua_State *checker = luaL_newstate();
    must(checker);
    luaL_openlibs(checker);
    must(luaL_loadbuffer(checker, scan_text, strlen(scan_text), "=scan") == 0);
    if (lua_pcall(checker, 0, 1, 0) != 0) {
        failure_set(failure, FAILURE_INTERNAL, "%s", lua_tostring(checker, -1));
        lua_close(checker);
        return -1;
    }
    for (size_t i = 0; i < policy->source_count; i++) {
        check_one(&checking, checker, &policy->sources[i]);
    }
    lua_close(checker);
    return checking.findings == 0 ? 0 : -1;
}
