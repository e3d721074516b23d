/* Tests, inside: one test{} case as the files tests*.c share it. */
#pragma once

#include "lua/policy_private.h"

struct test_case {
    struct policy *policy;
    struct arena *arena; /* of this case */
    const char *name, *place;
    const struct value *fields; /* the table, without its name */
    const struct value *expect;
    char wrong[600]; /* why it failed; empty: it passed so far */
};

/* Notes the first thing that is wrong. */
void test_wrong(struct test_case *test, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Notes it when `map` has a member that is not in `known` (NULL-ended). */
void test_only_known(struct test_case *test, const struct value *map, const char *what,
                     const char *const *known);
struct tags test_tags(struct arena *arena, const struct value *map);
/* The identity of `as`. */
void test_identity(struct test_case *test, struct identity *identity);

void test_place_run(struct test_case *test);
void test_request_run(struct test_case *test);
void test_agent_run(struct test_case *test);
void test_reschedule_run(struct test_case *test);
void test_visible_run(struct test_case *test);
