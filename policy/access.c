/* Access: the decision. One walk over the rules of one operation. */
#include "policy/access_private.h"

#include <stdlib.h>

void access_free(struct access_rules **rules)
{
    if (!*rules)
        return;
    struct arena *arena = (*rules)->arena;
    *rules = NULL;
    arena_free(&arena);
}

size_t access_rule_count(const struct access_rules *rules)
{
    return rules->rule_count;
}

bool access_open(const struct access_rules *rules)
{
    return rules->rule_count == 0;
}

int access_operation(const struct access_rules *rules, struct slice operation)
{
    for (size_t i = 0; i < rules->operation_count; i++) {
        if (slice_is(operation, rules->operations[i]))
            return (int)i;
    }
    return -1;
}

int access_find_role(const struct access_rules *rules, struct slice name)
{
    for (size_t i = 0; i < rules->role_count; i++) {
        if (slice_equal(rules->roles[i].name, name))
            return (int)i;
    }
    return -1;
}

static bool any_name_matches(const struct access_matcher *matcher, const struct identity *identity)
{
    int64_t steps = 100000;
    for (size_t i = 0; i < identity->name_count; i++) {
        if (pattern_match(matcher->pattern, identity->names[i], &steps))
            return true;
    }
    return false;
}

/* Equal without telling by the time taken how much of it was. */
static bool equal_in_constant_time(struct slice a, struct slice b)
{
    unsigned difference = a.length != b.length;
    for (size_t i = 0; i < a.length && i < b.length; i++)
        difference |= (unsigned)(a.at[i] ^ b.at[i]);
    return difference == 0;
}

static bool matches(const struct access_matcher *matcher, const struct identity *identity)
{
    int64_t steps = 100000;
    switch (matcher->match) {
    case MATCH_ANYONE:
        return true;
    case MATCH_CERTIFICATE:
        return identity->proof == PROOF_CERTIFICATE && any_name_matches(matcher, identity);
    case MATCH_SPKI:
        return identity->proof == PROOF_CERTIFICATE && identity->spki.length > 0 &&
               equal_in_constant_time(identity->spki, matcher->text);
    case MATCH_TOKEN:
        return identity->proof == PROOF_TOKEN &&
               pattern_match(matcher->pattern, identity->token, &steps);
    case MATCH_GROUP:
        return identity->proof == PROOF_TOKEN && identity->group.length > 0 &&
               slice_equal(identity->group, matcher->text);
    case MATCH_UID:
        return identity->proof == PROOF_UNIX && identity->uid == matcher->number;
    case MATCH_GID:
        return identity->proof == PROOF_UNIX && identity->gid == matcher->number;
    case MATCH_LISTENER:
        return slice_equal(identity->listener, matcher->text);
    }
    return false;
}

/* A tenant is named by the first role row that says so, then by the token's group, then by the
 * identity itself. Nobody in particular is nobody's tenant. */
static struct slice default_tenant(const struct identity *identity)
{
    if (identity->group.length > 0)
        return identity->group;
    return identity->proof == PROOF_NONE ? SLICE_NONE : identity->name;
}

void access_identify(const struct access_rules *rules, struct identity *identity)
{
    identity->roles = 0;
    identity->tenant = SLICE_NONE;
    for (size_t i = 0; i < rules->role_count; i++) {
        const struct access_role *role = &rules->roles[i];
        for (size_t j = 0; j < role->matcher_count; j++) {
            if (!matches(&role->matchers[j], identity))
                continue;
            identity->roles |= UINT64_C(1) << i;
            if (identity->tenant.length == 0)
                identity->tenant = role->matchers[j].tenant;
        }
    }
    if (identity->tenant.length == 0)
        identity->tenant = default_tenant(identity);
}

/* Denies stand before allows in a row, so the first hard deny ends the walk. */
struct access_verdict access_decide(const struct access_rules *rules,
                                    const struct identity *identity, int operation,
                                    access_when_fn when, void *context)
{
    struct access_verdict verdict = {.rule = "default"};
    if (access_open(rules))
        return (struct access_verdict){
            .allowed = true, .any_tenant = true, .rule = "open", .waives = UINT64_MAX};
    if (operation < 0 || (size_t)operation >= rules->operation_count)
        return verdict;
    const struct access_row *row = &rules->rows[operation];
    const char *warned = NULL;
    for (size_t i = 0; i < row->count; i++) {
        const struct access_compiled *rule = &rules->rules[row->rules[i]];
        if (rule->roles != UINT64_MAX && !(rule->roles & identity->roles))
            continue;
        if (rule->when >= 0) {
            bool holds = when ? when(rule->when, context) : rule->effect == ACCESS_DENY;
            if (!holds)
                continue;
        }
        if (rule->effect == ACCESS_DENY && rule->warn) {
            warned = warned ? warned : rule->name;
            continue;
        }
        if (rule->effect == ACCESS_DENY)
            return (struct access_verdict){.rule = rule->name, .why = rule->why};
        if (!verdict.allowed)
            verdict.rule = rule->name;
        verdict.allowed = true;
        verdict.any_tenant |= rule->any_tenant;
        verdict.waives |= rule->waives;
    }
    if (warned && verdict.allowed) {
        verdict.warned = true;
        verdict.rule = warned;
    }
    return verdict;
}

void access_role_names(const struct access_rules *rules, uint64_t roles, struct buffer *out)
{
    const char *comma = "";
    for (size_t i = 0; i < rules->role_count; i++) {
        if (!(roles >> i & 1))
            continue;
        buffer_printf(out, "%s" SLICE_FMT, comma, SLICE_ARG(rules->roles[i].name));
        comma = ",";
    }
}

static int64_t tighter(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

struct access_limits access_limits(const struct access_rules *rules,
                                   const struct identity *identity)
{
    struct access_limits all = {0};
    for (size_t i = 0; i < rules->role_count; i++) {
        const struct access_limits *limits = &rules->roles[i].limits;
        if (!(identity->roles >> i & 1))
            continue;
        if (limits->rate > 0 && (all.rate <= 0 || limits->rate < all.rate)) {
            all.rate = limits->rate;
            all.burst = limits->burst;
        }
        all.streams = tighter(all.streams, limits->streams);
        all.containers = tighter(all.containers, limits->containers);
        all.nano_cpus = tighter(all.nano_cpus, limits->nano_cpus);
        all.memory_bytes = tighter(all.memory_bytes, limits->memory_bytes);
    }
    return all;
}
