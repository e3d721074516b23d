/* Tests of access/limits: buckets, streams, quotas. */
#include "proxy/access/limits.h"
#include "tests/unit/test.h"

#include <stdio.h>

static struct limits *limits;
static struct failure failure;

static void set_up(void)
{
    limits = limits_new();
    failure_clear(&failure);
}

static void tear_down(void)
{
    limits_free(&limits);
}

TestSuite(limits, .init = set_up, .fini = tear_down);

Test(limits, a_bucket_empties_and_fills)
{
    struct access_limits rule = {.rate = 2, .burst = 3};
    uint64_t retry;
    for (int i = 0; i < 3; i++)
        cr_expect_eq(limits_take_request(limits, SLICE("ann"), &rule, 1000, &retry, &failure), 0);
    cr_expect_eq(limits_take_request(limits, SLICE("ann"), &rule, 1000, &retry, &failure), -1);
    expect_int(failure.kind, FAILURE_TOO_MANY);
    cr_expect(retry > 0 && retry <= 501);
    cr_expect_eq(limits_take_request(limits, SLICE("bob"), &rule, 1000, &retry, &failure), 0);
    cr_expect_eq(limits_take_request(limits, SLICE("ann"), &rule, 1501, &retry, &failure), 0);
    cr_expect_eq(limits_take_request(limits, SLICE("ann"), &rule, 1501, &retry, &failure), -1);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(limits_take_request(limits, SLICE("ann"), &rule, 99000, &retry, &failure), 0);
    cr_expect_eq(limits_take_request(limits, SLICE("ann"), &rule, 99000, &retry, &failure), -1,
                 "never more than the burst");
}

Test(limits, streams_are_given_back)
{
    struct access_limits rule = {.streams = 2};
    cr_expect_eq(limits_stream_began(limits, SLICE("ann"), &rule, &failure), 0);
    cr_expect_eq(limits_stream_began(limits, SLICE("ann"), &rule, &failure), 0);
    cr_expect_eq(limits_stream_began(limits, SLICE("ann"), &rule, &failure), -1);
    cr_expect(strstr(failure.text, "2 streams open"), "%s", failure.text);
    limits_stream_ended(limits, SLICE("ann"));
    cr_expect_eq(limits_stream_began(limits, SLICE("ann"), &rule, &failure), 0);
}

Test(limits, quotas_count_what_is_held_and_under_way)
{
    struct access_limits rule = {.containers = 3, .memory_bytes = INT64_C(4) << 30};
    struct quota used = {1, {INT64_C(1) << 30, 0}}, asked = {1, {INT64_C(2) << 30, 0}};
    cr_expect_eq(limits_quota_reserve(limits, SLICE("a"), &rule, &used, &asked, &failure), 0);
    cr_expect_eq(limits_quota_reserve(limits, SLICE("a"), &rule, &used, &asked, &failure), -1);
    expect_int(failure.kind, FAILURE_DENIED);
    expect_text(failure.text, "quota of a: 2048 MiB memory asked for, 3072 of 4096 MiB taken");
    cr_expect_eq(limits_quota_reserve(limits, SLICE("b"), &rule, &used, &asked, &failure), 0);
    limits_quota_release(limits, SLICE("a"), &asked);
    cr_expect_eq(limits_quota_reserve(limits, SLICE("a"), &rule, &used, &asked, &failure), 0);
    asked.resources.memory_bytes = 0;
    cr_expect_eq(limits_quota_reserve(limits, SLICE("a"), &rule, &used, &asked, &failure), -1,
                 "without a number a quota would be none");
    cr_expect(strstr(failure.text, "--memory"), "%s", failure.text);
}

Test(limits, idle_identities_make_room)
{
    struct access_limits rule = {.rate = 1, .burst = 1, .streams = 1};
    uint64_t retry;
    char name[32];
    cr_expect_eq(limits_stream_began(limits, SLICE("busy"), &rule, &failure), 0);
    for (int i = 0; i < 2 * LIMITS_MAX_IDENTITIES; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        cr_assert_eq(limits_take_request(limits, slice_of(name), &rule, 1, &retry, &failure), 0);
    }
    cr_expect_eq(limits_stream_began(limits, SLICE("busy"), &rule, &failure), -1,
                 "the busy one is still known");
}
