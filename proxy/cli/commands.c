/* Commands: the table of `docker berth`'s commands, their help, and completion of their words. */
#include "proxy/cli/plugin.h"

#include "policy/base/value.h"
#include "proxy/cli/client.h"

#include <stdio.h>
#include <stdlib.h>

const struct command commands[] = {
    {"ps", command_ps, ps_flags, "", "List containers with their nodes", true},
    {"run", command_run, NULL, "", "docker run with --constraint KEY=VALUE", false},
    {"create", command_create, NULL, "", "docker create with --constraint KEY=VALUE", false},
    {"nodes", command_nodes, nodes_flags, "", "List nodes with what is free on them", true},
    {"info", command_info, info_flags, "", "Show the cluster as a whole", true},
    {"explain", command_explain, explain_flags, "CONTAINER",
     "Say why a container was put where it is, node by node", true},
    {"rebalance", command_rebalance, rebalance_flags, "",
     "Show or make the moves that even the cluster out", true},
    {NULL, NULL, NULL, NULL, NULL, false},
};

const struct command *command_find(struct slice name)
{
    for (const struct command *command = commands; command->name; command++) {
        if (slice_is(name, command->name))
            return command;
    }
    return NULL;
}

void command_help(struct plugin *plugin, const char *name, const char *usage,
                  const struct options *options)
{
    const struct command *command = command_find(slice_of(name));

    must(command != NULL);
    (void)buffer_printf(&plugin->out, "\nUsage:  docker berth %s [OPTIONS]%s%s\n\n%s\n", name,
                        *usage ? " " : "", usage, command->summary);
    if (options->count > 0)
        (void)buffer_text(&plugin->out, "\nOptions:\n");
    for (size_t i = 0; i < options->count; i++) {
        const struct option *option = &options->list[i];
        char letter[8] = "    ";
        if (option->letter)
            (void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
        (void)buffer_printf(&plugin->out, "  %s--%-14s %s\n", letter, option->name, option->help);
    }
}

/* ---- completion ---- */
enum directive { DIRECTIVE_NONE = 0, DIRECTIVE_NO_FILES = 4 };

static void offer(struct plugin *plugin, struct slice begun, struct slice word, const char *text,
                  bool describe)
{
    if (word.length < begun.length || !slice_equal(slice_cut(word, 0, begun.length), begun))
        return;
    (void)buffer_add(&plugin->out, word);
    if (describe && *text)
        (void)buffer_printf(&plugin->out, "\t%s", text);
    (void)buffer_char(&plugin->out, '\n');
}

/* Names of containers, asked of the daemon; silent when it can't be reached. */
static void offer_containers(struct plugin *plugin, struct slice begun)
{
    struct failure ignored;

    if (target_find(&plugin->target, plugin->arena, &plugin->globals, getenv, &ignored) != 0)
        return;
    struct value *list = client_call(&plugin->target, plugin->arena, "GET",
                                     SLICE("/containers/json?all=1"), SLICE_NONE, &ignored);
    VALUE_EACH(row, list)
    {
        struct value *names = value_find(row, "Names");
        if (names && names->first)
            offer(plugin, begun, slice_from(names->first->text, 1), "", false);
    }
}

static int finish(struct plugin *plugin, enum directive directive)
{
    (void)buffer_printf(&plugin->out, ":%d\n", (int)directive);
    return 0;
}

/* Words of `docker run`: docker completes them itself; ours is one flag more. */
static int complete_run(struct plugin *plugin, const struct command *command, int argc,
                        char *const *argv, bool describe)
{
    struct failure failure;
    struct words words = {NULL, 0};
    const char *last = argc > 0 ? argv[argc - 1] : "";

    if (strncmp(last, "--c", 3) == 0 && strncmp("--constraint", last, strlen(last)) == 0) {
        offer(plugin, slice_of(last), SLICE("--constraint"), "Tag that the node must have",
              describe);
        return finish(plugin, DIRECTIVE_NO_FILES);
    }
    words_add(plugin->arena, &words, command->name);
    for (int i = 0; i < argc; i++)
        words_add(plugin->arena, &words, argv[i]);
    int result = hand_on(plugin, describe ? "__complete" : "__completeNoDesc", &words, &failure);
    return result == 0 ? 0 : finish(plugin, DIRECTIVE_NONE);
}

int complete(struct plugin *plugin, int argc, char *const *argv, bool describe)
{
    struct words words = {NULL, 0};
    struct options options = globals_options(plugin->arena, &plugin->globals);
    struct failure ignored;

    if (options_parse(&options, argc, argv, true, &words, &ignored) != 0)
        return finish(plugin, DIRECTIVE_NO_FILES);
    int at = argc - (int)words.count;
    for (int i = 0; i < at; i++)
        words_add(plugin->arena, &plugin->global_words, argv[i]);
    if (at < argc && strcmp(argv[at], "berth") == 0)
        at++;
    struct slice begun = slice_of(argc > at ? argv[argc - 1] : "");
    if (argc - at <= 1) {
        for (const struct command *command = commands; command->name; command++)
            offer(plugin, begun, slice_of(command->name), command->summary, describe);
        return finish(plugin, DIRECTIVE_NO_FILES);
    }
    const struct command *command = command_find(slice_of(argv[at]));
    if (command && !command->flags)
        return complete_run(plugin, command, argc - at - 1, argv + at + 1, describe);
    if (command && slice_starts(begun, "-")) {
        for (const char *const *flag = command->flags; *flag; flag++)
            offer(plugin, begun, slice_of(*flag), "", describe);
    } else if (command && *command->arguments) {
        offer_containers(plugin, begun);
    }
    return finish(plugin, DIRECTIVE_NO_FILES);
}
