/* Fixture: a policy host for tests: real monotonic clock, a wall clock that stands still. */
#pragma once

#include "lua/policy.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <time.h>

static const char *const test_operations[] = {
    "container.create", "container.delete", "container.list", "container.start", "exec.create",
    "image.pull",       "system.ping",      "swarm.init",     "volume.create"};

static int64_t test_monotonic_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Tuesday 2026-06-02 10:30:00 UTC */
static int64_t test_wall_ns(void)
{
    return 1780396200LL * 1000000000LL;
}

static inline struct policy_host *host_new(void)
{
    struct policy_settings settings = {.monotonic_ns = test_monotonic_ns,
                                       .wall_ns = test_wall_ns,
                                       .operations = test_operations,
                                       .operation_count =
                                           sizeof(test_operations) / sizeof(test_operations[0])};
    return policy_host_new(&settings);
}

/* Loads one text as policy.lua; "" or the failure. */
static inline const char *host_load(struct policy_host *host, const char *text)
{
    static struct failure failure;
    struct policy_source source = {SLICE("policy.lua"), slice_of(text)};
    failure_clear(&failure);
    return policy_host_load(host, &source, 1, NULL, &failure) == 0 ? "" : failure.text;
}

/* The serving generation of a host that loads `text`, which must be good. */
static inline struct policy *policy_with(struct policy_host *host, const char *text)
{
    const char *wrong = host_load(host, text);
    cr_assert_str_eq(wrong, "", "%s", wrong);
    return policy_hold(host);
}
