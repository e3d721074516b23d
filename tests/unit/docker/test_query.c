/* Query: parsed as Go does, edited, written again. */
#include "proxy/docker/query.h"
#include "tests/unit/test.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new();
}

static void tear_down(void)
{
    arena_free(&arena);
}

TestSuite(query, .init = set_up, .fini = tear_down);

Test(query, decodes_and_keeps_order_and_repeats)
{
    struct query query;
    struct failure failure;
    const struct query_item *item;

    cr_assert(query_parse(&query, arena, SLICE("a=1&b=%20x&b=y+z&&flag&e="), &failure) == 0);
    expect_int(query.count, 5);
    expect_slice(query_get(&query, "a"), "1");
    item = query_next(&query, "b", NULL);
    expect_slice(item->value, " x");
    item = query_next(&query, "b", item);
    expect_slice(item->value, "y z");
    cr_expect_null(query_next(&query, "b", item));
    cr_expect(query_has(&query, "flag"));
    cr_expect_not_null(query_get(&query, "e").at);
    cr_expect_null(query_get(&query, "none").at);
    expect_slice(query_text(&query), "a=1&b=%20x&b=y%20z&flag=&e=");
}

Test(query, refuses_what_go_refuses)
{
    static const char *const texts[] = {"a=%", "a=%2", "a=%zz", "%g0=1", "a=1;b=2", "a=%00"};
    struct query query;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct failure failure = {0};

        cr_expect(query_parse(&query, arena, slice_of(texts[i]), &failure) == -1, "%s", texts[i]);
        expect_int(failure.kind, FAILURE_INVALID);
    }
    struct failure failure;
    cr_expect(query_parse(&query, arena, SLICE("a=%2"), &failure) == -1);
    expect_text(failure.text, "invalid URL escape \"%2\"");
}

Test(query, a_percent_escape_may_end_the_text)
{
    struct query query;

    cr_assert(query_parse(&query, arena, SLICE("a=%41"), NULL) == 0);
    expect_slice(query_get(&query, "a"), "A");
}

Test(query, counts_are_bounded)
{
    struct query query;
    struct failure failure;
    struct buffer text;

    buffer_init(&text, 1 << 20);
    for (int i = 0; i < QUERY_MAX_ITEMS; i++)
        buffer_text(&text, "a&");
    cr_expect(query_parse(&query, arena, buffer_slice(&text), &failure) == 0);
    buffer_text(&text, "a");
    cr_expect(query_parse(&query, arena, buffer_slice(&text), &failure) == -1);
    buffer_deinit(&text);
}

Test(query, edits_in_place)
{
    struct query query;

    cr_assert(query_parse(&query, arena, SLICE("x=1&a=1&y=2&a=2&a=3"), NULL) == 0);
    query_set(&query, "a", SLICE("new&"));
    expect_slice(query_text(&query), "x=1&a=new%26&y=2");
    expect_int(query.count, 3);
    query_set(&query, "b", SLICE("1"));
    query_add(&query, "b", SLICE("2"));
    expect_slice(query_text(&query), "x=1&a=new%26&y=2&b=1&b=2");
    expect_int(query_drop(&query, "b"), 2);
    expect_int(query_drop(&query, "nothing"), 0);
    query_add(&query, "z", SLICE(""));
    expect_slice(query_text(&query), "x=1&a=new%26&y=2&z=");
    expect_int(query_drop(&query, "x") + query_drop(&query, "a") + query_drop(&query, "y"), 3);
    expect_int(query_drop(&query, "z"), 1);
    expect_slice(query_text(&query), "");
    query_add(&query, "again", SLICE("1"));
    expect_slice(query_text(&query), "again=1");
}

Test(query, booleans_and_numbers)
{
    struct query query;
    struct failure failure;
    int64_t number;

    cr_assert(query_parse(&query, arena, SLICE("t=1&f=0&e=&n=-1&w=12x"), &failure) == 0);
    cr_expect(query_bool(&query, "t", false));
    cr_expect_not(query_bool(&query, "f", true));
    cr_expect_not(query_bool(&query, "e", true));
    cr_expect(query_bool(&query, "absent", true));
    cr_expect(query_int(&query, "n", 5, &number, &failure) == 0 && number == -1);
    cr_expect(query_int(&query, "e", 5, &number, &failure) == 0 && number == 5);
    cr_expect(query_int(&query, "absent", 5, &number, &failure) == 0 && number == 5);
    cr_expect(query_int(&query, "w", 5, &number, &failure) == -1);
    expect_text(failure.text, "invalid value for w: \"12x\" is not a whole number");
}
