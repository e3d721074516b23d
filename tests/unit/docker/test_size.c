/* Size: flags as people write them. */
#include "proxy/docker/size.h"
#include "tests/unit/test.h"

Test(size, bytes)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } cases[] = {
        {"2g", 2LL << 30},    {"512m", 512 << 20}, {"2GB", 2LL << 30},  {"2GiB", 2LL << 30},
        {"1.5k", 1536},       {"0", 0},            {"100", 100},        {"100b", 100},
        {"1 m", 1 << 20},     {"1t", 1LL << 40},   {"", -1},            {"g", -1},
        {"1x", -1},           {"-1", -1},          {"1.", -1},          {"1gg", -1},
        {"1bb", -1},          {"99999999p", -1},   {"1e3", -1},         {"9223372036854775807", -1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t bytes = -1;
        struct failure failure;

        cr_expect((size_parse(slice_of(cases[i].text), &bytes, &failure) == 0) ==
                      (cases[i].bytes >= 0), "\"%s\"", cases[i].text);
        expect_int(bytes, cases[i].bytes);
    }
}

Test(size, cpus)
{
    static const struct {
        const char *text;
        int64_t nano; /* -1: refused */
    } cases[] = {{"1", 1000000000},  {"0.5", 500000000}, {"1.25", 1250000000}, {"0.000000001", 1},
                 {"0", -1},          {"0.0", -1},        {"1.0000000001", -1}, {"x", -1},
                 {"1 2", -1},        {"9999999", -1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t nano = -1;

        cr_expect((size_parse_cpus(slice_of(cases[i].text), &nano, NULL) == 0) ==
                      (cases[i].nano >= 0), "\"%s\"", cases[i].text);
        expect_int(nano, cases[i].nano);
    }
}

Test(size, durations)
{
    static const struct {
        const char *text;
        int64_t milliseconds; /* -1: refused */
    } cases[] = {{"15s", 15000}, {"500ms", 500}, {"1m30s", 90000}, {"1.5s", 1500}, {"10", 10000},
                 {"2h", 7200000}, {"1d", 86400000}, {"", -1}, {"5x", -1}, {"1m30", -1},
                 {"s", -1}, {"-1s", -1}, {"99999d", -1}, {"99999999999999999999s", -1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t milliseconds = -1;

        cr_expect((size_parse_duration(slice_of(cases[i].text), &milliseconds, NULL) == 0) ==
                      (cases[i].milliseconds >= 0), "\"%s\"", cases[i].text);
        expect_int(milliseconds, cases[i].milliseconds);
    }
}

Test(size, formats)
{
    char text[32];

    expect_text(size_format(2LL << 30, text, sizeof(text)), "2 GiB");
    expect_text(size_format(1536, text, sizeof(text)), "1.5 KiB");
    expect_text(size_format(12, text, sizeof(text)), "12 B");
    expect_text(size_format(0, text, sizeof(text)), "0 B");
}
