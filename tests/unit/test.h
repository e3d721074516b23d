/* Test: what every unit test needs: Criterion and comparisons that print slices. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <criterion/criterion.h>

/* `actual` is a slice, `expected` a C string. */
#define expect_slice(actual, expected)                                                             \
    do {                                                                                           \
        struct slice actual_ = (actual);                                                           \
        cr_expect(slice_is(actual_, (expected)), "%s is \"" SLICE_FMT "\", not \"%s\"", #actual,   \
                  SLICE_ARG(actual_), (expected));                                                 \
    } while (0)
#define expect_text(actual, expected)                                                              \
    cr_expect_str_eq((actual), (expected), "%s is \"%s\", not \"%s\"", #actual, (actual), (expected))
#define expect_int(actual, expected)                                                               \
    do {                                                                                           \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);                \
        cr_expect(actual_ == expected_, "%s is %lld, not %lld", #actual, actual_, expected_);      \
    } while (0)
