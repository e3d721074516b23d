/* Node tables: each node as a Lua table that is kept between decisions and changed in place: making
 * one costs some microseconds, looking that nothing changed a few nanoseconds. Texts and tags are
 * compared by a hash, sums by value. */
#include "lua/policy_private.h"
#include "policy/resources.h"

#include <stdlib.h>

#define KEY_NODES "berth.nodes"      /* array: position + 1 -> table */
#define KEY_INDEX "berth.node_index" /* table -> position */
#define PER_NODE  8192               /* bytes of state allowed for each node kept */

/* What of a node was last written into its table. */
struct kept {
    uint64_t texts;
    struct resources total, used, reserved;
    double overcommit;
    size_t running, containers_total;
    enum node_state state;
    enum availability availability;
    int64_t age_ns;
};

struct node_tables {
    struct kept *kept; /* by position */
    size_t count;
    uint64_t generation;
};

struct node_tables *node_tables_new(void)
{
    return xcalloc(1, sizeof(struct node_tables));
}

void node_tables_free(struct node_tables **tables)
{
    if (*tables) {
        free((*tables)->kept);
        free(*tables);
        *tables = NULL;
    }
}

static uint64_t mix(uint64_t hash, struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        hash = (hash ^ (unsigned char)text.at[i]) * 0x100000001b3ULL;
    }
    return (hash ^ 0xff) * 0x100000001b3ULL;
}

static uint64_t mix_tags(uint64_t hash, const struct tags *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        hash = mix(mix(hash, tags->list[i].key), tags->list[i].value);
    }
    return (hash ^ 0xfe) * 0x100000001b3ULL;
}

static uint64_t texts_of(const struct node *node)
{
    uint64_t hash = mix(0xcbf29ce484222325ULL, node->id);
    hash = mix(mix(mix(hash, node->name), node->address), node->pool);
    hash = mix_tags(mix_tags(mix_tags(hash, &node->tags), &node->standard), &node->facts);
    return hash ? hash : 1;
}

/* Into the table on top: key -> value; a fact that is a number becomes one. */
static void add_tags(lua_State *state, const struct tags *tags, bool numbers)
{
    for (size_t i = 0; i < tags->count; i++) {
        push_slice(state, tags->list[i].key);
        push_slice(state, tags->list[i].value);
        if (numbers && lua_isnumber(state, -1)) {
            lua_Number number = lua_tonumber(state, -1);
            lua_pop(state, 1);
            lua_pushnumber(state, number);
        }
        lua_rawset(state, -3);
    }
}

/* Fills the table on top, as new or after a change of its texts. */
static void write_texts(lua_State *state, const struct node *node)
{
    push_slice(state, node->id);
    lua_setfield(state, -2, "id");
    push_slice(state, node->name);
    lua_setfield(state, -2, "name");
    push_slice(state, node->address);
    lua_setfield(state, -2, "address");
    push_slice(state, node->pool);
    lua_setfield(state, -2, "pool");
    lua_newtable(state);
    add_tags(state, &node->standard, false);
    add_tags(state, &node->tags, false);
    lua_pushvalue(state, -1);
    lua_setfield(state, -3, "labels");
    lua_setfield(state, -2, "tags");
    lua_newtable(state);
    add_tags(state, &node->facts, true);
    lua_setfield(state, -2, "facts");
}

static void write_pair(lua_State *state, const char *name, int64_t memory, int64_t nano_cpus)
{
    lua_getfield(state, -1, name);
    if (lua_isnil(state, -1)) {
        lua_pop(state, 1);
        lua_createtable(state, 0, 2);
        lua_pushvalue(state, -1);
        lua_setfield(state, -3, name);
    }
    lua_pushnumber(state, (lua_Number)memory);
    lua_setfield(state, -2, "memory");
    lua_pushnumber(state, (lua_Number)nano_cpus / 1e9);
    lua_setfield(state, -2, "cpus");
    lua_pop(state, 1);
}

static void write_sums(lua_State *state, const struct node *node,
                       const struct cluster_settings *settings)
{
    static const char *const states[] = {"joining", "ready", "unreachable", "down"};
    static const char *const availabilities[] = {"active", "pause", "drain"};
    struct resources limit = resources_limit(node, settings);
    struct resources left = resources_free(node, settings);
    write_pair(state, "total", limit.memory_bytes, limit.nano_cpus);
    write_pair(state, "free", left.memory_bytes, left.nano_cpus);
    write_pair(state, "used", limit.memory_bytes - left.memory_bytes,
               limit.nano_cpus - left.nano_cpus);
    set_integer(state, "running", (int64_t)node->running);
    set_integer(state, "containers", (int64_t)node->containers_total);
    lua_pushstring(state, states[node->state]);
    lua_setfield(state, -2, "state");
    lua_pushstring(state, availabilities[node->availability]);
    lua_setfield(state, -2, "availability");
}

static bool same_sums(const struct kept *kept, const struct node *node, double overcommit)
{
    return kept->used.memory_bytes == node->used.memory_bytes &&
           kept->used.nano_cpus == node->used.nano_cpus &&
           kept->reserved.memory_bytes == node->reserved.memory_bytes &&
           kept->reserved.nano_cpus == node->reserved.nano_cpus &&
           kept->total.memory_bytes == node->total.memory_bytes &&
           kept->total.nano_cpus == node->total.nano_cpus && kept->running == node->running &&
           kept->containers_total == node->containers_total && kept->state == node->state &&
           kept->availability == node->availability && kept->overcommit >= overcommit &&
           kept->overcommit <= overcommit;
}

static void push_new(lua_State *state, int nodes, int index, size_t position)
{
    lua_createtable(state, 0, 16);
    lua_createtable(state, 0, 2);
    lua_getfield(state, LUA_REGISTRYINDEX, "berth.node");
    lua_setfield(state, -2, "__index");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_setmetatable(state, -2);
    lua_pushvalue(state, -1);
    lua_pushinteger(state, (lua_Integer)position);
    lua_rawset(state, index);
    lua_pushvalue(state, -1);
    lua_rawseti(state, nodes, (int)position + 1);
}

struct synchronisation {
    struct policy *policy;
    const struct nodes *nodes;
    int64_t wall_ns;
};

static void sync_one(lua_State *state, struct synchronisation *sync, size_t position, bool check,
                     int nodes, int index)
{
    const struct node *node = sync->nodes->list[position];
    struct kept *kept = &sync->policy->node_tables->kept[position];
    const struct cluster_settings *settings = sync->policy->place.request->settings;
    int64_t age_ns = node->joined_ns > 0 ? sync->wall_ns - node->joined_ns : 0;
    bool older = age_ns - kept->age_ns >= 1000000000 || age_ns < kept->age_ns;
    uint64_t texts = check || kept->texts == 0 ? texts_of(node) : kept->texts;
    bool fresh = texts != kept->texts;
    bool sums = fresh || !same_sums(kept, node, settings->overcommit);
    if (!fresh && !sums && !older) {
        return;
    }
    if (fresh) {
        push_new(state, nodes, index, position);
        write_texts(state, node);
    } else {
        lua_rawgeti(state, nodes, (int)position + 1);
    }
    if (sums) {
        write_sums(state, node, settings);
    }
    set_integer(state, "age", age_ns / 1000000000);
    lua_pop(state, 1);
    *kept = (struct kept){texts,
                          node->total,
                          node->used,
                          node->reserved,
                          settings->overcommit,
                          node->running,
                          node->containers_total,
                          node->state,
                          node->availability,
                          age_ns};
}

/* A table in the registry, made when absent; weak: its keys are node tables that may go. */
static int registry_table(lua_State *state, const char *key, bool weak)
{
    lua_getfield(state, LUA_REGISTRYINDEX, key);
    if (lua_isnil(state, -1)) {
        lua_pop(state, 1);
        lua_newtable(state);
        if (weak) {
            lua_newtable(state);
            lua_pushliteral(state, "k");
            lua_setfield(state, -2, "__mode");
            lua_setmetatable(state, -2);
        }
        lua_pushvalue(state, -1);
        lua_setfield(state, LUA_REGISTRYINDEX, key);
    }
    return lua_gettop(state);
}

static int sync_all(lua_State *state)
{
    struct synchronisation *sync = lua_touserdata(state, 1);
    struct node_tables *tables = sync->policy->node_tables;
    int nodes = registry_table(state, KEY_NODES, false);
    int index = registry_table(state, KEY_INDEX, true);
    bool check = sync->nodes->generation == 0 || sync->nodes->generation != tables->generation;
    for (size_t i = sync->nodes->count; i < tables->count; i++) {
        lua_pushnil(state);
        lua_rawseti(state, nodes, (int)i + 1);
    }
    if (sync->nodes->count != tables->count) {
        tables->kept = xrealloc(tables->kept, (sync->nodes->count + 1) * sizeof(*tables->kept));
        if (sync->nodes->count > tables->count) {
            memset(&tables->kept[tables->count], 0,
                   (sync->nodes->count - tables->count) * sizeof(*tables->kept));
        }
        tables->count = sync->nodes->count;
    }
    for (size_t i = 0; i < sync->nodes->count; i++) {
        sync_one(state, sync, i, check, nodes, index);
    }
    tables->generation = sync->nodes->generation;
    return 0;
}

int node_tables_sync(struct policy *policy, const struct nodes *nodes, struct failure *failure)
{
    struct synchronisation sync = {policy, nodes, policy->host->settings.wall_ns()};
    sandbox_allow(policy->sandbox, nodes->count * PER_NODE);
    return sandbox_protect(policy->sandbox, sync_all, &sync, failure);
}

void node_tables_push(lua_State *state)
{
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_NODES);
}

const struct node *node_tables_node(lua_State *state, int index)
{
    const struct schedule_request *request = policy_of(state)->place.request;
    if (!request || !lua_istable(state, index)) {
        return NULL;
    }
    lua_pushvalue(state, index);
    lua_getfield(state, LUA_REGISTRYINDEX, KEY_INDEX);
    lua_insert(state, -2);
    lua_rawget(state, -2);
    size_t position =
        lua_isnumber(state, -1) ? (size_t)lua_tointeger(state, -1) : request->nodes->count;
    lua_pop(state, 2);
    return position < request->nodes->count ? request->nodes->list[position] : NULL;
}

/* ---- methods ---- */

static const struct node *self(lua_State *state)
{
    const struct node *node = node_tables_node(state, 1);
    if (!node) {
        luaL_error(state, "call this as node:method(…) on a node of this decision");
    }
    return node;
}

/* node:has_image(reference) */
static int node_has_image(lua_State *state)
{
    const struct node *node = self(state);
    size_t length;
    const char *text = luaL_checklstring(state, 2, &length);
    struct slice asked = slice_make(text, length);
    bool tagged = slice_find_last(asked, ':') > slice_find_last(asked, '/');
    bool found = false;
    for (size_t i = 0; i < node->image_count && !found; i++) {
        struct slice held = node->images[i];
        bool latest = !tagged && held.length == length + 7 && slice_ends(held, ":latest");
        found =
            slice_equal(held, asked) || (latest && slice_equal(slice_cut(held, 0, length), asked));
    }
    lua_pushboolean(state, found);
    return 1;
}

static bool running(const struct container *container)
{
    return container->state == CONTAINER_RUNNING || container->state == CONTAINER_PAUSED ||
           container->state == CONTAINER_RESTARTING;
}

/* Value of the label, or SLICE_NONE. */
static struct slice label_of(const struct container *container, struct slice key)
{
    for (size_t i = 0; i < container->labels.count; i++) {
        if (slice_equal(container->labels.list[i].key, key)) {
            return container->labels.list[i].value;
        }
    }
    return SLICE_NONE;
}

/* node:replicas(label, value): running containers that have it; without a value: any value. nil as
 * the value (a job without the label) counts none. */
static int node_replicas(lua_State *state)
{
    const struct node *node = self(state);
    size_t length, value_length = 0;
    const char *key = luaL_checklstring(state, 2, &length);
    bool any = lua_isnone(state, 3);
    const char *value =
        any || lua_isnil(state, 3) ? NULL : luaL_checklstring(state, 3, &value_length);
    lua_Integer count = 0;
    for (size_t i = 0; (any || value) && i < node->containers_total; i++) {
        struct slice label = label_of(node->containers[i], slice_make(key, length));
        count += running(node->containers[i]) && label.at &&
                 (any || slice_equal(label, slice_make(value, value_length)));
    }
    lua_pushinteger(state, count);
    return 1;
}

/* node:sum(label): the sum of a numeric label over running containers ("gpus"). */
static int node_sum(lua_State *state)
{
    const struct node *node = self(state);
    size_t length;
    const char *key = luaL_checklstring(state, 2, &length);
    lua_Number sum = 0;
    for (size_t i = 0; i < node->containers_total; i++) {
        struct slice label = label_of(node->containers[i], slice_make(key, length));
        int64_t number = 0;
        if (running(node->containers[i]) && slice_to_i64(label, &number) == 0) {
            sum += (lua_Number)number;
        }
    }
    lua_pushnumber(state, sum);
    return 1;
}

void node_methods_open(lua_State *state)
{
    static const luaL_Reg methods[] = {{"has_image", node_has_image},
                                       {"replicas", node_replicas},
                                       {"sum", node_sum},
                                       {NULL, NULL}};
    lua_newtable(state);
    for (const luaL_Reg *method = methods; method->name; method++) {
        lua_pushcfunction(state, method->func);
        lua_setfield(state, -2, method->name);
    }
}
