/* Fuzz: a request line's method and target against the routes; what is found must be clean. */
#include "proxy/docker/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make((const char *)data, size), method = SLICE_NONE;
    struct arena *arena = arena_new();
    struct route_match match;
    struct failure failure;
    slice_next(&rest, ' ', &method);
    if (rest.at && routes_match(&match, method, rest, arena, &failure) == ROUTE_FOUND) {
        must(match.path.length > 0 && match.path.at[0] == '/');
        must(!slice_contains(match.path, "/../") && !slice_contains(match.path, "//"));
        must(match.names[0].length <= match.path.length);
    }
    arena_free(&arena);
    return 0;
}
