/* Settings: four sources, their order, and what is said about mistakes. */
#include "proxy/settings.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *nothing(const char *name)
{
    return NULL;
}

static char *environment(const char *name)
{
    static char spread[] = "spread", node[] = "tcp://e:1";
    if (strcmp(name, "BERTH_STRATEGY") == 0)
        return spread;
    return strcmp(name, "BERTH_NODE") == 0 ? node : NULL;
}

static int load(struct settings *settings, char *(*lookup)(const char *), struct failure *failure,
                int argc, const char *const *argv)
{
    char *words[16] = {NULL};
    for (int i = 0; i < argc; i++)
        words[i] = xstrdup(argv[i]);
    int result = settings_load(settings, argc, words, lookup, failure);
    for (int i = 0; i < argc; i++)
        free(words[i]);
    return result;
}

#define LOAD(settings, lookup, failure, ...)                                                       \
    load(settings, lookup, failure,                                                                \
         (int)(sizeof((const char *const[]){"berthd", __VA_ARGS__}) / sizeof(char *)),             \
         (const char *const[]){"berthd", __VA_ARGS__})

Test(settings, reads_every_form_of_a_flag)
{
    struct settings settings;
    struct failure failure;
    cr_assert_eq(LOAD(&settings, nothing, &failure, "--manage-cluster", "c1", "-H",
                      "tcp://0.0.0.0:1234", "-Hunix:///x", "--node=a=tcp://x:1", "--node",
                      "tcp://y:2", "--overcommit=0.5", "--lease", "500ms", "--max-connections=7"),
                 0, "%s", failure.text);
    cr_expect_str_eq(settings.manage_cluster, "c1");
    cr_expect_eq(settings.hosts.count, 2);
    cr_expect_str_eq(settings.hosts.list[1], "unix:///x");
    cr_expect_eq(settings.nodes.count, 2);
    cr_expect_str_eq(settings.nodes.list[0], "a=tcp://x:1");
    cr_expect_eq(settings.lease_ms, 500);
    cr_expect_eq(settings.max_connections, 7);
    cr_expect_float_eq(settings.overcommit, 0.5, 1e-9);
    cr_expect_str_eq(settings.strategy, "binpack");
    settings_deinit(&settings);
}

Test(settings, says_which_flag_is_wrong)
{
    static const char *const cases[][3] = {
        {"--frobnicate", "", "unknown flag \"--frobnicate\": see --help"},
        {"stray", "", "unexpected argument \"stray\": see --help"},
        {"--token-file", NULL, "--token-file needs a value: FILE"},
        {"--max-connections", "-3", "--max-connections: \"-3\" is not a whole number"},
        {"--overcommit", "much", "--overcommit: \"much\" is not a number from 0 to 100"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings settings;
        struct failure failure;
        const char *const argv[] = {"berthd", cases[i][0], cases[i][1]};
        cr_assert_eq(load(&settings, nothing, &failure, cases[i][1] ? 3 : 2, argv), -1);
        cr_expect_str_eq(failure.text, cases[i][2]);
    }
}

Test(settings, flags_win_over_environment_over_file)
{
    char path[] = "/tmp/berth-settings-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] =
        "# a comment\nstrategy = random\nnode = tcp://f:1\nnode = tcp://f:2\n"
        "group = docker\n";
    cr_assert_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
    close(fd);
    struct settings settings;
    struct failure failure;
    cr_assert_eq(LOAD(&settings, environment, &failure, "--config", path), 0, "%s", failure.text);
    cr_expect_str_eq(settings.strategy, "spread");
    cr_expect_str_eq(settings.group, "docker");
    cr_expect_eq(settings.nodes.count, 1);
    cr_expect_str_eq(settings.nodes.list[0], "tcp://e:1");
    settings_deinit(&settings);
    cr_assert_eq(LOAD(&settings, environment, &failure, "--config", path, "--strategy=binpack"), 0);
    cr_expect_str_eq(settings.strategy, "binpack");
    settings_deinit(&settings);
    unlink(path);
}

Test(settings, reload_takes_over_only_what_may_change)
{
    struct settings settings;
    struct failure failure;
    cr_assert_eq(LOAD(&settings, nothing, &failure, "--strategy=spread"), 0);
    char *const argv[] = {xstrdup("berthd"), xstrdup("--strategy=random"),
                          xstrdup("--log-level=debug")};
    cr_assert_eq(settings_reload(&settings, 3, argv, nothing, &failure), 0);
    cr_expect_str_eq(settings.strategy, "spread");
    cr_expect_str_eq(settings.log_level, "debug");
    for (size_t i = 0; i < 3; i++)
        free(argv[i]);
    settings_deinit(&settings);
}

Test(settings, documentation_is_up_to_date)
{
    struct buffer page;
    buffer_init(&page, 1u << 20);
    settings_page(&page);
    FILE *file = fopen("docs/settings.md", "re");
    cr_assert(file, "run from the top of the repository");
    char *kept = xmalloc(1u << 20);
    size_t length = fread(kept, 1, 1u << 20, file);
    fclose(file);
    cr_expect(slice_equal(buffer_slice(&page), slice_make(kept, length)),
              "docs/settings.md is old: run `berthd --settings-page > docs/settings.md`");
    free(kept);
    buffer_deinit(&page);
}
