/* Moves: `docker berth explain` and `docker berth rebalance`: why a container is where it is, and what
 * would even the cluster out. */
#include "proxy/cli/plugin.h"

#include "policy/base/value.h"
#include "proxy/cli/client.h"
#include "proxy/cli/print.h"
#include "proxy/json.h"

#include <stdlib.h>

struct moves_flags {
    bool yes, help;
    const char *format, *max, *gap;
};

const char *const explain_flags[] = {"--format", NULL};
const char *const rebalance_flags[] = {"--format", "--gap", "--max", "--yes", NULL};

static struct value *take_list(struct value *answer, const char *key, struct failure *failure)
{
    struct value *list = value_find(answer, key);

    if (list && list->type == VALUE_LIST)
        return list;
    (void)failure_set(failure, FAILURE_INTERNAL, "the daemon's answer has no \"%s\"", key);
    return NULL;
}

/* ---- explain ---- */
static const struct column verdict_columns[] = {
    {"Node", "NODE"}, {"Chosen", "CHOSEN"}, {"Rank", "RANK"}, {"Score", "SCORE"}, {"Why", "WHY"}};
static const char *const verdict_usual[] = {"Node", "Chosen", "Rank", "Score", "Why", NULL};

static struct value *verdict_row(struct arena *arena, const struct value *from, struct slice here)
{
    struct value *to = value_map(arena);
    struct slice node = value_get_text(from, "name"), filter = value_get_text(from, "filter");
    int64_t rank = value_get_int(from, "rank", 0);
    const struct value *score = value_find(from, "score");

    value_set_text(arena, to, "Node", node);
    value_set_text(arena, to, "Chosen", slice_equal(node, here) ? SLICE("*") : SLICE(""));
    value_set_text(arena, to, "Rank",
                   rank > 0 ? arena_printf(arena, "%lld", (long long)rank) : SLICE("-"));
    value_set_text(arena, to, "Score", score ? score->text : SLICE("-"));
    value_set_text(arena, to, "Why",
                   filter.length > 0 ? arena_printf(arena, SLICE_FMT ": " SLICE_FMT,
                                                    SLICE_ARG(filter),
                                                    SLICE_ARG(value_get_text(from, "reason")))
                                     : SLICE("fits"));
    return to;
}

static int explain(struct plugin *plugin, const char *name, struct layout *layout,
                   struct failure *failure)
{
    struct arena *arena = plugin->arena;
    struct slice path = arena_printf(arena, "/_berth/v1/explain/" SLICE_FMT,
                                     SLICE_ARG(client_escape(arena, slice_of(name))));
    struct value *answer = client_call(&plugin->target, arena, "GET", path, SLICE_NONE, failure);
    struct value *list = answer ? take_list(answer, "nodes", failure) : NULL;

    if (!list)
        return -1;
    struct value *rows = value_list(arena);
    VALUE_EACH(verdict, list)
    {
        value_append(rows, verdict_row(arena, verdict, value_get_text(answer, "node")));
    }
    layout_print(layout, &plugin->out, rows);
    return 0;
}

int command_explain(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    struct moves_flags flags = {0};
    const struct option rows[] = {
        {0, "format", OPTION_TEXT, &flags.format, "\"table TEMPLATE\", \"json\" or a template"},
        {0, "help", OPTION_TRUTH, &flags.help, "Print this"},
    };
    struct options options = {rows, sizeof(rows) / sizeof(rows[0]), plugin->arena};
    struct words arguments = {NULL, 0};

    if (options_parse(&options, argc, argv, false, &arguments, failure) != 0)
        return -1;
    if (flags.help) {
        command_help(plugin, "explain", "CONTAINER", &options);
        return 0;
    }
    if (arguments.count != 1)
        return failure_set(failure, FAILURE_INVALID,
                           "\"docker berth explain\" requires exactly 1 argument: CONTAINER");
    struct layout *layout =
        layout_parse(plugin->arena, flags.format, verdict_columns,
                     sizeof(verdict_columns) / sizeof(verdict_columns[0]), verdict_usual, failure);
    return layout ? explain(plugin, arguments.list[0], layout, failure) : -1;
}

/* ---- rebalance ---- */
static const struct column move_columns[] = {
    {"ID", "CONTAINER ID"}, {"Name", "NAME"}, {"From", "FROM"}, {"To", "TO"}};
static const char *const move_usual[] = {"ID", "Name", "From", "To", NULL};

static int rebalance_body(struct plugin *plugin, const struct moves_flags *flags,
                          struct slice *body, struct failure *failure)
{
    struct value *map = value_map(plugin->arena);
    int64_t max;
    char *end;

    value_set_bool(plugin->arena, map, "dry_run", !flags->yes);
    if (flags->max) {
        if (slice_to_i64(slice_of(flags->max), &max) != 0)
            return failure_set(failure, FAILURE_INVALID,
                               "invalid argument \"%s\" for \"--max\" flag", flags->max);
        value_set_int(plugin->arena, map, "max", max);
    }
    if (flags->gap) {
        (void)strtod(flags->gap, &end);
        if (end == flags->gap || *end)
            return failure_set(failure, FAILURE_INVALID,
                               "invalid argument \"%s\" for \"--gap\" flag", flags->gap);
        value_set(plugin->arena, map, "gap", value_number(plugin->arena, slice_of(flags->gap)));
    }
    *body = json_text(plugin->arena, map);
    return 0;
}

static struct value *move_row(struct arena *arena, const struct value *from)
{
    struct value *to = value_map(arena);

    value_set_text(arena, to, "ID", slice_cut(value_get_text(from, "container"), 0, 12));
    value_set_text(arena, to, "Name", value_get_text(from, "name"));
    value_set_text(arena, to, "From", value_get_text(from, "from"));
    value_set_text(arena, to, "To", value_get_text(from, "to"));
    return to;
}

static int rebalance(struct plugin *plugin, const struct moves_flags *flags,
                     struct failure *failure)
{
    struct slice body;
    struct layout *layout =
        layout_parse(plugin->arena, flags->format, move_columns,
                     sizeof(move_columns) / sizeof(move_columns[0]), move_usual, failure);
    if (!layout || rebalance_body(plugin, flags, &body, failure) != 0)
        return -1;
    struct value *answer = client_call(&plugin->target, plugin->arena, "POST",
                                       SLICE("/_berth/v1/rebalance"), body, failure);
    struct value *list = answer ? take_list(answer, "moves", failure) : NULL;
    if (!list)
        return -1;
    struct value *rows = value_list(plugin->arena);
    VALUE_EACH(move, list)
    {
        value_append(rows, move_row(plugin->arena, move));
    }
    layout_print(layout, &plugin->out, rows);
    if (!flags->yes && !flags->format && rows->count > 0)
        (void)buffer_text(&plugin->out, "\nNothing was moved: --yes moves them.\n");
    return 0;
}

int command_rebalance(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    struct moves_flags flags = {0};
    const struct option rows[] = {
        {0, "format", OPTION_TEXT, &flags.format, "\"table TEMPLATE\", \"json\" or a template"},
        {0, "gap", OPTION_TEXT, &flags.gap, "Move while nodes differ by more than this share (0.2)"},
        {0, "max", OPTION_TEXT, &flags.max, "At most so many containers (5)"},
        {'y', "yes", OPTION_TRUTH, &flags.yes, "Move them; without it they are only shown"},
        {0, "help", OPTION_TRUTH, &flags.help, "Print this"},
    };
    struct options options = {rows, sizeof(rows) / sizeof(rows[0]), plugin->arena};
    struct words arguments = {NULL, 0};

    if (options_parse(&options, argc, argv, false, &arguments, failure) != 0)
        return -1;
    if (flags.help) {
        command_help(plugin, "rebalance", "", &options);
        return 0;
    }
    if (arguments.count > 0)
        return failure_set(failure, FAILURE_INVALID,
                           "\"docker berth rebalance\" accepts no arguments");
    return rebalance(plugin, &flags, failure);
}
