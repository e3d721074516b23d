/* Prefix: unique, ambiguous and exact prefixes, under insertion and removal. */
#include "policy/base/prefix.h"
#include "tests/unit/test.h"

#include <stdio.h>

Test(prefix, unique_ambiguous_exact)
{
    struct prefix_index *index = prefix_index_new();
    int a, b, c;
    void *value = NULL;

    prefix_index_put(index, SLICE("abc123"), &a);
    prefix_index_put(index, SLICE("abd"), &b);
    prefix_index_put(index, SLICE("abd9"), &c);
    expect_int(prefix_index_find(index, SLICE("abc"), &value), 1);
    cr_expect(value == &a);
    expect_int(prefix_index_find(index, SLICE("ab"), &value), 2);
    expect_int(prefix_index_find(index, SLICE("abd"), &value), 1);
    cr_expect(value == &b);
    expect_int(prefix_index_find(index, SLICE("x"), &value), 0);
    expect_int(prefix_index_find(index, SLICE(""), &value), 0);
    cr_expect(prefix_index_remove(index, SLICE("abd")) == &b);
    cr_expect_null(prefix_index_remove(index, SLICE("abd")));
    expect_int(prefix_index_find(index, SLICE("abd"), &value), 1);
    cr_expect(value == &c);
    prefix_index_free(&index);
    cr_expect_null(index);
}

Test(prefix, agrees_with_a_linear_search)
{
    struct prefix_index *index = prefix_index_new();
    bool there[512] = {false};
    int values[512];
    uint32_t state = 99;
    char text[8];

    for (int step = 0; step < 20000; step++) {
        state = state * 1664525 + 1013904223;
        unsigned n = (state >> 10) % 512;
        int expected = 0, found;
        void *value = NULL;

        (void)snprintf(text, sizeof(text), "%03x", n);
        if (state >> 31) {
            prefix_index_put(index, slice_of(text), &values[n]);
            there[n] = true;
        } else {
            cr_assert(prefix_index_remove(index, slice_of(text)) == (there[n] ? &values[n] : NULL));
            there[n] = false;
        }
        for (unsigned other = n & ~15u; other < (n & ~15u) + 16; other++)
            expected += there[other];
        found = prefix_index_find(index, slice_make(text, 2), &value);
        cr_assert(found == (expected > 2 ? 2 : expected));
    }
    prefix_index_free(&index);
}
