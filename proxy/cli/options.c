/* Options: walks the words of a command line; a row of the table says what each flag fills. */
#include "proxy/cli/options.h"

struct walk {
    const struct options *options;
    int argc, at;
    char *const *argv;
    struct failure *failure;
};

void words_add(struct arena *arena, struct words *words, const char *word)
{
    size_t count = words->count;

    /* Room doubles whenever the count is a power of two. */
    if ((count & (count - 1)) == 0) {
        const char **list = arena_alloc(arena, (count ? count * 2 : 1) * sizeof(*list));
        if (count > 0)
            memcpy(list, words->list, count * sizeof(*list));
        words->list = list;
    }
    words->list[words->count++] = word;
}

const struct option *options_find(const struct options *options, struct slice name)
{
    for (size_t i = 0; i < options->count; i++) {
        if (slice_is(name, options->list[i].name))
            return &options->list[i];
    }
    return NULL;
}

const struct option *options_find_letter(const struct options *options, char letter)
{
    for (size_t i = 0; i < options->count; i++) {
        if (letter && options->list[i].letter == letter)
            return &options->list[i];
    }
    return NULL;
}

static void set(struct arena *arena, const struct option *option, const char *value)
{
    switch (option->type) {
    case OPTION_TRUTH:
        break;
    case OPTION_TEXT:
        *(const char **)option->target = value;
        break;
    case OPTION_LIST:
        words_add(arena, option->target, value);
        break;
    }
}

static int set_truth(const struct option *option, const char *value, struct failure *failure)
{
    struct slice text = slice_of(value);
    bool yes = !value || slice_is_nocase(text, "true") || slice_is(text, "1");
    if (!yes && !slice_is_nocase(text, "false") && !slice_is(text, "0"))
        return failure_set(failure, FAILURE_INVALID, "invalid argument \"%s\" for \"--%s\" flag",
                           value, option->name);
    *(bool *)option->target = yes;
    return 0;
}

/* The word after the flag is its value. */
static int take_next(struct walk *walk, const struct option *option, const char *shown)
{
    if (walk->at + 1 >= walk->argc)
        return failure_set(walk->failure, FAILURE_INVALID, "flag needs an argument: %s", shown);
    set(walk->options->arena, option, walk->argv[++walk->at]);
    return 0;
}

static int parse_long(struct walk *walk, const char *word)
{
    struct slice rest = slice_of(word + 2);
    ptrdiff_t equals = slice_find(rest, '=');
    struct slice name = equals < 0 ? rest : slice_cut(rest, 0, (size_t)equals);
    const char *value = equals < 0 ? NULL : word + 2 + equals + 1;
    const struct option *option = options_find(walk->options, name);

    if (!option)
        return failure_set(walk->failure, FAILURE_INVALID, "unknown flag: --" SLICE_FMT,
                           SLICE_ARG(name));
    if (option->type == OPTION_TRUTH)
        return set_truth(option, value, walk->failure);
    if (!value)
        return take_next(walk, option, word);
    set(walk->options->arena, option, value);
    return 0;
}

static int parse_short(struct walk *walk, const char *word)
{
    for (const char *c = word + 1; *c; c++) {
        const struct option *option = options_find_letter(walk->options, *c);
        if (!option)
            return failure_set(walk->failure, FAILURE_INVALID,
                               "unknown shorthand flag: '%c' in %s", *c, word);
        if (option->type == OPTION_TRUTH) {
            if (c[1] == '=')
                return set_truth(option, c + 2, walk->failure);
            *(bool *)option->target = true;
            continue;
        }
        if (!c[1])
            return take_next(walk, option, word);
        set(walk->options->arena, option, c + (c[1] == '=' ? 2 : 1));
        return 0;
    }
    return 0;
}

int options_parse(const struct options *options, int argc, char *const *argv, bool stop,
                  struct words *arguments, struct failure *failure)
{
    struct walk walk = {options, argc, 0, argv, failure};
    bool flags = true;

    for (; walk.at < argc; walk.at++) {
        const char *word = argv[walk.at];
        int result = 0;
        if (!flags || word[0] != '-' || !word[1]) {
            words_add(options->arena, arguments, word);
            flags = flags && !stop;
        } else if (strcmp(word, "--") == 0) {
            flags = false;
        } else if (word[1] == '-') {
            result = parse_long(&walk, word);
        } else {
            result = parse_short(&walk, word);
        }
        if (result != 0)
            return -1;
    }
    return 0;
}
