/* Failure: texts are whole or marked as cut. */
#include "tests/unit/test.h"

Test(failure, sets_and_prefixes)
{
    struct failure failure;

    expect_int(failure_set(&failure, FAILURE_CONFLICT, "name %s taken", "web"), -1);
    expect_int(failure_prefix(&failure, "node-%d", 2), -1);
    expect_text(failure.text, "node-2: name web taken");
    expect_int(failure.kind, FAILURE_CONFLICT);
    failure_clear(&failure);
    expect_text(failure.text, "");
    expect_int(failure.kind, FAILURE_NONE);
    expect_int(failure_set(NULL, FAILURE_INVALID, "nobody listens"), -1);
    expect_int(failure_prefix(NULL, "nobody"), -1);
}

Test(failure, marks_what_was_cut)
{
    struct failure failure;
    char text[3000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    failure_set(&failure, FAILURE_INVALID, "%s", text);
    cr_expect(slice_ends(slice_of(failure.text), "xxx..."));
    failure_prefix(&failure, "node-1");
    cr_expect(slice_starts(slice_of(failure.text), "node-1: xxx"));
    cr_expect(slice_ends(slice_of(failure.text), "..."));
    failure_prefix(&failure, "%s", text);
    cr_expect(slice_of(failure.text).length < sizeof(failure.text));
}

Test(failure, names_every_kind)
{
    for (int kind = FAILURE_NONE; kind <= FAILURE_TIMED_OUT; kind++)
        cr_expect_str_neq(failure_kind_name((enum failure_kind)kind), "unknown");
}
