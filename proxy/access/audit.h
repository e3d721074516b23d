/* Audit: one JSON line a decision, appended to a file: who, what, on what, where, the verdict and
 * why. Never a body, a header or a query: those hold secrets. */
#pragma once

#include "policy/access.h"

struct audit;

struct audit_entry {
    const struct identity *identity;
    const char *roles; /* "dev,ops" */
    const char *operation;
    struct slice method, path; /* decoded path without the query */
    struct slice target;       /* full id or name that was acted on; may be empty */
    struct slice node;         /* may be empty */
    const char *verdict;       /* "allow", "deny", "warn" */
    const char *rule;
    struct slice code; /* violations that were found or waived, comma separated */
    int status;        /* HTTP status of the answer; 0: not answered */
    uint64_t duration_ms;
    uint64_t generation; /* of rules and policy */
};

/* Opens (creates, mode 0600) `path` for appending. */
struct audit *audit_open(const char *path, struct failure *failure) MUST_CHECK;
void audit_close(struct audit **audit);
/* Opens the file anew (after it was rotated). On failure the old one stays in use. */
int audit_reopen(struct audit *audit, struct failure *failure) MUST_CHECK;
/* A line that can't be written (disk full) is counted in metrics.audit_lost_total and logged once a
 * minute. `audit` may be NULL: nothing is kept. */
void audit_write(struct audit *audit, const struct audit_entry *entry);
/* The line, with its newline, into `out`; for tests and audit_write. */
void audit_line(struct buffer *out, const struct audit_entry *entry, int64_t now_ns);
