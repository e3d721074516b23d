/* Policy: generations. One is made aside, checked, run, tested; only then does it serve, and the
 * one before it waits for a rollback. */
#include "lua/policy.h"

#include "lua/policy_private.h"

#include <stdio.h>
#include <stdlib.h>

struct policy_host *policy_host_new(const struct policy_settings *settings)
{
    struct policy_host *host = xcalloc(1, sizeof(*host));
    host->settings = *settings;
    host->quotas = table_new();
    return host;
}

static void policy_free(struct policy *policy)
{
    access_builder_free(&policy->builder);
    access_free(&policy->rules);
    sandbox_free(&policy->sandbox);
    node_tables_free(&policy->node_tables);
    arena_free(&policy->arena);
    arena_free(&policy->place.arena);
    free(policy->said);
    free(policy);
}

void policy_release(struct policy **policy)
{
    if (*policy && --(*policy)->references == 0) {
        policy_free(*policy);
    }
    *policy = NULL;
}

void policy_host_free(struct policy_host **host)
{
    if (!*host) {
        return;
    }
    size_t cursor = 0;
    struct slice name;
    void *quota;
    while (table_each((*host)->quotas, &cursor, &name, &quota)) {
        free(quota);
    }
    table_free(&(*host)->quotas);
    policy_release(&(*host)->current);
    policy_release(&(*host)->previous);
    free(*host);
    *host = NULL;
}

struct policy *policy_hold(struct policy_host *host)
{
    if (host->current) {
        host->current->references++;
    }
    return host->current;
}

uint64_t policy_generation(const struct policy *policy)
{
    return policy->generation;
}

bool policy_has(const struct policy *policy, enum policy_callback callback)
{
    return policy->has[callback];
}

const struct access_rules *policy_rules(const struct policy *policy)
{
    return policy->rules;
}

int policy_add_rules(const struct policy *policy, struct access_builder *builder,
                     struct failure *failure)
{
    for (size_t i = 0; i < policy->said_count; i++) {
        if (rules_say(builder, &policy->said[i], failure) != 0) {
            return -1;
        }
    }
    return 0;
}

const struct policy_counters *policy_host_counters(const struct policy_host *host)
{
    return &host->counters;
}

static void line(struct buffer *report, const char *text)
{
    if (report) {
        buffer_printf(report, "%s\n", text);
    }
}

/* ---- loading ---- */

static struct policy *policy_new(struct policy_host *host, const struct policy_source *sources,
                                 size_t count)
{
    struct policy *policy = xcalloc(1, sizeof(*policy));
    policy->host = host;
    policy->references = 1;
    policy->arena = arena_new();
    policy->sandbox = sandbox_new(host->settings.monotonic_ns);
    policy->node_tables = node_tables_new();
    policy->sources = arena_alloc(policy->arena, (count + 1) * sizeof(*sources));
    policy->source_count = count;
    for (size_t i = 0; i < count; i++) {
        policy->sources[i].name = arena_copy(policy->arena, sources[i].name);
        policy->sources[i].text = arena_copy(policy->arena, sources[i].text);
    }
    return policy;
}

struct chunk {
    const struct policy_source *source;
};

/* Leaves entries.run and the compiled chunk in the registry: cpcall keeps no results. */
static int compile(lua_State *state)
{
    const struct policy_source *source = ((const struct chunk *)lua_touserdata(state, 1))->source;
    char name[120];
    snprintf(name, sizeof(name), "@" SLICE_FMT, SLICE_ARG(slice_cut(source->name, 0, 100)));
    if (luaL_loadbuffer(state, source->text.at, source->text.length, name) != 0) {
        return lua_error(state);
    }
    lua_setfield(state, LUA_REGISTRYINDEX, "berth.chunk");
    return 0;
}

static int run_source(struct policy *policy, const struct policy_source *source,
                      struct failure *failure)
{
    lua_State *state = sandbox_state(policy->sandbox);
    struct chunk chunk = {source};
    if (sandbox_protect(policy->sandbox, compile, &chunk, failure) != 0) {
        return -1;
    }
    lua_settop(state, 0);
    push_entry(state, "run");
    lua_getfield(state, LUA_REGISTRYINDEX, "berth.chunk");
    enum sandbox_end end = sandbox_call(policy->sandbox, 1, 0, BUDGET_LOAD_NS, failure);
    if (end == SANDBOX_TIMEOUT || end == SANDBOX_MEMORY) {
        failure_prefix(failure, SLICE_FMT, SLICE_ARG(slice_cut(source->name, 0, 100)));
    }
    return end == SANDBOX_DONE ? 0 : -1;
}

static int finish(lua_State *state)
{
    struct policy *policy = lua_touserdata(state, 1);
    push_entry(state, "finish");
    lua_call(state, 0, 3);
    policy->test_count = (size_t)lua_tointeger(state, -2);
    for (int i = 0; i < POLICY_CALLBACKS; i++) {
        lua_getfield(state, -3, policy_callback_name((enum policy_callback)i));
        policy->has[i] = lua_toboolean(state, -1);
        lua_pop(state, 1);
    }
    return 0;
}

static int load(struct policy *policy, struct buffer *report, struct failure *failure)
{
    const struct policy_settings *settings = &policy->host->settings;
    if (environment_open(policy, failure) != 0 || check_sources(policy, report, failure) != 0) {
        return -1;
    }
    policy->builder = access_builder_new(settings->operations, settings->operation_count);
    if (settings->prepare_access &&
        settings->prepare_access(policy->builder, settings->context, failure) != 0) {
        return -1;
    }
    for (size_t i = 0; i < policy->source_count; i++) {
        if (run_source(policy, &policy->sources[i], failure) != 0) {
            return -1;
        }
    }
    struct buffer shadowed;
    buffer_init(&shadowed, 65536);
    if (access_shadowed(policy->builder, &shadowed) > 0 && report) {
        buffer_printf(report, "warning: rules that can never decide:\n" SLICE_FMT "\n",
                      SLICE_ARG(slice_trim(buffer_slice(&shadowed))));
    }
    buffer_deinit(&shadowed);
    policy->rules = access_build(&policy->builder);
    if (sandbox_protect(policy->sandbox, finish, policy, failure) != 0) {
        return -1;
    }
    policy->tests_ran = true;
    return tests_run(policy, report, failure);
}

/* A report always closes with the count, also when it came to no test. */
static void close_report(const struct policy *policy, struct buffer *report,
                         const struct failure *failure)
{
    if (policy->tests_ran || !report) {
        return;
    }
    if (!slice_contains(buffer_slice(report), failure->text)) {
        line(report, failure->text);
    }
    line(report, "0 passed, 1 failed");
}

int policy_host_load(struct policy_host *host, const struct policy_source *sources, size_t count,
                     struct buffer *report, struct failure *failure)
{
    struct failure local = {0};
    struct policy *policy = policy_new(host, sources, count);
    if (load(policy, report, &local) != 0) {
        host->counters.loads_refused++;
        close_report(policy, report, &local);
        policy_release(&policy);
        if (failure) {
            *failure = local;
            failure->kind = FAILURE_INVALID;
        }
        return -1;
    }
    policy->generation = ++host->last_generation;
    policy->loaded_ns = host->settings.wall_ns();
    host->counters.loads++;
    policy_release(&host->previous);
    host->previous = host->current;
    host->current = policy;
    return 0;
}

int policy_host_rollback(struct policy_host *host, struct failure *failure)
{
    if (!host->previous) {
        return failure_set(failure, FAILURE_CONFLICT,
                           "there is no policy generation before this one to go back to");
    }
    struct policy *policy = host->previous;
    host->previous = host->current;
    host->current = policy;
    policy->generation = ++host->last_generation;
    policy->loaded_ns = host->settings.wall_ns();
    host->counters.rollbacks++;
    return 0;
}

struct policy_info policy_host_info(const struct policy_host *host)
{
    const struct policy *policy = host->current;
    struct policy_info info = {.can_roll_back = host->previous != NULL};
    if (policy) {
        info.generation = policy->generation;
        info.files = policy->source_count;
        info.tests = policy->tests_passed;
        info.rules = access_rule_count(policy->rules);
        memcpy(info.has, policy->has, sizeof(info.has));
        info.loaded_ns = policy->loaded_ns;
        info.memory_bytes = sandbox_memory(policy->sandbox);
    }
    return info;
}

void policy_host_text(const struct policy_host *host, struct buffer *out)
{
    for (size_t i = 0; host->current && i < host->current->source_count; i++) {
        const struct policy_source *source = &host->current->sources[i];
        buffer_printf(out, "-- " SLICE_FMT "\n", SLICE_ARG(source->name));
        buffer_add(out, source->text);
        if (!slice_ends(source->text, "\n")) {
            buffer_char(out, '\n');
        }
    }
}
