/* Memory: arenas give aligned zeroed memory, buffers keep to their maximum. */
#include "tests/unit/test.h"

#include <stdlib.h>

Test(arena, gives_zeroed_aligned_memory_of_any_size)
{
    struct arena *arena = arena_new();

    for (size_t size = 0; size < 200000; size = size * 3 + 1) {
        unsigned char *memory = arena_alloc(arena, size);

        cr_expect((uintptr_t)memory % 16 == 0);
        for (size_t i = 0; i < size; i++)
            cr_assert(memory[i] == 0);
        memset(memory, 0xaa, size);
    }
    cr_expect(arena_used(arena) > 100000);
    arena_reset(arena);
    expect_int(arena_used(arena), 0);
    cr_expect(*(char *)arena_alloc(arena, 1) == 0);
    arena_free(&arena);
    cr_expect_null(arena);
    arena_free(&arena);
}

Test(arena, copies_end_in_nul)
{
    struct arena *arena = arena_new();
    struct slice copy = arena_copy(arena, slice_make("abcdef", 3));

    expect_text(copy.at, "abc");
    expect_text(arena_text(arena, SLICE_NONE), "");
    expect_slice(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    arena_free(&arena);
}

Test(buffer, keeps_to_its_maximum_and_stays_as_it_was)
{
    struct buffer buffer;
    char *bytes;
    size_t length;

    buffer_init(&buffer, 10);
    expect_text(buffer.at, "");
    expect_int(buffer_text(&buffer, "12345"), 0);
    expect_int(buffer_printf(&buffer, "%s", "678901"), -1);
    cr_expect(buffer.overflow);
    expect_slice(buffer_slice(&buffer), "12345");
    expect_int(buffer_text(&buffer, "67890"), 0);
    expect_text(buffer.at, "1234567890");
    buffer_consume(&buffer, 8);
    expect_text(buffer.at, "90");
    bytes = buffer_take(&buffer, &length);
    expect_text(bytes, "90");
    expect_int(length, 2);
    free(bytes);
    buffer_clear(&buffer);
    expect_int(buffer.length, 0);
    buffer_deinit(&buffer);
    buffer_deinit(&buffer);
}

Test(buffer, reserve_gives_room_behind_the_end)
{
    struct buffer buffer;
    char *room;

    buffer_init(&buffer, 100);
    buffer_char(&buffer, 'a');
    room = buffer_reserve(&buffer, 99);
    cr_assert_not_null(room);
    memset(room, 'b', 99);
    buffer.length += 99;
    cr_expect_null(buffer_reserve(&buffer, 1));
    cr_expect_not_null(buffer_reserve(&buffer, 0));
    buffer_deinit(&buffer);
}

Test(memory, duplicates)
{
    char *text = xprintf("%s/%d", "a", 3);

    expect_text(text, "a/3");
    free(text);
    cr_expect_null(xstrdup(NULL));
    text = xslicedup(SLICE(""));
    expect_text(text, "");
    free(text);
}

Test(arena, may_start_with_a_block_of_a_given_size)
{
    struct arena *arena = arena_new_sized(16000);
    for (int i = 0; i < 1000; i++)
        memset(arena_take(arena, 100), i, 100);
    expect_int(arena_used(arena) >= 100000, 1);
    arena_free(&arena);
}

Test(arena, joins_parts)
{
    struct arena *arena = arena_new();
    struct slice parts[] = {SLICE("a"), SLICE_NONE, SLICE(""), SLICE("bc")};
    struct slice joined = arena_join(arena, parts, 4);
    expect_slice(joined, "abc");
    expect_text(joined.at, "abc");
    expect_slice(arena_join(arena, parts, 0), "");
    memset(arena_take(arena, 100), 1, 100);
    arena_free(&arena);
}
