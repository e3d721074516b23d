/* Guard: the rules in force and everything that hangs on them: who may do what, how much of it, and
 * the record of it. Knows no HTTP; docker/guarded.c asks it for each call. One per process. */
#pragma once

#include "policy/access.h"
#include "policy/body.h"
#include "proxy/access/audit.h"
#include "proxy/access/limits.h"

struct guard;

struct guard_options {
    const char *const *operations; /* the closed table; borrowed */
    size_t operation_count;
    const char *access_file; /* "": none */
    char *const *presets;    /* "[ADDRESS=]NAME" each; borrowed */
    size_t preset_count;
    const char *audit_file; /* "": none */
    bool warn;              /* denials are let through and only recorded */
    /* Rules of a policy script, added behind the others at each load; may be NULL. */
    int (*add_rules)(struct access_builder *builder, void *context, struct failure *failure);
    void *context;
};

/* What presets and file say, without add_rules: for whoever must know their roles beforehand. */
int guard_file_rules(const struct guard_options *options, struct access_builder *builder,
                     struct failure *failure) MUST_CHECK;
/* Reads the rules. INVALID names file and line. */
struct guard *guard_new(const struct guard_options *options, struct failure *failure) MUST_CHECK;
void guard_free(struct guard **guard);
/* Reads everything anew; on failure the rules in force stay. Calls under way keep their verdicts.
 */
int guard_reload(struct guard *guard, struct failure *failure) MUST_CHECK;
const struct access_rules *guard_rules(const struct guard *guard);
uint64_t guard_generation(const struct guard *guard); /* counts loads, from 1 */
/* Nobody asked for access control. */
bool guard_is_open(const struct guard *guard);
bool guard_warns(const struct guard *guard);
struct audit *guard_audit(const struct guard *guard); /* NULL: none */

/* One call's way through: filled step by step, lives with the call. */
struct pass {
    struct identity identity;
    struct access_verdict verdict;
    struct access_limits limits;
    const char *operation;
    int operation_number;
    uint64_t generation;
    bool would_deny; /* warn mode let it through */
    bool holds_stream, holds_quota;
    struct quota quota;
    char rule[100];  /* verdict.rule points here: rules may be replaced while the call runs */
    char codes[200]; /* violations found, comma separated */
    /* Asked when no rule allows and none denies: true lets the call in. NULL: nobody to ask. */
    bool (*appeal)(void *context);
    void *appeal_context;
};

/* Decides on pass->identity (its facts filled, roles not) and `operation`. 0: go on. -1: DENIED,
 * UNIDENTIFIED (nothing was proved) or TOO_MANY with *retry_ms; a text that says what was missing.
 */
int guard_admit(struct guard *guard, struct pass *pass, const char *operation, bool long_lived,
                uint64_t now_ms, access_when_fn when, void *context, uint64_t *retry_ms,
                struct failure *failure) MUST_CHECK;
/* Holds a body's findings against what the verdict waives: -1 DENIED with code and path of the
 * first that is not. */
int guard_check_report(struct guard *guard, struct pass *pass, const struct body_report *report,
                       struct failure *failure) MUST_CHECK;
/* The same for an operation that is a violation as a whole (image.tag, image.build…). */
int guard_check_operation(struct guard *guard, struct pass *pass,
                          struct failure *failure) MUST_CHECK;
/* Takes from the tenant's quota; given back by guard_leave. */
int guard_reserve(struct guard *guard, struct pass *pass, const struct quota *used,
                  const struct quota *asked, struct failure *failure) MUST_CHECK;
/* May the pass see (and so act on) an object of `owner` (its berth.owner label, empty: nobody's)?
 * The one rule of tenancy: any-tenant verdicts see all, others only their own (who is nobody's
 * tenant: what is nobody's). */
bool guard_sees(const struct pass *pass, struct slice owner);
/* The call has ended: gives back streams and quota. Harmless twice. */
void guard_leave(struct guard *guard, struct pass *pass);
/* Writes the audit line. */
void guard_record(struct guard *guard, const struct pass *pass, const struct audit_entry *about);
