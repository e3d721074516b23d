/* Tests of access/learn: rules that would have allowed what was seen. */
#include "proxy/access/learn.h"
#include "tests/unit/test.h"

static struct buffer out;
static struct failure failure;

static void set_up(void)
{
    buffer_init(&out, 65536);
    failure_clear(&failure);
}

static void tear_down(void)
{
    buffer_deinit(&out);
}

TestSuite(learn, .init = set_up, .fini = tear_down);

Test(learn, writes_a_role_and_a_rule_for_each_identity)
{
    struct slice log = SLICE("{\"who\":\"ann\",\"proof\":\"token\",\"operation\":\"container."
                             "list\",\"verdict\":\"warn\"}\n"
                             "{\"who\":\"uid:998\",\"proof\":\"unix\",\"operation\":\"system."
                             "ping\",\"verdict\":\"allow\"}\n\n"
                             "{\"who\":\"ann\",\"proof\":\"token\",\"operation\":\"container."
                             "create\",\"verdict\":\"warn\","
                             "\"codes\":\"privileged,mount.bind\"}\n"
                             "{\"who\":\"ann\",\"proof\":\"token\",\"operation\":\"container."
                             "list\",\"verdict\":\"warn\"}\n"
                             "{\"who\":\"eve\",\"proof\":\"token\",\"operation\":\"swarm.init\","
                             "\"verdict\":\"deny\"}\n");
    cr_assert_eq(learn_rules(log, &out, &failure), 0, "%s", failure.text);
    expect_text(
        out.at,
        "role learned-1 \"token=ann\"\n"
        "rule learned-1 allow roles=learned-1 tenant=own ops=container.create,container.list "
        "waives=mount.bind,privileged\n"
        "role learned-2 \"uid=998\"\n"
        "rule learned-2 allow roles=learned-2 tenant=own ops=system.ping\n");
}

Test(learn, names_the_line_that_is_none)
{
    cr_expect_eq(learn_rules(SLICE("\n{\"a\":1}\n"), &out, &failure), -1);
    expect_text(failure.text, "line 2: not a line of an audit log");
    cr_expect_eq(learn_rules(SLICE("hello"), &out, &failure), -1);
    cr_expect(slice_starts(slice_of(failure.text), "line 1: "), "%s", failure.text);
}
