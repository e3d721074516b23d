/* Settings: what the user configured, from defaults, --config file, environment and flags, in
 * that order of precedence from weak to strong. One struct made from settings.def. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

struct text_list {
    char **list; /* NUL-terminated texts */
    size_t count;
};

#define SETTING_TYPE_TEXT   char *
#define SETTING_TYPE_LIST   struct text_list
#define SETTING_TYPE_NUMBER int64_t
#define SETTING_TYPE_SIZE   int64_t
#define SETTING_TYPE_TIME   int64_t
#define SETTING_TYPE_RATIO  double
#define SETTING_TYPE_TRUTH  bool

struct settings {
#define SECTION(title)
#define SETTING(field, type, flag, argument, value, reload, help) SETTING_TYPE_##type field;
#include "proxy/settings.def"
#undef SETTING
#undef SECTION
    bool help, version, print_docs; /* --help, --version, --settings-page */
};

/* Reads everything. `lookup` gives environment variables (getenv; a table in tests). Texts are
 * never NULL: "" when not set. INVALID says which flag, key or variable and what is expected. */
int settings_load(struct settings *settings, int argc, char *const *argv,
                  char *(*lookup)(const char *name), struct failure *failure) MUST_CHECK;
void settings_deinit(struct settings *settings);
/* SIGHUP: loads anew and takes over the rows marked RELOAD. On failure nothing changes. */
int settings_reload(struct settings *settings, int argc, char *const *argv,
                    char *(*lookup)(const char *name), struct failure *failure) MUST_CHECK;

/* The text of --help, and docs/settings.md. */
void settings_help(struct buffer *out);
void settings_page(struct buffer *out);
