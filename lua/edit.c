/* Edit: req:get :set :default :append :remove :label :waive: the create body read and changed in
 * place, member by member, so that what the script does not name stays as the client wrote it.
 * Every change is kept as a JSON patch for the audit log.
 *
 * A path is "HostConfig.Memory", items of a list as "Env[1]" (from 1, as Lua counts). Members are
 * found as the engine would (any case); those that are not there are made as written. */
#include "lua/policy_private.h"

#include <stdlib.h>

#define PATH_MAX_BYTES 512

/* One step of a path. */
struct step {
    struct slice name; /* a member; or, when index > 0, an item */
    size_t index;
};

static struct policy *in_admit(lua_State *state)
{
    struct policy *policy = policy_of(state);
    if (!policy->call.body) {
        luaL_error(state, "req:get, :set and their like work only inside policy.admit");
    }
    return policy;
}

/* Cuts the next step off *rest; false at the end. Raises when the path is malformed. */
static bool next_step(lua_State *state, struct slice *rest, struct step *step)
{
    if (rest->length == 0) {
        return false;
    }
    *step = (struct step){0};
    if (rest->at[0] == '[') {
        ptrdiff_t end = slice_find(*rest, ']');
        uint64_t index = 0;
        if (end < 0 || slice_to_u64(slice_cut(*rest, 1, (size_t)end - 1), &index) != 0 ||
            index == 0) {
            luaL_error(state, "malformed path: write Name.Name or List[1]");
        }
        step->index = (size_t)index;
        *rest = slice_from(*rest, (size_t)end + 1);
    } else {
        size_t end = 0;
        while (end < rest->length && rest->at[end] != '.' && rest->at[end] != '[') {
            end++;
        }
        step->name = slice_cut(*rest, 0, end);
        *rest = slice_from(*rest, end);
        if (end == 0) {
            luaL_error(state, "malformed path: write Name.Name or List[1]");
        }
    }
    if (rest->length > 0 && rest->at[0] == '.') {
        *rest = slice_from(*rest, 1);
        if (rest->length == 0) {
            luaL_error(state, "malformed path: it ends with '.'");
        }
    }
    return true;
}

static struct value *child_of(struct value *parent, const struct step *step)
{
    char name[PATH_MAX_BYTES + 1];
    if (!parent) {
        return NULL;
    }
    if (step->index > 0) {
        size_t index = 1;
        if (parent->type == VALUE_LIST) {
            VALUE_EACH(child, parent)
            {
                if (index++ == step->index) {
                    return child;
                }
            }
        }
        return NULL;
    }
    memcpy(name, step->name.at, step->name.length);
    name[step->name.length] = '\0';
    return value_find_folded(parent, name);
}

static struct slice path_argument(lua_State *state)
{
    size_t length;
    const char *text = luaL_checklstring(state, 2, &length);
    luaL_argcheck(state, length > 0 && length <= PATH_MAX_BYTES, 2, "a path has 1 to 512 bytes");
    luaL_argcheck(state, !memchr(text, '\0', length), 2, "a path holds no NUL");
    return slice_make(text, length);
}

/* The value at the path, or NULL. */
static struct value *find(lua_State *state, struct value *body, struct slice path)
{
    struct step step;
    while (next_step(state, &path, &step)) {
        body = child_of(body, &step);
        if (!body) {
            return NULL;
        }
    }
    return body;
}

/* A JSON pointer's part: "~" and "/" are escaped. */
static void pointer_add(struct buffer *pointer, struct slice part)
{
    buffer_char(pointer, '/');
    for (size_t i = 0; i < part.length; i++) {
        if (part.at[i] == '~' || part.at[i] == '/') {
            buffer_text(pointer, part.at[i] == '~' ? "~0" : "~1");
        } else {
            buffer_char(pointer, part.at[i]);
        }
    }
}

static void record(struct policy *policy, const char *operation, struct slice pointer,
                   const struct value *value)
{
    struct arena *arena = policy->call.arena;
    struct value *change = value_map(arena);
    if (!policy->call.answer->patch) {
        policy->call.answer->patch = value_list(arena);
    }
    value_set_text(arena, change, "op", slice_of(operation));
    value_set_text(arena, change, "path", pointer);
    if (value) {
        value_set(arena, change, "value", value_copy(arena, value));
    }
    value_append(policy->call.answer->patch, change);
}

static bool empty(const struct value *value)
{
    if (!value) {
        return true;
    }
    switch (value->type) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return false;
    case VALUE_NUMBER:
        return value_to_double(value, 1) == 0;
    case VALUE_TEXT:
        return value->text.length == 0;
    case VALUE_LIST:
    case VALUE_MAP:
        return value->count == 0;
    }
    return false;
}

static void descend(lua_State *state, struct policy *policy, struct value **parent,
                    const struct step *step, struct buffer *pointer)
{
    struct arena *arena = policy->call.arena;
    struct value *child = child_of(*parent, step);
    if (step->index > 0 && !child) {
        buffer_deinit(pointer);
        luaL_error(state, "the list has no item %d", (int)step->index);
    }
    if (!child || child->type == VALUE_NULL) {
        struct slice key = child ? child->key : step->name;
        child = value_set_slice(arena, *parent, key, value_map(arena));
        pointer_add(pointer, key);
        record(policy, "add", buffer_slice(pointer), child);
    } else if (step->index > 0) {
        buffer_printf(pointer, "/%zu", step->index - 1);
    } else {
        pointer_add(pointer, child->key);
    }
    if (child->type != VALUE_MAP && child->type != VALUE_LIST) {
        buffer_deinit(pointer);
        luaL_error(state, "%s is no map or list in the body", lua_tostring(state, 2));
    }
    *parent = child;
}

/* Sets the value at the path to `value`. Never raises with the buffer held: see descend. */
static void assign(lua_State *state, struct policy *policy, struct slice path, struct value *value)
{
    struct value *parent = policy->call.body;
    struct buffer pointer;
    struct step step, next;
    bool more = next_step(state, &path, &step);
    /* the whole path is checked before anything is changed */
    for (struct slice rest = path; next_step(state, &rest, &next);) {
    }
    buffer_init(&pointer, 8192);
    while (more) {
        if (path.length == 0) {
            break;
        }
        descend(state, policy, &parent, &step, &pointer);
        more = next_step(state, &path, &step);
    }
    struct value *old = child_of(parent, &step);
    if (step.index > 0) {
        if (parent->type != VALUE_LIST || !old) {
            buffer_deinit(&pointer);
            luaL_error(state, "the list has no item %d", (int)step.index);
        }
        buffer_printf(&pointer, "/%zu", step.index - 1);
        struct value *before = old->previous, *after = old->next;
        value->previous = before;
        value->next = after;
        *(before ? &before->next : &parent->first) = value;
        *(after ? &after->previous : &parent->last) = value;
        record(policy, "replace", buffer_slice(&pointer), value);
    } else {
        if (parent->type != VALUE_MAP) {
            buffer_deinit(&pointer);
            luaL_error(state, "%s is no map in the body", lua_tostring(state, 2));
        }
        struct slice key = old ? old->key : step.name;
        pointer_add(&pointer, key);
        value_set_slice(policy->call.arena, parent, key, value);
        record(policy, old ? "replace" : "add", buffer_slice(&pointer), value);
    }
    buffer_deinit(&pointer);
}

/* req:get(path, otherwise) */
static int edit_get(lua_State *state)
{
    struct policy *policy = in_admit(state);
    struct value *value = find(state, policy->call.body, path_argument(state));
    if ((!value || value->type == VALUE_NULL) && !lua_isnoneornil(state, 3)) {
        lua_settop(state, 3);
        return 1;
    }
    push_value(state, value);
    return 1;
}

static int set_at(lua_State *state, bool only_if_empty)
{
    struct policy *policy = in_admit(state);
    struct slice path = path_argument(state);
    luaL_checkany(state, 3);
    struct value *old = find(state, policy->call.body, path);
    if (only_if_empty && !empty(old)) {
        return 0;
    }
    assign(state, policy, path, to_value(state, 3, policy->call.arena, old));
    return 0;
}

static int edit_set(lua_State *state)
{
    return set_at(state, false);
}

/* req:default(path, value): only where there is nothing, null, 0, "" or an empty list or map. */
static int edit_default(lua_State *state)
{
    return set_at(state, true);
}

static int edit_append(lua_State *state)
{
    struct policy *policy = in_admit(state);
    struct slice path = path_argument(state);
    luaL_checkany(state, 3);
    struct value *item = to_value(state, 3, policy->call.arena, NULL);
    struct value *old = find(state, policy->call.body, path);
    if (old && old->type != VALUE_LIST && old->type != VALUE_NULL) {
        return luaL_error(state, "%s is no list in the body", lua_tostring(state, 2));
    }
    VALUE_EACH(child, old)
    {
        if (value_equal(child, item)) {
            return 0; /* there already */
        }
    }
    struct value *list = old && old->type == VALUE_LIST ? value_copy(policy->call.arena, old)
                                                        : value_list(policy->call.arena);
    value_append(list, item);
    assign(state, policy, path, list);
    return 0;
}

static int edit_remove(lua_State *state)
{
    struct policy *policy = in_admit(state);
    struct slice path = path_argument(state);
    struct value *parent = policy->call.body;
    struct step step;
    struct buffer pointer;
    for (struct slice rest = path; next_step(state, &rest, &step);) {
    }
    buffer_init(&pointer, 8192);
    next_step(state, &path, &step);
    struct value *child = child_of(parent, &step);
    for (;;) {
        if (!child) {
            buffer_deinit(&pointer);
            return 0;
        }
        if (step.index > 0) {
            buffer_printf(&pointer, "/%zu", step.index - 1);
        } else {
            pointer_add(&pointer, child->key);
        }
        if (path.length == 0) {
            break;
        }
        next_step(state, &path, &step);
        parent = child;
        child = child_of(parent, &step);
    }
    value_remove(parent, child);
    record(policy, "remove", buffer_slice(&pointer), NULL);
    buffer_deinit(&pointer);
    return 0;
}

/* req:label(key, value): a label of what is created; the key may hold dots. */
static int edit_label(lua_State *state)
{
    struct policy *policy = in_admit(state);
    struct arena *arena = policy->call.arena;
    struct slice key = path_argument(state);
    size_t length;
    const char *text = luaL_checklstring(state, 3, &length);
    struct value *labels = value_find_folded(policy->call.body, "Labels");
    if (labels && labels->type != VALUE_MAP && labels->type != VALUE_NULL) {
        return luaL_error(state, "Labels is no map in the body");
    }
    if (!labels || labels->type == VALUE_NULL) {
        struct slice name = labels ? labels->key : SLICE("Labels");
        labels = value_set_slice(arena, policy->call.body, name, value_map(arena));
        struct slice made = arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(name));
        record(policy, "add", made, labels);
    }
    struct value *value =
        value_set_slice(arena, labels, key, value_text(arena, slice_make(text, length)));
    struct buffer pointer;
    buffer_init(&pointer, 8192);
    pointer_add(&pointer, labels->key);
    pointer_add(&pointer, key);
    record(policy, "add", buffer_slice(&pointer), value);
    buffer_deinit(&pointer);
    return 0;
}

/* req:waive(violation or code, reason) */
static int edit_waive(lua_State *state)
{
    struct policy *policy = in_admit(state);
    if (lua_istable(state, 2)) {
        lua_getfield(state, 2, "code");
        lua_replace(state, 2);
    }
    size_t length;
    const char *code = luaL_checklstring(state, 2, &length);
    luaL_checkstring(state, 3); /* why: the script's own comment, demanded for its readers */
    enum violation_code found = violation_find(slice_make(code, length));
    if (found == VIOLATION_COUNT) {
        return luaL_error(state, "there is no violation \"%s\"", code);
    }
    policy->call.answer->waives |= 1ULL << found;
    return 0;
}

void edit_open(lua_State *state)
{
    static const luaL_Reg methods[] = {{"get", edit_get},         {"set", edit_set},
                                       {"default", edit_default}, {"append", edit_append},
                                       {"label", edit_label},     {"remove", edit_remove},
                                       {"waive", edit_waive},     {NULL, NULL}};
    lua_newtable(state);
    for (const luaL_Reg *method = methods; method->name; method++) {
        lua_pushcfunction(state, method->func);
        lua_setfield(state, -2, method->name);
    }
}
