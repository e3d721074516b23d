/* docker-berth: plug-in of the docker client for what it has no words for. The client starts it with
 * its own words, global flags included: `docker-berth --host tcp://x berth ps -a`. */
#include "proxy/cli/plugin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OUTPUT_MAX_BYTES (512u << 20)
#define METADATA                                                                                   \
    "{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"berth\",\"Version\":\"0.1.0\","                     \
    "\"ShortDescription\":\"One DOCKER_HOST for many engines\"}\n"

static void usage(struct plugin *plugin)
{
    (void)buffer_text(&plugin->out, "\nUsage:  docker berth COMMAND\n\nOne DOCKER_HOST for many "
                                    "engines\n\nCommands:\n");
    for (const struct command *command = commands; command->name; command++)
        (void)buffer_printf(&plugin->out, "  %-11s %s\n", command->name, command->summary);
    (void)buffer_text(&plugin->out,
                      "\nRun 'docker berth COMMAND --help' for more information on a command.\n");
}

static bool wants_help(int argc, char *const *argv)
{
    return argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 ||
                        strcmp(argv[0], "help") == 0);
}

/* argv: the words after "berth". */
static int dispatch(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    if (argc == 0 || wants_help(argc, argv)) {
        usage(plugin);
        return 0;
    }
    const struct command *command = command_find(slice_of(argv[0]));
    if (!command)
        return failure_set(failure, FAILURE_INVALID,
                           "unknown command: docker berth %s\n\nRun 'docker berth --help' for more "
                           "information",
                           argv[0]);
    if (command->needs_target && !(argc > 1 && strcmp(argv[1], "--help") == 0) &&
        target_find(&plugin->target, plugin->arena, &plugin->globals, getenv, failure) != 0)
        return -1;
    return command->run(plugin, argc - 1, argv + 1, failure);
}

/* Remembers the words of the global flags, which end before `rest`. */
static void keep_globals(struct plugin *plugin, int argc, char *const *argv, size_t rest)
{
    for (int i = 1; i < argc - (int)rest; i++)
        words_add(plugin->arena, &plugin->global_words, argv[i]);
}

static int run_main(struct plugin *plugin, int argc, char *const *argv, struct failure *failure)
{
    struct words words = {NULL, 0};
    struct options options = globals_options(plugin->arena, &plugin->globals);

    if (wants_help(argc - 1, argv + 1)) {
        usage(plugin);
        return 0;
    }
    if (options_parse(&options, argc - 1, argv + 1, true, &words, failure) != 0)
        return -1;
    keep_globals(plugin, argc, argv, words.count);
    int at = argc - (int)words.count;
    if (at < argc && strcmp(argv[at], "berth") == 0)
        at++; /* the client's way; ours alone is `docker-berth ps` */
    if (plugin->globals.version) {
        (void)buffer_text(&plugin->out, "docker-berth version 0.1.0\n");
        return 0;
    }
    return dispatch(plugin, argc - at, argv + at, failure);
}

static int write_out(const struct buffer *out)
{
    size_t done = 0;

    while (done < out->length) {
        ssize_t wrote = write(STDOUT_FILENO, out->at + done, out->length - done);
        if (wrote < 0 && errno != EINTR)
            return -1;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

static int answer(struct plugin *plugin, int argc, char *const *argv)
{
    struct failure failure = {FAILURE_NONE, ""};

    if (argc > 1 && strcmp(argv[1], "docker-cli-plugin-metadata") == 0) {
        (void)buffer_text(&plugin->out, METADATA);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "__complete") == 0)
        return complete(plugin, argc - 2, argv + 2, true);
    if (argc > 1 && strcmp(argv[1], "__completeNoDesc") == 0)
        return complete(plugin, argc - 2, argv + 2, false);
    if (run_main(plugin, argc, argv, &failure) == 0)
        return 0;
    fprintf(stderr, "%s\n", failure.text);
    return 1;
}

int main(int argc, char **argv)
{
    struct plugin plugin = {.arena = arena_new()};

    buffer_init(&plugin.out, OUTPUT_MAX_BYTES);
    int status = answer(&plugin, argc, argv);
    if (plugin.out.overflow) {
        fprintf(stderr, "the output would be larger than %u MiB\n", OUTPUT_MAX_BYTES >> 20);
        status = 1;
    } else if (write_out(&plugin.out) != 0) {
        fprintf(stderr, "write: %s\n", strerror(errno));
        status = 1;
    }
    buffer_deinit(&plugin.out);
    arena_free(&plugin.arena);
    return status;
}
