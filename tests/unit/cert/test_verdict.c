/* Tests of cert/verdict: a verdict is for one request on one node, for half a minute. */
#include "proxy/cert/verdict.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define NOW INT64_C(1700000000000)

static struct verdict_key *manager, *public_half;
static struct failure failure;
static char text[VERDICT_MAX_BYTES];

static struct verdict about(const char *method, const char *target, const char *node)
{
    return (struct verdict){
        .method = slice_of(method), .target = slice_of(target), .node = slice_of(node)};
}

static void set_up(void)
{
    char hex[65];
    manager = verdict_key_new(&failure);
    cr_assert(manager);
    verdict_key_public(manager, hex);
    public_half = verdict_key_from_public(slice_of(hex), &failure);
    cr_assert(public_half, "%s", failure.text);
    struct verdict verdict = about("POST", "/v1.41/containers/create?name=x", "N1");
    verdict.strict = true;
    cr_assert_eq(verdict_sign(manager, &verdict, NOW, text, &failure), 0);
}

static void tear_down(void)
{
    verdict_key_free(&manager);
    verdict_key_free(&public_half);
}

TestSuite(verdict, .init = set_up, .fini = tear_down);

Test(verdict, holds_for_what_was_signed)
{
    struct verdict verdict = about("POST", "/v1.41/containers/create?name=x", "N1");
    cr_expect_eq(verdict_check(public_half, slice_of(text), NOW + 1000, &verdict, &failure), 0,
                 "%s", failure.text);
    cr_expect(verdict.strict);
    expect_int(verdict.expires_ms, NOW + VERDICT_LIFE_MS);
}

Test(verdict, holds_for_nothing_else)
{
    struct verdict others[] = {
        about("GET", "/v1.41/containers/create?name=x", "N1"),
        about("POST", "/v1.41/containers/create?name=y", "N1"),
        about("POST", "/v1.41/containers/create?name=x", "N2"),
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        cr_expect_eq(verdict_check(public_half, slice_of(text), NOW, &others[i], &failure), -1);
        expect_int(failure.kind, FAILURE_DENIED);
    }
    for (size_t i = 0; text[i]; i++) {
        struct verdict verdict = about("POST", "/v1.41/containers/create?name=x", "N1");
        char kept = text[i];
        text[i] = text[i] == '1' ? '0' : '1';
        cr_expect_eq(verdict_check(public_half, slice_of(text), NOW, &verdict, &failure), -1, "%zu",
                     i);
        text[i] = kept;
    }
}

Test(verdict, ends)
{
    struct verdict verdict = about("POST", "/v1.41/containers/create?name=x", "N1");
    int64_t end = NOW + VERDICT_LIFE_MS + VERDICT_SKEW_MS;
    cr_expect_eq(verdict_check(public_half, slice_of(text), end, &verdict, &failure), 0);
    cr_expect_eq(verdict_check(public_half, slice_of(text), end + 1, &verdict, &failure), -1);
    cr_expect(strstr(failure.text, "clocks"), "%s", failure.text);
    cr_expect_eq(
        verdict_check(public_half, slice_of(text), NOW - VERDICT_SKEW_MS - 1, &verdict, &failure),
        -1);
}

Test(verdict, refuses_rubbish)
{
    static const char *const rows[] = {"",           "x",      "v1",    "v1.1.2.3.4",
                                       "v2.1.2.0.3", "v1....", "......"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct verdict verdict = about("POST", "/", "N1");
        cr_expect_eq(verdict_check(public_half, slice_of(rows[i]), NOW, &verdict, &failure), -1);
    }
}

Test(verdict, another_key_does_not_count)
{
    struct verdict_key *other = verdict_key_new(&failure);
    struct verdict verdict = about("POST", "/v1.41/containers/create?name=x", "N1");
    cr_expect_eq(verdict_check(other, slice_of(text), NOW, &verdict, &failure), -1);
    verdict_key_free(&other);
}

Test(verdict, keys_survive_pem)
{
    char *pem = verdict_key_pem(manager), first[65], second[65];
    struct verdict_key *again = verdict_key_load(slice_of(pem), &failure);
    cr_assert(again, "%s", failure.text);
    verdict_key_public(manager, first);
    verdict_key_public(again, second);
    expect_text(second, first);
    cr_expect_null(verdict_key_load(SLICE("nonsense"), &failure));
    cr_expect_null(verdict_key_from_public(SLICE("zz"), &failure));
    verdict_key_free(&again);
    free(pem);
}
