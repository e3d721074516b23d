/* Access: who may do what. Identities get roles by what they proved; rules allow or deny operations
 * to roles; any deny wins, else any allow, else no. Compiled once at load; a decision is a walk
 * over the operation's own rules with one AND each. Pure.
 *
 * No rules at all means that nobody asked for access control: everything is allowed. One rule turns
 * the default to deny. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#define ACCESS_MAX_ROLES      64
#define ACCESS_MAX_RULES      4096
#define ACCESS_MAX_OPERATIONS 256
#define IDENTITY_MAX_NAMES    16

enum proof { PROOF_NONE, PROOF_UNIX, PROOF_TOKEN, PROOF_CERTIFICATE };

/* Who is asking. Text belongs to whoever filled it in (the connection or the exchange's arena). */
struct identity {
    enum proof proof;
    struct slice name; /* for logs: first SAN, token name, "uid:1000", or "anonymous" */
    struct slice
        names[IDENTITY_MAX_NAMES]; /* certificate: its SANs (and its CN where that was opted in) */
    size_t name_count;
    struct slice spki;     /* certificate: hex SHA-256 of its public key */
    struct slice token;    /* token's name */
    struct slice group;    /* token's group */
    int64_t uid, gid;      /* unix peer; -1: none */
    struct slice listener; /* address it came in by, as the -H flag spells it */
    struct slice peer;     /* remote address, for the audit log */
    /* Filled by access_identify: */
    uint64_t roles;      /* bit set */
    struct slice tenant; /* whose objects it makes and sees; empty: nobody's in particular */
};

enum access_effect { ACCESS_ALLOW, ACCESS_DENY };
enum access_tenant { ACCESS_OWN, ACCESS_ANY };

/* A condition in a policy script (Lua's `when`); asked for only when all else of the rule matches.
 */
typedef bool (*access_when_fn)(int when, void *context);

struct access_verdict {
    bool allowed;
    bool warned;     /* a rule in warn mode would have denied (its name is in `rule`) */
    bool any_tenant; /* may act on objects that are not its own */
    const char *
        rule; /* name of the rule that decided; "default" when none matched; "open" without rules */
    const char *why; /* the rule's own words, or NULL */
    uint64_t waives; /* bit set of enum violation_code that the matching rules let through */
};

/* ---- building ---- */
struct access_builder;
struct access_rules;

/* `operations`: names of the closed table, index = operation number; borrowed, must outlive the
 * rules. */
struct access_builder *access_builder_new(const char *const *operations, size_t count);
void access_builder_free(struct access_builder **builder);

/* How a role is recognised; each is one alternative. */
enum access_match {
    MATCH_ANYONE,
    MATCH_CERTIFICATE, /* a SAN (or opted-in CN), glob */
    MATCH_SPKI,
    MATCH_TOKEN, /* token name, glob */
    MATCH_GROUP,
    MATCH_UID,
    MATCH_GID,
    MATCH_LISTENER,
};
/* Makes the role if it is not there yet and adds one way to have it. tenant: what its holders are
 * tenants of; empty: their token's group, else their own name. INVALID when there are too many
 * roles or a number is none. */
int access_add_role(struct access_builder *builder, struct slice role, enum access_match match,
                    struct slice text, struct slice tenant, struct failure *failure) MUST_CHECK;

struct access_rule {
    struct slice name;
    enum access_effect effect;
    enum access_tenant tenant; /* ACCESS_OWN: only on own objects (allow only) */
    const struct slice *roles; /* none: everybody. "*" too */
    size_t role_count;
    const struct slice *operations; /* "container.create", "container.*", "*" */
    size_t operation_count;
    const struct slice *waives; /* codes of violations.def; "*": all */
    size_t waive_count;
    bool warn;          /* deny only: let through, but say so */
    struct slice why;   /* told to who is denied; may be empty */
    int when;           /* number of a script's condition, or -1 */
    struct slice place; /* "access.conf:12", for messages */
};
/* INVALID: unknown role, operation or code (with the nearest known one), a name given twice, or too
 * many. */
int access_add_rule(struct access_builder *builder, const struct access_rule *rule,
                    struct failure *failure) MUST_CHECK;
/* Adds what a preset allows (presets.def) as one rule for `roles` (none: everybody). */
int access_add_preset(struct access_builder *builder, struct slice preset, struct slice rule_name,
                      const struct slice *roles, size_t role_count, struct slice place,
                      struct failure *failure) MUST_CHECK;
/* Reads the text of an --access file (docs/security.md has its words) into the builder. INVALID
 * with "name:line: …". */
int access_read_file(struct access_builder *builder, struct slice text, const char *name,
                     struct failure *failure) MUST_CHECK;
/* The names of rules that can never decide anything because one before them covers them, one a
 * line, in `out`. */
size_t access_shadowed(const struct access_builder *builder, struct buffer *out);

/* Makes the rules; the builder is used up. `rules` never changes after. */
struct access_rules *access_build(struct access_builder **builder);
void access_free(struct access_rules **rules);

/* ---- deciding ---- */
/* Fills identity->roles and ->tenant. */
void access_identify(const struct access_rules *rules, struct identity *identity);
/* `operation` is the index in the table. Rules with a condition are skipped when `when` is NULL and
 * they allow, and hold when they deny: without its script a rule fails closed. */
struct access_verdict access_decide(const struct access_rules *rules,
                                    const struct identity *identity, int operation,
                                    access_when_fn when, void *context);
size_t access_rule_count(const struct access_rules *rules);
/* Number of `operation`, -1 if it is not in the table. */
int access_operation(const struct access_rules *rules, struct slice operation);
/* Has the rule set any rule at all? */
bool access_open(const struct access_rules *rules);
/* The role's bit number in identity->roles, or -1. */
int access_find_role(const struct access_rules *rules, struct slice name);
/* Names of an identity's roles, comma separated, in `out`. */
void access_role_names(const struct access_rules *rules, uint64_t roles, struct buffer *out);

/* ---- limits of roles, from `limit` lines ---- */
struct access_limits {
    double rate; /* requests a second; 0: none */
    double burst;
    int64_t streams;    /* open long-lived calls at once; 0: none */
    int64_t containers; /* of a tenant; 0: none */
    int64_t nano_cpus;  /* asked by running containers of a tenant; 0: none */
    int64_t memory_bytes;
};
int access_add_limits(struct access_builder *builder, struct slice role,
                      const struct access_limits *limits, struct failure *failure) MUST_CHECK;
/* The tightest of each over the identity's roles. */
struct access_limits access_limits(const struct access_rules *rules,
                                   const struct identity *identity);
