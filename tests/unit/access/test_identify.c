/* Tests of access/identify: the file of user tokens. What a connection proves is tested live. */
#include "proxy/access/identify.h"
#include "tests/unit/test.h"

#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

Test(identify, reads_users)
{
    struct failure failure = {0};
    expect_int(identifier_parse(SLICE("# users\n\nann:" HASH ":devs\n  bob:" HASH "\n"), "f",
                                &failure),
               -1);
    expect_text(failure.text, "f:4: this token is there twice");
    expect_int(identifier_parse(SLICE("ann:" HASH ":devs\n"), "f", &failure), 1);
    expect_int(identifier_parse(SLICE(""), "f", &failure), 0);
}

Test(identify, names_bad_lines)
{
    static const char *const rows[] = {
        "ann", "ann:", "ann:secret", "ann:" HASH ":g:x", ":" HASH, "a b:" HASH, "ann:" HASH "0",
        "ann:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct failure failure = {0};
        expect_int(identifier_parse(slice_of(rows[i]), "f", &failure), -1);
        cr_expect(strstr(failure.text, "f:1: write NAME:SHA256"), "%s: %s", rows[i], failure.text);
    }
}
