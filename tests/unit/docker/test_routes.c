/* Routes: which row a request line finds, and what is refused before any row is looked at. */
#include "proxy/docker/routes.h"

#include <criterion/criterion.h>

struct wanted {
    const char *method, *target, *operation, *name, *second;
    int version;
};

static void check(const struct wanted *wanted)
{
    struct arena *arena = arena_new();
    struct route_match match;
    struct failure failure;
    enum route_verdict verdict =
        routes_match(&match, slice_of(wanted->method), slice_of(wanted->target), arena, &failure);
    if (!wanted->operation) {
        cr_expect_eq(verdict, ROUTE_UNKNOWN, "%s %s", wanted->method, wanted->target);
    } else {
        cr_expect_eq(verdict, ROUTE_FOUND, "%s %s", wanted->method, wanted->target);
        if (verdict == ROUTE_FOUND) {
            cr_expect_str_eq(match.route->operation, wanted->operation, "%s", wanted->target);
            cr_expect(slice_is(match.names[0], wanted->name ? wanted->name : ""), "%s: " SLICE_FMT,
                      wanted->target, SLICE_ARG(match.names[0]));
            cr_expect(slice_is(match.names[1], wanted->second ? wanted->second : ""));
            cr_expect_eq(match.version, wanted->version);
        }
    }
    arena_free(&arena);
}

Test(routes, finds_the_row_and_its_names)
{
    static const struct wanted cases[] = {
        {"HEAD", "/_ping", "system.ping", NULL, NULL, 0},
        {"GET", "/v1.41/_ping", "system.ping", NULL, NULL, 1041},
        {"GET", "/v1.41/containers/json?all=1", "container.list", NULL, NULL, 1041},
        {"GET", "/containers/web/json", "container.inspect", "web", NULL, 0},
        {"GET", "/v1.50/containers/node-1/web/json", "container.inspect", "node-1/web", NULL, 1050},
        {"GET", "/containers/json/json", "container.inspect", "json", NULL, 0},
        {"GET", "/containers/a%2Fb/json", "container.inspect", "a/b", NULL, 0},
        {"GET", "/containers/x/attach/ws", "container.attach", "x", NULL, 0},
        {"POST", "/containers/create?name=x", "container.create", NULL, NULL, 0},
        {"DELETE", "/containers/n/x?force=1", "container.delete", "n/x", NULL, 0},
        {"DELETE", "/containers/x/checkpoints/c1", "checkpoint.delete", "x", "c1", 0},
        {"GET", "/images/docker.io/library/foo:1@sha256:ab/json", "image.inspect",
         "docker.io/library/foo:1@sha256:ab", NULL, 0},
        {"POST", "/images/reg.local:5000/a/b/push", "image.push", "reg.local:5000/a/b", NULL, 0},
        {"GET", "/images/json", "image.list", NULL, NULL, 0},
        {"GET", "/images/get?names=a", "image.export", NULL, NULL, 0},
        {"GET", "/networks/", "network.list", NULL, NULL, 0},
        {"OPTIONS", "/containers/json", "system.options", "containers/json", NULL, 0},
        {"GET", "/debug/pprof/heap", "system.debug", "pprof/heap", NULL, 0},
        {"POST", "/nodes/abc/update?version=3", "node.update", "abc", NULL, 0},
        {"GET", "/v1.41/v1.41/info", NULL, NULL, NULL, 0},
        {"GET", "/", NULL, NULL, NULL, 0},
        {"GET", "/containers/create", NULL, NULL, NULL, 0},
        {"PATCH", "/containers/json", NULL, NULL, NULL, 0},
        {"get", "/containers/json", NULL, NULL, NULL, 0},
        {"GET", "/Containers/json", NULL, NULL, NULL, 0},
        {"GET", "/v1.41", NULL, NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

Test(routes, sends_unclean_paths_to_their_clean_form)
{
    static const char *const cases[][2] = {
        {"//containers/json?a=b", "/containers/json?a=b"},
        {"/v1.41/containers/x/../json", "/v1.41/containers/json"},
        {"/containers/..%2f..%2finfo", "/info"},
        {"/containers/%2e%2e/info", "/info"},
        {"/containers//json", "/containers/json"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route_match match;
        struct failure failure;
        cr_expect_eq(routes_match(&match, SLICE("GET"), slice_of(cases[i][0]), arena, &failure),
                     ROUTE_MOVED, "%s", cases[i][0]);
        cr_expect(slice_is(match.location, cases[i][1]), SLICE_FMT, SLICE_ARG(match.location));
    }
    arena_free(&arena);
}

Test(routes, refuses_what_no_client_sends)
{
    static const char *const cases[] = {
        "/containers/%zz/json",
        "/containers/%00/json",
        "/containers/a%0ab/json",
        "containers/json",
        "/v1.41.1/info",
        "/v1/info",
        "/v./info",
        "/v1.4294967337/info",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route_match match;
        struct failure failure;
        cr_expect_eq(routes_match(&match, SLICE("GET"), slice_of(cases[i]), arena, &failure),
                     ROUTE_BAD, "%s", cases[i]);
    }
    arena_free(&arena);
}

Test(routes, every_row_finds_itself)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < routes_count; i++) {
        struct buffer path;
        struct route_match match;
        struct failure failure;
        buffer_init(&path, 256);
        for (const char *c = routes[i].pattern; *c; c++) {
            buffer_text(&path, *c == '{' ? "thing" : "");
            if (*c == '{')
                c = strchr(c, '}');
            else
                buffer_char(&path, *c);
        }
        enum route_verdict verdict =
            routes_match(&match, routes[i].method, buffer_slice(&path), arena, &failure);
        cr_expect_eq(verdict, ROUTE_FOUND, "%s", routes[i].pattern);
        cr_expect_eq(match.route, &routes[i], "%s", routes[i].pattern);
        buffer_deinit(&path);
    }
    arena_free(&arena);
}
