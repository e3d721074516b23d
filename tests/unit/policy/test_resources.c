/* Resources: what is free, what fits, and how it is written. */
#include "policy/resources.h"
#include "tests/unit/policy/fixture.h"

Test(resources, free_counts_overcommit_running_and_reserved)
{
    struct node node = {.total = {100, 2 * CPU}, .used = {20, CPU}, .reserved = {10, CPU / 2}};
    struct cluster_settings settings = {.overcommit = 0.05};
    struct resources left = resources_free(&node, &settings);
    expect_int(left.memory_bytes, 75);
    expect_int(left.nano_cpus, 600000000);
    expect_int(resources_fit(&node, (struct resources){75, 0}, &settings), RESOURCE_FITS);
    expect_int(resources_fit(&node, (struct resources){76, 0}, &settings), RESOURCE_LACKS_MEMORY);
    expect_int(resources_fit(&node, (struct resources){0, CPU}, &settings), RESOURCE_LACKS_CPU);
}

Test(resources, nothing_asked_fits_even_an_overfull_node)
{
    struct node node = {.total = {100, CPU}, .used = {200, 5 * CPU}};
    struct cluster_settings settings = {0};
    expect_int(resources_fit(&node, (struct resources){0, 0}, &settings), RESOURCE_FITS);
    expect_int(resources_fit(&node, (struct resources){1, 0}, &settings), RESOURCE_LACKS_MEMORY);
}

Test(resources, texts)
{
    char text[32];
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},
                 {-5, "0 B"},
                 {1023, "1023 B"},
                 {GIB * 10, "10 GiB"},
                 {GIB * 3 / 2, "1.5 GiB"},
                 {512 * 1024, "512 KiB"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        resources_memory_text(cases[i].bytes, text, sizeof(text));
        expect_text(text, cases[i].text);
    }
    resources_cpus_text(CPU * 5 / 2, text, sizeof(text));
    expect_text(text, "2.5");
    resources_cpus_text(-1, text, sizeof(text));
    expect_text(text, "0");
}
