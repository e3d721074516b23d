/* Fuzz: filters that parse write a text that parses to the same; patterns never run away. */
#include "proxy/docker/filters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab-web.1_x";
    struct arena *arena = arena_new();
    struct slice text = slice_make((const char *)data, size);
    struct filters filters, again, one;
    struct failure failure = {0};

    if (filters_parse(&filters, arena, text, NULL, &failure) == 0) {
        must(filters_parse(&again, arena, filters_text(&filters), NULL, &failure) == 0);
        must(slice_equal(filters_text(&filters), filters_text(&again)));
        for (const struct filter *filter = filters.first; filter; filter = filter->next)
            (void)filters_name(&filters, arena_text(arena, filter->key), slice_of(name));
    }
    filters_init(&one, arena);
    filters_add(&one, "name", text);
    must(filters_name(&one, "name", text));
    (void)filters_name(&one, "name", slice_of(name));
    arena_free(&arena);
    return 0;
}
