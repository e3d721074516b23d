/* Fuzz: progress lines of two nodes, cut out of the input; a line's first byte names the node. */
#include "policy/base/failure.h"
#include "proxy/docker/progress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice names[] = {SLICE_INIT("node-1"), SLICE_INIT("node-2")};
    struct progress *progress = progress_new(names, 2, 1, "Pulling");
    struct slice rest = {(const char *)data, size}, line;
    struct buffer out;

    buffer_init(&out, 1 << 20);
    while (slice_next(&rest, '\n', &line)) {
        size_t node = line.length && (line.at[0] & 1) ? 1 : 0;

        progress_feed(progress, node, slice_from(line, 1), &out);
        buffer_clear(&out);
    }
    progress_end(progress, 1, size & 1 ? SLICE("gone") : SLICE_NONE, &out);
    progress_end(progress, 0, SLICE_NONE, &out);
    must(progress_done(progress));
    buffer_deinit(&out);
    progress_free(&progress);
    return 0;
}
