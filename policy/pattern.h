/* Pattern: does a text match a value as written in a constraint: plain text, glob or /regex/.
 * Linear time by construction (no backtracking) and bounded in size and in steps, since anybody
 * who may create a container may write one.
 *
 * Regular expressions: literals, . [a-z] [^a-z] \d \w \s \D \W \S \escaped, ( ) (?: ) |, * + ? {n}
 * {n,} {n,m} (lazy forms are read as their greedy ones: only whether it matches counts), ^ $, and
 * (?i) in front. Unanchored. Not there: back references, look-around, \b. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#define PATTERN_SUBJECT_MAX 512     /* bytes of a value that are looked at */
#define PATTERN_STEPS       5000000 /* of a whole decision; about 10 ms */

struct pattern;

/* Compiles; the result lives in `arena` and may point into `text`. INVALID says what is wrong with
 * the regular expression and where. */
struct pattern *pattern_compile(struct arena *arena, struct slice text,
                                struct failure *failure) MUST_CHECK;
/* Whether it matches all of `subject` (text, glob) or a part (regex). `*steps` is counted down;
 * at 0 nothing matches any more (the caller asks pattern_exhausted). */
bool pattern_match(const struct pattern *pattern, struct slice subject, int64_t *steps);
