/* Fuzz: a stream fed whole and fed in pieces gives the same values. The first byte is the piece's
 * size. */
#include "policy/base/failure.h"
#include "proxy/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool collect(struct slice text, void *context)
{
    struct buffer *out = context;

    must(text.length <= 64);
    buffer_add(out, text);
    buffer_char(out, '\n');
    return true;
}

static int run(struct slice bytes, size_t piece, struct buffer *out)
{
    struct json_splitter *splitter = json_splitter_new(64);
    int result = 0;

    buffer_init(out, 1 << 20);
    for (size_t at = 0; at < bytes.length && result == 0; at += piece)
        result = json_splitter_feed(splitter, slice_cut(bytes, at, piece), collect, out);
    json_splitter_free(&splitter);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole, pieces = {0};
    struct slice bytes;

    if (size < 2 || size > 100000)
        return 0;
    bytes = slice_make((const char *)data + 1, size - 1);
    /* Whether a value is too long may be noticed earlier in small pieces: only successes compare. */
    if (run(bytes, bytes.length, &whole) == 0 && run(bytes, (size_t)data[0] + 1, &pieces) == 0)
        must(slice_equal(buffer_slice(&whole), buffer_slice(&pieces)));
    buffer_deinit(&whole);
    buffer_deinit(&pieces);
    return 0;
}
