/* Token command: a thin client of /_berth/v1/tokens. */
#include "proxy/admin/token_command.h"

#include "proxy/client.h"
#include "proxy/docker/query.h"
#include "proxy/docker/size.h"
#include "proxy/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEFAULT_HOST "unix:///run/berth.sock"

static const char usage[] =
    "Usage: berthd token create [--pool NAME] [--ttl TIME] [-H ADDRESS]\n"
    "       berthd token ls [-H ADDRESS]\n"
    "       berthd token rm ID [-H ADDRESS]\n\n"
    "Join tokens for berth-agent, each good for one join. The berthd at ADDRESS "
    "(default " DEFAULT_HOST
    ",\nor BERTH_HOST) must run with --state DIR. create prints the token alone, to be put into a "
    "file:\nit is not shown again. --ttl is how long it may be used (default 15m, at most 30d).\n";

struct command {
    const char *host, *pool, *id;
    int64_t ttl_ms;
};

static int bad(const char *format, const char *what)
{
    fputs("berthd token: ", stderr);
    fprintf(stderr, "%s%s\n\n%s", format, what, usage);
    return 2;
}

/* Flags behind the verb. 0, or the exit status. */
static int parse(struct command *command, int argc, char *const *argv)
{
    struct failure failure;

    for (int i = 2; i < argc; i++) {
        struct slice flag = slice_of(argv[i]);

        if (!slice_starts(flag, "-")) {
            if (command->id)
                return bad("unexpected ", argv[i]);
            command->id = argv[i];
            continue;
        }
        if (!slice_is(flag, "-H") && !slice_is(flag, "--host") && !slice_is(flag, "--pool") &&
            !slice_is(flag, "--ttl"))
            return bad("unknown flag ", argv[i]);
        if (i + 1 == argc)
            return bad("a value is needed behind ", argv[i]);
        i++;
        if (slice_is(flag, "--pool"))
            command->pool = argv[i];
        else if (!slice_is(flag, "--ttl"))
            command->host = argv[i];
        else if (size_parse_duration(slice_of(argv[i]), &command->ttl_ms, &failure) != 0)
            return bad("--ttl: ", failure.text);
    }
    return 0;
}

/* Sends; prints what went wrong and returns false unless the status is the one expected. */
static bool ask(struct client_request *request, int expected, struct arena *arena,
                struct value **answer)
{
    struct client *client = client_new(&(struct client_settings){0});
    struct failure failure = {0};
    struct buffer body;
    int status = 0, result;

    request->timeout_ms = 10000;
    request->max_answer = 1 << 20;
    result = client_send(client, request, &status, &body, &failure);
    *answer = result == 0 ? json_parse(arena, buffer_slice(&body), NULL) : NULL;
    if (result != 0) {
        fprintf(stderr, "berthd token: %s\n", failure.text);
    } else if (status != expected) {
        struct slice message = value_get_text(*answer, "message");

        if (message.length)
            fprintf(stderr, "berthd token: " SLICE_FMT "\n", SLICE_ARG(message));
        else
            fprintf(stderr, "berthd token: %s answered with status %d: is it a berthd?\n",
                    request->base, status);
        result = -1;
    }
    buffer_deinit(&body);
    client_free(&client);
    return result == 0;
}

static int create(const struct command *command, struct arena *arena)
{
    struct client_request request = {
        .method = "POST", .base = command->host, .path = "/_berth/v1/tokens"};
    struct value *body = value_map(arena), *answer;

    if (command->pool)
        value_set_text(arena, body, "pool", slice_of(command->pool));
    value_set_int(arena, body, "ttl_ms", command->ttl_ms);
    request.body = json_text(arena, body);
    if (!ask(&request, 201, arena, &answer))
        return 1;
    printf(SLICE_FMT "\n", SLICE_ARG(value_get_text(answer, "token")));
    return 0;
}

static int list(const struct command *command, struct arena *arena)
{
    struct client_request request = {
        .method = "GET", .base = command->host, .path = "/_berth/v1/tokens"};
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    struct value *answer;

    if (!ask(&request, 200, arena, &answer))
        return 1;
    printf("%-10s %-8s %-16s %-10s %s\n", "ID", "STATE", "POOL", "LEFT", "USED BY");
    VALUE_EACH(token, value_find(answer, "tokens"))
    {
        int64_t left_s = (value_get_int(token, "expires_ms", 0) - now_ms) / 1000;
        struct slice pool = value_get_text(token, "pool"), by = value_get_text(token, "used_by");
        bool open = slice_is(value_get_text(token, "state"), "open");

        printf("%-10.*s %-8.*s %-16.*s ", SLICE_ARG(value_get_text(token, "id")),
               SLICE_ARG(value_get_text(token, "state")),
               SLICE_ARG(pool.length ? pool : SLICE("-")));
        if (open)
            printf("%lldm%02llds     ", (long long)(left_s / 60), (long long)(left_s % 60));
        else
            printf("%-10s ", "-");
        printf(SLICE_FMT "\n", SLICE_ARG(by.length ? by : SLICE("-")));
    }
    return 0;
}

static int remove_token(const struct command *command, struct arena *arena)
{
    struct client_request request = {.method = "DELETE", .base = command->host};
    struct value *answer;

    request.path = arena_printf(arena, "/_berth/v1/tokens/" SLICE_FMT,
                                SLICE_ARG(query_encode(arena, slice_of(command->id))))
                       .at;
    return ask(&request, 204, arena, &answer) ? 0 : 1;
}

int token_command(int argc, char *const *argv)
{
    struct command command = {.host = getenv("BERTH_HOST"), .ttl_ms = 15 * 60000};
    struct slice verb = slice_of(argc > 1 ? argv[1] : "");
    struct arena *arena;
    int status;

    if (slice_is(verb, "--help") || slice_is(verb, "-h")) {
        fputs(usage, stdout);
        return 0;
    }
    if (!slice_is(verb, "create") && !slice_is(verb, "ls") && !slice_is(verb, "rm"))
        return verb.length ? bad("unknown command ", argv[1]) : bad("say create, ls or rm", "");
    status = parse(&command, argc, argv);
    if (status != 0)
        return status;
    if (!command.host || !*command.host)
        command.host = DEFAULT_HOST;
    if (slice_is(verb, "rm") != (command.id != NULL))
        return command.id ? bad("unexpected ", command.id) : bad("rm needs the ID of a token", "");
    arena = arena_new();
    if (slice_is(verb, "create"))
        status = create(&command, arena);
    else
        status = slice_is(verb, "ls") ? list(&command, arena) : remove_token(&command, arena);
    arena_free(&arena);
    return status;
}
