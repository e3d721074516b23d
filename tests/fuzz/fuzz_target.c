/* Fuzz: a path that came through is clean, has no control bytes, and its redirect is stable. */
#include "proxy/docker/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct target target, again;
    struct failure failure = {0};

    if (target_parse(&target, arena, slice_make((const char *)data, size), &failure) == 0) {
        must(slice_starts(target.path, "/") && !slice_contains(target.path, "//"));
        must(!slice_contains(target.path, "/../") && !slice_ends(target.path, "/.."));
        must(slice_equal(path_clean(arena, target.path), target.path));
        if (target.redirect.at) {
            must(target_parse(&again, arena, target.redirect, &failure) == 0);
            must(slice_equal(again.path, target.path) && !again.redirect.at);
        }
    } else {
        must(failure.kind == FAILURE_INVALID);
    }
    arena_free(&arena);
    return 0;
}
