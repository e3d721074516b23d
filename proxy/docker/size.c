/* Size: bytes, CPUs and durations from flags, with one message each that shows what is expected. */
#include "proxy/docker/size.h"

#include <stdio.h>

/* Reads "12.345" as a whole part and a fraction in units of 10^-9; stops behind it.
 * -1: no digit, more than nine decimals, or too large. */
static int read_decimal(struct slice *rest, int64_t *whole, int64_t *nano)
{
    int64_t scale = 100000000;
    size_t digits = 0;
    size_t at = 0;

    *whole = *nano = 0;
    for (; at < rest->length && rest->at[at] >= '0' && rest->at[at] <= '9'; at++, digits++) {
        if (*whole > (INT64_MAX - 9) / 10)
            return -1;
        *whole = *whole * 10 + (rest->at[at] - '0');
    }
    if (digits && at < rest->length && rest->at[at] == '.') {
        for (at++; at < rest->length && rest->at[at] >= '0' && rest->at[at] <= '9'; at++) {
            if (scale == 0)
                return -1;
            *nano += (rest->at[at] - '0') * scale;
            scale /= 10;
        }
        if (rest->at[at - 1] == '.')
            return -1;
    }
    *rest = slice_from(*rest, at);
    return digits ? 0 : -1;
}

static const char units[] = "bkmgtp";

/* Power of 1024 that the unit text names, or -1. */
static int unit_power(struct slice unit)
{
    char first = unit.length ? (char)(unit.at[0] | 0x20) : 'b';
    const char *at = first ? strchr(units, first) : NULL;
    struct slice behind = slice_from(unit, 1);

    if (!at)
        return -1;
    if (behind.length && (first == 'b' || (!slice_is_nocase(behind, "b") &&
                                           !slice_is_nocase(behind, "ib"))))
        return -1;
    return (int)(at - units);
}

int size_parse(struct slice text, int64_t *bytes, struct failure *failure)
{
    struct slice rest = slice_trim(text);
    int64_t whole, nano, factor;
    int power;

    if (read_decimal(&rest, &whole, &nano) != 0 || (power = unit_power(slice_trim(rest))) < 0)
        return failure_set(failure, FAILURE_INVALID,
                           "invalid size \"" SLICE_FMT "\": write bytes or a number with a unit, "
                           "as 512m or 2g",
                           SLICE_ARG(slice_cut(text, 0, 60)));
    factor = (int64_t)1 << (10 * power);
    if (whole > (INT64_MAX / factor) - 1)
        return failure_set(failure, FAILURE_INVALID, "invalid size \"" SLICE_FMT "\": too large",
                           SLICE_ARG(slice_cut(text, 0, 60)));
    *bytes = whole * factor + (int64_t)((double)nano / 1e9 * (double)factor);
    return 0;
}

int size_parse_cpus(struct slice text, int64_t *nano_cpus, struct failure *failure)
{
    struct slice rest = slice_trim(text);
    int64_t whole, nano;

    if (read_decimal(&rest, &whole, &nano) != 0 || rest.length || whole > 1000000 ||
        whole + nano == 0)
        return failure_set(failure, FAILURE_INVALID,
                           "invalid number of CPUs \"" SLICE_FMT "\": write a number above 0, as 1 "
                           "or 0.5",
                           SLICE_ARG(slice_cut(text, 0, 60)));
    *nano_cpus = whole * 1000000000 + nano;
    return 0;
}

/* Milliseconds of the unit at the start of *rest, which is cut off; 0 when there is none. */
static int64_t duration_unit(struct slice *rest)
{
    static const struct {
        const char *name;
        int64_t milliseconds;
    } names[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_starts(*rest, names[i].name)) {
            *rest = slice_from(*rest, strlen(names[i].name));
            return names[i].milliseconds;
        }
    }
    return 0;
}

int size_parse_duration(struct slice text, int64_t *milliseconds, struct failure *failure)
{
    const int64_t limit = (int64_t)10 * 366 * 86400000;
    struct slice rest = slice_trim(text);
    int64_t sum = 0, whole, nano, unit;
    bool first = true;

    do {
        if (read_decimal(&rest, &whole, &nano) != 0)
            goto bad;
        unit = duration_unit(&rest);
        if (unit == 0 && first && rest.length == 0)
            unit = 1000;
        if (unit == 0 || whole > limit / unit)
            goto bad;
        sum += whole * unit + nano * unit / 1000000000;
        if (sum > limit)
            goto bad;
        first = false;
    } while (rest.length);
    *milliseconds = sum;
    return 0;
bad:
    return failure_set(failure, FAILURE_INVALID,
                       "invalid duration \"" SLICE_FMT "\": write a number with ms, s, m, h or d, "
                       "as 500ms or 1m30s, at most ten years",
                       SLICE_ARG(slice_cut(text, 0, 60)));
}

const char *size_format(int64_t bytes, char *out, size_t capacity)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double number = (double)bytes;
    size_t unit = 0;

    while (number >= 1024 && unit + 1 < sizeof(names) / sizeof(names[0])) {
        number /= 1024;
        unit++;
    }
    (void)snprintf(out, capacity, "%.4g %s", number, names[unit]);
    return out;
}
