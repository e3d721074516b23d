/* Failure: why something did not work, as kind and text for the user. Set once where it is known;
 * callers may put context in front, never overwrite. Plain data, no memory to free. */
#pragma once

#include "policy/base/slice.h"

enum failure_kind {
    FAILURE_NONE = 0,
    FAILURE_INVALID,     /* 400: what was asked is malformed */
    FAILURE_DENIED,      /* 403 */
    FAILURE_UNIDENTIFIED,/* 401 */
    FAILURE_NOT_FOUND,   /* 404 */
    FAILURE_CONFLICT,    /* 409 */
    FAILURE_TOO_LARGE,   /* 413 */
    FAILURE_TOO_MANY,    /* 429 */
    FAILURE_INTERNAL,    /* 500 */
    FAILURE_UNSUPPORTED, /* 501 */
    FAILURE_NO_ROOM,     /* 503: nothing fits */
    FAILURE_UNREACHABLE, /* 503: node down, no node */
    FAILURE_TIMED_OUT,   /* 503 */
};

struct failure {
    enum failure_kind kind;
    char text[1000]; /* NUL-terminated, cut with "..." when longer */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Sets kind and text; returns -1, so that `return failure_set(...)` reads well. NULL failure is
 * allowed. */
int failure_set(struct failure *failure, enum failure_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "context: " in front of the text that is there; returns -1. */
int failure_prefix(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void failure_clear(struct failure *failure);
/* "invalid", "no room"...: for logs. */
const char *failure_kind_name(enum failure_kind kind);

/* For our own invariants only; never for outside data. Always compiled in: prints and aborts. */
#define must(condition)                                                                            \
    ((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__))
void must_failed(const char *condition, const char *file, int line) __attribute__((noreturn));
