/* Ps: `docker berth ps`: docker ps with the guide's NODE column and the rows that wait for a node. */
#include "proxy/cli/plugin.h"

#include "policy/base/value.h"
#include "proxy/cli/client.h"
#include "proxy/cli/human.h"
#include "proxy/cli/print.h"
#include "proxy/json.h"

#include <time.h>

#define COMMAND_COLUMNS 20
#define ID_LENGTH       12

struct ps {
    bool all, quiet, latest, size, full, help;
    const char *last, *format;
    struct words filters;
};

static const struct column columns[] = {
    {"ID", "CONTAINER ID"}, {"Image", "IMAGE"},     {"Command", "COMMAND"},
    {"CreatedAt", "CREATED AT"}, {"RunningFor", "CREATED"}, {"Status", "STATUS"},
    {"State", "STATE"},     {"Ports", "PORTS"},     {"Node", "NODE"},
    {"Names", "NAMES"},     {"Size", "SIZE"},       {"Labels", "LABELS"},
    {"Mounts", "MOUNTS"},   {"Networks", "NETWORKS"},
};
static const char *const usual[] = {"ID", "Image", "Command", "RunningFor", "Status", "Ports",
                                    "Node", "Names", NULL};
static const char *const usual_size[] = {"ID", "Image", "Command", "RunningFor", "Status", "Ports",
                                         "Node", "Names", "Size", NULL};

const char *const ps_flags[] = {"--all",  "--filter", "--format",   "--last",
                                "--latest", "--no-trunc", "--quiet", "--size", NULL};

static struct options ps_options(struct arena *arena, struct ps *ps)
{
    struct option rows[] = {
        {'a', "all", OPTION_TRUTH, &ps->all, "Show all containers (default shows just running)"},
        {'f', "filter", OPTION_LIST, &ps->filters, "Filter output based on conditions provided"},
        {0, "format", OPTION_TEXT, &ps->format, "\"table TEMPLATE\", \"json\" or a template"},
        {'n', "last", OPTION_TEXT, &ps->last, "Show n last created containers"},
        {'l', "latest", OPTION_TRUTH, &ps->latest, "Show the latest created container"},
        {0, "no-trunc", OPTION_TRUTH, &ps->full, "Don't truncate output"},
        {'q', "quiet", OPTION_TRUTH, &ps->quiet, "Only display container IDs"},
        {'s', "size", OPTION_TRUTH, &ps->size, "Display total file sizes"},
        {0, "help", OPTION_TRUTH, &ps->help, "Print this"},
    };
    struct option *list = arena_alloc(arena, sizeof(rows));
    memcpy(list, rows, sizeof(rows));
    return (struct options){list, sizeof(rows) / sizeof(rows[0]), arena};
}

/* -f key=value -> {"key":{"value":true}} */
static int add_filters(struct plugin *plugin, const struct ps *ps, struct slice *path,
                       struct failure *failure)
{
    struct value *map = value_map(plugin->arena);

    for (size_t i = 0; i < ps->filters.count; i++) {
        struct slice text = slice_of(ps->filters.list[i]);
        ptrdiff_t equals = slice_find(text, '=');
        if (equals < 1)
            return failure_set(failure, FAILURE_INVALID,
                               "invalid filter '%s': expected KEY=VALUE", ps->filters.list[i]);
        char *key = arena_text(plugin->arena, slice_cut(text, 0, (size_t)equals));
        value_set_slice(plugin->arena, value_submap(plugin->arena, map, key),
                        slice_from(text, (size_t)equals + 1), value_bool(plugin->arena, true));
    }
    if (ps->filters.count > 0)
        *path = client_query(plugin->arena, *path, "filters", json_text(plugin->arena, map));
    return 0;
}

static int make_path(struct plugin *plugin, const struct ps *ps, struct slice *path,
                     struct failure *failure)
{
    uint64_t limit = ps->latest ? 1 : 0;

    *path = SLICE("/containers/json");
    if (ps->last && (slice_to_u64(slice_of(ps->last), &limit) != 0 || limit > INT32_MAX))
        return failure_set(failure, FAILURE_INVALID,
                           "invalid argument \"%s\" for \"-n, --last\" flag", ps->last);
    if (ps->all)
        *path = client_query(plugin->arena, *path, "all", SLICE("1"));
    if (limit > 0)
        *path = client_query(plugin->arena, *path, "limit",
                             arena_printf(plugin->arena, "%llu", (unsigned long long)limit));
    if (ps->size)
        *path = client_query(plugin->arena, *path, "size", SLICE("1"));
    return add_filters(plugin, ps, path, failure);
}

/* "/node-1/redis" is how a list names the node; "/redis" is the name where it is unique. A row that
 * says its node outright wins. */
static void find_names(struct arena *arena, const struct value *from, struct value *to, bool full)
{
    struct slice node = value_get_text(value_find(from, "Node"), "Name"), names = SLICE("");

    if (value_find(from, "Node") && value_find(from, "Node")->type == VALUE_TEXT)
        node = value_find(from, "Node")->text;
    VALUE_EACH(name, value_find(from, "Names"))
    {
        struct slice text = name->text;
        if (slice_starts(text, "/"))
            text = slice_from(text, 1);
        ptrdiff_t slash = slice_find(text, '/');
        if (slash > 0 && node.length == 0)
            node = slice_cut(text, 0, (size_t)slash);
        bool of_node = slash > 0 && slice_equal(node, slice_cut(text, 0, (size_t)slash));
        if (of_node)
            text = slice_from(text, (size_t)slash + 1);
        if ((slash > 0 && !of_node && !full) || (of_node && names.length > 0))
            continue; /* a link's alias; the plain name again */
        names = arena_printf(arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(names),
                             names.length ? "," : "", SLICE_ARG(text));
    }
    value_set_text(arena, to, "Node", node);
    value_set_text(arena, to, "Names", names);
}

/* {"a":"1","b":"2"} -> a=1,b=2; the keys alone with `values` false. */
static struct slice joined(struct arena *arena, const struct value *map, bool values)
{
    struct slice out = SLICE("");
    VALUE_EACH(member, map)
    {
        struct slice value = values ? member->text : SLICE("");
        out = arena_printf(arena, SLICE_FMT "%s" SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(out),
                           out.length ? "," : "", SLICE_ARG(member->key), values ? "=" : "",
                           SLICE_ARG(value));
    }
    return out;
}

static struct slice mounts(struct arena *arena, const struct value *list, bool full)
{
    struct slice out = SLICE("");
    VALUE_EACH(mount, list)
    {
        struct slice name = value_get_text(mount, "Name");
        if (name.length == 0)
            name = value_get_text(mount, "Source");
        if (!full)
            name = human_cut(arena, name, 15);
        out = arena_printf(arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(out), out.length ? "," : "",
                           SLICE_ARG(name));
    }
    return out;
}

static struct slice size_text(struct arena *arena, const struct value *from)
{
    struct slice own = human_size(arena, value_get_int(from, "SizeRw", 0));
    int64_t whole = value_get_int(from, "SizeRootFs", 0);

    if (whole <= 0)
        return own;
    return arena_printf(arena, SLICE_FMT " (virtual " SLICE_FMT ")", SLICE_ARG(own),
                        SLICE_ARG(human_size(arena, whole)));
}

static struct value *make_row(struct arena *arena, const struct value *from, bool full,
                              int64_t now)
{
    struct value *to = value_map(arena);
    struct slice id = value_get_text(from, "Id"), command = value_get_text(from, "Command");
    time_t created = (time_t)value_get_int(from, "Created", 0);
    struct tm local;
    char at[64] = "";

    if (localtime_r(&created, &local))
        (void)strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S %z %Z", &local);
    value_set_text(arena, to, "ID", full ? id : slice_cut(id, 0, ID_LENGTH));
    value_set_text(arena, to, "Image", value_get_text(from, "Image"));
    value_set_text(arena, to, "Command",
                   arena_printf(arena, "\"" SLICE_FMT "\"",
                                SLICE_ARG(full ? command
                                               : human_cut(arena, command, COMMAND_COLUMNS))));
    value_set_text(arena, to, "CreatedAt", slice_of(at));
    value_set_text(arena, to, "RunningFor",
                   arena_printf(arena, SLICE_FMT " ago",
                                SLICE_ARG(human_duration(arena, now - (int64_t)created))));
    value_set_text(arena, to, "State", value_get_text(from, "State"));
    value_set_text(arena, to, "Status", value_get_text(from, "Status"));
    value_set_text(arena, to, "Ports", human_ports(arena, value_find(from, "Ports")));
    find_names(arena, from, to, full);
    value_set_text(arena, to, "Size", size_text(arena, from));
    value_set_text(arena, to, "Labels", joined(arena, value_find(from, "Labels"), true));
    value_set_text(arena, to, "Mounts", mounts(arena, value_find(from, "Mounts"), full));
    value_set_text(arena, to, "Networks",
                   joined(arena, value_path(from, "NetworkSettings.Networks"), false));
    return to;
}

int command_ps(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    struct ps ps = {0};
    struct options options = ps_options(plugin->arena, &ps);
    struct words arguments = {NULL, 0};
    struct slice path;

    if (options_parse(&options, argc, argv, false, &arguments, failure) != 0)
        return -1;
    if (ps.help) {
        command_help(plugin, "ps", "", &options);
        return 0;
    }
    if (arguments.count > 0)
        return failure_set(failure, FAILURE_INVALID, "\"docker berth ps\" accepts no arguments");
    if (make_path(plugin, &ps, &path, failure) != 0)
        return -1;
    const char *format = ps.quiet && !ps.format ? "{{.ID}}" : ps.format;
    struct layout *layout =
        layout_parse(plugin->arena, format, columns, sizeof(columns) / sizeof(columns[0]),
                     ps.size ? usual_size : usual, failure);
    if (!layout)
        return -1;
    struct value *list =
        client_call(&plugin->target, plugin->arena, "GET", path, SLICE_NONE, failure);
    if (!list)
        return -1;
    struct value *rows = value_list(plugin->arena);
    VALUE_EACH(row, list)
    {
        value_append(rows, make_row(plugin->arena, row, ps.full, (int64_t)time(NULL)));
    }
    layout_print(layout, &plugin->out, rows);
    return 0;
}
