/* Join request: what is taken, what is refused and with which words. */
#include "proxy/admin/join_request.h"
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

TestSuite(join_request, .init = set_up, .fini = tear_down);

#define HEAD "{\"cluster\":\"c\",\"name\":\"node-1\",\"engine_id\":\"A:B\",\"engine\":\"tcp://h:1\""

Test(join_request, takes_a_whole_one)
{
    struct join_request request;
    struct failure failure;
    struct value *body = json_parse(arena,
                                    SLICE(HEAD ",\"address\":\"10.0.0.5\",\"pool\":\"gpu\","
                                               "\"memory_bytes\":2147483648,\"nano_cpus\":5,"
                                               "\"tags\":{\"storage\":\"ssd\",\"empty\":\"\"},"
                                               "\"facts\":null,\"later\":[1]}"),
                                    &failure);

    cr_assert(join_request_read(&request, arena, body, &failure) == 0, "%s", failure.text);
    expect_slice(request.name, "node-1");
    expect_slice(request.engine, "tcp://h:1");
    expect_slice(request.pool, "gpu");
    expect_int(request.declared.memory_bytes, 2147483648);
    expect_int(request.declared.nano_cpus, 5);
    expect_int(request.tags.count, 2);
    expect_slice(request.tags.list[0].key, "storage");
    expect_slice(request.tags.list[0].value, "ssd");
    expect_int(request.facts.count, 0);
}

Test(join_request, says_what_is_wrong)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "\"cluster\" is missing"},
        {"{\"cluster\":1}", "\"cluster\" must be a text of at most 255 bytes without spaces"},
        {"{\"cluster\":\"c\",\"name\":\"a b\"}",
         "\"name\" must be a text of at most 255 bytes without spaces"},
        {"{\"cluster\":\"c\",\"name\":\"n\",\"engine_id\":\"\"}", "\"engine_id\" is missing"},
        {HEAD ",\"memory_bytes\":-1}", "\"memory_bytes\" must be a whole number of 0 or more"},
        {HEAD ",\"memory_bytes\":1.5}", "\"memory_bytes\" must be a whole number of 0 or more"},
        {HEAD ",\"tags\":[]}", "\"tags\" must be an object of at most 64 members, each a text"},
        {HEAD ",\"tags\":{\"a=b\":\"c\"}}",
         "\"tags\": \"a=b\" is no key: 1 to 128 bytes without spaces and '='"},
        {HEAD ",\"facts\":{\"a\":1}}",
         "\"facts\": the value of \"a\" must be a text of at most 256 bytes without control bytes"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct join_request request;
        struct failure failure = {0};
        struct value *body = json_parse(arena, slice_of(cases[i].text), &failure);

        cr_assert_not_null(body, "%s", failure.text);
        cr_expect(join_request_read(&request, arena, body, &failure) == -1);
        expect_text(failure.text, cases[i].message);
        expect_int(failure.kind, FAILURE_INVALID);
    }
}

Test(join_request, node_names)
{
    static const char *const good[] = {"a", "node-1", "N_1.example.com", "0"};
    static const char *const bad[] = {"", "-a", ".a", "a/b", "a b", "\xc3\xa9", "a:b"};
    char text[65];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(join_name_valid(slice_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(join_name_valid(slice_of(bad[i])), "%s", bad[i]);
    memset(text, 'a', sizeof(text));
    cr_expect(join_name_valid(slice_make(text, 63)));
    cr_expect_not(join_name_valid(slice_make(text, 64)));
}
