/* Access, building: roles, rules and presets into bit sets and one row of rules an operation. */
#include "policy/access_private.h"

#include <stdlib.h>

#define RULE_NAME_MAX 64

struct access_builder *access_builder_new(const char *const *operations, size_t count)
{
    struct access_builder *builder = xcalloc(1, sizeof(*builder));
    struct arena *arena = arena_new();
    must(count <= ACCESS_MAX_OPERATIONS);
    builder->rules = arena_alloc(arena, sizeof(*builder->rules));
    builder->rules->arena = arena;
    builder->rules->operations = operations;
    builder->rules->operation_count = count;
    builder->rules->roles = arena_alloc(arena, ACCESS_MAX_ROLES * sizeof(struct access_role));
    builder->names = table_new();
    builder->operations = arena_alloc(arena, (count + 1) * sizeof(*builder->operations));
    for (size_t i = 0; i < count; i++)
        builder->operations[i] = slice_of(operations[i]);
    return builder;
}

void access_builder_free(struct access_builder **builder)
{
    if (!*builder)
        return;
    if ((*builder)->rules)
        access_free(&(*builder)->rules);
    table_free(&(*builder)->names);
    free(*builder);
    *builder = NULL;
}

/* The role's number, made when it is not there; -1 when there are too many. */
static int role_number(struct access_rules *rules, struct slice name, struct failure *failure)
{
    int number = access_find_role(rules, name);
    if (number >= 0)
        return number;
    if (rules->role_count == ACCESS_MAX_ROLES)
        return failure_set(failure, FAILURE_INVALID, "more than %d roles", ACCESS_MAX_ROLES);
    rules->roles[rules->role_count].name = arena_copy(rules->arena, name);
    return (int)rules->role_count++;
}

int access_add_role(struct access_builder *builder, struct slice role, enum access_match match,
                    struct slice text, struct slice tenant, struct failure *failure)
{
    struct access_rules *rules = builder->rules;
    struct access_matcher matcher = {.match = match, .text = arena_copy(rules->arena, text)};
    int number = role_number(rules, role, failure);
    if (number < 0)
        return -1;
    matcher.tenant = arena_copy(rules->arena, tenant);
    if (match == MATCH_CERTIFICATE || match == MATCH_TOKEN) {
        matcher.pattern = pattern_compile(rules->arena, matcher.text, failure);
        if (!matcher.pattern)
            return -1;
    }
    if ((match == MATCH_UID || match == MATCH_GID) && slice_to_i64(text, &matcher.number) != 0)
        return failure_set(failure, FAILURE_INVALID,
                           "\"" SLICE_FMT "\" is not the number of a user or group",
                           SLICE_ARG(text));
    struct access_role *place = &rules->roles[number];
    struct access_matcher *more =
        arena_alloc(rules->arena, (place->matcher_count + 1) * sizeof(*more));
    if (place->matcher_count)
        memcpy(more, place->matchers, place->matcher_count * sizeof(*more));
    more[place->matcher_count++] = matcher;
    place->matchers = more;
    return 0;
}

int access_add_limits(struct access_builder *builder, struct slice role,
                      const struct access_limits *limits, struct failure *failure)
{
    int number = access_find_role(builder->rules, role);
    if (number < 0)
        return failure_set(failure, FAILURE_INVALID, "no role \"" SLICE_FMT "\"", SLICE_ARG(role));
    builder->rules->roles[number].limits = *limits;
    return 0;
}

/* "container.*" covers "container.create" and "container.archive.get"; "*" covers all. */
static bool covers(struct slice pattern, struct slice operation)
{
    if (pattern.length == 1 && pattern.at[0] == '*')
        return true;
    if (pattern.length < 2 || pattern.at[pattern.length - 1] != '*' ||
        pattern.at[pattern.length - 2] != '.')
        return slice_equal(pattern, operation);
    return operation.length >= pattern.length &&
           memcmp(operation.at, pattern.at, pattern.length - 1) == 0;
}

/* How many letters two names share in front: enough to name the likely one. */
static const char *nearest(const struct access_rules *rules, struct slice name)
{
    const char *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < rules->operation_count; i++) {
        const char *operation = rules->operations[i];
        size_t same = 0;
        while (same < name.length && operation[same] && operation[same] == name.at[same])
            same++;
        if (same > most) {
            most = same;
            best = operation;
        }
    }
    return best ? best : rules->operations[0];
}

static int add_operations(const struct access_builder *builder, struct access_compiled *compiled,
                          struct slice pattern, struct failure *failure)
{
    const struct access_rules *rules = builder->rules;
    bool any = false;
    for (size_t i = 0; i < rules->operation_count; i++) {
        if (!covers(pattern, builder->operations[i]))
            continue;
        compiled->operations[i / 64] |= UINT64_C(1) << (i % 64);
        any = true;
    }
    if (any)
        return 0;
    return failure_set(failure, FAILURE_INVALID,
                       "no operation \"" SLICE_FMT "\"; did you mean \"%s\"?", SLICE_ARG(pattern),
                       nearest(rules, pattern));
}

static int add_roles(const struct access_rules *rules, struct access_compiled *compiled,
                     const struct access_rule *rule, struct failure *failure)
{
    if (rule->role_count == 0)
        compiled->roles = UINT64_MAX;
    for (size_t i = 0; i < rule->role_count; i++) {
        if (slice_is(rule->roles[i], "*")) {
            compiled->roles = UINT64_MAX;
            continue;
        }
        int number = access_find_role(rules, rule->roles[i]);
        if (number < 0)
            return failure_set(failure, FAILURE_INVALID,
                               "no role \"" SLICE_FMT "\": a role must be defined above the rules "
                               "that name it",
                               SLICE_ARG(rule->roles[i]));
        compiled->roles |= UINT64_C(1) << number;
    }
    return 0;
}

static int add_waives(struct access_compiled *compiled, const struct access_rule *rule,
                      struct failure *failure)
{
    for (size_t i = 0; i < rule->waive_count; i++) {
        if (slice_is(rule->waives[i], "*")) {
            compiled->waives = UINT64_MAX;
            continue;
        }
        enum violation_code code = violation_find(rule->waives[i]);
        if (code == VIOLATION_COUNT)
            return failure_set(failure, FAILURE_INVALID,
                               "no code \"" SLICE_FMT "\" to waive; docs/security.md lists them",
                               SLICE_ARG(rule->waives[i]));
        compiled->waives |= UINT64_C(1) << code;
    }
    return 0;
}

static int check_name(const struct access_builder *builder, struct slice name,
                      struct failure *failure)
{
    if (name.length == 0 || name.length > RULE_NAME_MAX)
        return failure_set(failure, FAILURE_INVALID, "a rule needs a name of 1 to %d letters",
                           RULE_NAME_MAX);
    if (table_find(builder->names, name))
        return failure_set(failure, FAILURE_INVALID, "two rules are named \"" SLICE_FMT "\"",
                           SLICE_ARG(name));
    if (builder->rules->rule_count == ACCESS_MAX_RULES)
        return failure_set(failure, FAILURE_INVALID, "more than %d rules", ACCESS_MAX_RULES);
    return 0;
}

/* Doubles the room in the arena; the old block stays there until the rules go. */
static void make_room(struct access_builder *builder)
{
    struct access_rules *rules = builder->rules;
    if (rules->rule_count < builder->rule_room)
        return;
    size_t room = builder->rule_room ? 2 * builder->rule_room : 32;
    struct access_compiled *more = arena_alloc(rules->arena, room * sizeof(*more));
    if (rules->rule_count)
        memcpy(more, rules->rules, rules->rule_count * sizeof(*more));
    rules->rules = more;
    builder->rule_room = room;
}

int access_add_rule(struct access_builder *builder, const struct access_rule *rule,
                    struct failure *failure)
{
    struct access_rules *rules = builder->rules;
    struct access_compiled compiled = {.effect = rule->effect,
                                       .warn = rule->warn,
                                       .any_tenant = rule->tenant == ACCESS_ANY,
                                       .when = rule->when};
    if (check_name(builder, rule->name, failure) != 0)
        return -1;
    if (rule->effect == ACCESS_ALLOW && rule->warn)
        return failure_set(failure, FAILURE_INVALID, "only a rule that denies can be in warn mode");
    if (rule->effect == ACCESS_DENY && rule->waive_count > 0)
        return failure_set(failure, FAILURE_INVALID, "a rule that denies can't waive");
    if (rule->operation_count == 0)
        return failure_set(failure, FAILURE_INVALID, "a rule needs operations");
    if (add_roles(rules, &compiled, rule, failure) != 0 ||
        add_waives(&compiled, rule, failure) != 0)
        return -1;
    for (size_t i = 0; i < rule->operation_count; i++) {
        if (add_operations(builder, &compiled, rule->operations[i], failure) != 0)
            return -1;
    }
    compiled.name = arena_text(rules->arena, rule->name);
    compiled.why = rule->why.length ? arena_text(rules->arena, rule->why) : NULL;
    make_room(builder);
    rules->rules[rules->rule_count++] = compiled;
    table_put(builder->names, rule->name, builder);
    return 0;
}

static const struct preset {
    const char *name;
    enum access_tenant tenant;
    const char *operations;
    const char *waives;
} presets[] = {
#define PRESET(name, tenant, operations, waives, help) {name, tenant, operations, waives},
#include "policy/presets.def"
#undef PRESET
};

/* "a b c" into slices; the number of them. */
static size_t split(struct slice text, struct slice *parts, size_t most)
{
    struct slice part;
    size_t count = 0;
    while (slice_next(&text, ' ', &part)) {
        if (part.length == 0)
            continue;
        must(count < most);
        parts[count++] = part;
    }
    return count;
}

static const struct preset *find_preset(struct slice name)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(*presets); i++) {
        if (slice_is(name, presets[i].name))
            return &presets[i];
    }
    return NULL;
}

int access_add_preset(struct access_builder *builder, struct slice preset, struct slice rule_name,
                      const struct slice *roles, size_t role_count, struct slice place,
                      struct failure *failure)
{
    struct slice operations[ACCESS_MAX_OPERATIONS], waives[VIOLATION_COUNT];
    const struct preset *found = find_preset(preset);
    if (!found) {
        char names[300] = "";
        size_t length = 0;
        for (size_t i = 0; i < sizeof(presets) / sizeof(*presets); i++) {
            struct slice name = slice_of(presets[i].name);
            if (length + name.length + 2 >= sizeof(names))
                break;
            names[length++] = ' ';
            memcpy(names + length, name.at, name.length);
            length += name.length;
        }
        return failure_set(failure, FAILURE_INVALID, "no preset \"" SLICE_FMT "\"; there are:%s",
                           SLICE_ARG(preset), names);
    }
    struct access_rule rule = {
        .name = rule_name,
        .effect = ACCESS_ALLOW,
        .tenant = found->tenant,
        .roles = roles,
        .role_count = role_count,
        .operations = operations,
        .operation_count = split(slice_of(found->operations), operations, ACCESS_MAX_OPERATIONS),
        .waives = waives,
        .waive_count = split(slice_of(found->waives), waives, VIOLATION_COUNT),
        .when = -1,
        .place = place,
    };
    return access_add_rule(builder, &rule, failure);
}

/* A rule is shadowed when an unconditional rule of the same or the stronger effect before it covers
 * its roles and operations and gives no less. */
static bool shadows(const struct access_compiled *first, const struct access_compiled *second)
{
    if (first->when >= 0 || first->warn || (second->roles & ~first->roles))
        return false;
    for (size_t i = 0; i < ACCESS_MAX_OPERATIONS / 64; i++) {
        if (second->operations[i] & ~first->operations[i])
            return false;
    }
    if (first->effect == ACCESS_DENY)
        return true;
    return second->effect == ACCESS_ALLOW && !(second->waives & ~first->waives) &&
           (first->any_tenant || !second->any_tenant);
}

size_t access_shadowed(const struct access_builder *builder, struct buffer *out)
{
    const struct access_rules *rules = builder->rules;
    size_t count = 0;
    for (size_t j = 0; j < rules->rule_count; j++) {
        for (size_t i = 0; i < rules->rule_count; i++) {
            if (i == j || (i > j && rules->rules[i].effect == ACCESS_ALLOW) ||
                !shadows(&rules->rules[i], &rules->rules[j]) ||
                (i > j && shadows(&rules->rules[j], &rules->rules[i])))
                continue;
            buffer_printf(out, "%s is covered by %s\n", rules->rules[j].name, rules->rules[i].name);
            count++;
            break;
        }
    }
    return count;
}

/* The rules of `effect` for `operation`, appended to its row. */
static void fill_row(const struct access_rules *rules, struct access_row *row, size_t operation,
                     enum access_effect effect)
{
    for (size_t i = 0; i < rules->rule_count; i++) {
        if (rules->rules[i].effect == effect &&
            rules->rules[i].operations[operation / 64] >> (operation % 64) & 1)
            row->rules[row->count++] = (uint16_t)i;
    }
}

struct access_rules *access_build(struct access_builder **builder)
{
    struct access_rules *rules = (*builder)->rules;
    rules->rows = arena_alloc(rules->arena, rules->operation_count * sizeof(*rules->rows));
    for (size_t i = 0; i < rules->operation_count; i++) {
        struct access_row *row = &rules->rows[i];
        row->rules = arena_alloc(rules->arena, (rules->rule_count + 1) * sizeof(*row->rules));
        fill_row(rules, row, i, ACCESS_DENY);
        fill_row(rules, row, i, ACCESS_ALLOW);
    }
    (*builder)->rules = NULL;
    access_builder_free(builder);
    return rules;
}
