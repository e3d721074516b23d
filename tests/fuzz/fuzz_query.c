/* Fuzz: a query that parses writes a text that parses to the same list. */
#include "proxy/docker/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct failure failure = {0};
    struct query query, again;

    if (query_parse(&query, arena, slice_make((const char *)data, size), &failure) == 0) {
        const struct query_item *b;

        must(query_parse(&again, arena, query_text(&query), &failure) == 0);
        must(again.count == query.count || query.count > QUERY_MAX_ITEMS);
        b = again.first;
        for (const struct query_item *a = query.first; a; a = a->next, b = b->next)
            must(slice_equal(a->key, b->key) && slice_equal(a->value, b->value));
        query_set(&query, "filters", SLICE("x"));
        must(query_drop(&query, "filters") == 1);
    } else {
        must(failure.kind == FAILURE_INVALID);
    }
    arena_free(&arena);
    return 0;
}
