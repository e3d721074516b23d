/* Tests of docker/guarded: every preset and every example rule speaks of operations that exist. */
#include "proxy/docker/guarded.h"
#include "tests/unit/test.h"

static const char *const presets[] = {
#define PRESET(name, tenant, operations, waives, help) name,
#include "policy/presets.def"
#undef PRESET
};

static struct access_verdict decide(const struct access_rules *rules, const char *operation)
{
    struct identity identity = {.proof = PROOF_UNIX, .name = SLICE("uid:1"), .uid = 1};
    access_identify(rules, &identity);
    int number = access_operation(rules, slice_of(operation));
    cr_assert(number >= 0, "%s", operation);
    return access_decide(rules, &identity, number, NULL, NULL);
}

static struct access_rules *with_preset(const char *preset)
{
    size_t count;
    const char *const *operations = guarded_operations(&count);
    struct access_builder *builder = access_builder_new(operations, count);
    struct failure failure = {0};
    cr_assert_eq(
        access_add_preset(builder, slice_of(preset), SLICE("p"), NULL, 0, SLICE("t"), &failure), 0,
        "%s: %s", preset, failure.text);
    return access_build(&builder);
}

Test(guarded, every_preset_names_operations_that_exist)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(*presets); i++) {
        struct access_rules *rules = with_preset(presets[i]);
        cr_expect(decide(rules, "system.ping").allowed, "%s", presets[i]);
        access_free(&rules);
    }
}

Test(guarded, readonly_gives_no_file_away)
{
    static const char *const never[] = {
        "container.archive.get",
        "container.archive.stat",
        "container.export",
        "container.attach",
        "image.export",
        "exec.create",
        "exec.start",
        "container.create",
        "container.delete",
        "container.start",
        "container.kill",
        "container.commit",
        "image.pull",
        "image.push",
        "image.tag",
        "build.create",
        "build.tunnel",
        "swarm.unlockkey",
        "secret.list",
        "config.list",
        "plugin.install",
        "node.update",
        "system.auth",
        "policy.write",
        "token.create",
        "network.create",
        "volume.create",
        "container.prune",
        "checkpoint.create",
    };
    static const char *const fine[] = {"container.list", "container.logs",  "image.list",
                                       "system.events",  "network.inspect", "node.list"};
    struct access_rules *rules = with_preset("readonly");
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
        cr_expect(!decide(rules, never[i]).allowed, "%s", never[i]);
    for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++)
        cr_expect(decide(rules, fine[i]).allowed, "%s", fine[i]);
    access_free(&rules);
}

Test(guarded, developers_stay_with_their_own)
{
    struct access_rules *rules = with_preset("developer");
    struct access_verdict verdict = decide(rules, "container.create");
    cr_expect(verdict.allowed && !verdict.any_tenant);
    cr_expect(!(verdict.waives >> VIOLATION_PRIVILEGED & 1));
    cr_expect(!decide(rules, "build.create").allowed);
    cr_expect(!decide(rules, "node.update").allowed);
    cr_expect(!decide(rules, "swarm.init").allowed);
    access_free(&rules);
}

Test(guarded, the_table_has_each_operation_once)
{
    size_t count;
    const char *const *names = guarded_operations(&count);
    cr_assert(count > 80 && count <= ACCESS_MAX_OPERATIONS);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++)
            cr_expect_str_neq(names[i], names[k]);
    }
}
