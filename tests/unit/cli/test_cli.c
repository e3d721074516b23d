/* The plug-in's parts that decide: flags, constraints, the daemon's address, columns and words. */
#include "policy/base/value.h"
#include "proxy/cli/human.h"
#include "proxy/cli/plugin.h"
#include "proxy/cli/print.h"
#include "proxy/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct failure failure;

static void begin(void)
{
    arena = arena_new();
    failure_clear(&failure);
}

static void end(void)
{
    arena_free(&arena);
}

/* The words with '|' between them. */
static const char *joined(const struct words *words)
{
    struct slice out = SLICE("");
    for (size_t i = 0; i < words->count; i++)
        out = arena_printf(arena, SLICE_FMT "%s%s", SLICE_ARG(out), i ? "|" : "", words->list[i]);
    return out.at;
}

static void split(const char *text, int *argc, char **argv)
{
    struct slice rest = slice_of(text), part;
    *argc = 0;
    while (slice_next(&rest, '|', &part))
        argv[(*argc)++] = arena_text(arena, part);
}

/* ---- run ---- */
struct run_case {
    const char *given, *wanted;
};

static const struct run_case run_cases[] = {
    {"-d|--constraint|storage=ssd|mysql", "-d|--label|constraint:storage=ssd|mysql"},
    {"--constraint=storage!=ssd|-P|nginx", "--label|constraint:storage!=ssd|-P|nginx"},
    {"--constraint|a==1|--constraint|b==~2|x", "--label|constraint:a==1|--label|constraint:b==~2|x"},
    /* What stands behind the image belongs to the container. */
    {"-it|busybox|prog|--constraint|a=b", "-it|busybox|prog|--constraint|a=b"},
    {"--name|db|mysql|--constraint=a=b", "--name|db|mysql|--constraint=a=b"},
    /* A value may look like anything. */
    {"--name|--constraint|img", "--name|--constraint|img"},
    {"-dp|80:80|--constraint|a=b|img", "-dp|80:80|--label|constraint:a=b|img"},
    {"-dp80:80|--constraint|a=b|img", "-dp80:80|--label|constraint:a=b|img"},
    {"-e|A=B|--rm|--constraint|a=b|img", "-e|A=B|--rm|--label|constraint:a=b|img"},
    {"--rm=false|--constraint|a=b|img", "--rm=false|--label|constraint:a=b|img"},
    {"--|img|--constraint|a=b", "--|img|--constraint|a=b"},
};

Test(run, constraints_become_labels_before_the_image_only, .init = begin, .fini = end)
{
    for (size_t i = 0; i < sizeof(run_cases) / sizeof(run_cases[0]); i++) {
        struct words out = {NULL, 0};
        char *argv[16];
        int argc;
        split(run_cases[i].given, &argc, argv);
        cr_assert_eq(run_words(arena, argc, argv, &out, &failure), 0, "%s", failure.text);
        cr_assert_str_eq(joined(&out), run_cases[i].wanted);
    }
}

Test(run, refuses_what_is_no_constraint, .init = begin, .fini = end)
{
    static const char *const bad[] = {"--constraint|storage|img", "--constraint|=ssd|img",
                                      "--constraint|!=ssd|img", "--constraint=|img",
                                      "-d|--constraint"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct words out = {NULL, 0};
        char *argv[16];
        int argc;
        split(bad[i], &argc, argv);
        cr_assert_eq(run_words(arena, argc, argv, &out, &failure), -1, "%s", bad[i]);
        cr_assert_eq(failure.kind, FAILURE_INVALID);
    }
}

/* ---- flags ---- */
struct flags {
    bool all, quiet;
    const char *last;
    struct words filters;
};

static int parse(const char *line, bool stop, struct flags *flags, struct words *arguments)
{
    struct option rows[] = {
        {'a', "all", OPTION_TRUTH, &flags->all, ""},
        {'q', "quiet", OPTION_TRUTH, &flags->quiet, ""},
        {'n', "last", OPTION_TEXT, &flags->last, ""},
        {'f', "filter", OPTION_LIST, &flags->filters, ""},
    };
    struct options options = {rows, 4, arena};
    char *argv[16];
    int argc;

    split(line, &argc, argv);
    return options_parse(&options, argc, argv, stop, arguments, &failure);
}

Test(options, reads_every_spelling, .init = begin, .fini = end)
{
    static const char *const same[] = {
        "-aq|-n|3|-f|x=y|-f|z", "-qan3|--filter=x=y|--filter|z",
        "--all|--quiet=true|--last|3|-f=x=y|-fz", "-a|-q|--last=3|--filter|x=y|--filter|z"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct flags flags = {0};
        struct words arguments = {NULL, 0};
        cr_assert_eq(parse(same[i], false, &flags, &arguments), 0, "%s: %s", same[i],
                     failure.text);
        cr_assert(flags.all && flags.quiet, "%s", same[i]);
        cr_assert_str_eq(flags.last, "3");
        cr_assert_str_eq(joined(&flags.filters), "x=y|z");
        cr_assert_eq(arguments.count, 0);
    }
}

Test(options, stops_at_the_first_argument_when_told, .init = begin, .fini = end)
{
    struct flags flags = {0};
    struct words arguments = {NULL, 0};
    cr_assert_eq(parse("-a|ps|-q|--unknown", true, &flags, &arguments), 0);
    cr_assert_str_eq(joined(&arguments), "ps|-q|--unknown");
    cr_assert(flags.all && !flags.quiet);
}

Test(options, says_what_is_wrong, .init = begin, .fini = end)
{
    static const char *const lines[][2] = {{"--nope", "unknown flag: --nope"},
                                           {"-az", "unknown shorthand flag: 'z' in -az"},
                                           {"--last", "flag needs an argument: --last"},
                                           {"-n", "flag needs an argument: -n"},
                                           {"--all=maybe", "invalid argument \"maybe\""}};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct flags flags = {0};
        struct words arguments = {NULL, 0};
        cr_assert_eq(parse(lines[i][0], false, &flags, &arguments), -1, "%s", lines[i][0]);
        cr_assert(strstr(failure.text, lines[i][1]), "%s", failure.text);
    }
}

/* ---- target ---- */
static const char *environment_text[8][2];

static char *lookup(const char *name)
{
    for (size_t i = 0; i < 8 && environment_text[i][0]; i++) {
        if (strcmp(environment_text[i][0], name) == 0)
            return arena_text(arena, slice_of(environment_text[i][1]));
    }
    return NULL;
}

static void put(const char *folder, const char *name, const char *text)
{
    struct slice path = arena_printf(arena, "%s/%s", folder, name);
    for (size_t i = 1; i < path.length; i++) {
        if (path.at[i] == '/')
            (void)mkdir(arena_text(arena, slice_cut(path, 0, i)), 0700);
    }
    FILE *file = fopen(path.at, "we");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
}

static int find(struct target *target, struct globals *globals)
{
    return target_find(target, arena, globals, lookup, &failure);
}

Test(target, environment_and_flags_decide, .init = begin, .fini = end)
{
    struct globals globals = {.config = "/nonexistent"};
    struct target target;

    cr_assert_eq(find(&target, &globals), 0);
    cr_assert(slice_is(target.unix_path, "/var/run/docker.sock"));
    environment_text[0][0] = "DOCKER_HOST";
    environment_text[0][1] = "tcp://master";
    cr_assert_eq(find(&target, &globals), 0);
    cr_assert(slice_is(target.url, "http://master:2375"));
    words_add(arena, &globals.hosts, "tcp://[::1]:1234");
    globals.tls = true;
    cr_assert_eq(find(&target, &globals), 0);
    cr_assert(slice_is(target.url, "https://[::1]:1234"), SLICE_FMT, SLICE_ARG(target.url));
    cr_assert(target.skip_verify);
    globals.tls_verify = true;
    cr_assert_eq(find(&target, &globals), 0);
    cr_assert(!target.skip_verify);
    globals.context = "prod";
    cr_assert_eq(find(&target, &globals), -1);
    cr_assert(strstr(failure.text, "cannot specify both --host and --context"));
}

Test(target, refuses_addresses_it_cannot_speak, .init = begin, .fini = end)
{
    static const char *const bad[] = {"ssh://root@host", "npipe:////./pipe/docker", "tcp://"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct globals globals = {.config = "/nonexistent"};
        struct target target;
        words_add(arena, &globals.hosts, bad[i]);
        cr_assert_eq(find(&target, &globals), -1, "%s", bad[i]);
        cr_assert(strstr(failure.text, bad[i]), "%s", failure.text);
    }
}

#define PROD_HASH "6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77" /* of "prod" */

/* Removes what put() has made, deepest first. */
static void remove_all(const char *folder, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        cr_assert_eq(remove(arena_printf(arena, "%s/%s", folder, names[i]).at), 0, "%s", names[i]);
    cr_assert_eq(rmdir(folder), 0);
}

Test(target, reads_contexts, .init = begin, .fini = end)
{
    static const char *const made[] = {"contexts/meta/" PROD_HASH "/meta.json",
                                       "contexts/tls/" PROD_HASH "/docker/ca.pem",
                                       "contexts/tls/" PROD_HASH "/docker",
                                       "contexts/tls/" PROD_HASH,
                                       "contexts/tls",
                                       "contexts/meta/" PROD_HASH,
                                       "contexts/meta",
                                       "contexts",
                                       "config.json",
                                       NULL};
    char folder[] = "/tmp/berth-cli-XXXXXX";
    struct globals globals = {.config = folder};
    struct target target;

    cr_assert(mkdtemp(folder) != NULL);
    put(folder, "config.json", "{\"currentContext\":\"prod\"}");
    cr_assert_eq(find(&target, &globals), -1);
    cr_assert(strstr(failure.text, "context \"prod\": context not found"), "%s", failure.text);
    put(folder, made[0], "{\"Name\":\"prod\",\"Endpoints\":{\"docker\":{\"Host\":"
                         "\"tcp://master:2376\",\"SkipTLSVerify\":false}}}");
    put(folder, made[1], "pem");
    cr_assert_eq(find(&target, &globals), 0, "%s", failure.text);
    cr_assert(slice_is(target.url, "https://master:2376"));
    cr_assert(slice_ends(target.ca, "/docker/ca.pem"));
    cr_assert_eq(target.cert.length, 0);
    remove_all(folder, made);
}

Test(target, sends_the_configured_headers, .init = begin, .fini = end)
{
    static const char *const made[] = {"config.json", NULL};
    char folder[] = "/tmp/berth-cli-XXXXXX";
    struct globals globals = {.config = folder};
    struct target target;

    cr_assert(mkdtemp(folder) != NULL);
    put(folder, "config.json", "{\"HttpHeaders\":{\"Authorization\":\"Bearer x\"}}");
    environment_text[0][0] = "DOCKER_HOST";
    environment_text[0][1] = "unix:///run/berth.sock";
    cr_assert_eq(find(&target, &globals), 0);
    cr_assert(slice_is(target.unix_path, "/run/berth.sock"));
    cr_assert_eq(target.header_count, 1);
    cr_assert(slice_is(target.headers[0], "Authorization: Bearer x"));
    environment_text[1][0] = "DOCKER_CUSTOM_HEADERS";
    environment_text[1][1] = "A=1, B=2=3";
    cr_assert_eq(find(&target, &globals), 0);
    cr_assert_eq(target.header_count, 2);
    cr_assert(slice_is(target.headers[1], "B: 2=3"));
    put(folder, "config.json", "{");
    cr_assert_eq(find(&target, &globals), -1);
    cr_assert(strstr(failure.text, "config.json"), "%s", failure.text);
    remove_all(folder, made);
}

/* ---- print ---- */
static const struct column columns[] = {{"ID", "CONTAINER ID"}, {"Node", "NODE"}};
static const char *const usual[] = {"ID", "Node", NULL};

static const char *print(const char *format)
{
    struct layout *layout = layout_parse(arena, format, columns, 2, usual, &failure);
    struct value *rows = json_parse(
        arena, SLICE("[{\"ID\":\"abc\",\"Node\":\"node-1\"},{\"ID\":\"a…\",\"Node\":\"\"}]"),
        &failure);
    struct buffer out;

    if (!layout)
        return failure.text;
    buffer_init(&out, 10000);
    layout_print(layout, &out, rows);
    const char *text = arena_text(arena, buffer_slice(&out));
    buffer_deinit(&out);
    return text;
}

Test(print, aligns_tables_and_fills_templates, .init = begin, .fini = end)
{
    cr_assert_str_eq(print(NULL), "CONTAINER ID   NODE\nabc            node-1\na…             \n");
    cr_assert_str_eq(print("{{.Node}}: {{ .ID }}"), "node-1: abc\n: a…\n");
    cr_assert_str_eq(print("table {{.Node}}\\t{{.ID}}"),
                     "NODE      CONTAINER ID\nnode-1    abc\n          a…\n");
    cr_assert_str_eq(print("{{json .ID}}"), "\"abc\"\n\"a…\"\n");
    cr_assert_str_eq(print("json"), "{\"ID\":\"abc\",\"Node\":\"node-1\"}\n"
                                    "{\"ID\":\"a…\",\"Node\":\"\"}\n");
    cr_assert(strstr(print("{{.Nope}}"), "no field \".Nope\""));
    cr_assert(strstr(print("{{if .ID}}x{{end}}"), "only {{.Field}}"));
    cr_assert(strstr(print("{{.ID"), "unclosed"));
}

/* ---- human ---- */
static const char *ports(const char *json)
{
    struct value *list = json_parse(arena, slice_of(json), &failure);
    cr_assert(list != NULL, "%s", failure.text);
    return arena_text(arena, human_ports(arena, list));
}

Test(human, ports_as_docker_prints_them, .init = begin, .fini = end)
{
    cr_assert_str_eq(ports("[]"), "");
    cr_assert_str_eq(ports("[{\"IP\":\"10.0.0.1\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":"
                           "\"tcp\"},{\"PrivatePort\":443,\"Type\":\"tcp\"}]"),
                     "443/tcp, 10.0.0.1:8080->80/tcp");
    cr_assert_str_eq(ports("[{\"PrivatePort\":82,\"Type\":\"tcp\"},{\"PrivatePort\":80,\"Type\":"
                           "\"tcp\"},{\"PrivatePort\":81,\"Type\":\"tcp\"}]"),
                     "80-82/tcp");
    cr_assert_str_eq(ports("[{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":80,\"Type\":\"tcp\"},"
                           "{\"IP\":\"::\",\"PrivatePort\":81,\"PublicPort\":81,\"Type\":\"tcp\"}]"),
                     "[::]:80-81->80-81/tcp");
}

Test(human, durations_as_docker_prints_them, .init = begin, .fini = end)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "Less than a second"}, {1, "1 second"},      {59, "59 seconds"},
                 {60, "About a minute"},    {179, "2 minutes"},   {3600, "About an hour"},
                 {7200, "2 hours"},         {86400 * 3, "3 days"}, {86400 * 20, "2 weeks"},
                 {86400 * 100, "3 months"}, {86400LL * 800, "2 years"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_str_eq(arena_text(arena, human_duration(arena, cases[i].seconds)),
                         cases[i].text);
    cr_assert_str_eq(arena_text(arena, human_size(arena, 1990000)), "1.99MB");
    cr_assert_str_eq(arena_text(arena, human_cut(arena, SLICE("0123456789"), 5)), "0123…");
    cr_assert_str_eq(arena_text(arena, human_cut(arena, SLICE("01234"), 5)), "01234");
}
