/* Filters: both JSON forms, dockerd's error texts and matching. */
#include "proxy/docker/filters.h"
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

TestSuite(filters, .init = set_up, .fini = tear_down);

static const char *const allowed[] = {"label", "name", "dangling", "node", NULL};

static struct filters parse(const char *text)
{
    struct filters filters;
    struct failure failure;

    cr_assert(filters_parse(&filters, arena, slice_of(text), NULL, &failure) == 0, "%s: %s", text,
              failure.text);
    return filters;
}

Test(filters, both_forms_become_the_map_form)
{
    struct filters map = parse("{\"label\":{\"a=b\":true,\"c\":false},\"name\":{\"x\":true}}");
    struct filters list = parse("{\"label\":[\"a=b\",\"c\",\"c\"],\"name\":[\"x\"]}");
    const char *expected = "{\"label\":{\"a=b\":true,\"c\":true},\"name\":{\"x\":true}}";

    expect_slice(filters_text(&map), expected);
    expect_slice(filters_text(&list), expected);
    expect_slice(filters_get(&list, "label"), "a=b");
    expect_int(filters_find(&list, "label")->count, 2);
}

Test(filters, nothing_is_no_filter)
{
    static const char *const texts[] = {"", " ", "{}", "null"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct filters filters = parse(texts[i]);

        cr_expect(filters_empty(&filters));
        cr_expect_null(filters_text(&filters).at);
    }
}

Test(filters, errors_read_as_dockerds)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{", "invalid filter"},
        {"[]", "invalid filter"},
        {"{\"label\":\"a\"}", "invalid filter"},
        {"{\"label\":[1]}", "invalid filter"},
        {"{\"label\":{\"a\":1}}", "invalid filter"},
        {"{\"colour\":[\"red\"]}", "invalid filter 'colour'"},
        {"{\"Label\":[\"red\"]}", "invalid filter 'Label'"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct filters filters;
        struct failure failure = {0};

        cr_expect(filters_parse(&filters, arena, slice_of(cases[i].text), allowed, &failure) == -1);
        expect_text(failure.text, cases[i].message);
        expect_int(failure.kind, FAILURE_INVALID);
    }
}

Test(filters, take_removes_first_middle_and_last)
{
    struct filters filters = parse("{\"a\":[\"1\"],\"b\":[\"2\"],\"c\":[\"3\"]}");

    expect_slice(filters_take(&filters, "c")->first->text, "3");
    filters_add(&filters, "d", SLICE("4"));
    expect_slice(filters_take(&filters, "a")->first->text, "1");
    cr_expect_null(filters_take(&filters, "a"));
    expect_slice(filters_text(&filters), "{\"b\":{\"2\":true},\"d\":{\"4\":true}}");
}

Test(filters, booleans)
{
    struct filters filters = parse("{\"y\":[\"True\",\"1\"],\"n\":[\"f\"],\"bad\":[\"2\"],"
                                   "\"both\":[\"1\",\"0\"]}");
    struct failure failure;
    bool truth;

    cr_expect(filters_bool(&filters, "y", false, &truth, &failure) == 0 && truth);
    cr_expect(filters_bool(&filters, "n", true, &truth, &failure) == 0 && !truth);
    cr_expect(filters_bool(&filters, "absent", true, &truth, &failure) == 0 && truth);
    cr_expect(filters_bool(&filters, "both", true, &truth, &failure) == -1);
    cr_expect(filters_bool(&filters, "bad", true, &truth, &failure) == -1);
    expect_text(failure.text, "invalid filter 'bad=[2]'");
}

Test(filters, names_match_exactly_or_as_unanchored_patterns)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"web", "web", true},       {"web", "my-web-1", true},   {"^web$", "web", true},
        {"^web$", "web1", false},   {"w.b", "wob", true},        {"web-\\d+", "web-12", true},
        {"web-\\d+", "web-x", false}, {"a(?:b|c)d", "acd", true}, {"(?i)WEB", "web", true},
        {"w{2,3}", "www", true},    {"w{2,3}", "w", false},      {"[", "x", false},
        {"[", "[", true},           {"(", "(", true},            {"", "x", true},
        {"a.*?b", "axxb", true},    {"(a)\\1", "aa", false},     {"a{999}", "aaa", false},
        {"a+", "baa", true},        {"/web", "/web", true},
        {"++++++++++++++++++++++++++++++++", "x", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct filters filters;

        filters_init(&filters, arena);
        filters_add(&filters, "name", slice_of(cases[i].pattern));
        cr_expect(filters_name(&filters, "name", slice_of(cases[i].name)) == cases[i].matches,
                  "%s on %s", cases[i].pattern, cases[i].name);
    }
}

Test(filters, a_long_pattern_is_compared_as_text)
{
    struct filters filters;
    char pattern[FILTERS_MAX_PATTERN + 2];

    memset(pattern, '*', sizeof(pattern) - 1);
    pattern[sizeof(pattern) - 1] = '\0';
    filters_init(&filters, arena);
    filters_add(&filters, "name", slice_of(pattern));
    cr_expect(filters_name(&filters, "name", slice_of(pattern)));
    cr_expect_not(filters_name(&filters, "name", SLICE("x")));
}

Test(filters, a_slice_in_the_middle_of_text_is_matched_alone)
{
    struct filters filters;

    filters_init(&filters, arena);
    filters_add(&filters, "name", SLICE("b$"));
    cr_expect(filters_name(&filters, "name", slice_make("abc", 2)));
}

Test(filters, labels_must_all_match)
{
    static const struct tag list[] = {{SLICE_INIT("app"), SLICE_INIT("web")},
                                      {SLICE_INIT("empty"), SLICE_INIT("")}};
    struct tags labels = {list, 2};
    struct filters yes = parse("{\"label\":[\"app\",\"app=web\",\"empty=\"]}");
    struct filters no = parse("{\"label\":[\"app\",\"app=db\"]}");
    struct filters without = parse("{\"label!\":[\"app=web\"]}");
    struct filters other = parse("{\"label!\":[\"app=db\"]}");

    cr_expect(filters_labels(&yes, "label", labels));
    cr_expect_not(filters_labels(&no, "label", labels));
    cr_expect(filters_labels(&yes, "absent", labels));
    cr_expect_not(filters_unlabels(&without, labels));
    cr_expect(filters_unlabels(&other, labels));
    cr_expect(filters_unlabels(&yes, labels));
}

Test(filters, exact_and_prefix)
{
    struct filters filters = parse("{\"id\":[\"abc\",\"12\"]}");

    cr_expect(filters_exact(&filters, "id", SLICE("12")));
    cr_expect_not(filters_exact(&filters, "id", SLICE("123")));
    cr_expect(filters_prefix(&filters, "id", SLICE("123")));
    cr_expect_not(filters_prefix(&filters, "id", SLICE("ab")));
    cr_expect(filters_exact(&filters, "absent", SLICE("x")));
}

Test(filters, node_names_ids_and_exclusions)
{
    struct filters some = parse("{\"node\":[\"node-1\",\"ABCD\"]}");
    struct filters none = parse("{\"node\":[\"!node-1\"]}");
    const struct filter *filter = filters_take(&some, "node");

    cr_expect(filters_node(filter, SLICE("node-1"), SLICE("WXYZ")));
    cr_expect(filters_node(filter, SLICE("node-2"), SLICE("ABCD:EFGH")));
    cr_expect_not(filters_node(filter, SLICE("node-2"), SLICE("AB")));
    filter = filters_take(&none, "node");
    cr_expect_not(filters_node(filter, SLICE("node-1"), SLICE("x")));
    cr_expect(filters_node(filter, SLICE("node-2"), SLICE("x")));
    cr_expect(filters_node(NULL, SLICE("node-2"), SLICE("x")));
}
