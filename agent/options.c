/* Options: one table of flags; parsing, checking and --help come from it. */
#include "agent/options.h"

#include "proxy/docker/size.h"

#include <stddef.h>
#include <stdlib.h>

enum type { TEXT, LIST, URLS, PAIRS, SIZE, CPUS, TIME, TRUTH };

static const struct flag {
    const char *name;
    enum type type;
    size_t field;
    const char *argument, *help;
} flags[] = {
#define FLAG(name, type, field, argument, help)                                                    \
    {name, type, offsetof(struct agent_options, field), argument, help},
#include "agent/options.def"
#undef FLAG
};

#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

static void *field_of(struct agent_options *options, const struct flag *flag)
{
    return (char *)options + flag->field;
}

static void list_add(struct agent_list *list, struct slice text)
{
    list->list = xrealloc(list->list, (list->count + 1) * sizeof(*list->list));
    list->list[list->count++] = xslicedup(text);
}

static int add_url(struct agent_list *list, struct slice text, struct failure *failure)
{
    size_t scheme = slice_starts(text, "https://") ? 8 : 7;

    if ((!slice_starts(text, "http://") && !slice_starts(text, "https://")) ||
        text.length == scheme)
        return failure_set(failure, FAILURE_INVALID,
                           "--manager: \"" SLICE_FMT "\" is no address of a manager: write "
                           "http://HOST:PORT or https://HOST:PORT",
                           SLICE_ARG(text));
    while (slice_ends(text, "/"))
        text.length--;
    list_add(list, text);
    return 0;
}

static int add_pair(struct agent_list *list, const char *flag, struct slice text,
                    struct failure *failure)
{
    if (slice_find(text, '=') <= 0)
        return failure_set(failure, FAILURE_INVALID,
                           "--%s: \"" SLICE_FMT "\" is no KEY=VALUE pair, as storage=ssd", flag,
                           SLICE_ARG(slice_cut(text, 0, 100)));
    list_add(list, text);
    return 0;
}

static int set_value(struct agent_options *options, const struct flag *flag, struct slice value,
                     struct failure *failure)
{
    void *field = field_of(options, flag);
    int result = 0;

    if (value.length == 0)
        return failure_set(failure, FAILURE_INVALID, "--%s needs a value", flag->name);
    switch (flag->type) {
    case TEXT:
        free(*(char **)field);
        *(char **)field = xslicedup(value);
        return 0;
    case LIST:
        list_add(field, value);
        return 0;
    case URLS:
        return add_url(field, value, failure);
    case PAIRS:
        return add_pair(field, flag->name, value, failure);
    case SIZE:
        result = size_parse(value, field, failure);
        break;
    case CPUS:
        result = size_parse_cpus(value, field, failure);
        break;
    case TIME:
        result = size_parse_duration(value, field, failure);
        break;
    case TRUTH:
        break;
    }
    return result == 0 ? 0 : failure_prefix(failure, "--%s", flag->name);
}

static const struct flag *find_flag(struct slice name)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (slice_is(name, flags[i].name))
            return &flags[i];
    }
    return NULL;
}

static int check(const struct agent_options *options, struct failure *failure)
{
    if (options->help || options->version)
        return 0;
    if (!options->cluster)
        return failure_set(failure, FAILURE_INVALID, "--join-cluster NAME is needed");
    if (options->managers.count == 0)
        return failure_set(failure, FAILURE_INVALID, "--manager http://HOST:PORT is needed");
    if (options->fact_interval_ms < 1000)
        return failure_set(failure, FAILURE_INVALID, "--fact-interval must be at least 1s");
    if (!options->cert_file != !options->key_file)
        return failure_set(failure, FAILURE_INVALID,
                           "--tlscert and --tlskey are only of use together");
    return 0;
}

int agent_options_parse(struct agent_options *options, int argc, char *const *argv,
                        struct failure *failure)
{
    *options = (struct agent_options){.fact_interval_ms = 60000};
    for (int i = 1; i < argc; i++) {
        struct slice text = slice_of(argv[i]), name = slice_from(text, 2);
        ptrdiff_t equals = slice_find(name, '=');
        const struct flag *flag;

        if (!slice_starts(text, "--"))
            return failure_set(failure, FAILURE_INVALID, "unknown argument \"%s\"", argv[i]);
        flag = find_flag(equals >= 0 ? slice_cut(name, 0, (size_t)equals) : name);
        if (!flag)
            return failure_set(failure, FAILURE_INVALID, "unknown flag %s", argv[i]);
        if (flag->type == TRUTH) {
            *(bool *)field_of(options, flag) = true;
            continue;
        }
        if (equals < 0 && i + 1 == argc)
            return failure_set(failure, FAILURE_INVALID, "%s needs a value", argv[i]);
        if (set_value(options, flag,
                      equals >= 0 ? slice_from(name, (size_t)equals + 1) : slice_of(argv[++i]),
                      failure) != 0)
            return -1;
    }
    if (!options->engine)
        options->engine = xstrdup("unix:///var/run/docker.sock");
    return check(options, failure);
}

void agent_options_deinit(struct agent_options *options)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        struct agent_list *list = field_of(options, &flags[i]);

        if (flags[i].type == TEXT) {
            free(*(char **)field_of(options, &flags[i]));
            *(char **)field_of(options, &flags[i]) = NULL;
        } else if (flags[i].type == LIST || flags[i].type == URLS || flags[i].type == PAIRS) {
            while (list->count)
                free(list->list[--list->count]);
            free(list->list);
            list->list = NULL;
        }
    }
}

void agent_options_help(struct buffer *out)
{
    buffer_text(out, "Usage: berth-agent --join-cluster NAME --manager URL [FLAG...]\n\n"
                     "Joins this node's Docker engine to a cluster and keeps it there.\n\n");
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (flags[i].help)
            buffer_printf(out, "  --%s %s\n        %s\n", flags[i].name, flags[i].argument,
                          flags[i].help);
    }
    buffer_text(out,
                "\nExit status: 0 left the cluster (SIGTERM, SIGINT), 1 refused by the manager, 2 "
                "a bad flag or an\nunreadable file, 3 wrong join token, 4 wrong cluster name, 5 "
                "the node's name or engine belongs to\nanother node.\n");
}
