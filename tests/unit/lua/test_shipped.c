/* Shipped: every policy that berth ships or shows loads, passes its own tests and has some; the
 * page about policies names everything there is. */
#include "tests/unit/lua/fixture.h"

#include "policy/filter.h"
#include "policy/strategy.h"
#include "proxy/docker/guarded.h"

#include <stdlib.h>

static struct policy_host *whole_host(void)
{
    struct policy_settings settings = {.monotonic_ns = test_monotonic_ns, .wall_ns = test_wall_ns};
    settings.operations = guarded_operations(&settings.operation_count);
    return policy_host_new(&settings);
}

static void expect_good(const char *name, struct slice text)
{
    struct policy_host *host = whole_host();
    struct policy_source source = {slice_of(name), text};
    struct failure failure = {0};
    cr_expect_eq(policy_host_load(host, &source, 1, NULL, &failure), 0, "%s: %s", name,
                 failure.text);
    cr_expect(policy_host_info(host).tests > 0, "%s has no tests", name);
    policy_host_free(&host);
}

static void expect_good_file(const char *path)
{
    struct policy_files files;
    struct failure failure = {0};
    cr_assert_eq(policy_files_read(path, &files, &failure), 0, "%s", failure.text);
    for (size_t i = 0; i < files.count; i++) {
        expect_good(files.list[i].name.at, files.list[i].text);
    }
    policy_files_free(&files);
}

Test(shipped, default_and_examples_pass_their_tests)
{
    struct policy_files files;
    struct failure failure = {0};
    expect_good_file("lua/policy.lua");
    expect_good_file("examples/policies");
    cr_assert_eq(policy_files_read("examples/policies", &files, &failure), 0);
    cr_expect(files.count >= 6, "%zu examples", files.count);
    policy_files_free(&files);
}

static struct slice page(void)
{
    struct policy_files files;
    struct failure failure = {0};
    cr_assert_eq(policy_files_read("docs/policy.md", &files, &failure), 0, "%s", failure.text);
    struct slice text = slice_make(xslicedup(files.list[0].text), files.list[0].text.length);
    policy_files_free(&files);
    return text;
}

Test(shipped, every_example_of_the_page_is_a_policy)
{
    struct slice text = page(), rest = text, line;
    size_t examples = 0, offset = 0, begun = 0;
    while (slice_next(&rest, '\n', &line)) {
        size_t next = offset + line.length + 1;
        if (slice_is(line, "```lua")) {
            begun = next;
        } else if (slice_is(line, "```") && begun > 0) {
            char name[40];
            snprintf(name, sizeof(name), "docs/policy.md, example %zu", ++examples);
            expect_good(name, slice_cut(text, begun, offset - begun));
            begun = 0;
        }
        offset = next;
    }
    cr_expect(examples >= 4, "%zu examples", examples);
    free((void *)(uintptr_t)text.at);
}

Test(shipped, the_page_names_everything)
{
    static const char *const names[] = {
        "str.prefix",    "str.suffix",    "str.glob",      "str.split",   "str.capture",
        "path.clean",    "path.within",   "cidr.has",      "now()",       "quota(",
        "log(",          "deny(",         "allow(",        "node:sum",    "node:replicas",
        "has_image",     "req:get",       "req:set",       "req:default", "req:append",
        "req:remove",    "req:label",     "req:waive",     "agent:label", "policy_error",
        "policy_memory", "policy_answer", "policy_timeout"};
    struct slice text = page();
    char name[60];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_expect(slice_contains(text, names[i]), "%s", names[i]);
    }
    for (int i = 0; i < POLICY_CALLBACKS; i++) {
        snprintf(name, sizeof(name), "policy.%s(", policy_callback_name((enum policy_callback)i));
        cr_expect(slice_contains(text, name), "%s", name);
    }
    for (unsigned i = 0; i < FILTER_KINDS; i++) {
        snprintf(name, sizeof(name), "`%s`", filter_name(i));
        cr_expect(slice_contains(text, name), "%s", name);
    }
    for (int i = STRATEGY_BINPACK; i <= STRATEGY_RANDOM; i++) {
        snprintf(name, sizeof(name), "`%s`", strategy_name((enum strategy)i));
        cr_expect(slice_contains(text, name), "%s", name);
    }
    free((void *)(uintptr_t)text.at);
}

Test(shipped, files_are_read_in_order_and_refused_clearly)
{
    char folder[] = "/tmp/berth-policy-XXXXXX";
    char path[100];
    struct policy_files files;
    struct failure failure = {0};
    cr_assert(mkdtemp(folder));
    cr_expect_eq(policy_files_read(folder, &files, &failure), -1);
    cr_expect(slice_contains(slice_of(failure.text), "no *.lua in this folder"));
    static const char *const names[] = {"20-b.lua", "10-a.lua", "notes.txt", ".hidden.lua"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "w");
        cr_assert(file);
        fprintf(file, "-- %s\n", names[i]);
        fclose(file);
    }
    cr_assert_eq(policy_files_read(folder, &files, &failure), 0, "%s", failure.text);
    expect_int(files.count, 2);
    expect_slice(files.list[0].name, "10-a.lua");
    expect_slice(files.list[1].text, "-- 20-b.lua\n");
    policy_files_free(&files);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        remove(path);
    }
    remove(folder);
    cr_expect_eq(policy_files_read("/nowhere", &files, &failure), -1);
    expect_text(failure.text, "policy /nowhere: No such file or directory");
}
