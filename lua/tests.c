/* Tests: the policy's own test{} cases, run before it may serve. The tables are taken over as plain
 * values first, so that nothing of the script runs but what is tested. */
#include "lua/tests_private.h"

#include <stdarg.h>
#include <stdio.h>

void test_wrong(struct test_case *test, const char *format, ...)
{
    if (test->wrong[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(test->wrong, sizeof(test->wrong), format, arguments);
        va_end(arguments);
    }
}

void test_only_known(struct test_case *test, const struct value *map, const char *what,
                     const char *const *known)
{
    VALUE_EACH(member, map)
    {
        bool found = false;
        for (const char *const *name = known; *name && !found; name++) {
            found = slice_is(member->key, *name);
        }
        if (!found) {
            test_wrong(test, "%s has no field \"" SLICE_FMT "\"", what, SLICE_ARG(member->key));
        }
    }
}

struct tags test_tags(struct arena *arena, const struct value *map)
{
    struct tags tags = {0};
    if (!map || map->type != VALUE_MAP) {
        return tags;
    }
    struct tag *list = arena_alloc(arena, (map->count + 1) * sizeof(*list));
    VALUE_EACH(member, map)
    {
        list[tags.count++] = (struct tag){member->key, member->text};
    }
    tags.list = list;
    return tags;
}

static void add_role(struct test_case *test, struct identity *identity, struct slice name)
{
    int role = access_find_role(test->policy->rules, name);
    if (role < 0) {
        test_wrong(test, "no role{} is called \"" SLICE_FMT "\"", SLICE_ARG(name));
    } else {
        identity->roles |= 1ULL << role;
    }
}

void test_identity(struct test_case *test, struct identity *identity)
{
    static const char *const known[] = {"role", "roles", "tenant", "name", "group", "peer", NULL};
    const struct value *as = value_find(test->fields, "as");
    *identity = (struct identity){.uid = -1, .gid = -1};
    test_only_known(test, as, "as", known);
    identity->name = value_get_text(as, "name");
    identity->tenant = value_get_text(as, "tenant");
    identity->group = value_get_text(as, "group");
    identity->peer = value_get_text(as, "peer");
    struct slice role = value_get_text(as, "role");
    if (role.length > 0) {
        add_role(test, identity, role);
    }
    VALUE_EACH(item, value_find(as, "roles"))
    {
        add_role(test, identity, item->text);
    }
}

void test_agent_run(struct test_case *test)
{
    static const char *const known[] = {"agent", "expect", NULL};
    static const char *const expected[] = {"effect", "why", "labels", NULL};
    const struct value *agent = value_find(test->fields, "agent");
    struct policy_agent shown = {.name = value_get_text(agent, "name"),
                                 .pool = value_get_text(agent, "pool"),
                                 .proof = value_get_text(agent, "proof"),
                                 .address = value_get_text(agent, "addr"),
                                 .labels = test_tags(test->arena, value_find(agent, "labels"))};
    struct tags labels;
    struct policy_answer answer;
    test_only_known(test, test->fields, "a test of agent_join", known);
    test_only_known(test, test->expect, "expect", expected);
    policy_agent_join(test->policy, &shown, test->arena, &labels, &answer);
    struct slice effect = value_get_text(test->expect, "effect");
    bool denied = answer.say == POLICY_DENY;
    if (effect.length > 0 && slice_is(effect, "deny") != denied) {
        test_wrong(test, "expected " SLICE_FMT ", got %s%s", SLICE_ARG(effect),
                   denied ? "deny: " : "allow", answer.why);
    }
    struct slice why = value_get_text(test->expect, "why");
    if (why.length > 0 && !slice_is(why, answer.why)) {
        test_wrong(test, "expected why \"" SLICE_FMT "\", got \"%s\"", SLICE_ARG(why), answer.why);
    }
    VALUE_EACH(label, value_find(test->expect, "labels"))
    {
        struct slice got = SLICE_NONE;
        for (size_t i = 0; i < labels.count; i++) {
            got = slice_equal(labels.list[i].key, label->key) ? labels.list[i].value : got;
        }
        if (!slice_equal(got, label->text)) {
            test_wrong(test, "expected label " SLICE_FMT "=" SLICE_FMT ", got \"" SLICE_FMT "\"",
                       SLICE_ARG(label->key), SLICE_ARG(label->text), SLICE_ARG(got));
        }
    }
}

void test_reschedule_run(struct test_case *test)
{
    static const char *const known[] = {"container", "node", "expect", NULL};
    static const char *const expected[] = {"reschedule", NULL};
    const struct value *shown = value_find(test->fields, "container");
    const struct value *from = value_find(test->fields, "node");
    struct container container = {.name = value_get_text(shown, "name"),
                                  .image = value_get_text(shown, "image"),
                                  .holds_state = value_get_bool(shown, "holds_state", false),
                                  .labels = test_tags(test->arena, value_find(shown, "labels"))};
    struct node node = {.name = value_get_text(from, "name"),
                        .tags = test_tags(test->arena, value_find(from, "tags"))};
    test_only_known(test, test->fields, "a test of reschedule", known);
    test_only_known(test, test->expect, "expect", expected);
    bool wanted = value_get_bool(test->expect, "reschedule", true);
    bool got = policy_reschedule(test->policy, &container, &node, !container.holds_state);
    if (got != wanted) {
        test_wrong(test, "expected reschedule = %s, got %s", wanted ? "true" : "false",
                   got ? "true" : "false");
    }
}

void test_visible_run(struct test_case *test)
{
    static const char *const known[] = {"as", "object", "expect", NULL};
    static const char *const expected[] = {"visible", NULL};
    const struct value *shown = value_find(test->fields, "object");
    struct policy_object object = {.kind = value_get_text(shown, "kind"),
                                   .name = value_get_text(shown, "name"),
                                   .owner = value_get_text(shown, "owner"),
                                   .node = value_get_text(shown, "node"),
                                   .labels = test_tags(test->arena, value_find(shown, "labels"))};
    struct identity identity;
    test_only_known(test, test->fields, "a test of visible", known);
    test_only_known(test, test->expect, "expect", expected);
    test_identity(test, &identity);
    bool wanted = value_get_bool(test->expect, "visible", true);
    bool got = policy_visible(test->policy, &identity, &object);
    if (got != wanted) {
        test_wrong(test, "expected visible = %s, got %s", wanted ? "true" : "false",
                   got ? "true" : "false");
    }
}

struct taking {
    struct test_case *test;
    size_t index;
};

/* Takes the case's table over as values. */
static int take_case(lua_State *state)
{
    struct taking *taking = lua_touserdata(state, 1);
    struct test_case *test = taking->test;
    push_entry(state, "get_test");
    lua_pushinteger(state, (lua_Integer)taking->index);
    lua_call(state, 1, 2);
    test->place = arena_text(test->arena, slice_at(state, -1));
    lua_pop(state, 1);
    lua_rawgeti(state, -1, 1);
    test->name = arena_text(test->arena, slice_at(state, -1));
    lua_pop(state, 1);
    lua_pushnil(state);
    lua_rawseti(state, -2, 1);
    test->fields = to_value(state, -1, test->arena, NULL);
    return 0;
}

static void run_case(struct test_case *test)
{
    static const struct {
        const char *field;
        void (*run)(struct test_case *test);
    } kinds[] = {{"nodes", test_place_run},
                 {"op", test_request_run},
                 {"agent", test_agent_run},
                 {"container", test_reschedule_run},
                 {"object", test_visible_run}};
    test->expect = value_find(test->fields, "expect");
    if (!test->expect || test->expect->type != VALUE_MAP || test->expect->count == 0) {
        test_wrong(test, "it needs expect = { … }");
        return;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (value_find(test->fields, kinds[i].field)) {
            kinds[i].run(test);
            return;
        }
    }
    test_wrong(test, "what does it test? It needs nodes, op, agent, container or object");
}

int tests_run(struct policy *policy, struct buffer *report, struct failure *failure)
{
    size_t failed = 0;
    for (size_t i = 1; i <= policy->test_count; i++) {
        struct test_case test = {.policy = policy, .arena = arena_new()};
        struct taking taking = {&test, i};
        struct failure taken = {0};
        if (sandbox_protect(policy->sandbox, take_case, &taking, &taken) != 0) {
            test_wrong(&test, "%s", taken.text);
        } else {
            run_case(&test);
        }
        if (test.wrong[0] != '\0') {
            char text[900];
            snprintf(text, sizeof(text), "%s: test \"%.100s\" failed: %s",
                     test.place ? test.place : "?", test.name ? test.name : "?", test.wrong);
            if (report) {
                buffer_printf(report, "%s\n", text);
            }
            if (failed++ == 0) {
                failure_set(failure, FAILURE_INVALID, "%s", text);
            }
        }
        arena_free(&test.arena);
    }
    policy->tests_passed = policy->test_count - failed;
    if (report) {
        buffer_printf(report, "%zu passed, %zu failed\n", policy->tests_passed, failed);
    }
    return failed == 0 ? 0 : -1;
}
