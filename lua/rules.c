/* Rules: role{} and rule{} fill the same builder that an --access file fills, so that both compile
 * to the same bit sets and no Lua runs for a decision, unless a rule has a `when`. */
#include "lua/policy_private.h"

#define NAMES_MAX 128 /* in one list of a role or rule */

static struct policy *loading(lua_State *state)
{
    struct policy *policy = policy_of(state);
    if (!policy->builder) {
        luaL_error(state, "role and rule only work while the policy is loaded");
    }
    return policy;
}

static struct slice place_of(lua_State *state, struct arena *arena)
{
    luaL_where(state, 1);
    struct slice place = slice_at(state, -1);
    place =
        arena_copy(arena, slice_ends(place, ": ") ? slice_cut(place, 0, place.length - 2) : place);
    lua_pop(state, 1);
    return place;
}

/* Raises when the table at 1 has a key that `known` (NULL-ended) lacks. */
static void only_known(lua_State *state, const char *const *known, const char *what)
{
    lua_pushnil(state);
    while (lua_next(state, 1)) {
        lua_pop(state, 1);
        if (lua_type(state, -1) == LUA_TNUMBER && lua_tonumber(state, -1) == 1) {
            continue;
        }
        bool found = false;
        for (const char *const *name = known; *name && !found; name++) {
            found = slice_is(slice_at(state, -1), *name);
        }
        if (!found) {
            lua_pushvalue(state, -1);
            const char *key = lua_tostring(state, -1);
            luaL_error(state, "%s has no field \"%s\"", what, key ? key : "?");
        }
    }
}

static struct slice name_of(lua_State *state, struct arena *arena, const char *what)
{
    luaL_checktype(state, 1, LUA_TTABLE);
    lua_rawgeti(state, 1, 1);
    struct slice name = slice_at(state, -1);
    if (name.length == 0) {
        luaL_error(state, "%s starts with its name: %s { \"name\", … }", what, what);
    }
    name = arena_copy(arena, name);
    lua_pop(state, 1);
    return name;
}

/* The field as a list: a text or number alone counts as one item. In the policy's arena. */
static struct slice *list_of(lua_State *state, struct arena *arena, const char *field,
                             size_t *count)
{
    struct slice *list = arena_alloc(arena, NAMES_MAX * sizeof(*list));
    *count = 0;
    lua_getfield(state, 1, field);
    if (lua_isnil(state, -1)) {
        lua_pop(state, 1);
        return list;
    }
    bool single = !lua_istable(state, -1);
    size_t length = single ? 1 : lua_objlen(state, -1);
    if (length > NAMES_MAX) {
        luaL_error(state, "%s has more than %d items", field, NAMES_MAX);
    }
    for (size_t i = 1; i <= length; i++) {
        if (single) {
            lua_pushvalue(state, -1);
        } else {
            lua_rawgeti(state, -1, (int)i);
        }
        if (!lua_isstring(state, -1)) {
            luaL_error(state, "%s holds a %s, not text", field, luaL_typename(state, -1));
        }
        lua_tostring(state, -1); /* a number becomes its text */
        list[(*count)++] = arena_copy(arena, slice_at(state, -1));
        lua_pop(state, 1);
    }
    lua_pop(state, 1);
    return list;
}

static struct slice text_of(lua_State *state, struct arena *arena, const char *field)
{
    lua_getfield(state, 1, field);
    if (!lua_isnil(state, -1) && lua_type(state, -1) != LUA_TSTRING) {
        luaL_error(state, "%s is a %s, not text", field, luaL_typename(state, -1));
    }
    struct slice text = slice_at(state, -1);
    text = text.at ? arena_copy(arena, text) : SLICE_NONE;
    lua_pop(state, 1);
    return text;
}

static void raise_failure(lua_State *state, const struct failure *failure, struct slice place)
{
    struct slice text = slice_of(failure->text);
    char prefix[200];
    struct slice cut = slice_cut(place, 0, 150);
    memcpy(prefix, cut.at, cut.length);
    memcpy(prefix + cut.length, ": ", 3);
    if (place.length > 0 && slice_starts(text, prefix)) {
        luaL_where(state, 0);
        push_slice(state, text);
        lua_error(state);
    }
    luaL_error(state, "%s", failure->text);
}

int rules_say(struct access_builder *builder, const struct said *said, struct failure *failure)
{
    const struct access_rule *rule = &said->rule;
    switch (said->what) {
    case SAID_ROLE:
        return access_add_role(builder, rule->name, said->match, said->text, said->tenant, failure);
    case SAID_RULE:
        return access_add_rule(builder, rule, failure);
    case SAID_PRESET:
        return access_add_preset(builder, said->preset, rule->name, rule->roles, rule->role_count,
                                 rule->place, failure);
    }
    return -1;
}

/* Says it to the builder, and keeps it. */
static void say(lua_State *state, const struct said *said)
{
    struct policy *policy = policy_of(state);
    struct failure failure = {0};
    if (rules_say(policy->builder, said, &failure) != 0) {
        raise_failure(state, &failure, said->rule.place);
    }
    if (policy->said_count == policy->said_room) {
        policy->said_room = policy->said_room ? policy->said_room * 2 : 64;
        policy->said = xrealloc(policy->said, policy->said_room * sizeof(*policy->said));
    }
    policy->said[policy->said_count++] = *said;
}

static int env_role(lua_State *state)
{
    static const struct {
        const char *field;
        enum access_match match;
    } fields[] = {
        {"cn", MATCH_CERTIFICATE}, {"san", MATCH_CERTIFICATE},   {"spki", MATCH_SPKI},
        {"token", MATCH_TOKEN},    {"token_group", MATCH_GROUP}, {"group", MATCH_GROUP},
        {"uid", MATCH_UID},        {"gid", MATCH_GID},           {"listener", MATCH_LISTENER},
    };
    static const char *const known[] = {"cn",  "san", "spki",     "token",  "token_group", "group",
                                        "uid", "gid", "listener", "anyone", "tenant",      NULL};
    struct arena *arena = loading(state)->arena;
    struct slice place = place_of(state, arena);
    struct slice name = name_of(state, arena, "role");
    only_known(state, known, "a role");
    struct said said = {.what = SAID_ROLE,
                        .rule = {.name = name, .place = place},
                        .tenant = text_of(state, arena, "tenant")};
    size_t ways = 0;
    for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
        size_t count = 0;
        struct slice *list = list_of(state, arena, fields[f].field, &count);
        for (size_t i = 0; i < count; i++, ways++) {
            said.match = fields[f].match;
            said.text = list[i];
            say(state, &said);
        }
    }
    lua_getfield(state, 1, "anyone");
    if (lua_toboolean(state, -1)) {
        ways++;
        said.match = MATCH_ANYONE;
        said.text = SLICE_NONE;
        say(state, &said);
    }
    if (ways == 0) {
        return luaL_error(state,
                          "role \"%s\" says no way to have it: cn, spki, token, "
                          "token_group, uid, gid, listener or anyone = true",
                          name.at);
    }
    return 0;
}

/* rule.when: kept on the Lua side under a number; whether it denies is kept here. */
static int condition_of(lua_State *state, enum access_effect effect)
{
    struct policy *policy = policy_of(state);
    lua_getfield(state, 1, "when");
    if (lua_isnil(state, -1)) {
        lua_pop(state, 1);
        return -1;
    }
    luaL_checktype(state, -1, LUA_TFUNCTION);
    if (policy->condition_count == POLICY_CONDITIONS_MAX) {
        luaL_error(state, "more than %d rules with a condition", POLICY_CONDITIONS_MAX);
    }
    push_entry(state, "add_condition");
    lua_insert(state, -2);
    lua_call(state, 1, 1);
    int index = (int)lua_tointeger(state, -1);
    lua_pop(state, 1);
    policy->condition_denies[policy->condition_count++] = effect == ACCESS_DENY;
    return index - 1;
}

static bool word(lua_State *state, struct arena *arena, const char *field, const char *yes,
                 const char *no, bool otherwise)
{
    struct slice text = text_of(state, arena, field);
    if (!text.at) {
        return otherwise;
    }
    if (!slice_is(text, yes) && !slice_is(text, no)) {
        luaL_error(state, "%s is \"%s\"; write \"%s\" or \"%s\"", field, text.at, yes, no);
    }
    return slice_is(text, yes);
}

static int env_rule(lua_State *state)
{
    static const char *const known[] = {"roles", "ops", "effect", "tenant", "waives",
                                        "when",  "why", "mode",   "preset", NULL};
    struct arena *arena = loading(state)->arena;
    struct said said = {.what = SAID_RULE};
    struct access_rule rule = {.place = place_of(state, arena),
                               .name = name_of(state, arena, "rule")};
    only_known(state, known, "a rule");
    rule.roles = list_of(state, arena, "roles", &rule.role_count);
    said.preset = text_of(state, arena, "preset");
    if (said.preset.at) {
        said.what = SAID_PRESET;
        said.rule = rule;
        say(state, &said);
        return 0;
    }
    lua_getfield(state, 1, "effect");
    if (lua_isnil(state, -1)) {
        luaL_error(state, "rule \"%s\" needs effect = \"allow\" or \"deny\"", rule.name.at);
    }
    lua_pop(state, 1);
    rule.effect = word(state, arena, "effect", "allow", "deny", false) ? ACCESS_ALLOW : ACCESS_DENY;
    rule.tenant = word(state, arena, "tenant", "any", "own", false) ? ACCESS_ANY : ACCESS_OWN;
    rule.warn = word(state, arena, "mode", "warn", "enforce", false);
    rule.operations = list_of(state, arena, "ops", &rule.operation_count);
    rule.waives = list_of(state, arena, "waives", &rule.waive_count);
    rule.why = text_of(state, arena, "why");
    rule.when = condition_of(state, rule.effect);
    said.rule = rule;
    say(state, &said);
    return 0;
}

void rules_open(lua_State *state)
{
    lua_pushcfunction(state, env_role);
    lua_setfield(state, -2, "role");
    lua_pushcfunction(state, env_rule);
    lua_setfield(state, -2, "rule");
}
