/* Slice: text as pointer and length, passed by value; never owns, never NUL-terminated by rule.
 * A slice lives as long as what it points into. All functions are pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *at;
    size_t length;
};

/* For printf: printf("name=" SLICE_FMT, SLICE_ARG(name)). */
#define SLICE_FMT    "%.*s"
#define SLICE_ARG(s) (int)(s).length, (s).at
/* A slice of a string literal, usable in initialisers of static tables through SLICE_INIT. */
#define SLICE(literal)      ((struct slice){"" literal, sizeof(literal) - 1})
#define SLICE_INIT(literal) {"" literal, sizeof(literal) - 1}
#define SLICE_NONE          ((struct slice){NULL, 0})

/* The whole of a C string; NULL gives SLICE_NONE. */
static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}
static inline struct slice slice_make(const char *at, size_t length)
{
    return (struct slice){at, length};
}
static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}
/* Equals the C string `text`. */
static inline bool slice_is(struct slice s, const char *text)
{
    return slice_equal(s, slice_of(text));
}
/* ASCII case-insensitive equality. */
bool slice_equal_nocase(struct slice a, struct slice b);
bool slice_is_nocase(struct slice s, const char *text);
bool slice_starts(struct slice s, const char *prefix);
bool slice_ends(struct slice s, const char *suffix);
bool slice_contains(struct slice s, const char *needle);
/* memcmp order, shorter first on a tie: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
/* s[from, from+length), both cut to what there is. */
struct slice slice_cut(struct slice s, size_t from, size_t length);
/* Everything from `from` on (cut to the end). */
struct slice slice_from(struct slice s, size_t from);
/* Without spaces and tabs (and CR, LF) at both ends. */
struct slice slice_trim(struct slice s);
/* Index of the first / last `c`, or -1. */
ptrdiff_t slice_find(struct slice s, char c);
ptrdiff_t slice_find_last(struct slice s, char c);
/* Cuts the part before the first `separator` off *rest into *part; false when *rest is used up
 * (at == NULL). "a,b" gives "a", "b"; "" gives one empty part. */
bool slice_next(struct slice *rest, char separator, struct slice *part);
/* Whole text is a decimal number in range: 0, else -1. No sign, no spaces, no leading '+'. */
int slice_to_u64(struct slice s, uint64_t *number);
/* As above with an optional leading '-'. */
int slice_to_i64(struct slice s, int64_t *number);
/* Docker's boolean of a query value: empty 0 no false none (any case) are false, all else true. */
bool slice_to_docker_bool(struct slice s);
