/* Framer: whole or byte by byte, the same body ends at the same place with the same payload. */
#include "proxy/http/framer.h"

#define PAYLOAD_MAX (1024 * 1024)

static void collect(struct slice payload, void *context)
{
    buffer_add(context, payload);
}

/* Bytes used by the body when fed `piece` at a time; -1 when refused. */
static ssize_t run(struct slice text, size_t piece, enum framing framing, uint64_t length,
                   struct buffer *payload, bool *done)
{
    struct framer framer;
    struct failure failure = {0};
    size_t used = 0;
    framer_init(&framer, framing, length);
    while (used < text.length && !framer.done) {
        struct slice bytes = slice_cut(text, used, piece);
        ssize_t result = framer_decode(&framer, bytes, collect, payload, &failure);
        if (result < 0) {
            must(failure.kind == FAILURE_INVALID);
            return -1;
        }
        must((size_t)result == bytes.length || framer.done);
        used += (size_t)result;
    }
    *done = framer.done;
    return (ssize_t)used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > PAYLOAD_MAX) {
        return 0;
    }
    static const enum framing framings[] = {FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_UNTIL_CLOSE,
                                            FRAMING_NONE};
    enum framing framing = framings[data[0] & 3];
    uint64_t length = data[1];
    struct slice text = slice_make((const char *)data + 2, size - 2);
    struct buffer whole, bytes;
    bool whole_done = false, bytes_done = false;
    buffer_init(&whole, PAYLOAD_MAX);
    buffer_init(&bytes, PAYLOAD_MAX);
    ssize_t a = run(text, SIZE_MAX, framing, length, &whole, &whole_done);
    ssize_t b = run(text, 1, framing, length, &bytes, &bytes_done);
    must(a == b);
    must(a < 0 || (whole_done == bytes_done &&
                   slice_equal(buffer_slice(&whole), buffer_slice(&bytes))));
    buffer_deinit(&whole);
    buffer_deinit(&bytes);
    return 0;
}
