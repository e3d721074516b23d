/* Fuzz: two answers of nodes (cut at the first NUL byte), merged in every way. */
#include "policy/base/failure.h"
#include "proxy/docker/merge.h"
#include "proxy/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct value *(*const merges[])(struct arena *, const struct merge_body *, size_t) = {
        merge_images, merge_networks, merge_volumes, merge_plugins,
        merge_df,     merge_prune,    merge_rows};

    for (size_t i = 0; i < sizeof(merges) / sizeof(*merges); i++) {
        struct arena *arena = arena_new();
        struct slice rest = {(const char *)data, size}, one = SLICE("");

        (void)slice_next(&rest, '\0', &one);
        struct merge_body bodies[2] = {
            {SLICE("node-1"), SLICE("E1"), json_parse(arena, one, NULL)},
            {SLICE("node-2"), SLICE("E2"), rest.at ? json_parse(arena, rest, NULL) : NULL}};
        (void)json_text(arena, merges[i](arena, bodies, 2));
        arena_free(&arena);
    }
    return 0;
}
