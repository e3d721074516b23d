/* Failure: formats the text that a user reads when something did not work. */
#include "policy/base/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Marks a text that did not fit, so that nobody takes the rest for the whole. */
static void mark_cut(char *text, size_t capacity, int wanted)
{
    if (wanted >= 0 && (size_t)wanted >= capacity)
        memcpy(text + capacity - 4, "...", 4);
}

int failure_set(struct failure *failure, enum failure_kind kind, const char *format, ...)
{
    va_list arguments;
    int wanted;

    if (!failure)
        return -1;
    failure->kind = kind;
    va_start(arguments, format);
    wanted = vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    if (wanted < 0)
        failure->text[0] = '\0';
    mark_cut(failure->text, sizeof(failure->text), wanted);
    return -1;
}

int failure_prefix(struct failure *failure, const char *format, ...)
{
    char old[sizeof(failure->text)];
    va_list arguments;
    int used, wanted;

    if (!failure)
        return -1;
    memcpy(old, failure->text, sizeof(old));
    va_start(arguments, format);
    used = vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    if (used < 0)
        used = 0;
    if ((size_t)used >= sizeof(failure->text))
        used = (int)sizeof(failure->text) - 1;
    wanted = snprintf(failure->text + used, sizeof(failure->text) - (size_t)used, ": %s", old);
    mark_cut(failure->text, sizeof(failure->text), used + wanted);
    return -1;
}

void failure_clear(struct failure *failure)
{
    if (!failure)
        return;
    failure->kind = FAILURE_NONE;
    failure->text[0] = '\0';
}

const char *failure_kind_name(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_NONE:
        return "none";
    case FAILURE_INVALID:
        return "invalid";
    case FAILURE_DENIED:
        return "denied";
    case FAILURE_UNIDENTIFIED:
        return "unidentified";
    case FAILURE_NOT_FOUND:
        return "not found";
    case FAILURE_CONFLICT:
        return "conflict";
    case FAILURE_TOO_LARGE:
        return "too large";
    case FAILURE_TOO_MANY:
        return "too many";
    case FAILURE_INTERNAL:
        return "internal";
    case FAILURE_UNSUPPORTED:
        return "unsupported";
    case FAILURE_NO_ROOM:
        return "no room";
    case FAILURE_UNREACHABLE:
        return "unreachable";
    case FAILURE_TIMED_OUT:
        return "timed out";
    }
    return "unknown";
}

void must_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
    abort();
}
