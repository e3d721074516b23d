/* Regex: a regular expression compiled to a small program; the inner half of pattern.h, which
 * says what is understood. Linear time: program size times text length, whatever the expression. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#define REGEX_PROGRAM_MAX 256 /* instructions */

struct regex;
/* Compiles `inside` (without the slashes); lives in `arena`. INVALID says what is wrong and where.
 */
struct regex *regex_compile(struct arena *arena, struct slice inside,
                            struct failure *failure) MUST_CHECK;
/* Whether a part of `subject` matches. Counts *steps down; stops with false when they are gone. */
bool regex_match(const struct regex *regex, struct slice subject, int64_t *steps);
