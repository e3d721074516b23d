/* Plugin: what every command of `docker berth` gets, and the table of commands. */
#pragma once

#include "proxy/cli/target.h"

struct plugin {
    struct arena *arena; /* lives as long as the program */
    struct globals globals;
    struct words global_words; /* the global flags as they were given, to be handed on */
    struct target target;
    struct buffer out; /* what goes to standard output at the end */
};

/* Runs a command with the words after its name. 0, or -1 with failure. */
typedef int (*command_fn)(struct plugin *plugin, int argc, char *const *argv,
                          struct failure *failure);

struct command {
    const char *name;
    command_fn run;
    /* Fills the flags for completion; NULL when the command hands completion on. */
    const char *const *flags;
    const char *arguments; /* "CONTAINER", or "" */
    const char *summary;
    bool needs_target; /* false: `run` and `create` leave the daemon to docker */
};

/* All commands, in the order of the help; NULL name at the end. */
extern const struct command commands[];
const struct command *command_find(struct slice name);

int command_ps(struct plugin *plugin, int argc, char *const *argv, struct failure *failure);
int command_run(struct plugin *plugin, int argc, char *const *argv, struct failure *failure);
int command_create(struct plugin *plugin, int argc, char *const *argv, struct failure *failure);
int command_nodes(struct plugin *plugin, int argc, char *const *argv, struct failure *failure);
int command_explain(struct plugin *plugin, int argc, char *const *argv, struct failure *failure);
int command_rebalance(struct plugin *plugin, int argc, char *const *argv,
                      struct failure *failure);
int command_info(struct plugin *plugin, int argc, char *const *argv, struct failure *failure);

extern const char *const ps_flags[], *const nodes_flags[], *const info_flags[],
    *const explain_flags[], *const rebalance_flags[];

/* Prints help of a command, made from its row and its flags. */
void command_help(struct plugin *plugin, const char *name, const char *usage,
                  const struct options *options);

/* Answers `__complete` and `__completeNoDesc` (cobra's protocol: candidates, then ":" directive). */
int complete(struct plugin *plugin, int argc, char *const *argv, bool describe);
/* Replaces this program by the docker client: global flags, then `first`, then `rest`. Returns only
 * on failure. */
int hand_on(struct plugin *plugin, const char *first, const struct words *rest,
            struct failure *failure);
/* The words for `docker run`: --constraint k==v becomes --label constraint:k==v, up to the image.
 * INVALID for a constraint without operator. */
int run_words(struct arena *arena, int argc, char *const *argv, struct words *out,
              struct failure *failure) MUST_CHECK;
