/* Container filter: what a list shows, by dockerd's rules. */
#include "proxy/docker/container_filter.h"
#include "proxy/json.h"
#include "tests/unit/test.h"

static const struct tag labels[] = {{SLICE_INIT("a"), SLICE_INIT("b")},
                                    {SLICE_INIT("c"), SLICE_INIT("")}};
static struct engine_node node;
static struct container_entry entry;

static void make_entry(enum container_state state)
{
    node = (struct engine_node){0};
    node.view.name = SLICE("node-1");
    node.view.id = SLICE("ENGINE");
    entry = (struct container_entry){.node = &node};
    entry.view.id = SLICE("abcdef0123456789");
    entry.view.name = SLICE("web");
    entry.view.state = state;
    entry.view.created_ns = 1000;
    entry.view.labels = (struct tags){labels, 2};
    entry.facts.exit_code = 3;
    entry.facts.started_ns = 5;
    entry.row = SLICE("{\"Mounts\":[{\"Name\":\"vol\",\"Destination\":\"/d\"}],"
                      "\"NetworkSettings\":{\"Networks\":{\"net\":{\"NetworkID\":\"77aa\"}}}}");
}

struct wanted {
    const char *filters, *all, *limit;
    enum container_state state;
    bool shown;
};

static void check(const struct wanted *wanted)
{
    struct arena *arena = arena_new();
    struct container_filter filter;
    struct failure failure;
    struct query query;
    query_init(&query, arena);
    query_add(&query, "all", slice_of(wanted->all));
    if (wanted->limit)
        query_add(&query, "limit", slice_of(wanted->limit));
    query_add(&query, "filters", slice_of(wanted->filters));
    make_entry(wanted->state);
    cr_assert_eq(container_filter_read(&filter, NULL, &query, arena, &failure), 0, "%s: %s",
                 wanted->filters, failure.text);
    cr_expect_eq(container_filter_shows(&filter, &entry, arena), wanted->shown, "%s all=%s",
                 wanted->filters, wanted->all);
    arena_free(&arena);
}

Test(container_filter, shows_by_state_and_filters)
{
    static const struct wanted cases[] = {
        {"", "0", NULL, CONTAINER_RUNNING, true},
        {"", "0", NULL, CONTAINER_PAUSED, true},
        {"", "0", NULL, CONTAINER_EXITED, false},
        {"", "1", NULL, CONTAINER_EXITED, true},
        {"", "0", "1", CONTAINER_EXITED, true},
        {"", "0", "-1", CONTAINER_EXITED, false},
        {"{\"status\":[\"exited\"]}", "0", NULL, CONTAINER_EXITED, true},
        {"{\"status\":[\"running\"]}", "0", NULL, CONTAINER_EXITED, false},
        {"{\"id\":[\"abcd\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"id\":[\"bcd\"]}", "0", NULL, CONTAINER_RUNNING, false},
        {"{\"name\":[\"we\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"name\":[\"^/web$\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"name\":[\"node-1/web\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"name\":[\"db\"]}", "0", NULL, CONTAINER_RUNNING, false},
        {"{\"label\":{\"a=b\":true,\"c\":true}}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"label\":{\"a=b\":true,\"x\":true}}", "0", NULL, CONTAINER_RUNNING, false},
        {"{\"exited\":[\"3\"]}", "1", NULL, CONTAINER_EXITED, true},
        {"{\"exited\":[\"0\"]}", "1", NULL, CONTAINER_EXITED, false},
        {"{\"exited\":[\"3\"]}", "1", NULL, CONTAINER_RUNNING, false},
        {"{\"health\":[\"none\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"health\":[\"healthy\"]}", "0", NULL, CONTAINER_RUNNING, false},
        {"{\"network\":[\"net\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"network\":[\"77\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"network\":[\"other\"]}", "0", NULL, CONTAINER_RUNNING, false},
        {"{\"volume\":[\"vol\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"volume\":[\"/d\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"volume\":[\"/\"]}", "0", NULL, CONTAINER_RUNNING, false},
        {"{\"node\":[\"node-1\"]}", "0", NULL, CONTAINER_RUNNING, true},
        {"{\"node\":[\"!node-1\"]}", "0", NULL, CONTAINER_RUNNING, false},
        {"{\"node\":[\"node-2\"]}", "0", NULL, CONTAINER_RUNNING, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

Test(container_filter, refuses_what_dockerd_refuses)
{
    static const char *const cases[][2] = {
        {"{\"frob\":[\"1\"]}", "invalid filter 'frob'"},
        {"{\"status\":[\"sleeping\"]}", "invalid filter 'status=sleeping'"},
        {"{\"health\":[\"fine\"]}", "invalid filter 'health=fine'"},
        {"{\"exited\":[\"x\"]}", "invalid filter 'exited=x'"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct container_filter filter;
        struct failure failure;
        struct query query;
        query_init(&query, arena);
        query_add(&query, "filters", slice_of(cases[i][0]));
        cr_expect_eq(container_filter_read(&filter, NULL, &query, arena, &failure), -1);
        expect_text(failure.text, cases[i][1]);
    }
    arena_free(&arena);
}

Test(container_filter, engines_get_only_what_they_evaluate)
{
    struct arena *arena = arena_new();
    struct container_filter filter;
    struct failure failure;
    struct query query;
    query_init(&query, arena);
    query_add(&query, "filters",
              SLICE("{\"ancestor\":[\"b\"],\"name\":[\"n\"],\"node\":[\"x\"],\"label\":[\"l\"]}"));
    cr_assert_eq(container_filter_read(&filter, NULL, &query, arena, &failure), 0);
    cr_expect(filter.live);
    expect_slice(container_filter_for_engine(&filter, arena),
                 "{\"ancestor\":{\"b\":true},\"label\":{\"l\":true}}");
    arena_free(&arena);
}

Test(container_filter, rows_asked_live_are_held_against_what_engines_do_not_get)
{
    static const struct {
        const char *filters;
        bool shown;
    } cases[] = {
        {"{\"name\":[\"^/web$\"]}", true},   {"{\"name\":[\"alias\"]}", false},
        {"{\"id\":[\"u1\"]}", true},         {"{\"id\":[\"e1\"]}", false},
        {"{\"status\":[\"exited\"]}", true}, {"{\"status\":[\"running\"]}", false},
        {"{\"node\":[\"node-1\"]}", true},   {"{\"node\":[\"node-2\"]}", false},
        {"{\"ancestor\":[\"x\"]}", true},
    };
    struct arena *arena = arena_new();
    struct failure failure;
    make_entry(CONTAINER_RUNNING);
    struct container_filter_row row = {
        .value = json_parse(arena,
                            SLICE("{\"Id\":\"e1\",\"Names\":[\"/other/alias\",\"/web\"],"
                                  "\"State\":\"exited\"}"),
                            &failure),
        .node = &node,
        .id = SLICE("u1"),
        .created_ns = 1000,
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct container_filter filter;
        struct query query;
        query_init(&query, arena);
        query_add(&query, "filters", slice_of(cases[i].filters));
        cr_assert_eq(container_filter_read(&filter, NULL, &query, arena, &failure), 0);
        cr_expect_eq(container_filter_shows_row(&filter, &row, arena), cases[i].shown, "%s",
                     cases[i].filters);
    }
    arena_free(&arena);
}
