/* Policy: loading, checking, generations. */
#include "tests/unit/lua/fixture.h"

Test(policy, loads_and_says_what_it_has)
{
    struct policy_host *host = host_new();
    expect_text(host_load(host,
                          "policy.api = 1\n"
                          "function policy.filter(job, node) return true end\n"
                          "test { 'ok', nodes = { { name = 'a' } }, expect = { node = 'a' } }"),
                "");
    struct policy_info info = policy_host_info(host);
    expect_int(info.generation, 1);
    expect_int(info.tests, 1);
    cr_expect(info.has[POLICY_FILTER] && !info.has[POLICY_SCORE]);
    cr_expect_not(info.can_roll_back);
    policy_host_free(&host);
}

Test(policy, refuses_with_file_and_line_and_keeps_what_served)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"policy.api = 2", "policy.lua:1: policy.api is 2; this berthd speaks 1"},
        {"\nfunction policy.fliter() end",
         "policy.lua:2: there is no callback policy.fliter; there are: access admit filter score "
         "pick visible agent_join reschedule"},
        {"policy.filter = 3", "policy.lua:1: policy.filter is a number, not a function"},
        {"local x = (", "policy.lua:1: unexpected symbol near '<eof>'"},
        {"local a = 1\nlocal b = foo + a", "policy.lua:2: unknown global \"foo\""},
        {"function policy.score()\n count = 1\nend",
         "policy.lua:2: assignment to a global (write local) \"count\""},
        {"print('x')", "policy.lua:1: unknown global (use log) \"print\""},
        {"local t = os.time()",
         "policy.lua:1: unknown global (no I/O here; now() tells the time) \"os\""},
        {"\x1bLJ\x02", "policy.lua:1: is bytecode; only text is loaded"},
        {"\n\nerror('boom')", "policy.lua:3: boom"},
        {"rule { 'x', roles = { 'nobody' }, ops = { '*' }, effect = 'allow' }", NULL},
        {"role { 'x', anyone = true }\nrule { 'r', ops = { 'container.creat' }, effect = 'deny' }",
         NULL},
        {"role { 'x' }", NULL},
        {"role { 'x', cnn = 'a' }", "policy.lua:1: a role has no field \"cnn\""},
        {"rule { 'x', ops = { '*' } }",
         "policy.lua:1: rule \"x\" needs effect = \"allow\" or \"deny\""},
        {"test { 'x', nodes = { { name = 'a' } }, expect = { node = 'b' } }",
         "policy.lua:1: test \"x\" failed: expected node b, got a"},
        {"test { 'x' }", "policy.lua:1: test \"x\" failed: it needs expect = { … }"},
        {"local s = ''\nwhile true do s = 'x' end", NULL},
    };
    struct policy_host *host = host_new();
    expect_text(host_load(host, "function policy.filter() end"), "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = host_load(host, cases[i].text);
        if (cases[i].wrong) {
            expect_text(got, cases[i].wrong);
        } else {
            cr_expect(slice_starts(slice_of(got), "policy.lua"), "%s: \"%s\"", cases[i].text, got);
        }
        expect_int(policy_host_info(host).generation, 1);
    }
    expect_int(policy_host_counters(host)->loads_refused, sizeof(cases) / sizeof(cases[0]));
    policy_host_free(&host);
}

Test(policy, report_closes_with_passed_and_failed)
{
    struct policy_host *host = host_new();
    struct buffer report;
    buffer_init(&report, 10000);
    struct policy_source source = {
        SLICE("p.lua"),
        SLICE("test { 'good', nodes = { { name = 'a' } }, expect = { node = 'a' } }\n"
              "test { 'bad', nodes = { { name = 'a' } }, expect = { node = 'b' } }\n")};
    cr_expect_eq(policy_host_load(host, &source, 1, &report, NULL), -1);
    expect_slice(buffer_slice(&report), "p.lua:2: test \"bad\" failed: expected node b, got a\n"
                                        "1 passed, 1 failed\n");
    buffer_deinit(&report);
    policy_host_free(&host);
}

Test(policy, rolls_back_and_forth)
{
    struct policy_host *host = host_new();
    struct failure failure = {0};
    cr_expect_eq(policy_host_rollback(host, &failure), -1);
    expect_text(failure.text, "there is no policy generation before this one to go back to");
    expect_text(host_load(host, "function policy.filter() end"), "");
    expect_text(host_load(host, "function policy.score() end"), "");
    struct policy *held = policy_hold(host);
    cr_expect_eq(policy_host_rollback(host, &failure), 0);
    cr_expect(policy_host_info(host).has[POLICY_FILTER]);
    expect_int(policy_host_info(host).generation, 3);
    expect_text(host_load(host, "function policy.pick() end"), "");
    expect_text(host_load(host, "function policy.admit() end"), "");
    cr_expect(policy_has(held, POLICY_SCORE), "work under way keeps its generation");
    policy_release(&held);
    policy_host_free(&host);
}

Test(policy, several_files_are_one_policy)
{
    struct policy_host *host = host_new();
    struct failure failure = {0};
    struct policy_source sources[] = {
        {SLICE("10-a.lua"), SLICE("function policy.filter(job, node)\n"
                                  "  if node.name == 'a' then return false, 'not a' end\nend\n"
                                  "function policy.score(job, node, base) return 1 end")},
        {SLICE("20-b.lua"), SLICE("function policy.filter(job, node)\n"
                                  "  if node.name == 'b' then return false, 'not b' end\nend\n"
                                  "function policy.score(job, node, base) return base + 1 end\n"
                                  "test { 'both', nodes = { { name = 'a' }, { name = 'b' }, "
                                  "{ name = 'c' } }, expect = { node = 'c', a = 'not a', "
                                  "b = 'not b', score = { c = 2 } } }")}};
    cr_expect_eq(policy_host_load(host, sources, 2, NULL, &failure), 0, "%s", failure.text);
    struct buffer text;
    buffer_init(&text, 10000);
    policy_host_text(host, &text);
    cr_expect(slice_contains(buffer_slice(&text), "-- 20-b.lua\nfunction"));
    buffer_deinit(&text);
    policy_host_free(&host);
}

Test(policy, reload_of_a_large_policy_is_quick)
{
    struct policy_host *host = host_new();
    struct buffer text;
    buffer_init(&text, 1000000);
    buffer_text(&text, "role { 'dev', token_group = 'devs' }\n");
    for (int i = 0; i < 500; i++) {
        buffer_printf(&text,
                      "rule { 'r%d', roles = { 'dev' }, ops = { 'container.create' }, "
                      "effect = 'allow', when = function(r) return r.op == 'x%d' end }\n",
                      i, i);
    }
    expect_text(host_load(host, text.at), "");
    expect_int(policy_host_info(host).rules, 500);
    buffer_deinit(&text);
    policy_host_free(&host);
}
