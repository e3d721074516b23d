/* Run: `docker berth run|create --constraint storage=ssd …`: constraints become labels, everything
 * else goes to `docker run` as it is. Only the words before the image are flags; to know where
 * the image is, one must know which of docker's flags take no value. */
#include "proxy/cli/plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Flags of `docker run` and `docker create` without a value (docker/cli: container/opts.go). An
 * unknown flag is taken to have one; docker itself then says that it does not know it. */
static const char *const bare_flags[] = {
    "detach",           "disable-content-trust", "help",      "init",
    "interactive",      "no-healthcheck",        "oom-kill-disable", "privileged",
    "publish-all",      "quiet",                 "read-only", "rm",
    "sig-proxy",        "tty",                   "use-api-socket",
};
static const char bare_letters[] = "ditPqh";

static bool is_bare(struct slice name)
{
    for (size_t i = 0; i < sizeof(bare_flags) / sizeof(bare_flags[0]); i++) {
        if (slice_is(name, bare_flags[i]))
            return true;
    }
    return false;
}

/* The words that one flag takes, itself included. */
static int flag_length(const char *word)
{
    if (word[1] == '-')
        return strchr(word, '=') || is_bare(slice_of(word + 2)) ? 1 : 2;
    for (const char *c = word + 1; *c; c++) {
        if (!strchr(bare_letters, *c))
            return c[1] ? 1 : 2; /* the rest of the word is its value, or the next word */
    }
    return 1;
}

static int add_constraint(struct arena *arena, struct words *out, const char *text,
                          struct failure *failure)
{
    struct slice expression = slice_trim(slice_of(text));
    ptrdiff_t equals = slice_find(expression, '=');

    if (equals < 1 || (equals == 1 && expression.at[0] == '!'))
        return failure_set(failure, FAILURE_INVALID,
                           "invalid constraint \"%s\": expected KEY=VALUE or KEY!=VALUE, for "
                           "example storage=ssd",
                           text);
    words_add(arena, out, "--label");
    words_add(arena, out, arena_printf(arena, "constraint:" SLICE_FMT, SLICE_ARG(expression)).at);
    return 0;
}

int run_words(struct arena *arena, int argc, char *const *argv, struct words *out,
              struct failure *failure)
{
    int at = 0;

    while (at < argc && argv[at][0] == '-' && argv[at][1]) {
        const char *word = argv[at];
        int length = flag_length(word);
        if (strcmp(word, "--") == 0)
            break;
        if (strcmp(word, "--constraint") == 0) {
            if (at + 1 >= argc)
                return failure_set(failure, FAILURE_INVALID, "flag needs an argument: %s", word);
            if (add_constraint(arena, out, argv[at + 1], failure) != 0)
                return -1;
        } else if (strncmp(word, "--constraint=", 13) == 0) {
            if (add_constraint(arena, out, word + 13, failure) != 0)
                return -1;
        } else {
            for (int i = 0; i < length && at + i < argc; i++)
                words_add(arena, out, argv[at + i]);
        }
        at += length;
    }
    for (; at < argc; at++)
        words_add(arena, out, argv[at]);
    return 0;
}

/* The client that started us. For completion it gives our own path instead of its own. */
static const char *original_client(void)
{
    const char *command = getenv("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND");
    const char *slash = command ? strrchr(command, '/') : NULL;
    const char *name = slash ? slash + 1 : command;

    return name && *name && strncmp(name, "docker-", 7) != 0 ? command : "docker";
}

int hand_on(struct plugin *plugin, const char *first, const struct words *rest,
            struct failure *failure)
{
    const char *docker = original_client();
    size_t count = 0;
    char **argv = xcalloc(plugin->global_words.count + rest->count + 3, sizeof(*argv));

    argv[count++] = xstrdup(docker);
    for (size_t i = 0; i < plugin->global_words.count; i++)
        argv[count++] = xstrdup(plugin->global_words.list[i]);
    argv[count++] = xstrdup(first);
    for (size_t i = 0; i < rest->count; i++)
        argv[count++] = xstrdup(rest->list[i]);
    /* The client that started us watches this socket for us, not for what we become. */
    unsetenv("DOCKER_CLI_PLUGIN_SOCKET");
    execvp(docker, argv);
    (void)failure_set(failure, FAILURE_INTERNAL, "cannot run %s: %s", docker, strerror(errno));
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    free(argv);
    return -1;
}

static int run_as(struct plugin *plugin, const char *name, int argc, char *const *argv,
                  struct failure *failure)
{
    struct words rest = {NULL, 0};

    if (run_words(plugin->arena, argc, argv, &rest, failure) != 0)
        return -1;
    return hand_on(plugin, name, &rest, failure);
}

int command_run(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    return run_as(plugin, "run", argc, argv, failure);
}

int command_create(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    return run_as(plugin, "create", argc, argv, failure);
}
