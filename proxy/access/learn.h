/* Learn: from an audit log, the smallest rules that would allow what was let through. For `berthd
 * learn FILE`: run with --access-warn and --audit-log for a while, then make rules of what was
 * seen. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#define LEARN_MAX_IDENTITIES 1000

/* `log`: audit lines (audit.h). Appends role and rule lines for an --access file to `out`. INVALID
 * names the first line that is no audit line, or says that there are too many identities. */
int learn_rules(struct slice log, struct buffer *out, struct failure *failure) MUST_CHECK;
