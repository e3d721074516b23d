/* Explain command: sends a body to POST /_berth/v1/explain and writes the answer as lines. */
#include "proxy/admin/explain_command.h"

#include "proxy/client.h"
#include "proxy/docker/query.h"
#include "proxy/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_HOST "unix:///run/berth.sock"
#define BODY_MAX     (8u << 20)

static const char usage[] =
    "Usage: berthd explain 'POST /containers/create' --body FILE [--as NAME [--group GROUP]] "
    "[-H ADDRESS]\n\n"
    "What the berthd at ADDRESS (default " DEFAULT_HOST ", or BERTH_HOST) would decide about this "
    "create now,\nwithout creating anything: the rules' word on the user NAME and on each thing "
    "that the body asks for,\neach node's filter or score, and the node. FILE - is standard "
    "input. BERTH_USER_TOKEN is shown to berthd\nwhen it is set. Exit status 3: nothing would "
    "be created.\n";

struct command {
    const char *call, *body, *as, *group, *host;
};

static int bad(const char *what, const char *word)
{
    fprintf(stderr, "berthd explain: %s%s\n\n%s", what, word, usage);
    return 2;
}

static int parse(struct command *command, int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        struct slice flag = slice_of(argv[i]);
        const char **place = slice_is(flag, "--body")                           ? &command->body
                             : slice_is(flag, "--as")                           ? &command->as
                             : slice_is(flag, "--group")                        ? &command->group
                             : slice_is(flag, "-H") || slice_is(flag, "--host") ? &command->host
                                                                                : NULL;
        if (!place && slice_starts(flag, "-"))
            return bad("unknown flag ", argv[i]);
        if (!place && command->call)
            return bad("unexpected ", argv[i]);
        if (!place)
            command->call = argv[i];
        else if (++i == argc)
            return bad("a value is needed behind ", argv[i - 1]);
        else
            *place = argv[i];
    }
    if (!command->call || !command->body)
        return bad("a call and --body are needed", "");
    if (strcmp(command->call, "POST /containers/create") != 0)
        return bad("only 'POST /containers/create' can be explained, not ", command->call);
    return 0;
}

static int read_body(const char *path, struct buffer *text)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char block[65536];
    size_t got;
    buffer_init(text, BODY_MAX);
    if (!in) {
        fprintf(stderr, "berthd explain: %s: %s\n", path, strerror(errno));
        return -1;
    }
    while ((got = fread(block, 1, sizeof(block), in)) > 0 && !text->overflow)
        buffer_append(text, block, got);
    int failed = ferror(in) || text->overflow;
    if (in != stdin)
        fclose(in);
    if (failed)
        fprintf(stderr, "berthd explain: %s can't be read, or is larger than %u MiB\n", path,
                BODY_MAX >> 20);
    return failed ? -1 : 0;
}

static void print_access(const struct value *access)
{
    if (!access)
        return;
    struct slice roles = value_get_text(access, "roles"), why = value_get_text(access, "why");
    printf("as        " SLICE_FMT " (roles " SLICE_FMT ", tenant " SLICE_FMT ")\n",
           SLICE_ARG(value_get_text(access, "as")), SLICE_ARG(roles.length ? roles : SLICE("none")),
           SLICE_ARG(value_get_text(access, "tenant")));
    printf("access    " SLICE_FMT " by rule " SLICE_FMT "%s" SLICE_FMT "\n",
           SLICE_ARG(value_get_text(access, "verdict")), SLICE_ARG(value_get_text(access, "rule")),
           why.length ? ": " : "", SLICE_ARG(why));
    VALUE_EACH(row, value_find(access, "violations"))
    {
        printf("body      %s: " SLICE_FMT " " SLICE_FMT " (" SLICE_FMT ")\n",
               value_get_bool(row, "waived", false) ? "waived" : "denied",
               SLICE_ARG(value_get_text(row, "path")), SLICE_ARG(value_get_text(row, "detail")),
               SLICE_ARG(value_get_text(row, "code")));
    }
}

static bool access_allows(const struct value *access)
{
    if (!access)
        return true;
    bool allowed = slice_is(value_get_text(access, "verdict"), "allow");
    VALUE_EACH(row, value_find(access, "violations"))
    allowed = allowed && value_get_bool(row, "waived", false);
    return allowed;
}

static void print_nodes(const struct value *answer)
{
    VALUE_EACH(row, value_find(answer, "nodes"))
    {
        struct slice filter = value_get_text(row, "filter"), reason = value_get_text(row, "reason");
        const struct value *score = value_find(row, "score");
        printf("node      " SLICE_FMT ": ", SLICE_ARG(value_get_text(row, "name")));
        if (filter.length)
            printf("filter " SLICE_FMT ": " SLICE_FMT "\n", SLICE_ARG(filter), SLICE_ARG(reason));
        else if (score)
            printf("score " SLICE_FMT ", rank %lld\n", SLICE_ARG(score->text),
                   (long long)value_get_int(row, "rank", 0));
        else
            printf("-\n");
    }
}

static int print(const struct value *answer)
{
    struct slice node = value_get_text(answer, "node"), error = value_get_text(answer, "error");
    const struct value *access = value_find(answer, "access");
    print_access(access);
    print_nodes(answer);
    if (!access_allows(access)) {
        printf("result    denied\n");
        return 3;
    }
    if (node.length == 0) {
        printf("result    " SLICE_FMT "\n", SLICE_ARG(error.length ? error : SLICE("no node")));
        return 3;
    }
    printf("result    " SLICE_FMT "\n", SLICE_ARG(node));
    return 0;
}

static int ask(const struct command *command, struct slice body)
{
    struct arena *arena = arena_new();
    struct client *client = client_new(&(struct client_settings){0});
    struct failure failure = {0};
    struct buffer answer_text;
    struct query query;
    int status = 0, exit_status = 1;
    query_init(&query, arena);
    if (command->as)
        query_add(&query, "as", slice_of(command->as));
    if (command->group)
        query_add(&query, "group", slice_of(command->group));
    struct slice path =
        arena_printf(arena, "/_berth/v1/explain?" SLICE_FMT, SLICE_ARG(query_text(&query)));
    struct client_request request = {.method = "POST",
                                     .base = command->host,
                                     .path = path.at,
                                     .bearer = getenv("BERTH_USER_TOKEN"),
                                     .body = body,
                                     .timeout_ms = 10000,
                                     .max_answer = 16 << 20};
    int result = client_send(client, &request, &status, &answer_text, &failure);
    struct value *answer = result == 0 ? json_parse(arena, buffer_slice(&answer_text), NULL) : NULL;
    struct slice message = value_get_text(answer, "message");
    if (result != 0)
        fprintf(stderr, "berthd explain: %s\n", failure.text);
    else if (status != 200)
        fprintf(stderr, "berthd explain: status %d: " SLICE_FMT "\n", status, SLICE_ARG(message));
    else
        exit_status = print(answer);
    buffer_deinit(&answer_text);
    client_free(&client);
    arena_free(&arena);
    return exit_status;
}

int explain_command(int argc, char *const *argv)
{
    struct command command = {.host = getenv("BERTH_HOST")};
    struct buffer body;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (!command.host)
        command.host = DEFAULT_HOST;
    int status = parse(&command, argc, argv);
    if (status != 0)
        return status;
    status = 1;
    if (read_body(command.body, &body) == 0)
        status = ask(&command, buffer_slice(&body));
    buffer_deinit(&body);
    return status;
}
