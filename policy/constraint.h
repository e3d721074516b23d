/* Constraint: the words in which a user says where a container may run. Parsing only and matching
 * of one expression against one node; policy/filter.h applies them to many nodes.
 *
 *   KEY=VALUE   KEY==VALUE   KEY!=VALUE   (~ in front of VALUE: preferred, not demanded)
 *   VALUE: text, glob (* and ?), or /regular expression/ (unanchored, policy/pattern.h)
 *   reschedule=always|never|auto is not matched against nodes: it says what happens on node failure
 *
 * Keys are compared case-insensitively, values exactly. A node that lacks the tag never equals and
 * always differs. Sources: the user's guide, "Constraints"; classic Swarm's scheduler/filter. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"
#include "policy/model.h"

#define CONSTRAINTS_MAX        64  /* expressions a container */
#define CONSTRAINT_KEY_MAX     128 /* bytes */
#define CONSTRAINT_PATTERN_MAX 256 /* bytes */

/* Everything that one create request says about placement. Zero it to start. Slices point into
 * what was given, or into the arena. */
struct constraint_set {
    struct constraint list[CONSTRAINTS_MAX];
    size_t count;
    enum reschedule reschedule;
    bool reschedule_given;
};

/* Adds one expression ("storage=ssd"). `affinity`: it came as an affinity. INVALID quotes the
 * expression and says the right form; also when there are more than CONSTRAINTS_MAX, or two
 * different reschedule words. */
int constraint_set_add(struct constraint_set *set, struct slice expression, bool affinity,
                       struct failure *failure) MUST_CHECK;
/* One entry of Config.Env. "constraint:E", "affinity:E" and "reschedule:P" are taken (*taken =
 * true: the caller strips the entry from what the engine sees); all else is left alone, *taken =
 * false. */
int constraint_set_add_env(struct constraint_set *set, struct slice entry, bool *taken,
                           struct failure *failure) MUST_CHECK;
/* One label. The CLI cuts "constraint:storage==ssd" at the first '=': key "constraint:storage",
 * value "=ssd"; both halves are put together again (in `arena`). *taken as above, but labels stay.
 * Classic Swarm's com.docker.swarm.* labels hold JSON: see constraint_label_is_list. */
int constraint_set_add_label(struct constraint_set *set, struct arena *arena, struct slice key,
                             struct slice value, bool *taken, struct failure *failure) MUST_CHECK;

enum constraint_list_label {
    CONSTRAINT_LABEL_OTHER,
    CONSTRAINT_LABEL_CONSTRAINTS, /* com.docker.swarm.constraints: constraint_set_add(false) each */
    CONSTRAINT_LABEL_AFFINITIES,  /* com.docker.swarm.affinities: constraint_set_add(true) each */
    CONSTRAINT_LABEL_RESCHEDULE,  /* com.docker.swarm.reschedule-policies: …_set_reschedule */
};
/* Whether the label's value is a JSON list of expressions, which the caller parses. */
enum constraint_list_label constraint_label_is_list(struct slice key);
/* One reschedule word: always never auto; also classic on-node-failure (always) and off (never). */
int constraint_set_reschedule(struct constraint_set *set, struct slice word,
                              struct failure *failure) MUST_CHECK;

struct constraints constraint_set_view(const struct constraint_set *set);

/* "storage==ssd", "image!=~/redis/": the expression in its long form, NUL-terminated, cut to fit.
 */
void constraint_text(const struct constraint *constraint, char *text, size_t size);

/* The value of tag `key` on `node`: declared tags, then standard ones, then facts; the key in any
 * case. "name" is the node's name; storagedriver and driver name one another. SLICE_NONE: absent.
 */
struct slice constraint_node_tag(const struct node *node, struct slice key);
