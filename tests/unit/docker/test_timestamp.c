#include "proxy/docker/timestamp.h"

#include <criterion/criterion.h>

static const int64_t NOW = 1700000000LL * 1000000000LL;

Test(timestamp, reads_every_spelling)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"0", 0},
        {"1136073600", 1136073600000000000LL},
        {"1136073600.5", 1136073600500000000LL},
        {"1136073600.000000001", 1136073600000000001LL},
        {"1136073600.0000000019", 1136073600000000001LL},
        {"-1", -1000000000LL},
        {"2006-01-02T15:04:05Z", 1136214245000000000LL},
        {"2006-01-02T15:04:05.25Z", 1136214245250000000LL},
        {"2006-01-02T15:04:05+02:00", 1136207045000000000LL},
        {"2006-01-02T15:04:05-0700", 1136239445000000000LL},
        {"2006-01-02T15:04", 1136214240000000000LL},
        {"2006-01-02T15", 1136214000000000000LL},
        {"2006-01-02", 1136160000000000000LL},
        {"2000-02-29", 951782400000000000LL},
        {"1969-12-31T23:59:59Z", -1000000000LL},
        {"10m", 1699999400000000000LL},
        {"1h30m", 1699994600000000000LL},
        {"1.5s", 1699999998500000000LL},
        {".5s", 1699999999500000000LL},
        {"100ms", 1699999999900000000LL},
        {"-1s", 1700000001000000000LL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t ns = -7;
        struct failure failure = {0};

        cr_expect_eq(timestamp_parse(slice_of(rows[i].text), NOW, &ns, &failure), 0, "%s: %s",
                     rows[i].text, failure.text);
        cr_expect_eq(ns, rows[i].ns, "%s gave %lld", rows[i].text, (long long)ns);
    }
}

Test(timestamp, refuses_what_is_none)
{
    static const char *const rows[] = {"",
                                       "x",
                                       "1.2.3",
                                       "10q",
                                       "h",
                                       "2006-13-01",
                                       "-",
                                       "2006-02-29",
                                       "+",
                                       "2006-01-02T24",
                                       "99999999999999999999",
                                       "9223372036854775807h",
                                       "2006-01-02T15:04:05+99:00",
                                       "12 ",
                                       "."};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t ns = 0;
        struct failure failure = {0};

        cr_expect_eq(timestamp_parse(slice_of(rows[i]), NOW, &ns, &failure), -1, "%s", rows[i]);
        cr_expect_eq(failure.kind, FAILURE_INVALID, "%s", rows[i]);
    }
}

Test(timestamp, writes_seconds_and_nanoseconds)
{
    char text[32];

    timestamp_write(1136073600000000001LL, text);
    cr_expect_str_eq(text, "1136073600.000000001");
    timestamp_write(-1, text);
    cr_expect_str_eq(text, "0.000000000");
}
