/* Path: one decoding, and the redirects that dockerd gives. */
#include "proxy/docker/path.h"
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

TestSuite(path, .init = set_up, .fini = tear_down);

Test(path, decodes_once_and_redirects_what_is_not_clean)
{
    static const struct {
        const char *raw, *path, *query, *redirect; /* NULL: SLICE_NONE */
    } cases[] = {
        {"/_ping", "/_ping", NULL, NULL},
        {"/v1.41/containers/json?all=1", "/v1.41/containers/json", "all=1", NULL},
        {"/images/docker.io%2Flibrary%2Fx/json", "/images/docker.io/library/x/json", NULL, NULL},
        {"/images/a%252Fb/json", "/images/a%2Fb/json", NULL, NULL},
        {"/containers//json", "/containers/json", NULL, "/containers/json"},
        {"/a/../containers/json?x=%20", "/containers/json", "x=%20", "/containers/json?x=%20"},
        {"/a/%2e%2e/%2E/b", "/b", NULL, "/b"},
        {"/../../x", "/x", NULL, "/x"},
        {"/a/", "/a/", NULL, NULL},
        {"/a/..", "/", NULL, "/"},
        {"/a%2F%2Fb c", "/a/b c", NULL, "/a/b%20c"},
        {"/", "/", NULL, NULL},
        {"/x?", "/x", "", NULL},
        {"/x?a?b", "/x", "a?b", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target;
        struct failure failure;

        cr_assert(target_parse(&target, arena, slice_of(cases[i].raw), &failure) == 0, "%s: %s",
                  cases[i].raw, failure.text);
        expect_slice(target.path, cases[i].path);
        expect_slice(target.query, cases[i].query);
        cr_expect((target.query.at == NULL) == (cases[i].query == NULL));
        expect_slice(target.redirect, cases[i].redirect);
    }
}

Test(path, refuses)
{
    static const char *const raw[] = {"", "x", "*", "/%", "/%0", "/%zz", "/%00", "/a%0d%0aX: y",
                                      "/a#b", "/a?b#c", "http://x/y", "/%7f"};

    for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
        struct target target;
        struct failure failure = {0};

        cr_expect(target_parse(&target, arena, slice_of(raw[i]), &failure) == -1, "%s", raw[i]);
        expect_int(failure.kind, FAILURE_INVALID);
    }
}

Test(path, cuts_the_version)
{
    struct slice version;

    expect_slice(path_cut_version(SLICE("/v1.41/info"), &version), "/info");
    expect_slice(version, "1.41");
    expect_slice(path_cut_version(SLICE("/v1.41"), &version), "/");
    expect_slice(path_cut_version(SLICE("/version"), &version), "/version");
    cr_expect_null(version.at);
    expect_slice(path_cut_version(SLICE("/volumes/x"), &version), "/volumes/x");
    expect_slice(path_cut_version(SLICE("/v1.x/info"), &version), "/v1.x/info");
    cr_expect_null(version.at);
}

Test(path, encodes_for_a_target)
{
    expect_slice(path_encode(arena, SLICE("/images/a/b:c@sha256:1/js on?#%")),
                 "/images/a/b:c@sha256:1/js%20on%3F%23%25");
}
