/* Pattern: which texts match, and that hostile patterns end. */
#include "policy/pattern.h"
#include "tests/unit/test.h"

static bool matches(const char *pattern, const char *subject)
{
    struct arena *arena = arena_new();
    struct failure failure = {0};
    struct pattern *compiled = pattern_compile(arena, slice_of(pattern), &failure);
    cr_assert(compiled, "%s: %s", pattern, failure.text);
    int64_t steps = PATTERN_STEPS;
    bool result = pattern_match(compiled, slice_of(subject), &steps);
    cr_expect(steps > 0, "%s on %s used all its steps", pattern, subject);
    arena_free(&arena);
    return result;
}

Test(pattern, matches_text_glob_and_regex)
{
    static const struct {
        const char *pattern, *yes, *no;
    } cases[] = {
        {"ssd", "ssd", "ssd2"},
        {"s*d", "sd", "sdx"},
        {"*", "", NULL},
        {"6.1*", "6.1.0-18", "6x1.0"},
        {"node-?", "node-1", "node-12"},
        {"*a*b*", "xxaxxbxx", "xxbxxa"},
        {"/", "/", "//a"},
        {"/var", "/var", "var"},
        {"/ssd/", "my-ssd-1", "sdd"},
        {"/^ssd$/", "ssd", "ssd1"},
        {"/node-[12]/", "node-2", "node-3"},
        {"/node-[^12]/", "node-3", "node-2"},
        {"/^(web|db)-\\d+$/", "db-12", "dbx-12"},
        {"/^(a|b|c|d)$/", "c", "e"},
        {"/^a{2,3}$/", "aaa", "aaaa"},
        {"/^a{2}$/", "aa", "a"},
        {"/^a{2,}$/", "aaaaa", "a"},
        {"/^(ab)*$/", "abab", "aba"},
        {"/^x?y+$/", "yy", "xxy"},
        {"/(?i)DEBIAN/", "Debian GNU", "Fedora"},
        {"/(?i)[d-e]x/", "DX", "fx"},
        {"/^[]a]+$/", "]a", "b"},
        {"/^[a-]+$/", "a-", "b"},
        {"/^a\\.b$/", "a.b", "axb"},
        {"/^\\w+\\s\\S+$/", "ab c-d", "ab"},
        {"/^(a*)*$/", "aaa", "b"},
        {"/^(?:a|)b$/", "b", "aab"},
        {"/a{x}/", "a{x}", "ax"},
        {"/^.*?x$/", "abx", "aby"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect(matches(cases[i].pattern, cases[i].yes), "%s should match %s", cases[i].pattern,
                  cases[i].yes);
        cr_expect(!cases[i].no || !matches(cases[i].pattern, cases[i].no), "%s should not match %s",
                  cases[i].pattern, cases[i].no);
    }
}

Test(pattern, says_what_is_wrong_with_a_regular_expression)
{
    static const struct {
        const char *pattern, *text;
    } cases[] = {
        {"/(a/", "regular expression /(a/: missing ) at byte 3"},
        {"/a)/", "regular expression /a)/: unmatched ) at byte 2"},
        {"/[a/", "regular expression /[a/: missing ] at byte 3"},
        {"/*a/", "regular expression /*a/: nothing to repeat at byte 2"},
        {"/a{3,2}/", "regular expression /a{3,2}/: bad repeat count at byte 7"},
        {"/a\\/", "regular expression /a\\/: nothing after \\ at byte 3"},
        {"/\\q/", "regular expression /\\q/: unknown escape at byte 3"},
        {"/[z-a]/", "regular expression /[z-a]/: bad range at byte 5"},
        {"/(?=a)/", "regular expression /(?=a)/: only (?: and a leading (?i) are known at byte 2"},
        {"/((a{200}){200}){200}/",
         "regular expression /((a{200}){200}){200}/: too large at byte 15"},
        {"//", "regular expression //: empty at byte 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new();
        struct failure failure = {0};
        cr_expect_null(pattern_compile(arena, slice_of(cases[i].pattern), &failure));
        expect_text(failure.text, cases[i].text);
        arena_free(&arena);
    }
}

Test(pattern, deep_nesting_is_refused_not_followed)
{
    char text[520];
    memset(text, '(', sizeof(text));
    text[0] = '/';
    text[sizeof(text) - 1] = '/';
    struct arena *arena = arena_new();
    struct failure failure = {0};
    cr_expect_null(pattern_compile(arena, slice_make(text, sizeof(text)), &failure));
    cr_expect(slice_contains(slice_of(failure.text), "nested too deep"));
    arena_free(&arena);
}

Test(pattern, hostile_pattern_costs_program_times_text)
{
    struct arena *arena = arena_new();
    char subject[PATTERN_SUBJECT_MAX];
    memset(subject, 'a', sizeof(subject));
    int64_t steps = PATTERN_STEPS;
    struct pattern *pattern =
        pattern_compile(arena, SLICE("/(a*)*(a|aa)*(.*)*(.*)*(.*)*b$/"), NULL);
    cr_expect_not(pattern_match(pattern, slice_make(subject, sizeof(subject)), &steps));
    cr_expect(PATTERN_STEPS - steps < 60000, "%lld steps", (long long)(PATTERN_STEPS - steps));
    steps = 10;
    cr_expect_not(pattern_match(pattern, slice_make(subject, sizeof(subject)), &steps));
    cr_expect(steps <= 0);
    arena_free(&arena);
}
