/* JSON: what is parsed and written again is the same text, and bad text is refused with a place. */
#include "proxy/json.h"
#include "tests/unit/test.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new();
}

static void tear_down(void)
{
    arena_free(&arena);
}

TestSuite(json, .init = set_up, .fini = tear_down);

Test(json, round_trips_what_clients_write)
{
    static const char *const texts[] = {
        "{\"b\":1,\"a\":{\"x\":[1,2.50,-0,1e9,12345678901234567890]},\"b\":null}",
        "[true,false,null,\"\",\"\\\"\\\\\\n\\u0001\"]",
        "\"\xc3\xa9\xf0\x9f\x90\xb3</&\"",
        "0",
        "{}",
        "[]",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct failure failure;
        struct value *value = json_parse(arena, slice_of(texts[i]), &failure);

        cr_assert_not_null(value, "%s: %s", texts[i], failure.text);
        expect_slice(json_text(arena, value), texts[i]);
    }
}

Test(json, refuses_what_is_not_json)
{
    static const char *const texts[] = {
        "",       " ",       "{",      "{\"a\":1",    "{\"a\":1}x", "{} {}", "[1,]", "{\"a\":1,}",
        "{a:1}",  "'a'",     "01",     "1.",          "+1",         "nul",   "\"\t\"", "\"\\x\"",
        "\"\xff\"", "// c\n1", "/*c*/1", "[1] // late", "\"a",      "NaN",   "{\"a\"}", "\xef\xbb\xbf{}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct failure failure = {0};

        cr_expect_null(json_parse(arena, slice_of(texts[i]), &failure), "took %s", texts[i]);
        expect_int(failure.kind, FAILURE_INVALID);
        cr_expect(slice_starts(slice_of(failure.text), "invalid JSON"), "%s", failure.text);
        cr_expect(slice_find(slice_of(failure.text), '\n') < 0, "%s", failure.text);
    }
}

Test(json, depth_is_bounded)
{
    struct failure failure;
    char text[2 * JSON_MAX_DEPTH + 2];

    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    cr_expect_not_null(json_parse(arena, slice_make(text, 2 * JSON_MAX_DEPTH), &failure));
    memset(text, '[', JSON_MAX_DEPTH + 1);
    cr_expect_null(json_parse(arena, slice_make(text, JSON_MAX_DEPTH + 1), &failure));
    expect_text(failure.text, "invalid JSON: nested deeper than 64 levels");
}

Test(json, decodes_escapes_and_says_where_it_broke)
{
    struct failure failure;
    struct value *value = json_parse(arena, SLICE("{\"\\u0041\":\"\\ud83d\\udc33\\/\"}"), &failure);

    expect_slice(value->first->key, "A");
    expect_slice(value->first->text, "\xf0\x9f\x90\xb3/");
    cr_expect_null(json_parse(arena, SLICE("{\"a\": }"), &failure));
    cr_expect(slice_contains(slice_of(failure.text), "byte"), "%s", failure.text);
    cr_expect_null(json_parse(arena, SLICE("{\"a\": 1"), &failure));
    expect_text(failure.text, "invalid JSON: unexpected end after byte 7");
}

Test(json, write_stops_at_the_buffers_maximum)
{
    struct buffer out;

    buffer_init(&out, 8);
    expect_int(json_write(&out, value_text(arena, SLICE("123456"))), 0);
    expect_int(json_write_text(&out, SLICE("x")), -1);
    buffer_deinit(&out);
}

struct collected {
    char text[256];
    size_t count;
    size_t stop_after;
};

static bool collect(struct slice text, void *context)
{
    struct collected *collected = context;
    struct slice before = slice_of(collected->text);

    cr_assert(before.length + text.length + 2 < sizeof(collected->text));
    memcpy(collected->text + before.length, text.at, text.length);
    memcpy(collected->text + before.length + text.length, "|", 2);
    return ++collected->count != collected->stop_after;
}

static const char stream[] = "{\"a\":\"}{\"}\n[1,[2]]{\"q\":\"\\\"}\"}\r\n\"s\" 12 true\n {}";
static const char cut[] = "{\"a\":\"}{\"}|[1,[2]]|{\"q\":\"\\\"}\"}|\"s\"|12|true|{}|";

Test(json_splitter, cuts_the_same_from_pieces_of_any_size)
{
    for (size_t size = 1; size <= sizeof(stream); size++) {
        struct json_splitter *splitter = json_splitter_new(64);
        struct collected collected = {0};

        for (size_t at = 0; at < sizeof(stream) - 1; at += size)
            expect_int(json_splitter_feed(splitter, slice_cut(slice_of(stream), at, size), collect,
                                          &collected),
                       0);
        expect_text(collected.text, cut);
        json_splitter_free(&splitter);
        cr_expect_null(splitter);
    }
}

Test(json_splitter, refuses_long_values_and_non_json)
{
    struct json_splitter *splitter = json_splitter_new(8);
    struct collected collected = {0};

    expect_int(json_splitter_feed(splitter, SLICE("{\"a\":12}"), collect, &collected), 0);
    expect_int(json_splitter_feed(splitter, SLICE("{\"a\":123}"), collect, &collected), -1);
    json_splitter_free(&splitter);
    splitter = json_splitter_new(8);
    expect_int(json_splitter_feed(splitter, SLICE("{\"a\":12"), collect, &collected), 0);
    expect_int(json_splitter_feed(splitter, SLICE("34"), collect, &collected), -1);
    json_splitter_free(&splitter);
    splitter = json_splitter_new(8);
    expect_int(json_splitter_feed(splitter, SLICE("<html>"), collect, &collected), -1);
    json_splitter_free(&splitter);
}

Test(json_splitter, stops_when_told)
{
    struct json_splitter *splitter = json_splitter_new(8);
    struct collected collected = {.stop_after = 2};

    expect_int(json_splitter_feed(splitter, SLICE("{}{}{}"), collect, &collected), 0);
    expect_int(collected.count, 2);
    json_splitter_free(&splitter);
}
