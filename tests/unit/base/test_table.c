/* Table: against a plain array as the model, with many insertions, removals and walks. */
#include "policy/base/table.h"
#include "tests/unit/test.h"

#include <stdio.h>

#define KEYS 2000

static struct slice key_number(char text[16], unsigned number)
{
    return slice_make(text, (size_t)snprintf(text, 16, "key-%u", number));
}

Test(table, agrees_with_a_plain_array)
{
    struct table *table = table_new();
    static int values[KEYS];
    static bool there[KEYS];
    size_t count = 0;
    uint32_t state = 12345;
    char text[16];

    for (int step = 0; step < 40000; step++) {
        state = state * 1664525 + 1013904223;
        unsigned n = (state >> 8) % KEYS;
        struct slice key = key_number(text, n);

        cr_assert(table_find(table, key) == (there[n] ? &values[n] : NULL));
        if ((state >> 24) % 3) {
            cr_assert(table_put(table, key, &values[n]) == (there[n] ? &values[n] : NULL));
            count += !there[n];
            there[n] = true;
        } else {
            cr_assert(table_remove(table, key) == (there[n] ? &values[n] : NULL));
            count -= there[n];
            there[n] = false;
        }
        cr_assert(table_count(table) == count);
    }
    table_free(&table);
    cr_expect_null(table);
}

Test(table, walk_sees_each_once_while_the_current_one_is_removed)
{
    for (unsigned size = 0; size < 200; size++) {
        struct table *table = table_new();
        int seen[200] = {0}, values[200];
        size_t cursor = 0;
        struct slice key;
        void *value;
        char text[16];

        for (unsigned n = 0; n < size; n++)
            table_put(table, key_number(text, n), &values[n]);
        while (table_each(table, &cursor, &key, &value)) {
            ptrdiff_t n = (int *)value - values;

            seen[n]++;
            if (n % 2)
                cr_assert(table_remove(table, key) == value);
        }
        for (unsigned n = 0; n < size; n++)
            cr_assert(seen[n] == 1, "%u of %u seen %d times", n, size, seen[n]);
        expect_int(table_count(table), (size + 1) / 2);
        table_free(&table);
    }
}

Test(table, empty_key_and_empty_table)
{
    struct table *table = table_new();
    int value;

    cr_expect_null(table_find(table, SLICE("x")));
    cr_expect_null(table_remove(table, SLICE("x")));
    cr_expect_null(table_put(table, SLICE_NONE, &value));
    cr_expect(table_find(table, SLICE("")) == &value);
    table_free(&table);
}
