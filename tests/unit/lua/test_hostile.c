/* Hostile: policies that run away, blow up or lie each end soon, and the next call is served. */
#include "tests/unit/lua/fixture.h"
#include "tests/unit/lua/hostile.h"

/* Far above the budgets of 1 to 5 ms: the tests run under sanitizers on busy machines. Exact times
 * are the bench's. */
#define SOON_NS 2000000000LL

Test(hostile, every_policy_ends_and_denies)
{
    struct identity identity = {.uid = -1, .gid = -1};
    struct policy_request request = {.identity = &identity, .operation = SLICE("container.create")};
    for (size_t i = 0; i < sizeof(hostile_bodies) / sizeof(hostile_bodies[0]); i++) {
        struct policy_host *host = host_new();
        char text[600];
        struct policy_answer answer;
        snprintf(text, sizeof(text),
                 "function policy.access(req)\n if req.op == 'system.ping' then "
                 "return nil end\n %s\nend",
                 hostile_bodies[i]);
        struct policy *policy = policy_with(host, text);
        int64_t start = test_monotonic_ns();
        policy_access(policy, &request, &answer);
        int64_t took = test_monotonic_ns() - start;
        cr_expect(took < SOON_NS, "%s took %lld ms", hostile_bodies[i], (long long)took / 1000000);
        cr_expect_eq(answer.say, POLICY_DENY, "%s", hostile_bodies[i]);
        cr_expect_eq(answer.status, 503, "%s", hostile_bodies[i]);
        cr_expect(answer.code && slice_starts(slice_of(answer.code), "policy_"), "%s",
                  hostile_bodies[i]);
        cr_expect_eq(policy_host_counters(host)->failures[POLICY_ACCESS], 1);
        request.operation = SLICE("system.ping");
        policy_access(policy, &request, &answer);
        cr_expect_eq(answer.say, POLICY_NOTHING, "after %s: %s", hostile_bodies[i], answer.why);
        request.operation = SLICE("container.create");
        policy_release(&policy);
        policy_host_free(&host);
    }
}

Test(hostile, none_can_be_loaded_for_ever)
{
    static const char *const texts[] = {
        "while true do end",
        "local t = {} while true do t[#t + 1] = {} end",
        "while true do test { 'x' } end",
        "while true do role { 'x', anyone = true } end",
        "local s = 'x' while true do s = s .. s end",
        "test { 'x', nodes = { setmetatable({}, { __index = function() while true do end end }) },"
        " expect = {} }",
        "local t = { 'x', expect = {} } t.nodes = t test(t)",
        "function policy.filter() while true do end end "
        "test { 'x', nodes = { { name = 'a' } }, expect = { node = 'a' } }",
    };
    struct policy_host *host = host_new();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_expect_str_neq(host_load(host, texts[i]), "", "%s", texts[i]);
    }
    policy_host_free(&host);
}

Test(hostile, reasons_tell_timeout_memory_error_and_nonsense_apart)
{
    static const struct {
        const char *body, *code, *why;
    } cases[] = {
        {"while true do end", "policy_timeout", NULL},
        {"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(30000) .. i end", NULL, NULL},
        {"\n\nerror('no')", "policy_error",
         "policy.access failed, so nothing is let through: policy.lua:3: no"},
        {"return 5", "policy_answer",
         "policy.access failed, so nothing is let through: it returned a number, not nil, deny(…) "
         "or allow(…)"},
        {"return deny('not now', 429)", "policy_denied", "not now"},
    };
    struct identity identity = {.uid = -1, .gid = -1};
    struct policy_request request = {.identity = &identity, .operation = SLICE("container.create")};
    struct policy_host *host = host_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[300];
        struct policy_answer answer;
        snprintf(text, sizeof(text), "function policy.access(req) %s end", cases[i].body);
        struct policy *policy = policy_with(host, text);
        policy_access(policy, &request, &answer);
        expect_int(answer.say, POLICY_DENY);
        if (cases[i].code) {
            expect_text(answer.code, cases[i].code);
        }
        if (cases[i].why) {
            expect_text(answer.why, cases[i].why);
        }
        policy_release(&policy);
    }
    expect_int(policy_host_counters(host)->nonsense, 1);
    policy_host_free(&host);
}
