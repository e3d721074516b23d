/* Framer: where a body ends, in whatever pieces it comes, and the chunk framing it refuses. */
#include "proxy/http/framer.h"

#include <criterion/criterion.h>

static void collect(struct slice payload, void *context)
{
    cr_assert_gt(payload.length, 0);
    buffer_add(context, payload);
}

/* Feeds `text` in pieces of `piece` bytes. Returns bytes used, or -1. */
static ssize_t feed_in_pieces(struct framer *framer, struct slice text, size_t piece,
                              struct buffer *payload)
{
    struct failure failure;
    size_t used = 0;
    while (used < text.length && !framer->done) {
        struct slice bytes = slice_cut(text, used, piece);
        ssize_t result = framer_decode(framer, bytes, collect, payload, &failure);
        if (result < 0) {
            return -1;
        }
        used += (size_t)result;
        if ((size_t)result < bytes.length) {
            break;
        }
    }
    return (ssize_t)used;
}

Test(framer, ends_bodies_in_any_pieces)
{
    static const struct {
        enum framing framing;
        uint64_t length;
        const char *text, *payload;
        size_t used;
        bool done;
    } cases[] = {
        {FRAMING_NONE, 0, "GET", "", 0, true},
        {FRAMING_LENGTH, 0, "GET", "", 0, true},
        {FRAMING_LENGTH, 5, "helloGET", "hello", 5, true},
        {FRAMING_LENGTH, 9, "hello", "hello", 5, false},
        {FRAMING_UNTIL_CLOSE, 0, "hello", "hello", 5, false},
        {FRAMING_CHUNKED, 0, "0\r\n\r\nGET", "", 5, true},
        {FRAMING_CHUNKED, 0, "5\r\nhello\r\n0\r\n\r\nGET", "hello", 15, true},
        {FRAMING_CHUNKED, 0, "00000000000000A\r\n0123456789\r\n0;x\r\n\r\n", "0123456789", 36, true},
        {FRAMING_CHUNKED, 0, "1;a=b\r\na\r\n2;\r\nbc\r\n0\r\nX-A: b\r\nC:\r\n\r\nG", "abc", 35, true},
        {FRAMING_CHUNKED, 0, "5\r\nhello\r\n", "hello", 10, false},
        {FRAMING_CHUNKED, 0, "0\r\n", "", 3, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece < 40; piece++) {
            struct framer framer;
            struct buffer payload;
            buffer_init(&payload, 1000);
            framer_init(&framer, cases[i].framing, cases[i].length);
            struct slice text = slice_of(cases[i].text);
            ssize_t used = feed_in_pieces(&framer, text, piece, &payload);
            cr_expect_eq(used, (ssize_t)cases[i].used, "case %zu piece %zu: %zd", i, piece, used);
            cr_expect_eq(framer.done, cases[i].done, "case %zu", i);
            cr_expect(slice_is(buffer_slice(&payload), cases[i].payload), "case %zu", i);
            buffer_deinit(&payload);
        }
    }
}

Test(framer, refuses_slack_in_chunk_framing)
{
    static const char *const refused[] = {
        "\r\n", "\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1 \r\n", "1\n", "1\r1", "1\t;\r\n",
        "1\r\na\n", "1\r\nab\r\n", "1\r\na\rb", "1\r\na\r\n\r\n", "1000000000000000\r\n",
        "0000000000000000\r\n", "1;\001\r\n", "1;a\nb\r\n", "0\r\n\n", "0\r\n\rx", "0\r\n X: a\r\n\r\n",
        "0\r\nX : a\r\n\r\n", "0\r\n: a\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\nX: a\n\r\n", "0\r\nX: a\r\n b\r\n\r\n",
        "0\r\nX: \001\r\n\r\n", "5\r\nhello0\r\n\r\n", "1;\x7f\r\n",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        for (size_t piece = 1; piece < 20; piece += 18) {
            struct framer framer;
            struct buffer payload;
            buffer_init(&payload, 1000);
            framer_init(&framer, FRAMING_CHUNKED, 0);
            cr_expect_eq(feed_in_pieces(&framer, slice_of(refused[i]), piece, &payload), -1,
                         "case %zu", i);
            buffer_deinit(&payload);
        }
    }
}

/* Feeds `prefix`, then `count` times 'a', then `suffix`. */
static ssize_t feed_filled(const char *prefix, size_t count, const char *suffix)
{
    struct framer framer;
    struct failure failure;
    struct buffer text;
    buffer_init(&text, 100000);
    buffer_text(&text, prefix);
    memset(buffer_reserve(&text, count), 'a', count);
    text.length += count;
    buffer_text(&text, suffix);
    framer_init(&framer, FRAMING_CHUNKED, 0);
    ssize_t result = framer_feed(&framer, buffer_slice(&text), &failure);
    buffer_deinit(&text);
    return result;
}

Test(framer, limits_extensions_and_trailers)
{
    cr_assert_gt(feed_filled("1;", 256, "\r\na\r\n"), 0);
    cr_assert_eq(feed_filled("1;", 257, "\r\na\r\n"), -1);
    cr_assert_gt(feed_filled("0\r\nX:", 8000, "\r\n\r\n"), 0);
    cr_assert_eq(feed_filled("0\r\nX:", 8192, "\r\n\r\n"), -1);
    cr_assert_eq(feed_filled("0\r\nX:", 4100, "\r\nY: ") < 0, false);
}

Test(framer, end_of_file_ends_only_until_close)
{
    static const struct {
        enum framing framing;
        uint64_t length;
        int result;
    } cases[] = {
        {FRAMING_NONE, 0, 0},         {FRAMING_LENGTH, 0, 0},  {FRAMING_LENGTH, 1, -1},
        {FRAMING_UNTIL_CLOSE, 0, 0},  {FRAMING_CHUNKED, 0, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct framer framer;
        framer_init(&framer, cases[i].framing, cases[i].length);
        cr_expect_eq(framer_end(&framer), cases[i].result, "case %zu", i);
    }
}
