/* Policy: the operator's policy.lua, loaded, tested, asked. A host keeps the generation that serves
 * and the one before it; loading builds a new state aside, checks it, runs its own test{} cases
 * under the real budgets, and only then swaps. All calls are synchronous and bounded in time and
 * memory. Source of the callbacks' words: docs/policy.md.
 *
 * A script that fails, runs away or answers nonsense: access, admit, filter, agent_join deny with a
 * reason code (503), score and pick fall back to C, visible hides, reschedule stays with C. */
#pragma once

#include "policy/access.h"
#include "policy/base/value.h"
#include "policy/body.h"
#include "policy/schedule.h"

struct policy_host;
struct policy; /* one generation, reference counted */

/* The callbacks, in the order of docs/policy.md. */
enum policy_callback {
    POLICY_ACCESS,
    POLICY_ADMIT,
    POLICY_FILTER,
    POLICY_SCORE,
    POLICY_PICK,
    POLICY_VISIBLE,
    POLICY_AGENT_JOIN,
    POLICY_RESCHEDULE,
    POLICY_CALLBACKS,
};
const char *policy_callback_name(enum policy_callback callback);

struct policy_settings {
    int64_t (*monotonic_ns)(void);
    int64_t (*wall_ns)(void);
    /* The closed table of operations ("container.create"), for rules and tests; outlives the host.
     */
    const char *const *operations;
    size_t operation_count;
    /* Adds what other files say about access before the script's own role{} and rule{}; or NULL. */
    int (*prepare_access)(struct access_builder *builder, void *context, struct failure *failure);
    /* What the script says with log(); or NULL. */
    void (*on_log)(struct slice text, void *context);
    void *context;
};

/* Counted since the host was made; for metrics. */
struct policy_counters {
    uint64_t calls[POLICY_CALLBACKS];
    uint64_t failures[POLICY_CALLBACKS];
    uint64_t timeouts; /* of the failures, by reason */
    uint64_t out_of_memory;
    uint64_t nonsense; /* answers of the wrong type */
    uint64_t busy_ns[POLICY_CALLBACKS];
    uint64_t loads, loads_refused, rollbacks;
    char last_failure[400]; /* "policy.lua:12: …", empty: none yet */
};

struct policy_info {
    uint64_t generation; /* 0: nothing loaded */
    size_t files;
    size_t tests; /* passed */
    size_t rules;
    bool has[POLICY_CALLBACKS];
    bool can_roll_back;
    int64_t loaded_ns; /* wall clock */
    size_t memory_bytes;
};

struct policy_source {
    struct slice name; /* as messages show it: "policy.lua" */
    struct slice text;
};

struct policy_host *policy_host_new(const struct policy_settings *settings);
void policy_host_free(struct policy_host **host);
/* All or nothing. One line a finding and a closing "N passed, N failed" go to `report` (may be
 * NULL). INVALID: the first finding, with file:line; what served before goes on serving. */
int policy_host_load(struct policy_host *host, const struct policy_source *sources, size_t count,
                     struct buffer *report, struct failure *failure) MUST_CHECK;
/* The generation before serves again, under a new number; called again: back to the other one. */
int policy_host_rollback(struct policy_host *host, struct failure *failure) MUST_CHECK;
struct policy_info policy_host_info(const struct policy_host *host);
const struct policy_counters *policy_host_counters(const struct policy_host *host);
/* The sources of the generation that serves, one after the other, each under a comment naming it.
 */
void policy_host_text(const struct policy_host *host, struct buffer *out);

/* The serving generation, or NULL when nothing is loaded; work that began on it keeps it. */
struct policy *policy_hold(struct policy_host *host);
void policy_release(struct policy **policy);
uint64_t policy_generation(const struct policy *policy);
bool policy_has(const struct policy *policy, enum policy_callback callback);
/* Says the script's role{} and rule{} once more, into the builder of whoever decides (their
 * conditions keep their numbers, for policy_when of this generation). */
int policy_add_rules(const struct policy *policy, struct access_builder *builder,
                     struct failure *failure) MUST_CHECK;
/* The script's access rules (with those of prepare_access); never NULL, may be open. */
const struct access_rules *policy_rules(const struct policy *policy);

/* Reads FILE, or every *.lua of FOLDER in the order of names. NOT_FOUND, INVALID (no *.lua, over
 * POLICY_SOURCE_MAX). Free with policy_files_free. */
#define POLICY_SOURCE_MAX (1024 * 1024) /* bytes in all files */
#define POLICY_FILES_MAX  64
struct policy_files {
    struct policy_source list[POLICY_FILES_MAX];
    size_t count;
};
int policy_files_read(const char *path, struct policy_files *files,
                      struct failure *failure) MUST_CHECK;
void policy_files_free(struct policy_files *files);

/* ---- asking ---- */

struct policy_object {
    struct slice kind; /* "container", "image"… */
    struct slice id, name, owner, node;
    struct tags labels;
};

struct policy_request {
    const struct identity *identity;
    struct slice operation;
    struct policy_object target; /* empty: none */
    const struct value *query;   /* map of text, or NULL */
    const struct access_rules *rules; /* whose bits identity->roles are; NULL: policy_rules */
};

enum policy_say { POLICY_NOTHING, POLICY_ALLOW, POLICY_DENY };

struct policy_answer {
    enum policy_say say;
    int status; /* with POLICY_DENY: 403, or what the script chose (4xx), 503: it failed */
    char why[400];
    const char *code;    /* "policy_denied", "policy_error", "policy_timeout"… */
    uint64_t waives;     /* admit: bit set of enum violation_code */
    struct value *patch; /* admit: JSON patch (RFC 6902) of its edits, in the arena; NULL: none */
};

/* For access_decide: `context` is a struct policy_condition. A condition that fails counts as met
 * for a rule that denies, as not met for one that allows. */
struct policy_condition {
    struct policy *policy;
    const struct policy_request *request;
};
bool policy_when(int when, void *context);

/* After the rules, before the body is read. */
void policy_access(struct policy *policy, const struct policy_request *request,
                   struct policy_answer *answer);
/* Reads and edits `body` (a map) in place; what `report` holds was found before. The caller checks
 * the edited body once more. On POLICY_DENY the body may be half edited: don't send it. */
void policy_admit(struct policy *policy, const struct policy_request *request, struct arena *arena,
                  struct value *body, const struct body_report *report,
                  struct policy_answer *answer);
/* Lists, inspect and events share it; without a callback: is the owner its tenant? */
bool policy_visible(struct policy *policy, const struct identity *identity,
                    const struct policy_object *object);

struct policy_agent {
    struct slice name, pool, proof, address;
    struct tags labels;
};
/* `labels`: those the script set with agent:label, in the arena, added to agent->labels' own. */
void policy_agent_join(struct policy *policy, const struct policy_agent *agent, struct arena *arena,
                       struct tags *labels, struct policy_answer *answer);

/* What is to happen with a container of a lost node: what C says, unless the script says other. */
bool policy_reschedule(struct policy *policy, const struct container *container,
                       const struct node *node, bool c_says);

/* The hooks for the scheduler, for as long as the policy is held. false: the script has no filter,
 * score, pick or reschedule, so they can be left out. */
bool policy_place(struct policy *policy, struct schedule_policy *hooks);
