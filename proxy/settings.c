/* Settings: rows of settings.def as a table of names, types and places in the struct; four sources
 * are read into it by one function that sets a row from text. */
#include "proxy/settings.h"

#include "proxy/docker/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_MAX_BYTES (1u << 20)

enum setting_type {
    TYPE_SECTION, /* not a setting: a heading of help and docs */
    TYPE_TEXT,
    TYPE_LIST,
    TYPE_NUMBER,
    TYPE_SIZE,
    TYPE_TIME,
    TYPE_RATIO,
    TYPE_TRUTH,
};

struct row {
    enum setting_type type;
    const char *flag;
    const char *argument;
    const char *value;
    const char *help;
    size_t offset;
    bool reload;
};

#define START          false
#define RELOAD         true
#define SECTION(title) {TYPE_SECTION, title, "", "", "", 0, false},
#define SETTING(field, type, flag, argument, value, reload, help)                                  \
    {TYPE_##type, flag, argument, value, help, offsetof(struct settings, field), reload},
static const struct row rows[] = {
#include "proxy/settings.def"
};
#undef SETTING
#undef SECTION

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void *place(struct settings *settings, const struct row *row)
{
    return (char *)settings + row->offset;
}

static void list_clear(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->list[i]);
    free(list->list);
    *list = (struct text_list){0};
}

static void list_add(struct text_list *list, const char *text)
{
    list->list = xrealloc(list->list, (list->count + 1) * sizeof(char *));
    list->list[list->count++] = xstrdup(text);
}

static int parse_truth(const char *text, bool *truth, struct failure *failure)
{
    struct slice s = slice_of(text);
    if (!*text || slice_is_nocase(s, "yes") || slice_is_nocase(s, "true") || slice_is(s, "1"))
        *truth = true;
    else if (slice_is_nocase(s, "no") || slice_is_nocase(s, "false") || slice_is(s, "0"))
        *truth = false;
    else
        return failure_set(failure, FAILURE_INVALID, "\"%s\" is neither yes nor no", text);
    return 0;
}

static int parse_ratio(const char *text, double *ratio, struct failure *failure)
{
    char *end;
    errno = 0;
    *ratio = strtod(text, &end);
    if (end == text || *end || errno || !(*ratio >= 0 && *ratio <= 100))
        return failure_set(failure, FAILURE_INVALID, "\"%s\" is not a number from 0 to 100", text);
    return 0;
}

/* Sets one row from text; the old text goes. A list grows. */
static int set_row(struct settings *settings, const struct row *row, const char *text,
                   struct failure *failure)
{
    void *at = place(settings, row);
    switch (row->type) {
    case TYPE_SECTION:
        return 0;
    case TYPE_TEXT:
        free(*(char **)at);
        *(char **)at = xstrdup(text);
        return 0;
    case TYPE_LIST:
        if (*text)
            list_add(at, text);
        return 0;
    case TYPE_NUMBER:
        if (slice_to_i64(slice_of(text), at) != 0 || *(int64_t *)at < 0)
            return failure_set(failure, FAILURE_INVALID, "\"%s\" is not a whole number", text);
        return 0;
    case TYPE_SIZE:
        return size_parse(slice_of(text), at, failure);
    case TYPE_TIME:
        return size_parse_duration(slice_of(text), at, failure);
    case TYPE_RATIO:
        return parse_ratio(text, at, failure);
    case TYPE_TRUTH:
        return parse_truth(text, at, failure);
    }
    return 0;
}

static const struct row *find_row(struct slice flag)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].type != TYPE_SECTION && slice_is(flag, rows[i].flag))
            return &rows[i];
    }
    return NULL;
}

static void set_defaults(struct settings *settings)
{
    for (size_t i = 0; i < ROWS; i++)
        must(set_row(settings, &rows[i], rows[i].value, NULL) == 0);
}

/* A stronger source replaces a list of a weaker one as a whole. */
static void clear_if_list(struct settings *settings, const struct row *row, bool *cleared)
{
    if (row->type == TYPE_LIST && !cleared[row - rows])
        list_clear(place(settings, row));
    cleared[row - rows] = true;
}

static int read_line(struct settings *settings, struct slice line, bool *cleared,
                     struct failure *failure)
{
    line = slice_trim(line);
    if (line.length == 0 || line.at[0] == '#')
        return 0;
    ptrdiff_t equals = slice_find(line, '=');
    struct slice key = slice_trim(equals < 0 ? line : slice_cut(line, 0, (size_t)equals));
    const struct row *row = find_row(key);
    if (!row || equals < 0)
        return failure_set(failure, FAILURE_INVALID,
                           row ? "\"%.*s\" has no value" : "unknown setting \"%.*s\"",
                           SLICE_ARG(key));
    char *text = xslicedup(slice_trim(slice_from(line, (size_t)equals + 1)));
    clear_if_list(settings, row, cleared);
    int result = set_row(settings, row, text, failure);
    if (result != 0)
        failure_prefix(failure, "%s", row->flag);
    free(text);
    return result;
}

static int read_file(struct settings *settings, const char *path, struct failure *failure)
{
    bool cleared[ROWS] = {false};
    FILE *file = fopen(path, "re");
    if (!file)
        return failure_set(failure, FAILURE_INVALID, "can't read --config %s: %s", path,
                           strerror(errno));
    char *line = NULL;
    size_t capacity = 0, number = 0, total = 0;
    ssize_t length;
    int result = 0;
    while (result == 0 && (length = getline(&line, &capacity, file)) >= 0) {
        number++;
        total += (size_t)length;
        result = total > CONFIG_MAX_BYTES
                     ? failure_set(failure, FAILURE_INVALID, "larger than 1 MiB")
                     : read_line(settings, slice_make(line, (size_t)length), cleared, failure);
        if (result != 0)
            failure_prefix(failure, "%s line %zu", path, number);
    }
    free(line);
    fclose(file);
    return result;
}

static int read_environment(struct settings *settings, char *(*lookup)(const char *name),
                            struct failure *failure)
{
    bool cleared[ROWS] = {false};
    char name[64];
    for (size_t i = 0; i < ROWS; i++) {
        int length = snprintf(name, sizeof(name), "BERTH_%s", rows[i].flag);
        must(length > 0 && (size_t)length < sizeof(name));
        for (char *c = name; *c; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        const char *text = rows[i].type == TYPE_SECTION ? NULL : lookup(name);
        if (!text)
            continue;
        clear_if_list(settings, &rows[i], cleared);
        if (set_row(settings, &rows[i], text, failure) != 0)
            return failure_prefix(failure, "%s", name);
    }
    return 0;
}

/* Takes "--flag=value", "--flag value", "-H value", "-Hvalue" at argv[*at]; moves *at behind. */
static int read_flag(struct settings *settings, int argc, char *const *argv, int *at, bool *cleared,
                     struct failure *failure)
{
    const char *word = argv[(*at)++];
    const char *value = NULL;
    struct slice flag = slice_of(word);
    if (slice_starts(flag, "-H")) {
        flag = SLICE("host");
        value = word[2] ? word + 2 + (word[2] == '=') : NULL;
    } else if (slice_starts(flag, "--")) {
        const char *equals = strchr(word, '=');
        value = equals ? equals + 1 : NULL;
        flag = slice_from(equals ? slice_make(word, (size_t)(equals - word)) : flag, 2);
    } else {
        return failure_set(failure, FAILURE_INVALID, "unexpected argument \"%s\": see --help",
                           word);
    }
    const struct row *row = find_row(flag);
    if (!row)
        return failure_set(failure, FAILURE_INVALID, "unknown flag \"%s\": see --help", word);
    if (!value && row->type == TYPE_TRUTH)
        value = "yes";
    if (!value && *at == argc)
        return failure_set(failure, FAILURE_INVALID, "--%s needs a value: %s", row->flag,
                           row->argument);
    if (!value)
        value = argv[(*at)++];
    clear_if_list(settings, row, cleared);
    if (set_row(settings, row, value, failure) != 0)
        return failure_prefix(failure, "--%s", row->flag);
    return 0;
}

static bool special_flag(struct settings *settings, const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return settings->help = true;
    if (strcmp(word, "--version") == 0)
        return settings->version = true;
    if (strcmp(word, "--settings-page") == 0)
        return settings->print_docs = true;
    return false;
}

static int read_flags(struct settings *settings, int argc, char *const *argv,
                      struct failure *failure)
{
    bool cleared[ROWS] = {false};
    for (int at = 1; at < argc;) {
        if (special_flag(settings, argv[at])) {
            at++;
            continue;
        }
        if (read_flag(settings, argc, argv, &at, cleared, failure) != 0)
            return -1;
    }
    return 0;
}

/* Flags are read twice: the first time to learn --config, which is weaker than they are. */
int settings_load(struct settings *settings, int argc, char *const *argv,
                  char *(*lookup)(const char *name), struct failure *failure)
{
    *settings = (struct settings){0};
    set_defaults(settings);
    if (read_environment(settings, lookup, failure) != 0 ||
        read_flags(settings, argc, argv, failure) != 0)
        goto failed;
    if (*settings->config) {
        char *path = xstrdup(settings->config);
        settings_deinit(settings);
        set_defaults(settings);
        int result = read_file(settings, path, failure);
        free(path);
        if (result != 0 || read_environment(settings, lookup, failure) != 0 ||
            read_flags(settings, argc, argv, failure) != 0)
            goto failed;
    }
    return 0;
failed:
    settings_deinit(settings);
    return -1;
}

void settings_deinit(struct settings *settings)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].type == TYPE_LIST)
            list_clear(place(settings, &rows[i]));
        if (rows[i].type == TYPE_TEXT) {
            free(*(char **)place(settings, &rows[i]));
            *(char **)place(settings, &rows[i]) = NULL;
        }
    }
}

static size_t row_size(enum setting_type type)
{
    switch (type) {
    case TYPE_SECTION:
        return 0;
    case TYPE_TEXT:
        return sizeof(char *);
    case TYPE_LIST:
        return sizeof(struct text_list);
    case TYPE_NUMBER:
    case TYPE_SIZE:
    case TYPE_TIME:
        return sizeof(int64_t);
    case TYPE_RATIO:
        return sizeof(double);
    case TYPE_TRUTH:
        return sizeof(bool);
    }
    return 0;
}

int settings_reload(struct settings *settings, int argc, char *const *argv,
                    char *(*lookup)(const char *name), struct failure *failure)
{
    struct settings fresh;
    if (settings_load(&fresh, argc, argv, lookup, failure) != 0)
        return -1;
    for (size_t i = 0; i < ROWS; i++) {
        char old[sizeof(struct text_list)];
        size_t size = row_size(rows[i].type);
        if (!rows[i].reload || size == 0)
            continue;
        memcpy(old, place(settings, &rows[i]), size);
        memcpy(place(settings, &rows[i]), place(&fresh, &rows[i]), size);
        memcpy(place(&fresh, &rows[i]), old, size);
    }
    settings_deinit(&fresh);
    return 0;
}

/* "--lease TIME"; "--fence[=YES]", since a truth takes its value behind "=" only. */
static const char *write_flag(const struct row *row, char *at, size_t size)
{
    bool truth = row->type == TYPE_TRUTH;
    snprintf(at, size, "--%s%s%s%s", row->flag, truth ? "[=" : " ", row->argument,
             truth ? "]" : "");
    return at;
}

void settings_help(struct buffer *out)
{
    buffer_text(out,
                "Usage: berthd [flags]\n\n"
                "Serves many Docker engines as one: set DOCKER_HOST to one of its addresses.\n");
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->type == TYPE_SECTION) {
            buffer_printf(out, "\n%s\n", row->flag);
            continue;
        }
        char name[80];
        bool host = strcmp(row->flag, "host") == 0;
        buffer_printf(out, "  %s%-*s %s", host ? "-H, " : "", host ? 26 : 30,
                      write_flag(row, name, sizeof(name)), row->help);
        if (*row->value)
            buffer_printf(out, " (default %s)", row->value);
        if (row->type == TYPE_LIST)
            buffer_text(out, "; may be repeated");
        buffer_char(out, '\n');
    }
    buffer_text(out, "\n  -h, --help                     This text\n"
                     "  --version                      The version\n\n"
                     "Each flag is also an environment variable (BERTH_MAX_CONNECTIONS) and a line "
                     "of the --config file.\n");
}

void settings_page(struct buffer *out)
{
    buffer_text(out,
                "# Settings of berthd\n\n"
                "Made by `berthd --settings-page` from `proxy/settings.def`. Each is a flag, an "
                "environment variable (`BERTH_` and\nthe flag in upper case, `_` for `-`), and a "
                "`flag = value` line of the `--config` file; the flag wins over the\n"
                "variable, the variable over the file. *Reload*: read anew at SIGHUP.\n");
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->type == TYPE_SECTION) {
            buffer_printf(out,
                          "\n## %s\n\n| Flag | Default | Reload | Meaning |\n|---|---|---|---|\n",
                          row->flag);
            continue;
        }
        char name[80];
        buffer_printf(out, "| `%s` | %s%s%s | %s | %s%s |\n", write_flag(row, name, sizeof(name)),
                      *row->value ? "`" : "", row->value, *row->value ? "`" : "",
                      row->reload ? "yes" : "", row->help,
                      row->type == TYPE_LIST ? "; may be repeated" : "");
    }
}
