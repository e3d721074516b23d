/* Options: flags as people type them, and what is said when they are wrong. */
#include "agent/options.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define PARSE(...)                                                                                 \
    parse(&options, sizeof((const char *[]){"berth-agent", __VA_ARGS__}) / sizeof(char *),         \
          (const char *[]){"berth-agent", __VA_ARGS__})

static struct failure failure;

static int parse(struct agent_options *options, size_t count, const char *const *arguments)
{
    char *copies[40];
    int result;

    for (size_t i = 0; i < count; i++)
        copies[i] = xstrdup(arguments[i]);
    failure_clear(&failure);
    result = agent_options_parse(options, (int)count, copies, &failure);
    for (size_t i = 0; i < count; i++)
        free(copies[i]);
    return result;
}

Test(options, takes_the_guides_command)
{
    struct agent_options options;

    cr_assert(PARSE("--join-cluster", "cluster-1", "--manager=http://master:1234/", "--manager",
                    "https://b:1", "--constraint", "storage=ssd", "--constraint=a=b=c", "--memory",
                    "2g", "--cpus", "1", "--name", "n1") == 0,
              "%s", failure.text);
    expect_text(options.cluster, "cluster-1");
    expect_int(options.managers.count, 2);
    expect_text(options.managers.list[0], "http://master:1234");
    expect_text(options.constraints.list[1], "a=b=c");
    expect_int(options.memory_bytes, 2LL << 30);
    expect_int(options.nano_cpus, 1000000000);
    expect_text(options.name, "n1");
    expect_text(options.engine, "unix:///var/run/docker.sock");
    expect_int(options.fact_interval_ms, 60000);
    agent_options_deinit(&options);
    agent_options_deinit(&options);
}

static void expect_refused(int result, struct agent_options *options, const char *message)
{
    expect_int(result, -1);
    expect_text(failure.text, message);
    expect_int(failure.kind, FAILURE_INVALID);
    agent_options_deinit(options);
}

#define JOIN "--join-cluster", "c", "--manager", "http://m:1"

Test(options, says_what_is_wrong)
{
    struct agent_options options;

    expect_refused(PARSE("--frobnicate"), &options, "unknown flag --frobnicate");
    expect_refused(PARSE("-x"), &options, "unknown argument \"-x\"");
    expect_refused(PARSE("--manager", "http://m:1"), &options, "--join-cluster NAME is needed");
    expect_refused(PARSE("--join-cluster", "c"), &options, "--manager http://HOST:PORT is needed");
    expect_refused(PARSE("--join-cluster"), &options, "--join-cluster needs a value");
    expect_refused(PARSE("--join-cluster="), &options, "--join-cluster needs a value");
    expect_refused(
        PARSE("--manager", "master:1234"), &options,
        "--manager: \"master:1234\" is no address of a manager: write http://HOST:PORT or "
        "https://HOST:PORT");
    expect_refused(PARSE(JOIN, "--constraint", "ssd"), &options,
                   "--constraint: \"ssd\" is no KEY=VALUE pair, as storage=ssd");
    expect_refused(PARSE(JOIN, "--fact", "=x"), &options,
                   "--fact: \"=x\" is no KEY=VALUE pair, as storage=ssd");
    expect_refused(
        PARSE(JOIN, "--memory", "much"), &options,
        "--memory: invalid size \"much\": write bytes or a number with a unit, as 512m or "
        "2g");
    expect_refused(PARSE(JOIN, "--fact-interval", "10ms"), &options,
                   "--fact-interval must be at least 1s");
    expect_refused(PARSE(JOIN, "--tlscert", "x"), &options,
                   "--tlscert and --tlskey are only of use together");
}

Test(options, help_needs_nothing_else_and_names_every_flag)
{
    struct agent_options options;
    struct buffer out;

    cr_assert(PARSE("--help") == 0);
    cr_expect(options.help);
    agent_options_deinit(&options);
    buffer_init(&out, 64 * 1024);
    agent_options_help(&out);
    cr_expect(slice_contains(buffer_slice(&out), "--fact-command COMMAND"));
    cr_expect(slice_contains(buffer_slice(&out), "--token-file FILE"));
    buffer_deinit(&out);
}
