/* Request: the callbacks about one request: what they are shown, and what their answers mean. */
#include "lua/policy_private.h"

#include <stdio.h>

static void push_roles(lua_State *state, const struct access_rules *rules,
                       const struct identity *identity)
{
    struct buffer names;
    struct slice rest, name;
    lua_newtable(state);
    buffer_init(&names, 8192);
    access_role_names(rules, identity->roles, &names);
    rest = buffer_slice(&names);
    while (rest.length > 0 && slice_next(&rest, ',', &name)) {
        push_slice(state, slice_trim(name));
        lua_pushboolean(state, 1);
        lua_rawset(state, -3);
    }
    buffer_deinit(&names);
}

static void push_identity(lua_State *state, const struct access_rules *rules,
                          const struct identity *identity)
{
    static const char *const proofs[] = {"none", "unix", "token", "certificate"};
    lua_newtable(state);
    if (!identity) {
        return;
    }
    push_slice(state, identity->name);
    lua_setfield(state, -2, "name");
    push_slice(state, identity->tenant);
    lua_setfield(state, -2, "tenant");
    push_slice(state, identity->group);
    lua_setfield(state, -2, "group");
    lua_pushstring(state, proofs[identity->proof]);
    lua_setfield(state, -2, "proof");
    push_roles(state, rules, identity);
    lua_setfield(state, -2, "roles");
}

static void push_object(lua_State *state, const struct policy_object *object)
{
    lua_createtable(state, 0, 6);
    push_slice(state, object->kind);
    lua_setfield(state, -2, "kind");
    push_slice(state, object->owner);
    lua_setfield(state, -2, "owner");
    set_slice(state, "id", object->id);
    set_slice(state, "name", object->name);
    set_slice(state, "node", object->node);
    push_tags(state, &object->labels);
    lua_setfield(state, -2, "labels");
}

void push_request(lua_State *state, const struct policy *policy,
                  const struct policy_request *request)
{
    lua_createtable(state, 0, 8);
    push_slice(state, request->operation);
    lua_setfield(state, -2, "op");
    push_identity(state, request->rules ? request->rules : policy->rules, request->identity);
    lua_setfield(state, -2, "id");
    push_object(state, &request->target);
    lua_setfield(state, -2, "target");
    if (request->query) {
        push_value(state, request->query);
    } else {
        lua_newtable(state);
    }
    lua_setfield(state, -2, "query");
    if (request->identity) {
        push_slice(state, request->identity->peer);
        lua_setfield(state, -2, "peer");
    }
}

/* What is to be called and with what, for code that builds it under protection. */
struct preparation {
    struct policy *policy;
    const struct policy_request *request;
    const struct policy_object *object;
    const struct identity *identity;
    const struct policy_agent *agent;
    const struct container *container;
    const struct node *node;
    int when;
    const char *entry;
};

static void say_failed(struct policy *policy, enum policy_callback which, enum sandbox_end end,
                       const char *text, struct policy_answer *answer)
{
    (void)policy;
    answer->say = POLICY_DENY;
    answer->status = 503;
    answer->code = sandbox_end_code(end);
    snprintf(answer->why, sizeof(answer->why),
             "policy.%s failed, so nothing is let through: %.320s", policy_callback_name(which),
             text);
}

/* Reads "say, why, status" from the top of the stack and pops them. */
static void read_answer(struct policy *policy, enum policy_callback which,
                        struct policy_answer *answer)
{
    lua_State *state = sandbox_state(policy->sandbox);
    struct slice say = slice_at(state, -3), why = slice_at(state, -2);
    if (say.at && slice_is(say, "nonsense")) {
        char text[100];
        snprintf(text, sizeof(text), "it returned a %s, not nil, deny(…) or allow(…)",
                 why.at ? why.at : "?");
        call_failed(policy, which, SANDBOX_ANSWER, text);
        say_failed(policy, which, SANDBOX_ANSWER, text, answer);
    } else if (say.at && slice_is(say, "deny")) {
        answer->say = POLICY_DENY;
        answer->status = (int)lua_tointeger(state, -1);
        answer->code = "policy_denied";
        snprintf(answer->why, sizeof(answer->why), SLICE_FMT,
                 SLICE_ARG(slice_cut(why, 0, sizeof(answer->why) - 1)));
    } else if (say.at) {
        answer->say = POLICY_ALLOW;
    }
    lua_settop(state, 0);
}

/* Runs `prepare` under protection, which leaves function and arguments; then calls under a budget.
 */
static enum sandbox_end ask(struct preparation *preparation, lua_CFunction prepare,
                            enum policy_callback which, int arguments, int results,
                            int64_t budget_ns, struct failure *failure)
{
    struct policy *policy = preparation->policy;
    lua_State *state = sandbox_state(policy->sandbox);
    lua_settop(state, 0);
    if (sandbox_protect(policy->sandbox, prepare, preparation, failure) != 0) {
        call_failed(policy, which, SANDBOX_MEMORY, failure->text);
        return SANDBOX_MEMORY;
    }
    /* cpcall drops results: what was prepared waits in the registry */
    lua_getfield(state, LUA_REGISTRYINDEX, "berth.prepared");
    for (int i = 0; i <= arguments; i++) {
        lua_rawgeti(state, 1, i + 1);
    }
    lua_remove(state, 1);
    return call_policy(policy, which, arguments, results, budget_ns, failure);
}

/* Keeps the `count` values on top of the stack (function first) for ask(). */
static int keep_prepared(lua_State *state, int count)
{
    lua_createtable(state, count, 0);
    lua_insert(state, -count - 1);
    for (int i = count; i >= 1; i--) {
        lua_rawseti(state, -i - 1, i);
    }
    lua_setfield(state, LUA_REGISTRYINDEX, "berth.prepared");
    return 0;
}

static int prepare_request(lua_State *state)
{
    struct preparation *p = lua_touserdata(state, 1);
    push_entry(state, p->entry);
    push_request(state, p->policy, p->request);
    return keep_prepared(state, 2);
}

void policy_access(struct policy *policy, const struct policy_request *request,
                   struct policy_answer *answer)
{
    *answer = (struct policy_answer){0};
    if (!policy->has[POLICY_ACCESS]) {
        return;
    }
    struct failure failure = {0};
    struct preparation p = {.policy = policy, .request = request, .entry = "access"};
    enum sandbox_end end =
        ask(&p, prepare_request, POLICY_ACCESS, 1, 3, BUDGET_ACCESS_NS, &failure);
    if (end == SANDBOX_DONE) {
        read_answer(policy, POLICY_ACCESS, answer);
    } else {
        say_failed(policy, POLICY_ACCESS, end, failure.text, answer);
    }
}

static int prepare_condition(lua_State *state)
{
    struct preparation *p = lua_touserdata(state, 1);
    push_entry(state, "condition");
    lua_pushinteger(state, p->when + 1);
    push_request(state, p->policy, p->request);
    return keep_prepared(state, 3);
}

bool policy_when(int when, void *context)
{
    struct policy_condition *condition = context;
    struct failure failure = {0};
    struct policy *policy = condition->policy;
    struct preparation p = {.policy = policy, .request = condition->request, .when = when};
    must(when >= 0 && (size_t)when < policy->condition_count);
    enum sandbox_end end =
        ask(&p, prepare_condition, POLICY_ACCESS, 2, 1, BUDGET_ACCESS_NS, &failure);
    if (end != SANDBOX_DONE) {
        return policy->condition_denies[when];
    }
    lua_State *state = sandbox_state(policy->sandbox);
    bool result = lua_toboolean(state, -1);
    lua_settop(state, 0);
    return result;
}

/* ---- admit ---- */

static void push_violations(lua_State *state, const struct body_report *report)
{
    lua_newtable(state);
    for (size_t i = 0; report && i < report->violation_count; i++) {
        const struct violation *violation = &report->violations[i];
        lua_createtable(state, 0, 4);
        lua_pushstring(state, violation_name(violation->code));
        lua_setfield(state, -2, "code");
        push_slice(state, violation->path);
        lua_setfield(state, -2, "path");
        push_slice(state, violation->detail);
        lua_setfield(state, -2, "source");
        lua_pushboolean(state, violation->readonly);
        lua_setfield(state, -2, "readonly");
        lua_rawseti(state, -2, (int)i + 1);
    }
}

static void push_mounts(lua_State *state, const struct body_report *report)
{
    static const char *const kinds[] = {"bind", "volume", "tmpfs", "image", "other"};
    lua_newtable(state);
    for (size_t i = 0; report && i < report->mount_count; i++) {
        const struct mount *mount = &report->mounts[i];
        lua_createtable(state, 0, 5);
        lua_pushstring(state, kinds[mount->kind]);
        lua_setfield(state, -2, "kind");
        push_slice(state, mount->source);
        lua_setfield(state, -2, "source");
        push_slice(state, mount->target);
        lua_setfield(state, -2, "target");
        lua_pushboolean(state, mount->readonly);
        lua_setfield(state, -2, "readonly");
        lua_pushstring(state, mount->from);
        lua_setfield(state, -2, "from");
        lua_rawseti(state, -2, (int)i + 1);
    }
}

/* "reg.local:5000/team/app:1@sha256:…" as registry, repo, tag, digest: docker.io and latest filled
 * in. */
static void push_image(lua_State *state, struct slice image)
{
    ptrdiff_t at = slice_find(image, '@');
    struct slice digest = at >= 0 ? slice_from(image, (size_t)at + 1) : SLICE_NONE;
    struct slice rest = at >= 0 ? slice_cut(image, 0, (size_t)at) : image;
    ptrdiff_t colon = slice_find_last(rest, ':'), slash = slice_find_last(rest, '/');
    struct slice tag = colon > slash ? slice_from(rest, (size_t)colon + 1) : SLICE_NONE;
    rest = colon > slash ? slice_cut(rest, 0, (size_t)colon) : rest;
    slash = slice_find(rest, '/');
    struct slice first = slash > 0 ? slice_cut(rest, 0, (size_t)slash) : SLICE_NONE;
    bool registry =
        slice_find(first, '.') >= 0 || slice_find(first, ':') >= 0 || slice_is(first, "localhost");
    lua_createtable(state, 0, 5);
    push_slice(state, image);
    lua_setfield(state, -2, "name");
    push_slice(state, registry ? first : SLICE("docker.io"));
    lua_setfield(state, -2, "registry");
    push_slice(state, registry ? slice_from(rest, first.length + 1) : rest);
    lua_setfield(state, -2, "repo");
    push_slice(state, tag.length > 0 || digest.length > 0 ? tag : SLICE("latest"));
    lua_setfield(state, -2, "tag");
    set_slice(state, "digest", digest);
}

static int prepare_admit(lua_State *state)
{
    struct preparation *p = lua_touserdata(state, 1);
    struct call_context *call = &p->policy->call;
    push_entry(state, "admit");
    push_request(state, p->policy, p->request);
    push_violations(state, call->report);
    lua_setfield(state, -2, "violations");
    push_mounts(state, call->report);
    lua_setfield(state, -2, "mounts");
    push_image(state, value_get_text(call->body, "Image"));
    lua_setfield(state, -2, "image");
    lua_createtable(state, 0, 2);
    lua_getfield(state, LUA_REGISTRYINDEX, "berth.edit");
    lua_setfield(state, -2, "__index");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_setmetatable(state, -2);
    return keep_prepared(state, 2);
}

void policy_admit(struct policy *policy, const struct policy_request *request, struct arena *arena,
                  struct value *body, const struct body_report *report,
                  struct policy_answer *answer)
{
    *answer = (struct policy_answer){0};
    if (!policy->has[POLICY_ADMIT] || !body || body->type != VALUE_MAP) {
        return;
    }
    struct failure failure = {0};
    struct preparation p = {.policy = policy, .request = request};
    policy->call = (struct call_context){
        .request = request, .arena = arena, .body = body, .report = report, .answer = answer};
    enum sandbox_end end = ask(&p, prepare_admit, POLICY_ADMIT, 1, 3, BUDGET_ADMIT_NS, &failure);
    policy->call = (struct call_context){0};
    if (end == SANDBOX_DONE) {
        read_answer(policy, POLICY_ADMIT, answer);
    } else {
        say_failed(policy, POLICY_ADMIT, end, failure.text, answer);
    }
}

/* ---- visible ---- */

static int prepare_visible(lua_State *state)
{
    struct preparation *p = lua_touserdata(state, 1);
    push_entry(state, "visible");
    push_identity(state, p->policy->rules, p->identity);
    push_object(state, p->object);
    return keep_prepared(state, 3);
}

bool policy_visible(struct policy *policy, const struct identity *identity,
                    const struct policy_object *object)
{
    bool own = object->owner.length > 0 && slice_equal(object->owner, identity->tenant);
    if (!policy->has[POLICY_VISIBLE]) {
        return own;
    }
    struct failure failure = {0};
    struct preparation p = {.policy = policy, .identity = identity, .object = object};
    if (ask(&p, prepare_visible, POLICY_VISIBLE, 2, 1, BUDGET_VISIBLE_NS, &failure) !=
        SANDBOX_DONE) {
        return false;
    }
    lua_State *state = sandbox_state(policy->sandbox);
    int type = lua_type(state, -1);
    bool result = type == LUA_TNIL ? own : type == LUA_TBOOLEAN && lua_toboolean(state, -1);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
        call_failed(policy, POLICY_VISIBLE, SANDBOX_ANSWER, "it returned no boolean");
    }
    lua_settop(state, 0);
    return result;
}

/* ---- agent_join ---- */

#define AGENT_LABELS_MAX 64

static int agent_label(lua_State *state)
{
    struct call_context *call = &policy_of(state)->call;
    struct slice key = slice_make(luaL_checkstring(state, 2), 0);
    size_t length;
    const char *value = luaL_checklstring(state, 3, &length);
    key = slice_of(key.at);
    if (!call->label_arena) {
        return luaL_error(state, "agent:label works only inside policy.agent_join");
    }
    if (call->label_count == AGENT_LABELS_MAX || key.length == 0 || key.length > 128 ||
        length > 256) {
        return luaL_error(state, "at most 64 labels, keys to 128 and values to 256 bytes");
    }
    call->labels[call->label_count++] =
        (struct tag){arena_copy(call->label_arena, key),
                     arena_copy(call->label_arena, slice_make(value, length))};
    return 0;
}

static int prepare_agent(lua_State *state)
{
    struct preparation *p = lua_touserdata(state, 1);
    push_entry(state, "agent_join");
    lua_newtable(state);
    push_slice(state, p->agent->name);
    lua_setfield(state, -2, "name");
    push_slice(state, p->agent->pool);
    lua_setfield(state, -2, "pool");
    push_slice(state, p->agent->proof);
    lua_setfield(state, -2, "proof");
    push_slice(state, p->agent->address);
    lua_setfield(state, -2, "addr");
    push_tags(state, &p->agent->labels);
    lua_setfield(state, -2, "labels");
    lua_pushcfunction(state, agent_label);
    lua_setfield(state, -2, "label");
    return keep_prepared(state, 2);
}

void policy_agent_join(struct policy *policy, const struct policy_agent *agent, struct arena *arena,
                       struct tags *labels, struct policy_answer *answer)
{
    *answer = (struct policy_answer){0};
    *labels = (struct tags){0};
    if (!policy->has[POLICY_AGENT_JOIN]) {
        return;
    }
    struct failure failure = {0};
    struct preparation p = {.policy = policy, .agent = agent};
    policy->call = (struct call_context){
        .label_arena = arena, .labels = arena_alloc(arena, AGENT_LABELS_MAX * sizeof(struct tag))};
    enum sandbox_end end =
        ask(&p, prepare_agent, POLICY_AGENT_JOIN, 1, 3, BUDGET_JOIN_NS, &failure);
    *labels = (struct tags){policy->call.labels, policy->call.label_count};
    policy->call = (struct call_context){0};
    if (end == SANDBOX_DONE) {
        read_answer(policy, POLICY_AGENT_JOIN, answer);
    } else {
        say_failed(policy, POLICY_AGENT_JOIN, end, failure.text, answer);
    }
}

/* ---- reschedule ---- */

static int prepare_reschedule(lua_State *state)
{
    struct preparation *p = lua_touserdata(state, 1);
    push_entry(state, "reschedule");
    lua_newtable(state);
    push_slice(state, p->container->name);
    lua_setfield(state, -2, "name");
    push_slice(state, p->container->image);
    lua_setfield(state, -2, "image");
    push_tags(state, &p->container->labels);
    lua_setfield(state, -2, "labels");
    lua_pushboolean(state, p->container->holds_state);
    lua_setfield(state, -2, "holds_state");
    set_integer(state, "memory", p->container->asked.memory_bytes);
    lua_newtable(state);
    push_slice(state, p->node->name);
    lua_setfield(state, -2, "name");
    push_tags(state, &p->node->tags);
    lua_setfield(state, -2, "tags");
    return keep_prepared(state, 3);
}

bool policy_reschedule(struct policy *policy, const struct container *container,
                       const struct node *node, bool c_says)
{
    if (!policy->has[POLICY_RESCHEDULE]) {
        return c_says;
    }
    struct failure failure = {0};
    struct preparation p = {.policy = policy, .container = container, .node = node};
    if (ask(&p, prepare_reschedule, POLICY_RESCHEDULE, 2, 1, BUDGET_ACCESS_NS, &failure) !=
        SANDBOX_DONE) {
        return c_says;
    }
    lua_State *state = sandbox_state(policy->sandbox);
    int type = lua_type(state, -1);
    bool result = type == LUA_TBOOLEAN ? lua_toboolean(state, -1) : c_says;
    if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
        call_failed(policy, POLICY_RESCHEDULE, SANDBOX_ANSWER, "it returned no boolean");
    }
    lua_settop(state, 0);
    return result;
}
