/* Fuzz: canonical and familiar forms parse back to the same reference. */
#include "proxy/docker/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct failure failure = {0};
    struct reference a, b;

    if (reference_parse(&a, arena, slice_make((const char *)data, size), &failure) == 0) {
        must(reference_parse(&b, arena, reference_canonical(arena, &a), &failure) == 0);
        must(slice_equal(a.domain, b.domain) && slice_equal(a.path, b.path));
        must(slice_equal(a.tag, b.tag) && slice_equal(a.digest, b.digest));
        must(slice_equal(reference_familiar(arena, &a), reference_familiar(arena, &b)));
    } else {
        must(failure.kind == FAILURE_INVALID);
    }
    arena_free(&arena);
    return 0;
}
