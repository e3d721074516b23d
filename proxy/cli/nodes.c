/* Nodes: `docker berth nodes` and `docker berth info`: the cluster's machines, what is asked of them
 * and what is left, from GET /_berth/v1/nodes. */
#include "proxy/cli/plugin.h"

#include "policy/base/value.h"
#include "proxy/cli/client.h"
#include "proxy/cli/print.h"

struct nodes_flags {
    bool quiet, help;
    const char *format;
};

static const struct column columns[] = {
    {"ID", "ID"},           {"Name", "NAME"},     {"Status", "STATUS"},
    {"Availability", "AVAILABILITY"}, {"Address", "ADDRESS"}, {"Containers", "CONTAINERS"},
    {"CPUs", "CPUS"},       {"Memory", "MEMORY"}, {"Tags", "TAGS"},
    {"Version", "ENGINE"},  {"Why", "WHY"},
};
static const char *const usual[] = {"Name", "Status", "Availability", "Address", "Containers",
                                    "CPUs", "Memory", "Version", "Tags", NULL};

const char *const nodes_flags[] = {"--format", "--quiet", NULL};
const char *const info_flags[] = {"--format", NULL};

static struct options nodes_options(struct arena *arena, struct nodes_flags *flags)
{
    struct option rows[] = {
        {0, "format", OPTION_TEXT, &flags->format, "\"table TEMPLATE\", \"json\" or a template"},
        {'q', "quiet", OPTION_TRUTH, &flags->quiet, "Only display node names"},
        {0, "help", OPTION_TRUTH, &flags->help, "Print this"},
    };
    struct option *list = arena_alloc(arena, sizeof(rows));
    memcpy(list, rows, sizeof(rows));
    return (struct options){list, sizeof(rows) / sizeof(rows[0]), arena};
}

static struct slice gibibytes(struct arena *arena, int64_t bytes)
{
    return arena_printf(arena, "%.4gGiB", (double)bytes / (double)(1 << 30));
}

static struct slice cpus(struct arena *arena, int64_t nano)
{
    return arena_printf(arena, "%.4g", (double)nano / 1e9);
}

static struct slice tags(struct arena *arena, const struct value *map)
{
    struct slice out = SLICE("");
    VALUE_EACH(tag, map)
    {
        out = arena_printf(arena, SLICE_FMT "%s" SLICE_FMT "=" SLICE_FMT, SLICE_ARG(out),
                           out.length ? "," : "", SLICE_ARG(tag->key), SLICE_ARG(tag->text));
    }
    return out;
}

/* What containers have and what decisions under way will have, of `what`. */
static int64_t asked(const struct value *row, const char *what)
{
    return value_get_int(value_find(row, "used"), what, 0) +
           value_get_int(value_find(row, "reserved"), what, 0);
}

static struct slice share(struct arena *arena, const struct value *row, const char *what,
                          struct slice (*print)(struct arena *, int64_t))
{
    return arena_printf(arena, SLICE_FMT " / " SLICE_FMT, SLICE_ARG(print(arena, asked(row, what))),
                        SLICE_ARG(print(arena, value_get_int(value_find(row, "total"), what, 0))));
}

static struct value *make_row(struct arena *arena, const struct value *from)
{
    struct value *to = value_map(arena);

    value_set_text(arena, to, "ID", value_get_text(from, "id"));
    value_set_text(arena, to, "Name", value_get_text(from, "name"));
    value_set_text(arena, to, "Status", value_get_text(from, "state"));
    value_set_text(arena, to, "Availability", value_get_text(from, "availability"));
    value_set_text(arena, to, "Address", value_get_text(from, "address"));
    value_set_text(arena, to, "Containers",
                   arena_printf(arena, "%lld / %lld",
                                (long long)value_get_int(from, "running", 0),
                                (long long)value_get_int(from, "containers", 0)));
    value_set_text(arena, to, "CPUs", share(arena, from, "nano_cpus", cpus));
    value_set_text(arena, to, "Memory", share(arena, from, "memory_bytes", gibibytes));
    value_set_text(arena, to, "Tags", tags(arena, value_find(from, "tags")));
    value_set_text(arena, to, "Version", value_get_text(from, "engine_version"));
    value_set_text(arena, to, "Why", value_get_text(from, "why"));
    return to;
}

int command_nodes(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    struct nodes_flags flags = {0};
    struct options options = nodes_options(plugin->arena, &flags);
    struct words arguments = {NULL, 0};

    if (options_parse(&options, argc, argv, false, &arguments, failure) != 0)
        return -1;
    if (flags.help) {
        command_help(plugin, "nodes", "", &options);
        return 0;
    }
    if (arguments.count > 0)
        return failure_set(failure, FAILURE_INVALID,
                           "\"docker berth nodes\" accepts no arguments");
    const char *format = flags.quiet && !flags.format ? "{{.Name}}" : flags.format;
    struct layout *layout = layout_parse(plugin->arena, format, columns,
                                         sizeof(columns) / sizeof(columns[0]), usual, failure);
    if (!layout)
        return -1;
    struct value *answer = client_call(&plugin->target, plugin->arena, "GET",
                                       SLICE("/_berth/v1/nodes"), SLICE_NONE, failure);
    if (!answer)
        return -1;
    struct value *rows = value_list(plugin->arena);
    VALUE_EACH(row, value_find(answer, "nodes"))
    {
        value_append(rows, make_row(plugin->arena, row));
    }
    layout_print(layout, &plugin->out, rows);
    return 0;
}

/* ---- info ---- */
static const struct column info_columns[] = {
    {"Cluster", "CLUSTER"}, {"Nodes", "NODES"}, {"Ready", "READY"}, {"Containers", "CONTAINERS"},
    {"Running", "RUNNING"}, {"CPUs", "CPUS"},   {"Memory", "MEMORY"},
};
static const char *const info_usual[] = {"Cluster", "Nodes",  "Ready",  "Containers",
                                         "Running", "CPUs", "Memory", NULL};

struct sums {
    int64_t nodes, ready, containers, running;
    int64_t cpus_asked, cpus_total, memory_asked, memory_total;
};

static void add_node(struct sums *sums, const struct value *row)
{
    const struct value *total = value_find(row, "total");

    sums->nodes++;
    sums->ready += slice_is(value_get_text(row, "state"), "ready");
    sums->containers += value_get_int(row, "containers", 0);
    sums->running += value_get_int(row, "running", 0);
    sums->cpus_asked += asked(row, "nano_cpus");
    sums->cpus_total += value_get_int(total, "nano_cpus", 0);
    sums->memory_asked += asked(row, "memory_bytes");
    sums->memory_total += value_get_int(total, "memory_bytes", 0);
}

static void set_number(struct arena *arena, struct value *row, const char *key, int64_t number)
{
    value_set_text(arena, row, key, arena_printf(arena, "%lld", (long long)number));
}

static struct value *info_row(struct arena *arena, const struct value *answer)
{
    struct value *row = value_map(arena);
    struct sums sums = {0};

    VALUE_EACH(node, value_find(answer, "nodes"))
    {
        add_node(&sums, node);
    }
    value_set_text(arena, row, "Cluster", value_get_text(answer, "cluster"));
    set_number(arena, row, "Nodes", sums.nodes);
    set_number(arena, row, "Ready", sums.ready);
    set_number(arena, row, "Containers", sums.containers);
    set_number(arena, row, "Running", sums.running);
    value_set_text(arena, row, "CPUs",
                   arena_printf(arena, SLICE_FMT " / " SLICE_FMT,
                                SLICE_ARG(cpus(arena, sums.cpus_asked)),
                                SLICE_ARG(cpus(arena, sums.cpus_total))));
    value_set_text(arena, row, "Memory",
                   arena_printf(arena, SLICE_FMT " / " SLICE_FMT,
                                SLICE_ARG(gibibytes(arena, sums.memory_asked)),
                                SLICE_ARG(gibibytes(arena, sums.memory_total))));
    return row;
}

int command_info(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    struct nodes_flags flags = {0};
    struct options options = nodes_options(plugin->arena, &flags);
    struct words arguments = {NULL, 0};

    if (options_parse(&options, argc, argv, false, &arguments, failure) != 0)
        return -1;
    if (flags.help) {
        command_help(plugin, "info", "", &options);
        return 0;
    }
    struct layout *layout =
        layout_parse(plugin->arena, flags.format, info_columns,
                     sizeof(info_columns) / sizeof(info_columns[0]), info_usual, failure);
    if (!layout)
        return -1;
    struct value *answer = client_call(&plugin->target, plugin->arena, "GET",
                                       SLICE("/_berth/v1/nodes"), SLICE_NONE, failure);
    if (!answer)
        return -1;
    struct value *rows = value_list(plugin->arena);
    value_append(rows, info_row(plugin->arena, answer));
    layout_print(layout, &plugin->out, rows);
    return 0;
}
