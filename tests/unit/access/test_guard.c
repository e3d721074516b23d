/* Tests of access/guard and access/audit: loading all or nothing, the way of a call, what is
 * recorded. */
#include "proxy/access/guard.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const operations[] = {"container.list", "container.create", "image.tag",
                                         "system.ping"};
static char folder[] = "/tmp/berth-guard-XXXXXX";
static char file[64], log_file[64];
static struct failure failure;
static struct guard *guard;

static void write_rules(const char *text)
{
    FILE *out = fopen(file, "w");
    cr_assert(out);
    fputs(text, out);
    fclose(out);
}

static void set_up(void)
{
    cr_assert(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/access", folder);
    snprintf(log_file, sizeof(log_file), "%s/audit", folder);
    failure_clear(&failure);
}

static void tear_down(void)
{
    guard_free(&guard);
    unlink(file);
    unlink(log_file);
    rmdir(folder);
}

TestSuite(guard, .init = set_up, .fini = tear_down);

static void start(const char *rules, bool warn)
{
    write_rules(rules);
    struct guard_options options = {.operations = operations,
                                    .operation_count = 4,
                                    .access_file = file,
                                    .audit_file = log_file,
                                    .warn = warn};
    guard = guard_new(&options, &failure);
    cr_assert(guard, "%s", failure.text);
}

static int admit(struct pass *pass, const char *name, const char *operation, bool stream)
{
    uint64_t retry;
    *pass = (struct pass){.identity = {.proof = PROOF_TOKEN,
                                       .name = slice_of(name),
                                       .token = slice_of(name),
                                       .peer = SLICE("10.0.0.1:5")}};
    failure_clear(&failure);
    return guard_admit(guard, pass, operation, stream, 1000, NULL, NULL, &retry, &failure);
}

Test(guard, a_broken_file_leaves_the_old_rules)
{
    struct pass pass;
    start("role a anyone\nrule a allow ops=container.list\n", false);
    cr_expect_eq(admit(&pass, "x", "container.list", false), 0);
    cr_expect_eq(admit(&pass, "x", "container.create", false), -1);
    cr_expect(strstr(failure.text, "may not do container.create: no rule allows it (rule default)"),
              "%s", failure.text);
    write_rules("rule a allow ops=everything\n");
    cr_expect_eq(guard_reload(guard, &failure), -1);
    cr_expect(strstr(failure.text, "access:1: no operation \"everything\""), "%s", failure.text);
    cr_expect_eq(admit(&pass, "x", "container.list", false), 0);
    expect_int(guard_generation(guard), 1);
    write_rules("rule a allow ops=*\n");
    cr_expect_eq(guard_reload(guard, &failure), 0);
    cr_expect_eq(admit(&pass, "x", "container.create", false), 0);
    expect_int(guard_generation(guard), 2);
}

Test(guard, a_stranger_is_told_to_show_who_he_is)
{
    struct pass pass = {.identity = {.name = SLICE("anonymous")}};
    uint64_t retry;
    start("role a token=*\nrule a allow roles=a ops=*\n", false);
    cr_expect_eq(
        guard_admit(guard, &pass, "container.list", false, 1, NULL, NULL, &retry, &failure), -1);
    expect_int(failure.kind, FAILURE_UNIDENTIFIED);
}

Test(guard, violations_need_a_waiver)
{
    struct pass pass;
    struct body_report report = {.violation_count = 1};
    report.violations[0] = (struct violation){VIOLATION_PRIVILEGED, SLICE("HostConfig.Privileged"),
                                              SLICE("true"), false};
    start("role a token=a\nrole b token=b\nrule a allow roles=a ops=*\n"
          "rule b allow roles=b ops=* waives=privileged,image.tag\n",
          false);
    cr_assert_eq(admit(&pass, "a", "container.create", false), 0);
    cr_expect_eq(guard_check_report(guard, &pass, &report, &failure), -1);
    cr_expect(strstr(failure.text, "HostConfig.Privileged true would give"), "%s", failure.text);
    cr_assert_eq(admit(&pass, "a", "image.tag", false), 0);
    cr_expect_eq(guard_check_operation(guard, &pass, &failure), -1);
    cr_assert_eq(admit(&pass, "b", "container.create", false), 0);
    cr_expect_eq(guard_check_report(guard, &pass, &report, &failure), 0);
    expect_text(pass.codes, "privileged");
    cr_assert_eq(admit(&pass, "b", "image.tag", false), 0);
    cr_expect_eq(guard_check_operation(guard, &pass, &failure), 0);
}

Test(guard, warn_mode_lets_through_and_records)
{
    struct pass pass;
    char line[2048];
    start("role a anyone\nrule a allow ops=container.list\n", true);
    cr_expect_eq(admit(&pass, "x\ny", "container.create", false), 0);
    cr_expect(pass.would_deny);
    guard_record(guard, &pass,
                 &(struct audit_entry){.method = SLICE("POST"),
                                       .path = SLICE("/containers/create"),
                                       .status = 201,
                                       .duration_ms = 12,
                                       .node = SLICE("node-1")});
    FILE *in = fopen(log_file, "r");
    cr_assert(in);
    cr_assert(fgets(line, sizeof(line), in));
    cr_expect(strstr(line, "\"who\":\"x\\ny\",\"proof\":\"token\""), "%s", line);
    cr_expect(strstr(line, "\"operation\":\"container.create\""), "%s", line);
    cr_expect(strstr(line,
                     "\"node\":\"node-1\",\"verdict\":\"warn\",\"rule\":\"default\",\"status\":201,"
                     "\"ms\":12,\"generation\":1}"),
              "%s", line);
    cr_expect_null(fgets(line, sizeof(line), in));
    fclose(in);
}

Test(guard, own_tenants_see_only_their_own)
{
    struct pass pass;
    start("role a token=a\nrole b token=b\nrule a allow roles=a ops=*\n"
          "rule b allow roles=b ops=* tenant=any\n",
          false);
    cr_assert_eq(admit(&pass, "a", "container.list", false), 0);
    cr_expect(guard_sees(&pass, SLICE("a")) && !guard_sees(&pass, SLICE("b")));
    cr_expect(!guard_sees(&pass, SLICE("")), "what is nobody's is not theirs");
    cr_assert_eq(admit(&pass, "b", "container.list", false), 0);
    cr_expect(guard_sees(&pass, SLICE("a")) && guard_sees(&pass, SLICE("")));
    cr_expect(guard_sees(NULL, SLICE("a")), "without access control");
    pass = (struct pass){0};
    cr_expect(guard_sees(&pass, SLICE("")) && !guard_sees(&pass, SLICE("a")), "nobody's tenant");
}

Test(guard, streams_end_with_the_call)
{
    struct pass first, second;
    start("role a anyone\nrule a allow ops=*\nlimit a streams=1\n", false);
    cr_expect_eq(admit(&first, "x", "container.list", true), 0);
    cr_expect_eq(admit(&second, "x", "container.list", true), -1);
    guard_leave(guard, &first);
    guard_leave(guard, &first);
    cr_expect_eq(admit(&second, "x", "container.list", true), 0);
    guard_leave(guard, &second);
}

Test(guard, presets_are_for_everybody_or_one_address)
{
    static char text[] = "unix:///run/x.sock=nonsense";
    char *presets[] = {text};
    struct guard_options options = {.operations = operations,
                                    .operation_count = 4,
                                    .access_file = "",
                                    .audit_file = "",
                                    .presets = presets,
                                    .preset_count = 1};
    cr_expect_null(guard_new(&options, &failure));
    cr_expect(strstr(failure.text, "--preset unix:///run/x.sock=nonsense: no preset \"nonsense\""),
              "%s", failure.text);
}
