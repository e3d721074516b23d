/* Access, file: the text of an --access file. One statement a line: `role`, `rule` or `limit`, then
 * words and key=value pairs; "quotes" keep spaces; # starts a comment. docs/security.md explains it
 * with examples. */
#include "policy/access_private.h"

#include <stdlib.h>

#define LINE_MAX_BYTES 4096
#define WORD_MAX       64
#define LIST_MAX       128

struct line {
    struct access_builder *builder;
    struct slice place; /* "file:12" */
    struct slice words[WORD_MAX];
    size_t count;
    struct failure *failure;
};

/* Cuts the next word off *rest: up to a space outside quotes; the quotes are taken out. */
static int next_word(struct line *line, struct slice *rest, struct slice *word)
{
    struct arena *arena = line->builder->rules->arena;
    char *out = arena_alloc(arena, rest->length + 1);
    size_t length = 0, i = 0;
    bool quoted = false;
    for (; i < rest->length; i++) {
        char c = rest->at[i];
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ' ' || c == '\t'))
            break;
        else
            out[length++] = c;
    }
    if (quoted)
        return failure_set(line->failure, FAILURE_INVALID, "a quote is not closed");
    *word = slice_make(out, length);
    *rest = slice_trim(slice_from(*rest, i));
    return 0;
}

/* A comment begins at the first # outside quotes. */
static struct slice without_comment(struct slice text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '"')
            quoted = !quoted;
        if (text.at[i] == '#' && !quoted)
            return slice_cut(text, 0, i);
    }
    return text;
}

static int split_words(struct line *line, struct slice text)
{
    text = slice_trim(without_comment(text));
    line->count = 0;
    while (text.length > 0) {
        if (line->count == WORD_MAX)
            return failure_set(line->failure, FAILURE_INVALID, "more than %d words", WORD_MAX);
        if (next_word(line, &text, &line->words[line->count++]) != 0)
            return -1;
    }
    return 0;
}

/* "key=value" -> both; a word without '=' has an empty key. */
static struct slice cut_pair(struct slice word, struct slice *value)
{
    ptrdiff_t at = slice_find(word, '=');
    if (at < 0) {
        *value = word;
        return SLICE_NONE;
    }
    *value = slice_from(word, (size_t)at + 1);
    return slice_cut(word, 0, (size_t)at);
}

static const struct {
    const char *key;
    enum access_match match;
} role_keys[] = {
    {"cert", MATCH_CERTIFICATE},  {"spki", MATCH_SPKI},     {"token", MATCH_TOKEN},
    {"group", MATCH_GROUP},       {"uid", MATCH_UID},       {"gid", MATCH_GID},
    {"listener", MATCH_LISTENER}, {"anyone", MATCH_ANYONE},
};

static int find_role_key(struct slice key, struct slice value)
{
    for (size_t i = 0; i < sizeof(role_keys) / sizeof(*role_keys); i++) {
        if (slice_is(key, role_keys[i].key) ||
            (key.length == 0 && role_keys[i].match == MATCH_ANYONE && slice_is(value, "anyone")))
            return (int)i;
    }
    return -1;
}

/* role NAME cert=… spki=… token=… group=… uid=… gid=… listener=… anyone [tenant=…] */
static int read_role(struct line *line)
{
    struct slice tenant = SLICE_NONE, value;
    bool any = false;
    for (size_t i = 2; i < line->count; i++) {
        if (slice_is(cut_pair(line->words[i], &value), "tenant"))
            tenant = value;
    }
    for (size_t i = 2; i < line->count; i++) {
        struct slice key = cut_pair(line->words[i], &value);
        if (slice_is(key, "tenant"))
            continue;
        int row = find_role_key(key, value);
        if (row < 0)
            return failure_set(line->failure, FAILURE_INVALID,
                               "\"" SLICE_FMT
                               "\": a role is known by cert=, spki=, token=, group=, "
                               "uid=, gid=, listener= or anyone",
                               SLICE_ARG(line->words[i]));
        if (access_add_role(line->builder, line->words[1], role_keys[row].match, value, tenant,
                            line->failure) != 0)
            return -1;
        any = true;
    }
    if (!any)
        return failure_set(line->failure, FAILURE_INVALID,
                           "nobody could have this role: add cert=, "
                           "token=, group=, uid=, gid=, listener= "
                           "or anyone");
    return 0;
}

struct lists {
    struct slice roles[LIST_MAX], operations[LIST_MAX], waives[LIST_MAX];
};

static int read_list(struct line *line, struct slice text, struct slice *list, size_t *count)
{
    struct slice part;
    while (slice_next(&text, ',', &part)) {
        part = slice_trim(part);
        if (part.length == 0)
            return failure_set(line->failure, FAILURE_INVALID, "an empty name in a list");
        if (*count == LIST_MAX)
            return failure_set(line->failure, FAILURE_INVALID, "more than %d names in a list",
                               LIST_MAX);
        list[(*count)++] = part;
    }
    return 0;
}

static int read_tenant(struct line *line, struct slice value, struct access_rule *rule)
{
    rule->tenant = slice_is(value, "any") ? ACCESS_ANY : ACCESS_OWN;
    if (slice_is(value, "any") || slice_is(value, "own"))
        return 0;
    return failure_set(line->failure, FAILURE_INVALID, "tenant= is own or any");
}

static int read_rule_pair(struct line *line, struct slice word, struct access_rule *rule,
                          struct lists *lists, struct slice *preset)
{
    struct slice value, key = cut_pair(word, &value);
    if (slice_is(key, "roles") || slice_is(key, "role"))
        return read_list(line, value, lists->roles, &rule->role_count);
    if (slice_is(key, "ops") || slice_is(key, "operations"))
        return read_list(line, value, lists->operations, &rule->operation_count);
    if (slice_is(key, "waives"))
        return read_list(line, value, lists->waives, &rule->waive_count);
    if (slice_is(key, "tenant"))
        return read_tenant(line, value, rule);
    if (slice_is(key, "why")) {
        rule->why = value;
        return 0;
    }
    if (slice_is(key, "preset")) {
        *preset = value;
        return 0;
    }
    if (key.length == 0 && slice_is(value, "warn")) {
        rule->warn = true;
        return 0;
    }
    return failure_set(line->failure, FAILURE_INVALID,
                       "\"" SLICE_FMT "\": a rule has roles=, ops= or preset=, tenant=, waives=, "
                       "why= and warn",
                       SLICE_ARG(word));
}

/* rule NAME allow|deny roles=… ops=…|preset=… [tenant=own|any] [waives=…] [why=…] [warn] */
static int read_rule(struct line *line)
{
    struct lists lists;
    struct slice preset = SLICE_NONE;
    struct access_rule rule = {.name = line->words[1],
                               .roles = lists.roles,
                               .operations = lists.operations,
                               .waives = lists.waives,
                               .when = -1,
                               .place = line->place};
    if (line->count < 3 ||
        (!slice_is(line->words[2], "allow") && !slice_is(line->words[2], "deny")))
        return failure_set(line->failure, FAILURE_INVALID,
                           "write: rule NAME allow|deny roles=… ops=…");
    rule.effect = slice_is(line->words[2], "allow") ? ACCESS_ALLOW : ACCESS_DENY;
    for (size_t i = 3; i < line->count; i++) {
        if (read_rule_pair(line, line->words[i], &rule, &lists, &preset) != 0)
            return -1;
    }
    if (preset.length == 0)
        return access_add_rule(line->builder, &rule, line->failure);
    if (rule.effect == ACCESS_DENY || rule.operation_count > 0 || rule.waive_count > 0)
        return failure_set(line->failure, FAILURE_INVALID,
                           "preset= is a whole rule that allows: it takes roles= only");
    return access_add_preset(line->builder, preset, rule.name, lists.roles, rule.role_count,
                             line->place, line->failure);
}

/* "16g", "512m", "100": bytes. */
static int read_bytes(struct slice text, int64_t *bytes)
{
    static const struct {
        char unit;
        int shift;
    } units[] = {{'k', 10}, {'m', 20}, {'g', 30}, {'t', 40}};
    int shift = 0;
    uint64_t number;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (text.length > 0 && (text.at[text.length - 1] | 32) == units[i].unit) {
            shift = units[i].shift;
            text.length--;
            break;
        }
    }
    if (slice_to_u64(text, &number) != 0 || number > (UINT64_C(1) << 62 >> shift))
        return -1;
    *bytes = (int64_t)(number << shift);
    return 0;
}

/* A decimal with up to nine digits behind the point, in billionths. */
static int read_billionths(struct slice text, int64_t *number)
{
    ptrdiff_t point = slice_find(text, '.');
    struct slice whole = point < 0 ? text : slice_cut(text, 0, (size_t)point);
    struct slice part = point < 0 ? SLICE_NONE : slice_from(text, (size_t)point + 1);
    uint64_t units, rest = 0;
    if (slice_to_u64(whole, &units) != 0 || units > 1000000 || part.length > 9 ||
        (point >= 0 && slice_to_u64(part, &rest) != 0))
        return -1;
    for (size_t i = part.length; i < 9; i++)
        rest *= 10;
    *number = (int64_t)(units * 1000000000 + rest);
    return 0;
}

static int read_limit_pair(struct slice key, struct slice value, struct access_limits *limits)
{
    int64_t number;
    if (slice_is(key, "memory"))
        return read_bytes(value, &limits->memory_bytes);
    if (slice_is(key, "cpus"))
        return read_billionths(value, &limits->nano_cpus);
    if (slice_is(key, "streams"))
        return slice_to_i64(value, &limits->streams);
    if (slice_is(key, "containers"))
        return slice_to_i64(value, &limits->containers);
    if (slice_is(key, "burst")) {
        if (read_billionths(value, &number) != 0)
            return -1;
        limits->burst = (double)number / 1e9;
        return 0;
    }
    if (!slice_is(key, "rate"))
        return -1;
    if (slice_ends(value, "/s"))
        value.length -= 2;
    if (read_billionths(value, &number) != 0 || number == 0)
        return -1;
    limits->rate = (double)number / 1e9;
    return 0;
}

/* limit ROLE [rate=20/s] [burst=40] [streams=32] [containers=50] [cpus=8] [memory=16g] */
static int read_limit(struct line *line)
{
    struct access_limits limits = {0};
    struct slice value;
    for (size_t i = 2; i < line->count; i++) {
        struct slice key = cut_pair(line->words[i], &value);
        if (read_limit_pair(key, value, &limits) != 0)
            return failure_set(line->failure, FAILURE_INVALID,
                               "\"" SLICE_FMT "\": a limit is rate=20/s, burst=40, streams=32, "
                               "containers=50, cpus=8 or memory=16g",
                               SLICE_ARG(line->words[i]));
    }
    if (limits.burst <= 0)
        limits.burst = limits.rate > 0.5 ? 2 * limits.rate : 1;
    return access_add_limits(line->builder, line->words[1], &limits, line->failure);
}

static int read_line(struct line *line, struct slice text)
{
    static const struct {
        const char *word;
        int (*read)(struct line *line);
    } statements[] = {{"role", read_role}, {"rule", read_rule}, {"limit", read_limit}};
    if (text.length > LINE_MAX_BYTES)
        return failure_set(line->failure, FAILURE_INVALID, "longer than %d bytes", LINE_MAX_BYTES);
    if (split_words(line, text) != 0)
        return -1;
    if (line->count == 0)
        return 0;
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
        if (!slice_is(line->words[0], statements[i].word))
            continue;
        if (line->count < 2)
            return failure_set(line->failure, FAILURE_INVALID, "%s needs a name",
                               statements[i].word);
        return statements[i].read(line);
    }
    return failure_set(line->failure, FAILURE_INVALID,
                       "\"" SLICE_FMT "\": a line begins with role, rule or limit",
                       SLICE_ARG(line->words[0]));
}

int access_read_file(struct access_builder *builder, struct slice text, const char *name,
                     struct failure *failure)
{
    struct line line = {.builder = builder, .failure = failure};
    struct slice part;
    unsigned number = 0;
    while (slice_next(&text, '\n', &part)) {
        line.place = arena_printf(builder->rules->arena, "%s:%u", name, ++number);
        if (read_line(&line, part) != 0)
            return failure_prefix(failure, SLICE_FMT, SLICE_ARG(line.place));
    }
    return 0;
}
