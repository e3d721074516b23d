/* Sandbox: one LuaJIT state for one generation of the policy, and calls into it that can't run
 * away. What holds it:
 *   time    a count hook compares the clock with a budget of processor time; the JIT is off, since
 *           compiled loops never reach a hook; C functions that can take long look themselves
 *   memory  a capped allocator; single pieces are capped lower, so that no one string operation is
 * slow reach   no I/O, no loading of code, no debug, ffi, jit, coroutine; type metatables are
 * frozen Only lua/ includes this. */
#pragma once

#include "policy/base/failure.h"

#include <lauxlib.h>
#include <lua.h>

#define SANDBOX_MEMORY_MAX (32 * 1024 * 1024) /* bytes a state may hold; more for many nodes */
#define SANDBOX_PIECE_MAX  (512 * 1024)       /* bytes of one string or table part, within calls */
#define SANDBOX_TEXT_MAX   (64 * 1024) /* bytes that pattern functions and rep take or make */

/* How a call ended; also the reason code that logs, counters and 503 bodies carry. */
enum sandbox_end {
    SANDBOX_DONE,
    SANDBOX_ERROR,   /* policy_error */
    SANDBOX_TIMEOUT, /* policy_timeout */
    SANDBOX_MEMORY,  /* policy_memory */
    SANDBOX_ANSWER,  /* policy_answer: it returned nonsense; set by callers */
    SANDBOX_ENDS,
};
const char *sandbox_end_code(enum sandbox_end end);

struct sandbox;
/* `now_ns`: monotonic clock, nanoseconds. The state has the safe part of the standard library and
 * the text functions of lua/text.c. */
struct sandbox *sandbox_new(int64_t (*now_ns)(void));
void sandbox_free(struct sandbox **sandbox);
lua_State *sandbox_state(struct sandbox *sandbox);
struct sandbox *sandbox_of(lua_State *state);
/* Processor time of the last call. */
int64_t sandbox_used_ns(const struct sandbox *sandbox);
size_t sandbox_memory(const struct sandbox *sandbox);
/* Raises the cap, for state that C keeps in it (node tables): bytes on top of SANDBOX_MEMORY_MAX.
 */
void sandbox_allow(struct sandbox *sandbox, size_t bytes);

/* Calls the function below its `arguments` on the stack, for at most `budget_ns` of
 * processor time (in wall time: eleven times that and 0.1 s, on a machine under load); leaves
 * `results` values. On anything but SANDBOX_DONE leaves nothing and puts the error's text
 * ("policy.lua:3: …") into failure (INTERNAL). Not re-entrant. */
enum sandbox_end sandbox_call(struct sandbox *sandbox, int arguments, int results,
                              int64_t budget_ns, struct failure *failure);
/* Runs `work` with the state unbudgeted but protected: for C code that builds tables. -1: memory.
 */
int sandbox_protect(struct sandbox *sandbox, lua_CFunction work, void *context,
                    struct failure *failure) MUST_CHECK;
/* For C functions that may take long: raises the timeout error when the budget is over. */
void sandbox_check_time(lua_State *state);
