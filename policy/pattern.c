/* Pattern: tells plain text, glob and /regex/ apart, once, and matches each the cheapest way. */
#include "policy/pattern.h"

#include "policy/regex.h"

enum form { FORM_PLAIN, FORM_GLOB, FORM_REGEX };

struct pattern {
    enum form form;
    struct slice text;
    struct regex *regex;
};

struct pattern *pattern_compile(struct arena *arena, struct slice text, struct failure *failure)
{
    struct pattern *pattern = arena_alloc(arena, sizeof(*pattern));
    pattern->text = text;
    if (text.length > 1 && text.at[0] == '/' && text.at[text.length - 1] == '/') {
        pattern->form = FORM_REGEX;
        pattern->regex = regex_compile(arena, slice_cut(text, 1, text.length - 2), failure);
        return pattern->regex ? pattern : NULL;
    }
    pattern->form =
        slice_find(text, '*') >= 0 || slice_find(text, '?') >= 0 ? FORM_GLOB : FORM_PLAIN;
    return pattern;
}

/* Greedy with one place to come back to: the last star. */
static bool match_glob(struct slice glob, struct slice subject, int64_t *steps)
{
    size_t g = 0, s = 0, star = SIZE_MAX, resume = 0;
    while (s < subject.length && --*steps > 0) {
        if (g < glob.length && glob.at[g] == '*') {
            star = g++;
            resume = s;
        } else if (g < glob.length && (glob.at[g] == '?' || glob.at[g] == subject.at[s])) {
            g++;
            s++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (g < glob.length && glob.at[g] == '*') {
        g++;
    }
    return s == subject.length && g == glob.length;
}

bool pattern_match(const struct pattern *pattern, struct slice subject, int64_t *steps)
{
    if (pattern->form == FORM_PLAIN) {
        return slice_equal(pattern->text, subject);
    }
    if (*steps <= 0) {
        return false;
    }
    subject = slice_cut(subject, 0, PATTERN_SUBJECT_MAX);
    return pattern->form == FORM_GLOB ? match_glob(pattern->text, subject, steps)
                                      : regex_match(pattern->regex, subject, steps);
}
