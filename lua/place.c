/* Place: policy.filter, policy.score and policy.pick inside one decision of the scheduler. All
 * nodes are asked in one call (prelude.c has the loop). An error is laid at the node it happened
 * at: a filter's refuses that node, a score's leaves the C score, and the loop goes on behind it.
 */
#include "lua/policy_private.h"
#include "policy/resources.h"
#include "policy/strategy.h"

#include <math.h>
#include <stdio.h>

#define KEY_SCRATCH "berth.scratch" /* {job, positions, bases, refused, scores, ranked} */
#define SCORE_MAX   1000.0
#define ERRORS_MAX  100 /* in one decision, each for one node; beyond: the decision fails */
#define REASON_MAX  200

enum scratch { SCRATCH_JOB = 1, SCRATCH_POSITIONS, SCRATCH_BASES, SCRATCH_REFUSED, SCRATCH_SCORES };

struct judging {
    struct policy *policy;
    struct schedule_candidate *candidates;
    size_t count;
    const struct schedule_ranked *ranked; /* pick */
};

static void push_ports(lua_State *state, const struct ports *ports)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    lua_createtable(state, (int)ports->count, 0);
    for (size_t i = 0; i < ports->count; i++) {
        lua_createtable(state, 0, 3);
        lua_pushinteger(state, ports->list[i].first);
        lua_setfield(state, -2, "port");
        lua_pushstring(state, protocols[ports->list[i].protocol]);
        lua_setfield(state, -2, "protocol");
        push_slice(state, ports->list[i].ip);
        lua_setfield(state, -2, "ip");
        lua_rawseti(state, -2, (int)i + 1);
    }
}

static void push_job(lua_State *state, const struct workload *workload)
{
    static const char *const words[] = {"auto", "always", "never"};
    lua_createtable(state, 0, 12);
    push_slice(state, workload->name);
    lua_setfield(state, -2, "name");
    push_slice(state, workload->image);
    lua_setfield(state, -2, "image");
    push_slice(state, workload->owner);
    lua_setfield(state, -2, "tenant");
    push_slice(state, workload->platform);
    lua_setfield(state, -2, "platform");
    set_slice(state, "id", workload->id);
    set_integer(state, "memory", workload->asked.memory_bytes);
    lua_pushnumber(state, (lua_Number)workload->asked.nano_cpus / 1e9);
    lua_setfield(state, -2, "cpus");
    lua_pushstring(state, words[workload->reschedule]);
    lua_setfield(state, -2, "reschedule");
    lua_pushboolean(state, workload->id.length > 0);
    lua_setfield(state, -2, "moved");
    push_tags(state, &workload->labels);
    lua_setfield(state, -2, "labels");
    push_ports(state, &workload->ports);
    lua_setfield(state, -2, "ports");
}

/* Leaves the scratch table on top, its arrays made. */
static void push_scratch(lua_State *state)
{
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_SCRATCH);
    if (!lua_isnil(state, -1)) {
        return;
    }
    lua_pop(state, 1);
    lua_createtable(state, SCRATCH_SCORES, 0);
    for (int i = SCRATCH_POSITIONS; i <= SCRATCH_SCORES; i++) {
        lua_newtable(state);
        lua_rawseti(state, -2, i);
    }
    lua_pushvalue(state, -1);
    lua_setfield(state, LUA_REGISTRYINDEX, KEY_SCRATCH);
}

static int prepare_judge(lua_State *state)
{
    struct judging *judging = lua_touserdata(state, 1);
    push_scratch(state);
    push_job(state, judging->policy->place.request->workload);
    lua_rawseti(state, 2, SCRATCH_JOB);
    lua_rawgeti(state, 2, SCRATCH_POSITIONS);
    lua_rawgeti(state, 2, SCRATCH_BASES);
    for (size_t i = 0; i < judging->count; i++) {
        lua_pushinteger(state, (lua_Integer)judging->candidates[i].position + 1);
        lua_rawseti(state, 3, (int)i + 1);
        lua_pushnumber(state, judging->candidates[i].score);
        lua_rawseti(state, 4, (int)i + 1);
    }
    /* room for the answers is made here, not inside the budget */
    lua_rawgeti(state, 2, SCRATCH_REFUSED);
    lua_rawgeti(state, 2, SCRATCH_SCORES);
    for (size_t i = 0; i < judging->count; i++) {
        lua_pushboolean(state, 0);
        lua_rawseti(state, 5, (int)i + 1);
        lua_pushboolean(state, 0);
        lua_rawseti(state, 6, (int)i + 1);
    }
    return 0;
}

/* Runs the loop from candidate `from` (1-based). */
static enum sandbox_end run_loop(struct judging *judging, size_t from, int64_t budget_ns,
                                 struct failure *failure)
{
    lua_State *state = sandbox_state(judging->policy->sandbox);
    lua_settop(state, 0);
    push_entry(state, "place");
    lua_pushinteger(state, (lua_Integer)from);
    lua_pushinteger(state, (lua_Integer)judging->count);
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_SCRATCH);
    lua_rawgeti(state, 4, SCRATCH_JOB);
    node_tables_push(state);
    for (int i = SCRATCH_POSITIONS; i <= SCRATCH_SCORES; i++) {
        lua_rawgeti(state, 4, i);
    }
    lua_remove(state, 4);
    return sandbox_call(judging->policy->sandbox, 8, 0, budget_ns, failure);
}

/* Where the loop was when it failed: candidate (1-based), 0 before the first; whether in score. */
static size_t failed_at(struct policy *policy, bool *in_score)
{
    lua_State *state = sandbox_state(policy->sandbox);
    struct failure ignored = {0};
    push_entry(state, "place_where");
    if (sandbox_call(policy->sandbox, 0, 2, BUDGET_PLACE_NS, &ignored) != SANDBOX_DONE) {
        return 0;
    }
    size_t at = lua_isnumber(state, -2) ? (size_t)lua_tointeger(state, -2) : 0;
    *in_score = lua_toboolean(state, -1);
    lua_settop(state, 0);
    return at;
}

/* "refused" text of one candidate in the decision's arena. */
static void refuse(struct policy *policy, struct schedule_candidate *candidate, struct slice why)
{
    candidate->refused = arena_text(policy->place.arena, slice_cut(why, 0, REASON_MAX));
}

static void note_error(struct judging *judging, size_t at, bool in_score, const char *text)
{
    struct policy *policy = judging->policy;
    struct schedule_candidate *candidate = &judging->candidates[at - 1];
    char with_node[400];
    snprintf(with_node, sizeof(with_node), "%.300s (node " SLICE_FMT ")", text,
             SLICE_ARG(slice_cut(candidate->node->name, 0, 60)));
    call_failed(policy, in_score ? POLICY_SCORE : POLICY_FILTER, SANDBOX_ERROR, with_node);
    if (!in_score) {
        refuse(policy, candidate, arena_printf(policy->place.arena, "policy failed: %s", text));
    }
}

static void read_score(struct judging *judging, lua_State *state, size_t i)
{
    struct schedule_candidate *candidate = &judging->candidates[i];
    int type = lua_type(state, -1);
    lua_Number score = type == LUA_TNUMBER ? lua_tonumber(state, -1) : 0;
    if (type == LUA_TNIL || (type == LUA_TBOOLEAN && !lua_toboolean(state, -1))) {
        return; /* nothing said */
    }
    if (type != LUA_TNUMBER || isnan(score)) {
        char text[100];
        snprintf(text, sizeof(text), "it returned %s, not a number (node " SLICE_FMT ")",
                 type == LUA_TNUMBER ? "nan" : lua_typename(state, type),
                 SLICE_ARG(slice_cut(candidate->node->name, 0, 40)));
        call_failed(judging->policy, POLICY_SCORE, SANDBOX_ANSWER, text);
        return;
    }
    candidate->score = score < 0 ? 0 : score > SCORE_MAX ? SCORE_MAX : score;
}

static void read_refusal(struct judging *judging, lua_State *state, size_t i)
{
    struct schedule_candidate *candidate = &judging->candidates[i];
    if (candidate->refused || (lua_isboolean(state, -2) && !lua_toboolean(state, -2))) {
        return;
    }
    struct slice why = slice_at(state, -2);
    if (why.at) {
        refuse(judging->policy, candidate, why);
        return;
    }
    struct slice type = slice_at(state, -1);
    char text[100];
    snprintf(text, sizeof(text), "it returned a %s, not true or false with a reason as text",
             lua_isboolean(state, -2) && type.at ? type.at : luaL_typename(state, -2));
    call_failed(judging->policy, POLICY_FILTER, SANDBOX_ANSWER, text);
    refuse(judging->policy, candidate,
           arena_printf(judging->policy->place.arena, "policy failed: %s", text));
}

static void read_answers(struct judging *judging)
{
    lua_State *state = sandbox_state(judging->policy->sandbox);
    lua_settop(state, 0);
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_SCRATCH);
    lua_rawgeti(state, 1, SCRATCH_REFUSED);
    lua_rawgeti(state, 1, SCRATCH_SCORES);
    for (size_t i = 0; i < judging->count; i++) {
        lua_rawgeti(state, 2, (int)i + 1);
        lua_rawgeti(state, 3, (int)i + 1);
        read_refusal(judging, state, i);
        if (!judging->candidates[i].refused) {
            read_score(judging, state, i);
        }
        lua_settop(state, 3);
    }
    lua_settop(state, 0);
}

/* Runs the loop to its end, going on behind nodes that failed. */
static int run_all(struct judging *judging, struct failure *failure)
{
    struct policy *policy = judging->policy;
    int64_t left = BUDGET_PLACE_NS + BUDGET_PER_NODE_NS * (int64_t)judging->count;
    size_t from = 1, errors = 0;
    while (from <= judging->count) {
        enum sandbox_end end = run_loop(judging, from, left > 0 ? left : 0, failure);
        left -= sandbox_used_ns(policy->sandbox);
        if (end == SANDBOX_DONE) {
            return 0;
        }
        bool in_score = false;
        size_t at = failed_at(policy, &in_score);
        if (end != SANDBOX_ERROR || at < from || at > judging->count || ++errors > ERRORS_MAX) {
            call_failed(policy, in_score ? POLICY_SCORE : POLICY_FILTER, end, failure->text);
            return failure_prefix(failure, "the operator's policy (%s)", sandbox_end_code(end));
        }
        note_error(judging, at, in_score, failure->text);
        failure_clear(failure);
        from = at + 1;
    }
    return 0;
}

static int judge(void *context, const struct workload *workload,
                 struct schedule_candidate *candidates, size_t count, struct failure *failure)
{
    struct policy *policy = context;
    struct judging judging = {policy, candidates, count, NULL};
    struct failure local = {0};
    int64_t start = policy->host->settings.monotonic_ns();
    if (!policy->has[POLICY_FILTER] && !policy->has[POLICY_SCORE]) {
        return 0;
    }
    enum policy_callback which = policy->has[POLICY_FILTER] ? POLICY_FILTER : POLICY_SCORE;
    int result = -1;
    if (node_tables_sync(policy, policy->place.request->nodes, &local) != 0 ||
        sandbox_protect(policy->sandbox, prepare_judge, &judging, &local) != 0) {
        call_failed(policy, which, SANDBOX_MEMORY, local.text);
    } else {
        result = run_all(&judging, &local);
    }
    if (result == 0) {
        read_answers(&judging);
    }
    policy->host->counters.calls[POLICY_FILTER] += policy->has[POLICY_FILTER];
    policy->host->counters.calls[POLICY_SCORE] += policy->has[POLICY_SCORE];
    policy->host->counters.busy_ns[which] +=
        (uint64_t)(policy->host->settings.monotonic_ns() - start);
    if (result != 0 && !policy->has[POLICY_FILTER]) {
        return 0; /* score alone: C's scores stand */
    }
    if (result != 0 && failure) {
        *failure = local;
        failure->kind = FAILURE_UNREACHABLE; /* 503: nothing the client can mend */
    }
    return result;
}

/* ---- pick ---- */

static int prepare_pick(lua_State *state)
{
    struct judging *judging = lua_touserdata(state, 1);
    push_scratch(state);
    push_job(state, judging->policy->place.request->workload);
    lua_rawseti(state, 2, SCRATCH_JOB);
    lua_createtable(state, (int)judging->count, 0);
    node_tables_push(state);
    for (size_t i = 0; i < judging->count; i++) {
        const struct nodes *nodes = judging->policy->place.request->nodes;
        size_t position = 0;
        while (nodes->list[position] != judging->ranked[i].node) {
            position++;
        }
        lua_createtable(state, 0, 2);
        lua_rawgeti(state, 4, (int)position + 1);
        lua_setfield(state, -2, "node");
        lua_pushnumber(state, judging->ranked[i].score);
        lua_setfield(state, -2, "score");
        lua_rawseti(state, 3, (int)i + 1);
    }
    lua_settop(state, 3);
    lua_setfield(state, LUA_REGISTRYINDEX, "berth.ranked");
    return 0;
}

static size_t pick(void *context, const struct workload *workload,
                   const struct schedule_ranked *ranked, size_t count)
{
    struct policy *policy = context;
    struct judging judging = {policy, NULL, count, ranked};
    struct failure failure = {0};
    if (!policy->has[POLICY_PICK]) {
        return 0;
    }
    if (node_tables_sync(policy, policy->place.request->nodes, &failure) != 0 ||
        sandbox_protect(policy->sandbox, prepare_pick, &judging, &failure) != 0) {
        call_failed(policy, POLICY_PICK, SANDBOX_MEMORY, failure.text);
        return 0;
    }
    lua_State *state = sandbox_state(policy->sandbox);
    lua_settop(state, 0);
    push_entry(state, "pick");
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_SCRATCH);
    lua_rawgeti(state, 2, SCRATCH_JOB);
    lua_remove(state, 2);
    lua_getfield(state, LUA_REGISTRYINDEX, "berth.ranked");
    if (call_policy(policy, POLICY_PICK, 2, 1, BUDGET_PLACE_NS, &failure) != SANDBOX_DONE) {
        return 0;
    }
    size_t result = 0;
    struct slice name = slice_at(state, -1);
    bool found = lua_isnil(state, -1);
    for (size_t i = 0; i < count && name.at && !found; i++) {
        if (slice_equal(ranked[i].node->name, name)) {
            result = i;
            found = true;
        }
    }
    if (!found) {
        call_failed(policy, POLICY_PICK, SANDBOX_ANSWER,
                    "it returned no name of a node that was offered");
    }
    lua_settop(state, 0);
    return result;
}

static void begin(void *context, const struct schedule_request *request)
{
    struct policy *policy = context;
    policy->place.request = request;
    policy->place.plan = NULL;
    if (policy->place.arena) {
        arena_reset(policy->place.arena);
    } else {
        policy->place.arena = arena_new();
    }
}

/* The arena stays until the next one begins: reasons in it are read after the decision. */
static void end(void *context)
{
    struct policy *policy = context;
    policy->place.request = NULL;
}

static bool reschedule(void *context, const struct container *container, const struct node *node,
                       bool moves)
{
    return policy_reschedule(context, container, node, moves);
}

bool policy_place(struct policy *policy, struct schedule_policy *hooks)
{
    *hooks =
        (struct schedule_policy){begin, end, judge, pick, reschedule, policy, policy->generation};
    return policy->has[POLICY_FILTER] || policy->has[POLICY_SCORE] || policy->has[POLICY_PICK] ||
           policy->has[POLICY_RESCHEDULE];
}

/* ---- berth.filter.NAME(job, node), berth.score.NAME(job, node) ---- */

/* The node of this decision in argument 2; argument 1 must be this decision's job. */
static const struct node *decision_node(lua_State *state)
{
    struct policy *policy = policy_of(state);
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_SCRATCH);
    bool same = false;
    if (lua_istable(state, -1) && policy->place.request) {
        lua_rawgeti(state, -1, SCRATCH_JOB);
        same = lua_rawequal(state, -1, 1);
        lua_pop(state, 1);
    }
    lua_pop(state, 1);
    const struct node *node = same ? node_tables_node(state, 2) : NULL;
    if (!node) {
        luaL_error(state, "pass on the job and node that the callback was given");
    }
    return node;
}

static int berth_filter(lua_State *state)
{
    enum filter_kind kind = (enum filter_kind)lua_tointeger(state, lua_upvalueindex(1));
    struct policy *policy = policy_of(state);
    struct place_context *place = &policy->place;
    const struct node *node = decision_node(state);
    char text[FILTER_TEXT_MAX];
    struct failure failure = {0};
    sandbox_check_time(state);
    if (!place->plan) {
        place->plan = filter_plan(place->arena, NULL, place->request->workload, NULL,
                                  place->request->settings, &failure);
    }
    if (!place->plan) {
        return luaL_error(state, "%s", failure.text);
    }
    const char *reason = filter_check(place->plan, kind, node, text);
    lua_pushboolean(state, !reason);
    if (!reason) {
        return 1;
    }
    lua_pushstring(state, reason);
    return 2;
}

static int berth_score(lua_State *state)
{
    enum strategy strategy = (enum strategy)lua_tointeger(state, lua_upvalueindex(1));
    const struct node *node = decision_node(state);
    const struct schedule_request *request = policy_of(state)->place.request;
    lua_pushnumber(
        state, strategy_score(strategy, request->workload, node, request->settings, request->seed));
    return 1;
}

void place_open(lua_State *state)
{
    lua_newtable(state);
    for (unsigned kind = 0; kind < FILTER_KINDS; kind++) {
        lua_pushinteger(state, (lua_Integer)kind);
        lua_pushcclosure(state, berth_filter, 1);
        lua_setfield(state, -2, filter_name(kind));
    }
    lua_setfield(state, -2, "filter");
    lua_newtable(state);
    for (int strategy = STRATEGY_BINPACK; strategy <= STRATEGY_RANDOM; strategy++) {
        lua_pushinteger(state, strategy);
        lua_pushcclosure(state, berth_score, 1);
        lua_setfield(state, -2, strategy_name((enum strategy)strategy));
    }
    lua_setfield(state, -2, "score");
}
