/* Tests of policy/access: who gets which role, what rules decide, what a file may say. */
#include "policy/access.h"
#include "policy/body.h"
#include "tests/unit/test.h"

#include <stdio.h>

static const char *const operations[] = {
    "container.list",   "container.create", "container.delete",
    "exec.create",      "image.pull",       "swarm.init",
    "system.ping",      "image.tag",        "container.archive.get",
    "container.inspect"};
enum { LIST, CREATE, DELETE, EXEC, PULL, SWARM, PING, TAG, ARCHIVE, INSPECT };

static struct access_rules *read_rules(const char *text)
{
    struct access_builder *builder =
        access_builder_new(operations, sizeof(operations) / sizeof(*operations));
    struct failure failure = {0};
    cr_assert_eq(access_read_file(builder, slice_of(text), "t", &failure), 0, "%s", failure.text);
    return access_build(&builder);
}

static struct identity token(const char *name, const char *group)
{
    return (struct identity){.proof = PROOF_TOKEN,
                             .name = slice_of(name),
                             .token = slice_of(name),
                             .group = slice_of(group),
                             .uid = -1,
                             .gid = -1};
}

static struct access_verdict decide(const struct access_rules *rules, struct identity identity,
                                    int operation)
{
    access_identify(rules, &identity);
    return access_decide(rules, &identity, operation, NULL, NULL);
}

Test(access, no_rules_allow_everything)
{
    struct access_rules *rules = read_rules("# nothing\n\n");
    struct access_verdict verdict = decide(rules, token("a", ""), SWARM);
    cr_expect(verdict.allowed && verdict.any_tenant);
    expect_text(verdict.rule, "open");
    access_free(&rules);
}

Test(access, deny_wins_and_default_denies)
{
    struct access_rules *rules =
        read_rules("role ops token=root\n"
                   "role dev group=devs\n"
                   "rule admins allow roles=ops ops=* tenant=any waives=*\n"
                   "rule work allow roles=dev ops=container.*,exec.*\n"
                   "rule never deny roles=dev ops=container.delete "
                   "why=\"ask ops\"\n");
    struct access_verdict verdict = decide(rules, token("ann", "devs"), CREATE);
    cr_expect(verdict.allowed && !verdict.any_tenant && verdict.waives == 0);
    expect_text(verdict.rule, "work");
    verdict = decide(rules, token("ann", "devs"), DELETE);
    cr_expect(!verdict.allowed);
    expect_text(verdict.rule, "never");
    expect_text(verdict.why, "ask ops");
    verdict = decide(rules, token("ann", "devs"), PULL);
    cr_expect(!verdict.allowed);
    expect_text(verdict.rule, "default");
    verdict = decide(rules, token("root", ""), DELETE);
    cr_expect(verdict.allowed && verdict.any_tenant && verdict.waives == UINT64_MAX);
    cr_expect(decide(rules, token("ann", "devs"), ARCHIVE).allowed, "container.* covers it");
    cr_expect(!decide(rules, token("eve", ""), LIST).allowed);
    cr_expect(!decide(rules, token("root", ""), -1).allowed, "unknown operations are denied");
    cr_expect(!decide(rules, token("root", ""), 9999).allowed);
    access_free(&rules);
}

Test(access, warn_lets_through_and_says_so)
{
    struct access_rules *rules = read_rules("role all anyone\nrule a allow roles=all ops=*\n"
                                            "rule w deny ops=exec.* warn\n");
    struct access_verdict verdict = decide(rules, token("x", ""), EXEC);
    cr_expect(verdict.allowed && verdict.warned);
    expect_text(verdict.rule, "w");
    cr_expect(!decide(rules, token("x", ""), LIST).warned);
    access_free(&rules);
}

Test(access, roles_are_known_by_what_was_proved)
{
    struct access_rules *rules =
        read_rules("role cert cert=*@corp.example\nrole pin spki=abcd\nrole one uid=1000 uid=1001\n"
                   "role grp gid=5\nrole l listener=unix:///run/x.sock\n"
                   "role team group=devs tenant=shared\n");
    struct identity identity = {.proof = PROOF_CERTIFICATE,
                                .name = SLICE("a@corp.example"),
                                .names = {SLICE("x.example"), SLICE("a@corp.example")},
                                .name_count = 2,
                                .spki = SLICE("abcd"),
                                .uid = 1000,
                                .gid = 5};
    access_identify(rules, &identity);
    expect_int(identity.roles, 3); /* uid and gid count only when a unix socket proved them */
    expect_slice(identity.tenant, "a@corp.example");
    identity.proof = PROOF_UNIX;
    access_identify(rules, &identity);
    expect_int(identity.roles, 4 | 8);
    identity = (struct identity){.listener = SLICE("unix:///run/x.sock"), .uid = -1, .gid = -1};
    access_identify(rules, &identity);
    expect_int(identity.roles, 16);
    expect_slice(identity.tenant, "");
    identity = token("ann", "devs");
    access_identify(rules, &identity);
    expect_int(identity.roles, 32);
    expect_slice(identity.tenant, "shared");
    access_free(&rules);
}

static bool holds(int when, void *context)
{
    return when == *(int *)context;
}

Test(access, conditions_fail_closed_without_their_script)
{
    struct access_builder *builder = access_builder_new(operations, 10);
    struct slice all = SLICE("*");
    struct access_rule allow = {
        .name = SLICE("a"), .operations = &all, .operation_count = 1, .when = -1};
    struct access_rule deny = {.name = SLICE("d"),
                               .effect = ACCESS_DENY,
                               .operations = &all,
                               .operation_count = 1,
                               .when = 7};
    struct failure failure;
    int seven = 7, eight = 8;
    cr_assert_eq(access_add_rule(builder, &allow, &failure), 0);
    cr_assert_eq(access_add_rule(builder, &deny, &failure), 0);
    struct access_rules *rules = access_build(&builder);
    struct identity identity = token("x", "");
    access_identify(rules, &identity);
    cr_expect(!access_decide(rules, &identity, LIST, NULL, NULL).allowed);
    cr_expect(!access_decide(rules, &identity, LIST, holds, &seven).allowed);
    cr_expect(access_decide(rules, &identity, LIST, holds, &eight).allowed);
    access_free(&rules);
}

Test(access, limits_are_the_tightest_of_all_roles)
{
    struct access_rules *rules =
        read_rules("role a anyone\nrole b token=x\n"
                   "limit a rate=20/s burst=40 streams=32 memory=16g cpus=1.5\n"
                   "limit b rate=5 streams=64 containers=3\n");
    struct identity identity = token("x", "");
    access_identify(rules, &identity);
    struct access_limits limits = access_limits(rules, &identity);
    cr_expect(limits.rate > 4.99 && limits.rate < 5.01);
    expect_int(limits.streams, 32);
    expect_int(limits.containers, 3);
    expect_int(limits.memory_bytes, INT64_C(16) << 30);
    expect_int(limits.nano_cpus, 1500000000);
    access_free(&rules);
}

Test(access, bad_files_name_the_line)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"x", "t:1: \"x\": a line begins with role, rule or limit"},
        {"\nrole", "t:2: role needs a name"},
        {"role a", "nobody could have this role"},
        {"role a name=x", "a role is known by"},
        {"role a uid=root", "not the number"},
        {"rule a allow", "needs operations"},
        {"rule a permit ops=*", "allow|deny"},
        {"rule a allow ops=container.crate", "did you mean \"container.create\"?"},
        {"rule a allow roles=b ops=*", "no role \"b\""},
        {"rule a allow ops=* waives=root", "no code \"root\""},
        {"rule a deny ops=* waives=privileged", "can't waive"},
        {"rule a allow ops=* warn", "warn mode"},
        {"rule a allow ops=*\nrule a allow ops=*", "t:2: two rules are named \"a\""},
        {"rule a allow ops=* tenant=all", "own or any"},
        {"rule a allow preset=nope", "no preset \"nope\"; there are: admin developer"},
        {"rule a allow ops=\"*", "not closed"},
        {"rule a allow ops=,", "empty name"},
        {"limit a rate=1", "no role \"a\""},
        {"role a anyone\nlimit a rate=0", "a limit is"},
        {"role a anyone\nlimit a memory=9999999t", "a limit is"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct access_builder *builder = access_builder_new(operations, 10);
        struct failure failure = {0};
        cr_expect_eq(access_read_file(builder, slice_of(rows[i].text), "t", &failure), -1, "%s",
                     rows[i].text);
        cr_expect(strstr(failure.text, rows[i].part), "\"%s\": %s", rows[i].text, failure.text);
        access_builder_free(&builder);
    }
}

Test(access, shadowed_rules_are_named)
{
    struct access_builder *builder = access_builder_new(operations, 10);
    struct failure failure;
    struct buffer out;
    buffer_init(&out, 4096);
    cr_assert_eq(access_read_file(builder,
                                  SLICE("role a anyone\nrole b token=x\n"
                                        "rule all allow ops=container.* tenant=any\n"
                                        "rule part allow roles=b ops=container.list\n"
                                        "rule more allow roles=b ops=image.pull\n"
                                        "rule never deny ops=image.*\n"),
                                  "t", &failure),
                 0, "%s", failure.text);
    expect_int(access_shadowed(builder, &out), 2);
    expect_text(out.at, "part is covered by all\nmore is covered by never\n");
    buffer_deinit(&out);
    access_builder_free(&builder);
}
