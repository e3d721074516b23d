/* Timestamp: reads the three spellings of a point in time that Docker clients send.
 * Everything is integer arithmetic with range checks: the text comes from outside. */
#include "proxy/docker/timestamp.h"

#include <inttypes.h>
#include <stdio.h>

#define NS ((int64_t)1000000000)

static bool take_digits(struct slice *rest, size_t least, size_t most, int64_t *number)
{
    size_t used = 0;
    int64_t sum = 0;

    while (used < rest->length && used < most && rest->at[used] >= '0' && rest->at[used] <= '9')
        sum = sum * 10 + (rest->at[used++] - '0');
    if (used < least)
        return false;
    *rest = slice_from(*rest, used);
    *number = sum;
    return true;
}

static bool take_char(struct slice *rest, char c)
{
    if (!rest->length || rest->at[0] != c)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

/* Digits after a point as ns; more than nine are read and dropped, as Go does. */
static bool take_fraction(struct slice *rest, int64_t *ns)
{
    size_t used = 0;
    int64_t sum = 0;

    for (; used < rest->length && rest->at[used] >= '0' && rest->at[used] <= '9'; used++)
        if (used < 9)
            sum = sum * 10 + (rest->at[used] - '0');
    for (size_t have = used; have < 9; have++)
        sum *= 10;
    *rest = slice_from(*rest, used);
    *ns = sum;
    return used > 0;
}

static bool take_unit(struct slice *rest, int64_t *unit_ns)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        {"ns", 1},       {"us", 1000}, {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
        {"ms", 1000000}, {"s", NS},    {"m", 60 * NS},      {"h", 3600 * NS},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (slice_starts(*rest, units[i].name)) {
            *unit_ns = units[i].ns;
            *rest = slice_from(*rest, strlen(units[i].name));
            return true;
        }
    }
    return false;
}

/* A Go duration: sign, then one or more of number and unit. */
static bool parse_duration(struct slice text, int64_t *duration_ns)
{
    struct slice rest = text;
    bool negative = take_char(&rest, '-');
    int64_t total = 0;

    if (!negative)
        (void)take_char(&rest, '+');
    if (!rest.length)
        return false;
    while (rest.length) {
        int64_t whole = 0, fraction = 0, unit = 0, part = 0;
        bool digits = take_digits(&rest, 1, 18, &whole);
        bool point = take_char(&rest, '.') && take_fraction(&rest, &fraction);

        if ((!digits && !point) || !take_unit(&rest, &unit))
            return false;
        if (__builtin_mul_overflow(whole, unit, &part) ||
            __builtin_add_overflow(part, (int64_t)((__int128)fraction * unit / NS), &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
    }
    *duration_ns = negative ? -total : total;
    return true;
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static int64_t month_days(int64_t year, int64_t month)
{
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : lengths[month - 1];
}

/* "T15", "T15:04", "T15:04:05", "T15:04:05.999"; nothing is midnight. */
static bool take_clock(struct slice *rest, int64_t *seconds, int64_t *fraction)
{
    int64_t hour = 0, minute = 0, second = 0;

    if (!take_char(rest, 'T') && !take_char(rest, 't'))
        return true;
    if (!take_digits(rest, 2, 2, &hour) || hour > 23)
        return false;
    if (take_char(rest, ':')) {
        if (!take_digits(rest, 2, 2, &minute) || minute > 59)
            return false;
        if (take_char(rest, ':')) {
            if (!take_digits(rest, 2, 2, &second) || second > 59)
                return false;
            if (take_char(rest, '.') && !take_fraction(rest, fraction))
                return false;
        }
    }
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

static bool take_zone(struct slice *rest, int64_t *east_seconds)
{
    int64_t hours = 0, minutes = 0;
    bool west;

    if (!rest->length || take_char(rest, 'Z') || take_char(rest, 'z'))
        return rest->length == 0;
    west = take_char(rest, '-');
    if (!west && !take_char(rest, '+'))
        return false;
    if (!take_digits(rest, 2, 2, &hours) || hours > 23)
        return false;
    (void)take_char(rest, ':');
    if (!take_digits(rest, 2, 2, &minutes) || minutes > 59 || rest->length)
        return false;
    *east_seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

static bool parse_date(struct slice text, int64_t *wall_ns)
{
    struct slice rest = text;
    int64_t year = 0, month = 0, day = 0, seconds = 0, fraction = 0, east = 0;

    if (!take_digits(&rest, 4, 4, &year) || !take_char(&rest, '-') ||
        !take_digits(&rest, 2, 2, &month) || !take_char(&rest, '-') ||
        !take_digits(&rest, 2, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    if (!take_clock(&rest, &seconds, &fraction) || !take_zone(&rest, &east))
        return false;
    seconds += days_of(year, month, day) * 86400 - east;
    return !__builtin_mul_overflow(seconds, NS, wall_ns) &&
           !__builtin_add_overflow(*wall_ns, fraction, wall_ns);
}

static bool parse_unix(struct slice text, int64_t *wall_ns)
{
    struct slice rest = text;
    bool negative = take_char(&rest, '-');
    int64_t seconds = 0, fraction = 0;

    if (!take_digits(&rest, 1, 18, &seconds))
        return false;
    if (take_char(&rest, '.') && rest.length && !take_fraction(&rest, &fraction))
        return false;
    if (rest.length || __builtin_mul_overflow(seconds, NS, wall_ns) ||
        __builtin_add_overflow(*wall_ns, fraction, wall_ns))
        return false;
    if (negative)
        *wall_ns = -*wall_ns;
    return true;
}

int timestamp_parse(struct slice text, int64_t now_ns, int64_t *wall_ns, struct failure *failure)
{
    int64_t duration = 0;

    if (parse_unix(text, wall_ns) || parse_date(text, wall_ns))
        return 0;
    if (parse_duration(text, &duration) && !__builtin_sub_overflow(now_ns, duration, wall_ns))
        return 0;
    return failure_set(failure, FAILURE_INVALID,
                       "invalid time \"%.*s\": expected unix seconds, RFC 3339 or a duration",
                       (int)(text.length > 64 ? 64 : text.length), text.length ? text.at : "");
}

void timestamp_write(int64_t wall_ns, char out[32])
{
    int64_t shown = wall_ns < 0 ? 0 : wall_ns; /* nothing happened before 1970 */

    snprintf(out, 32, "%" PRId64 ".%09" PRId64, shown / NS, shown % NS);
}
