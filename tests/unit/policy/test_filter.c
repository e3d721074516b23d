/* Filter: each filter alone: who passes and what the others are told. */
#include "tests/unit/policy/fixture.h"

/* What filter `kind` says to node `index`; "" = passes. Asked both ways, which must agree. */
static void expect_filter(struct fixture *f, enum filter_kind kind, size_t index,
                          const char *expected)
{
    struct arena *arena = arena_new();
    struct filter_memory *memory = filter_memory_new();
    char text[FILTER_TEXT_MAX] = "";
    struct filter_plan *plan =
        filter_plan(arena, memory, &f->workload, &f->nodes, &f->settings, &f->failure);
    cr_assert(plan, "%s", f->failure.text);
    const char *reason = filter_check(plan, kind, f->list[index], text);
    expect_text(reason ? reason : "", expected);
    uint32_t position = (uint32_t)index;
    struct filter_refusal refusals[3] = {{0}};
    size_t kept = filter_pass(plan, kind, &position, 1, refusals);
    cr_expect_eq(kept, reason ? 0 : 1, "filter_pass and filter_check disagree");
    if (kept == 0) {
        filter_text(plan, refusals[index], f->list[index], text);
        expect_text(text, expected);
    }
    filter_memory_free(&memory);
    arena_free(&arena);
}

Test(filter, health_and_availability)
{
    struct fixture f;
    fixture_init(&f);
    expect_filter(&f, FILTER_HEALTH, 0, "");
    f.node[0].state = NODE_UNREACHABLE;
    f.node[1].state = NODE_DOWN;
    f.node[2].state = NODE_JOINING;
    expect_filter(&f, FILTER_HEALTH, 0, "unreachable");
    expect_filter(&f, FILTER_HEALTH, 1, "down");
    expect_filter(&f, FILTER_HEALTH, 2, "still joining");
    f.node[0].availability = NODE_PAUSE;
    f.node[1].availability = NODE_DRAIN;
    expect_filter(&f, FILTER_AVAILABILITY, 0, "paused");
    expect_filter(&f, FILTER_AVAILABILITY, 1, "drained");
    expect_filter(&f, FILTER_AVAILABILITY, 2, "");
    fixture_deinit(&f);
}

Test(filter, constraint_table)
{
    static const struct {
        const char *expression;
        const char *one, *three; /* what node-1 and node-3 are told */
    } cases[] = {
        {"storage=ssd", "", "constraint storage==ssd not met (it is disk)"},
        {"STORAGE==ssd", "", "constraint STORAGE==ssd not met (it is disk)"},
        {"storage!=ssd", "constraint storage!=ssd not met (it is ssd)", ""},
        {"storage==SSD", "constraint storage==SSD not met (it is ssd)",
         "constraint storage==SSD not met (it is disk)"},
        {"storage==~ssd", "", ""},
        {"gpu==*", "constraint gpu==* not met (no such tag)",
         "constraint gpu==* not met (no such tag)"},
        {"gpu!=2", "", ""},
        {"OperatingSystem==Debian*", "", ""},
        {"storagedriver==overlay2", "", ""},
        {"kernelversion==/^6\\.[01]\\./", "", ""},
        {"node==node-1", "", "constraint node==node-1 not met (it is node-3)"},
        {"node==AAAA:1", "", "constraint node==AAAA:1 not met (it is node-3)"},
        {"node!=AAAA:1", "constraint node!=AAAA:1 not met (it is node-1)", ""},
        {"node==/node-[12]/", "", "constraint node==/node-[12]/ not met (it is node-3)"},
        {"region==[us]*", "constraint region==[us]* not met (it is us)",
         "constraint region==[us]* not met (it is eu)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (uint64_t generation = 0; generation < 2; generation++) {
            struct fixture f;
            fixture_init(&f);
            f.nodes.generation = generation;
            fixture_constrain(&f, cases[i].expression, false);
            expect_filter(&f, FILTER_CONSTRAINT, 0, cases[i].one);
            expect_filter(&f, FILTER_CONSTRAINT, 2, cases[i].three);
            fixture_deinit(&f);
        }
    }
}

Test(filter, affinity_looks_at_containers_images_and_labels)
{
    static const struct {
        const char *expression, *one, *two;
    } cases[] = {
        {"container==db", "", "affinity container==db not met"},
        {"container!=db", "affinity container!=db not met", ""},
        {"container==0123456789ab", "", "affinity container==0123456789ab not met"},
        {"container==gone", "affinity container==gone not met", "affinity container==gone not met"},
        {"image==redis", "affinity image==redis not met", ""},
        {"image==redis:7", "affinity image==redis:7 not met", ""},
        {"image==reg:5000/app", "affinity image==reg:5000/app not met", ""},
        {"tier==back*", "", "affinity tier==back* not met"},
        {"tier==~front", "", ""},
    };
    struct tag label = {SLICE("tier"), SLICE("backend")};
    struct container db = {
        .id = SLICE("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        .name = SLICE("db"),
        .state = CONTAINER_EXITED,
        .labels = {&label, 1}};
    struct container gone = {.name = SLICE("gone"), .state = CONTAINER_REMOVING};
    const struct container *list[] = {&db, &gone};
    struct slice images[] = {SLICE("redis:7"), SLICE("reg:5000/app:2")};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        fixture_init(&f);
        f.node[0].containers = list;
        f.node[0].containers_total = 2;
        f.node[1].images = images;
        f.node[1].image_count = 2;
        fixture_constrain(&f, cases[i].expression, true);
        expect_filter(&f, FILTER_AFFINITY, 0, cases[i].one);
        expect_filter(&f, FILTER_AFFINITY, 1, cases[i].two);
        fixture_deinit(&f);
    }
}

Test(filter, home_names_what_binds_the_container)
{
    struct fixture f;
    fixture_init(&f);
    struct slice homes[] = {SLICE("node-2")}, reasons[] = {SLICE("network app_default")};
    f.workload.homes = homes;
    f.workload.home_reasons = reasons;
    f.workload.home_count = 1;
    expect_filter(&f, FILTER_HOME, 1, "");
    expect_filter(&f, FILTER_HOME, 0, "network app_default is on node-2");
    fixture_deinit(&f);
}

Test(filter, platform_table)
{
    static const struct {
        const char *platform, *expected;
    } cases[] = {
        {"linux/amd64", ""},
        {"amd64", ""},
        {"x86_64", ""},
        {"linux", ""},
        {"linux/386", ""},
        {"linux/arm64", "platform linux/arm64 asked, it is linux/x86_64"},
        {"linux/arm64/v8", "platform linux/arm64/v8 asked, it is linux/x86_64"},
        {"windows/amd64", "platform windows/amd64 asked, it is linux/x86_64"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        fixture_init(&f);
        f.workload.platform = slice_of(cases[i].platform);
        expect_filter(&f, FILTER_PLATFORM, 0, cases[i].expected);
        fixture_deinit(&f);
    }
}

Test(filter, image_is_asked_only_where_it_must_be_there)
{
    struct fixture f;
    fixture_init(&f);
    struct slice images[] = {SLICE("busybox:latest"), SLICE("sha256:abcd")};
    f.node[0].images = images;
    f.node[0].image_count = 2;
    expect_filter(&f, FILTER_IMAGE, 1, "");
    f.workload.needs_image_present = true;
    expect_filter(&f, FILTER_IMAGE, 0, "");
    expect_filter(&f, FILTER_IMAGE, 1, "image busybox is not there");
    f.workload.image = SLICE("abcd");
    expect_filter(&f, FILTER_IMAGE, 0, "");
    fixture_deinit(&f);
}

Test(filter, port_and_resource)
{
    struct fixture f;
    fixture_init(&f);
    struct port port = {PROTOCOL_TCP, SLICE_NONE, 80, 80, false};
    f.node[0].reserved_ports = (struct ports){&port, 1};
    f.workload.ports = (struct ports){&port, 1};
    expect_filter(&f, FILTER_PORT, 0, "port 80/tcp is taken");
    expect_filter(&f, FILTER_PORT, 1, "");
    f.workload.asked = (struct resources){10 * GIB, 0};
    expect_filter(&f, FILTER_RESOURCE, 0, "not enough memory (10 GiB asked, 2 GiB free)");
    f.workload.asked = (struct resources){GIB, 2 * CPU};
    f.node[0].used.nano_cpus = CPU / 2;
    expect_filter(&f, FILTER_RESOURCE, 0, "not enough CPU (2 asked, 0.5 free)");
    f.workload.asked = (struct resources){GIB, CPU / 2};
    expect_filter(&f, FILTER_RESOURCE, 0, "");
    fixture_deinit(&f);
}

Test(filter, remembered_columns_follow_the_generation)
{
    struct fixture f;
    fixture_init(&f);
    fixture_constrain(&f, "storage==nvme", false);
    struct arena *arena = arena_new();
    struct filter_memory *memory = filter_memory_new();
    static const struct tag nvme[] = {{SLICE_INIT("storage"), SLICE_INIT("nvme")}};
    for (int turn = 0; turn < 2; turn++) {
        uint32_t positions[] = {0, 1, 2};
        struct filter_refusal refusals[3];
        struct filter_plan *plan =
            filter_plan(arena, memory, &f.workload, &f.nodes, &f.settings, NULL);
        expect_int(filter_pass(plan, FILTER_CONSTRAINT, positions, 3, refusals), turn);
        f.node[1].tags = (struct tags){nvme, 1};
        f.nodes.generation++;
    }
    filter_memory_free(&memory);
    arena_free(&arena);
    fixture_deinit(&f);
}

Test(filter, names)
{
    enum filter_kind kind = FILTER_HEALTH;
    cr_expect_eq(filter_find(SLICE("port"), &kind), 0);
    expect_int(kind, FILTER_PORT);
    cr_expect_eq(filter_find(SLICE("colour"), &kind), -1);
    for (unsigned i = 0; i < FILTER_KINDS; i++) {
        cr_expect_eq(filter_find(slice_of(filter_name(i)), &kind), 0);
        expect_int(kind, i);
    }
    expect_text(filter_name(FILTER_POLICY), "policy");
    expect_text(filter_name(FILTER_EXCLUDED), "excluded");
}
