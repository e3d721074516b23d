/* Fuzz: a membership file that reads writes a text that reads to the same. */
#include "proxy/admin/membership.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct membership *first = membership_new(), *second = membership_new();
    struct arena *arena = arena_new();
    struct slice text = slice_make((const char *)data, size);
    struct failure failure = {0};

    if (membership_read(first, text, &failure) == 0) {
        must(membership_read(second, membership_text(arena, first), &failure) == 0);
        for (size_t i = 0; membership_token_at(first, i); i++)
            must(membership_token_at(second, i));
    } else {
        must(failure.kind == FAILURE_INVALID || failure.kind == FAILURE_UNSUPPORTED);
    }
    (void)membership_token_check(first, text, 0, &failure);
    (void)membership_key_check(first, text, text, text, &failure);
    arena_free(&arena);
    membership_free(&first);
    membership_free(&second);
    return 0;
}
