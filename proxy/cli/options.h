/* Options: command line flags spelled as the docker client spells them (pflag's rules).
 * --name value, --name=value, -n value, -nvalue, -n=value, several short ones in one word, `--`. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <stddef.h>

struct words {
    const char **list; /* in an arena; the texts are the caller's */
    size_t count;
};
void words_add(struct arena *arena, struct words *words, const char *word);

enum option_type { OPTION_TRUTH, OPTION_TEXT, OPTION_LIST };

/* One flag. `target`: bool *, const char ** or struct words *. */
struct option {
    char letter; /* 0: none */
    const char *name;
    enum option_type type;
    void *target;
    const char *help;
};

struct options {
    const struct option *list;
    size_t count;
    struct arena *arena; /* for the lists that are made */
};

const struct option *options_find(const struct options *options, struct slice name);
const struct option *options_find_letter(const struct options *options, char letter);

/* Reads flags into their targets and what is no flag into `arguments`. With `stop`, everything
 * from the first argument on goes to `arguments` unread. Failure INVALID in docker's words. */
int options_parse(const struct options *options, int argc, char *const *argv, bool stop,
                  struct words *arguments, struct failure *failure) MUST_CHECK;
