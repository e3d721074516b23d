/* Fuzz: any text parses to a value that writes and parses again to the same value, or fails. */
#include "proxy/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct failure failure = {0};
    struct value *value = json_parse(arena, slice_make((const char *)data, size), &failure);

    if (value) {
        struct value *again = json_parse(arena, json_text(arena, value), &failure);

        must(again && value_equal(value, again));
        must(value_equal(value, value_copy(arena, value)));
    } else {
        must(failure.kind == FAILURE_INVALID);
    }
    arena_free(&arena);
    return 0;
}
