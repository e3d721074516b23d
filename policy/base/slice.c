/* Slice: comparing, cutting and reading numbers from text that is not NUL-terminated. */
#include "policy/base/slice.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++) {
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    }
    return true;
}

bool slice_is_nocase(struct slice s, const char *text)
{
    return slice_equal_nocase(s, slice_of(text));
}

bool slice_starts(struct slice s, const char *prefix)
{
    size_t length = strlen(prefix);

    return s.length >= length && (length == 0 || memcmp(s.at, prefix, length) == 0);
}

bool slice_ends(struct slice s, const char *suffix)
{
    size_t length = strlen(suffix);

    return s.length >= length &&
           (length == 0 || memcmp(s.at + s.length - length, suffix, length) == 0);
}

bool slice_contains(struct slice s, const char *needle)
{
    size_t length = strlen(needle);

    if (length == 0)
        return true;
    if (s.length < length)
        return false;
    return memmem(s.at, s.length, needle, length) != NULL;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;

    if (order != 0)
        return order;
    if (a.length == b.length)
        return 0;
    return a.length < b.length ? -1 : 1;
}

struct slice slice_cut(struct slice s, size_t from, size_t length)
{
    s = slice_from(s, from);
    if (s.length > length)
        s.length = length;
    return s;
}

struct slice slice_from(struct slice s, size_t from)
{
    if (from > s.length)
        from = s.length;
    /* NULL plus zero is undefined in C, and a slice of nothing is NULL. */
    return slice_make(from ? s.at + from : s.at, s.length - from);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.length && is_space(s.at[0])) {
        s.at++;
        s.length--;
    }
    while (s.length && is_space(s.at[s.length - 1]))
        s.length--;
    return s;
}

ptrdiff_t slice_find(struct slice s, char c)
{
    const char *at = s.length ? memchr(s.at, c, s.length) : NULL;

    return at ? at - s.at : -1;
}

ptrdiff_t slice_find_last(struct slice s, char c)
{
    const char *at = s.length ? memrchr(s.at, c, s.length) : NULL;

    return at ? at - s.at : -1;
}

bool slice_next(struct slice *rest, char separator, struct slice *part)
{
    ptrdiff_t at;

    if (!rest->at)
        return false;
    at = slice_find(*rest, separator);
    if (at < 0) {
        *part = *rest;
        *rest = SLICE_NONE;
        return true;
    }
    *part = slice_make(rest->at, (size_t)at);
    *rest = slice_from(*rest, (size_t)at + 1);
    return true;
}

int slice_to_u64(struct slice s, uint64_t *number)
{
    uint64_t value = 0;

    if (s.length == 0)
        return -1;
    for (size_t i = 0; i < s.length; i++) {
        uint64_t digit = (uint64_t)(unsigned char)s.at[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    *number = value;
    return 0;
}

int slice_to_i64(struct slice s, int64_t *number)
{
    bool negative = s.length && s.at[0] == '-';
    uint64_t value;

    if (slice_to_u64(negative ? slice_from(s, 1) : s, &value) != 0)
        return -1;
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return -1;
    /* Negating in unsigned arithmetic is defined for the smallest number too. */
    *number = (int64_t)(negative ? 0 - value : value);
    return 0;
}

bool slice_to_docker_bool(struct slice s)
{
    s = slice_trim(s);
    return !(s.length == 0 || slice_is(s, "0") || slice_is_nocase(s, "no") ||
             slice_is_nocase(s, "false") || slice_is_nocase(s, "none"));
}
