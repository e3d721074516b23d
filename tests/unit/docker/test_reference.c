/* Reference: Docker's spelling of images and its short forms. */
#include "proxy/docker/reference.h"
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

TestSuite(reference, .init = set_up, .fini = tear_down);

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

Test(reference, normalises_and_shortens)
{
    static const struct {
        const char *text, *canonical, *familiar;
    } cases[] = {
        {"busybox", "docker.io/library/busybox", "busybox"},
        {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
        {"library/busybox", "docker.io/library/busybox", "busybox"},
        {"docker.io/busybox", "docker.io/library/busybox", "busybox"},
        {"index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"},
        {"user/app:v1", "docker.io/user/app:v1", "user/app:v1"},
        {"localhost/x", "localhost/x", "localhost/x"},
        {"localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"},
        {"Registry/x", "Registry/x", "Registry/x"},
        {"[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"},
        {"r.example.com/a/b__c-d.e/f", "r.example.com/a/b__c-d.e/f", "r.example.com/a/b__c-d.e/f"},
        {"x@" DIGEST, "docker.io/library/x@" DIGEST, "x@" DIGEST},
        {"x:t@" DIGEST, "docker.io/library/x:t@" DIGEST, "x:t@" DIGEST},
        {"library/a/b", "docker.io/library/a/b", "library/a/b"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reference reference;
        struct failure failure;

        cr_assert(reference_parse(&reference, arena, slice_of(cases[i].text), &failure) == 0,
                  "%s: %s", cases[i].text, failure.text);
        expect_slice(reference_canonical(arena, &reference), cases[i].canonical);
        expect_slice(reference_familiar(arena, &reference), cases[i].familiar);
    }
}

Test(reference, refuses)
{
    static const char *const texts[] = {
        "", ":tag", "x:", "x:-a", "a//b", "/a", "a/", "x@", "x@sha256:12", "a b", "a_.b", "a___b",
        "-a", "a-", "x:a/b:c:d", "host:port/x", "x@md5", "a..b", "a/./b", "a.b:/x", "-a.b/x",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reference reference;
        struct failure failure = {0};

        cr_expect(reference_parse(&reference, arena, slice_of(texts[i]), &failure) == -1,
                  "took \"%s\"", texts[i]);
        expect_int(failure.kind, FAILURE_INVALID);
    }
}

Test(reference, a_nul_in_the_digests_algorithm_is_refused)
{
    static const char text[] = "x@s\0a:0123456789abcdef0123456789abcdef";
    struct reference reference;

    cr_expect(reference_parse(&reference, arena, slice_make(text, sizeof(text) - 1), NULL) == -1);
}

Test(reference, error_texts_are_dockerds)
{
    struct reference reference;
    struct failure failure;

    cr_expect(reference_parse(&reference, arena, SLICE("Foo"), &failure) == -1);
    expect_text(failure.text,
                "invalid reference format: repository name (library/Foo) must be lowercase");
    cr_expect(reference_parse(&reference, arena, SLICE("a b"), &failure) == -1);
    expect_text(failure.text, "invalid reference format");
    cr_expect(reference_parse(&reference, arena, slice_of(DIGEST + 7), &failure) == -1);
    cr_expect(slice_ends(slice_of(failure.text), "cannot specify 64-byte hexadecimal strings"));
}

Test(reference, normal_form_for_comparing)
{
    expect_slice(reference_normal(arena, SLICE("docker.io/library/busybox")), "busybox:latest");
    expect_slice(reference_normal(arena, SLICE("busybox:1")), "busybox:1");
    expect_slice(reference_normal(arena, SLICE("x@" DIGEST)), "x@" DIGEST);
    expect_slice(reference_normal(arena, SLICE(DIGEST)), DIGEST);
}

Test(reference, globs)
{
    cr_expect(reference_matches(arena, SLICE("busy*"), SLICE("busybox:1")));
    cr_expect(reference_matches(arena, SLICE("*:1"), SLICE("busybox:1")));
    cr_expect(reference_matches(arena, SLICE("busybox:1"), SLICE("docker.io/library/busybox:1")));
    cr_expect_not(reference_matches(arena, SLICE("*:2"), SLICE("busybox:1")));
    cr_expect_not(reference_matches(arena, SLICE("*"), SLICE("a/b:1")));
    cr_expect(reference_matches(arena, SLICE("a/*"), SLICE("a/b:1")));
    cr_expect_not(reference_matches(arena, SLICE("*"), SLICE("<none>:<none>")));
}

Test(reference, may_be_an_id)
{
    cr_expect(reference_may_be_id(SLICE("cafe")));
    cr_expect(reference_may_be_id(SLICE(DIGEST)));
    cr_expect_not(reference_may_be_id(SLICE("cafe:1")));
    cr_expect_not(reference_may_be_id(SLICE("sha256:")));
    cr_expect_not(reference_may_be_id(SLICE("")));
}
