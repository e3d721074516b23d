/* Constraint: expressions taken apart. One syntax for all sources; each source only differs in the
 * word in front of it. */
#include "policy/constraint.h"

#include "policy/pattern.h"

#include <stdio.h>

#define SHOWN_MAX 100 /* bytes of a wrong expression that a message quotes */

static bool key_letter(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (!first && ((c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/'));
}

static bool key_valid(struct slice key)
{
    for (size_t i = 0; i < key.length; i++) {
        if (!key_letter(key.at[i], i == 0)) {
            return false;
        }
    }
    return key.length > 0 && key.length <= CONSTRAINT_KEY_MAX;
}

static bool pattern_valid(struct slice pattern)
{
    for (size_t i = 0; i < pattern.length; i++) {
        unsigned char c = (unsigned char)pattern.at[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return pattern.length > 0 && pattern.length <= CONSTRAINT_PATTERN_MAX;
}

static int malformed(struct slice expression, bool affinity, const char *what,
                     struct failure *failure)
{
    struct slice shown = slice_cut(expression, 0, SHOWN_MAX);
    const char *kind = affinity ? "affinity" : "constraint";
    const char *example = affinity ? "container==web" : "storage=ssd";
    return failure_set(failure, FAILURE_INVALID,
                       "%s \"" SLICE_FMT
                       "\" is malformed: %s; write KEY=VALUE, KEY==VALUE or KEY!=VALUE, "
                       "for instance %s",
                       kind, SLICE_ARG(shown), what, example);
}

/* Cuts "key op value" apart. No operator: false. */
static bool split(struct slice expression, struct constraint *constraint)
{
    ptrdiff_t at = slice_find(expression, '=');
    if (at < 0) {
        return false;
    }
    size_t key = (size_t)at, value = (size_t)at + 1;
    constraint->operator= CONSTRAINT_EQUAL;
    if (at > 0 && expression.at[at - 1] == '!') {
        constraint->operator= CONSTRAINT_NOT_EQUAL;
        key--;
    } else if (value < expression.length && expression.at[value] == '=') {
        value++;
    }
    constraint->key = slice_trim(slice_cut(expression, 0, key));
    constraint->pattern = slice_trim(slice_from(expression, value));
    constraint->soft = slice_starts(constraint->pattern, "~");
    if (constraint->soft) {
        constraint->pattern = slice_from(constraint->pattern, 1);
    }
    return true;
}

/* A regular expression is compiled once just to refuse it here, where the user sees which
 * expression it is. */
static int check_regex(struct slice pattern, struct failure *failure)
{
    if (pattern.at[0] != '/') {
        return 0;
    }
    struct arena *arena = arena_new();
    int result = pattern_compile(arena, pattern, failure) ? 0 : -1;
    arena_free(&arena);
    return result;
}

int constraint_set_add(struct constraint_set *set, struct slice expression, bool affinity,
                       struct failure *failure)
{
    struct constraint constraint = {.affinity = affinity};
    if (!split(expression, &constraint)) {
        return malformed(expression, affinity, "there is no operator", failure);
    }
    if (!key_valid(constraint.key)) {
        return malformed(expression, affinity,
                         "the key must be letters, digits, '_', '.', '-' or '/', start with a "
                         "letter, and have at most 128",
                         failure);
    }
    if (!pattern_valid(constraint.pattern)) {
        return malformed(expression, affinity,
                         constraint.pattern.length == 0
                             ? "there is no value"
                             : "the value has control characters or is over 256 bytes",
                         failure);
    }
    if (!affinity && slice_is_nocase(constraint.key, "reschedule")) {
        if (constraint.operator!= CONSTRAINT_EQUAL || constraint.soft) {
            return failure_set(failure, FAILURE_INVALID,
                               "constraint \"" SLICE_FMT
                               "\" is malformed: write reschedule=always, never or auto",
                               SLICE_ARG(slice_cut(expression, 0, SHOWN_MAX)));
        }
        return constraint_set_reschedule(set, constraint.pattern, failure);
    }
    if (set->count == CONSTRAINTS_MAX) {
        return failure_set(failure, FAILURE_INVALID,
                           "more than %d constraints and affinities for one container",
                           CONSTRAINTS_MAX);
    }
    if (check_regex(constraint.pattern, failure) != 0) {
        return failure_prefix(failure, "constraint \"" SLICE_FMT "\"",
                              SLICE_ARG(slice_cut(expression, 0, SHOWN_MAX)));
    }
    set->list[set->count++] = constraint;
    return 0;
}

int constraint_set_reschedule(struct constraint_set *set, struct slice word,
                              struct failure *failure)
{
    static const struct {
        const char *word;
        enum reschedule reschedule;
    } words[] = {
        {"always", RESCHEDULE_ALWAYS},
        {"never", RESCHEDULE_NEVER},
        {"auto", RESCHEDULE_AUTO},
        {"off", RESCHEDULE_NEVER},
        {"on-node-failure", RESCHEDULE_ALWAYS},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!slice_is_nocase(word, words[i].word)) {
            continue;
        }
        if (set->reschedule_given && set->reschedule != words[i].reschedule) {
            return failure_set(failure, FAILURE_INVALID,
                               "reschedule is given twice with different words");
        }
        set->reschedule = words[i].reschedule;
        set->reschedule_given = true;
        return 0;
    }
    return failure_set(failure, FAILURE_INVALID,
                       "reschedule \"" SLICE_FMT "\" is not known: write always, never or auto",
                       SLICE_ARG(slice_cut(word, 0, SHOWN_MAX)));
}

static const char prefix_constraint[] = "constraint:";
static const char prefix_affinity[] = "affinity:";
static const char prefix_reschedule[] = "reschedule:";

static bool cut_prefix(struct slice *text, const char *prefix)
{
    if (!slice_starts(*text, prefix)) {
        return false;
    }
    *text = slice_from(*text, strlen(prefix));
    return true;
}

int constraint_set_add_env(struct constraint_set *set, struct slice entry, bool *taken,
                           struct failure *failure)
{
    *taken = true;
    if (cut_prefix(&entry, prefix_constraint)) {
        return constraint_set_add(set, entry, false, failure);
    }
    if (cut_prefix(&entry, prefix_affinity)) {
        return constraint_set_add(set, entry, true, failure);
    }
    if (cut_prefix(&entry, prefix_reschedule)) {
        return constraint_set_reschedule(set, entry, failure);
    }
    *taken = false;
    return 0;
}

int constraint_set_add_label(struct constraint_set *set, struct arena *arena, struct slice key,
                             struct slice value, bool *taken, struct failure *failure)
{
    bool affinity = slice_starts(key, prefix_affinity);
    *taken = affinity || slice_starts(key, prefix_constraint);
    if (!*taken) {
        return 0;
    }
    cut_prefix(&key, affinity ? prefix_affinity : prefix_constraint);
    struct slice whole =
        arena_printf(arena, SLICE_FMT "=" SLICE_FMT, SLICE_ARG(key), SLICE_ARG(value));
    return constraint_set_add(set, whole, affinity, failure);
}

enum constraint_list_label constraint_label_is_list(struct slice key)
{
    if (slice_is(key, "com.docker.swarm.constraints")) {
        return CONSTRAINT_LABEL_CONSTRAINTS;
    }
    if (slice_is(key, "com.docker.swarm.affinities")) {
        return CONSTRAINT_LABEL_AFFINITIES;
    }
    if (slice_is(key, "com.docker.swarm.reschedule-policies")) {
        return CONSTRAINT_LABEL_RESCHEDULE;
    }
    return CONSTRAINT_LABEL_OTHER;
}

struct constraints constraint_set_view(const struct constraint_set *set)
{
    return (struct constraints){set->list, set->count};
}

void constraint_text(const struct constraint *constraint, char *text, size_t size)
{
    snprintf(text, size, SLICE_FMT "%s%s" SLICE_FMT, SLICE_ARG(constraint->key),
             constraint->operator== CONSTRAINT_EQUAL ? "==" : "!=", constraint->soft ? "~" : "",
             SLICE_ARG(constraint->pattern));
}

static struct slice tag_find(const struct tags *tags, struct slice key)
{
    for (size_t i = 0; i < tags->count; i++) {
        if (slice_equal_nocase(tags->list[i].key, key)) {
            return tags->list[i].value;
        }
    }
    return SLICE_NONE;
}

static struct slice tag_find_everywhere(const struct node *node, struct slice key)
{
    const struct tags *const places[] = {&node->tags, &node->standard, &node->facts};
    for (size_t i = 0; i < 3; i++) {
        struct slice value = tag_find(places[i], key);
        if (value.at) {
            return value;
        }
    }
    return SLICE_NONE;
}

struct slice constraint_node_tag(const struct node *node, struct slice key)
{
    if (slice_is_nocase(key, "name") || slice_is_nocase(key, "node")) {
        return node->name;
    }
    struct slice value = tag_find_everywhere(node, key);
    if (!value.at && slice_is_nocase(key, "storagedriver")) {
        value = tag_find_everywhere(node, SLICE("driver"));
    } else if (!value.at && slice_is_nocase(key, "driver")) {
        value = tag_find_everywhere(node, SLICE("storagedriver"));
    }
    return value;
}
