/* Learn: gathers operations and waived codes by identity, in order of appearance, and writes them
 * as rules. */
#include "proxy/access/learn.h"

#include "policy/base/table.h"
#include "proxy/json.h"

#include <stdlib.h>

#define NAMES_MAX 256

struct names {
    struct slice list[NAMES_MAX];
    size_t count;
};

struct learned {
    const char *match; /* "token", "cert", "uid" or "anyone" */
    struct slice name;
    struct names operations, codes;
};

struct learning {
    struct arena *arena; /* what is kept */
    struct table *by_who;
    struct learned *list[LEARN_MAX_IDENTITIES];
    size_t count;
};

static void add_name(struct learning *learning, struct names *names, struct slice name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (slice_equal(names->list[i], name))
            return;
    }
    if (names->count < NAMES_MAX)
        names->list[names->count++] = arena_copy(learning->arena, name);
}

/* How a rule knows whoever the line speaks of. */
static void name_match(struct learned *learned, struct slice proof, struct slice who)
{
    learned->name = who;
    learned->match = "anyone";
    if (slice_is(proof, "token"))
        learned->match = "token";
    if (slice_is(proof, "certificate"))
        learned->match = slice_starts(who, "spki:") ? "spki" : "cert";
    if (slice_is(proof, "unix")) {
        learned->match = "uid";
        learned->name = slice_from(who, 4);
    }
}

static struct learned *find(struct learning *learning, struct slice proof, struct slice who,
                            struct failure *failure)
{
    struct slice key =
        arena_printf(learning->arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(proof), SLICE_ARG(who));
    struct learned *learned = table_find(learning->by_who, key);
    if (learned)
        return learned;
    if (learning->count == LEARN_MAX_IDENTITIES) {
        failure_set(failure, FAILURE_INVALID, "more than %d identities in this log",
                    LEARN_MAX_IDENTITIES);
        return NULL;
    }
    learned = arena_alloc(learning->arena, sizeof(*learned));
    name_match(learned, proof, arena_copy(learning->arena, who));
    table_put(learning->by_who, key, learned);
    learning->list[learning->count++] = learned;
    return learned;
}

static int read_line(struct learning *learning, struct arena *scratch, struct slice line,
                     struct failure *failure)
{
    struct value *entry = json_parse(scratch, line, failure);
    struct slice operation = value_get_text(entry, "operation"), codes, code;
    if (!entry)
        return -1;
    if (operation.length == 0 || value_get_text(entry, "verdict").length == 0)
        return failure_set(failure, FAILURE_INVALID, "not a line of an audit log");
    if (slice_is(value_get_text(entry, "verdict"), "deny"))
        return 0;
    struct learned *learned =
        find(learning, value_get_text(entry, "proof"), value_get_text(entry, "who"), failure);
    if (!learned)
        return -1;
    add_name(learning, &learned->operations, operation);
    codes = value_get_text(entry, "codes");
    while (codes.length > 0 && slice_next(&codes, ',', &code))
        add_name(learning, &learned->codes, code);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void write_names(struct buffer *out, const char *key, struct names *names)
{
    if (names->count == 0)
        return;
    qsort(names->list, names->count, sizeof(*names->list), by_text);
    buffer_printf(out, " %s=", key);
    for (size_t i = 0; i < names->count; i++)
        buffer_printf(out, "%s" SLICE_FMT, i ? "," : "", SLICE_ARG(names->list[i]));
}

static void write_rules(struct learning *learning, struct buffer *out)
{
    for (size_t i = 0; i < learning->count; i++) {
        struct learned *learned = learning->list[i];
        buffer_printf(out, "role learned-%zu ", i + 1);
        if (strcmp(learned->match, "anyone") == 0)
            buffer_text(out, "anyone\n");
        else
            buffer_printf(out, "\"%s=" SLICE_FMT "\"\n", learned->match, SLICE_ARG(learned->name));
        buffer_printf(out, "rule learned-%zu allow roles=learned-%zu tenant=own", i + 1, i + 1);
        write_names(out, "ops", &learned->operations);
        write_names(out, "waives", &learned->codes);
        buffer_char(out, '\n');
    }
}

int learn_rules(struct slice log, struct buffer *out, struct failure *failure)
{
    struct learning learning = {.arena = arena_new(), .by_who = table_new()};
    struct arena *scratch = arena_new();
    struct slice line;
    unsigned number = 0;
    int result = 0;
    while (result == 0 && slice_next(&log, '\n', &line)) {
        number++;
        if (slice_trim(line).length == 0)
            continue;
        arena_reset(scratch);
        if (read_line(&learning, scratch, line, failure) != 0)
            result = failure_prefix(failure, "line %u", number);
    }
    if (result == 0)
        write_rules(&learning, out);
    arena_free(&scratch);
    table_free(&learning.by_who);
    arena_free(&learning.arena);
    return result;
}
