/* Slice: comparing, cutting, numbers. */
#include "tests/unit/test.h"

Test(slice, compares_like_memcmp_with_the_shorter_first)
{
    cr_expect(slice_compare(SLICE("a"), SLICE("ab")) < 0);
    cr_expect(slice_compare(SLICE("b"), SLICE("ab")) > 0);
    cr_expect(slice_compare(SLICE("\xff"), SLICE("a")) > 0);
    expect_int(slice_compare(SLICE(""), SLICE_NONE), 0);
    cr_expect(slice_is_nocase(SLICE("KernelVersion"), "kernelversion"));
    cr_expect_not(slice_is_nocase(SLICE("k"), "ke"));
}

Test(slice, cuts_only_what_there_is)
{
    expect_slice(slice_cut(SLICE("hello"), 1, 3), "ell");
    expect_slice(slice_cut(SLICE("hello"), 4, 10), "o");
    expect_slice(slice_from(SLICE("hello"), 9), "");
    expect_slice(slice_from(SLICE_NONE, 3), "");
    expect_slice(slice_trim(SLICE(" \t a b\r\n")), "a b");
    expect_slice(slice_trim(SLICE("  ")), "");
}

Test(slice, finds)
{
    expect_int(slice_find(SLICE("a/b/c"), '/'), 1);
    expect_int(slice_find_last(SLICE("a/b/c"), '/'), 3);
    expect_int(slice_find(SLICE_NONE, '/'), -1);
    cr_expect(slice_starts(SLICE("tcp://x"), "tcp://"));
    cr_expect(slice_ends(SLICE("a/json"), "/json"));
    cr_expect_not(slice_ends(SLICE("son"), "/json"));
    cr_expect(slice_contains(SLICE("abc"), "bc"));
    cr_expect(slice_contains(SLICE_NONE, ""));
    cr_expect_not(slice_contains(SLICE("abc"), "cb"));
}

Test(slice, next_gives_every_part_once)
{
    struct slice rest = SLICE("a,,b,"), part;
    const char *expected[] = {"a", "", "b", ""};
    size_t count = 0;

    while (slice_next(&rest, ',', &part)) {
        cr_assert(count < 4);
        expect_slice(part, expected[count]);
        count++;
    }
    expect_int(count, 4);
    rest = SLICE("");
    cr_expect(slice_next(&rest, ',', &part));
    expect_slice(part, "");
    cr_expect_not(slice_next(&rest, ',', &part));
}

Test(slice, reads_numbers_whole_and_in_range)
{
    uint64_t u;
    int64_t i;

    cr_expect(slice_to_u64(SLICE("18446744073709551615"), &u) == 0 && u == UINT64_MAX);
    cr_expect(slice_to_i64(SLICE("-9223372036854775808"), &i) == 0 && i == INT64_MIN);
    cr_expect(slice_to_i64(SLICE("9223372036854775807"), &i) == 0 && i == INT64_MAX);
    const char *bad[] = {"", " 1", "1 ", "+1", "1a", "0x1", "18446744073709551616", "--1", "-"};
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        cr_expect(slice_to_u64(slice_of(bad[n]), &u) == -1, "u64 took \"%s\"", bad[n]);
        cr_expect(slice_to_i64(slice_of(bad[n]), &i) == -1, "i64 took \"%s\"", bad[n]);
    }
    cr_expect(slice_to_u64(SLICE("-1"), &u) == -1);
    cr_expect(slice_to_i64(SLICE("9223372036854775808"), &i) == -1);
}

Test(slice, docker_booleans)
{
    const char *no[] = {"", "0", "no", "False", "NONE", " false "};
    const char *yes[] = {"1", "true", "yes", "on", "2", "00"};

    for (size_t n = 0; n < sizeof(no) / sizeof(no[0]); n++)
        cr_expect_not(slice_to_docker_bool(slice_of(no[n])), "\"%s\"", no[n]);
    for (size_t n = 0; n < sizeof(yes) / sizeof(yes[0]); n++)
        cr_expect(slice_to_docker_bool(slice_of(yes[n])), "\"%s\"", yes[n]);
}
