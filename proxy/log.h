/* Log: one line an event on stderr: time, level, a fixed sentence, then key=value pairs.
 * error = someone must act; warning = we coped; info = state changed; debug = the rest. Never
 * secrets or bodies. Control bytes in values are replaced, so one event is always one line. */
#pragma once

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped (default info). */
void log_set_level(enum log_level level);
/* "error" "warning" "info" "debug": 0, else -1. */
int log_level_parse(enum log_level *level, const char *text);
bool log_wants(enum log_level level);
/* The name that starts each line; default "berthd". Kept by pointer. */
void log_set_program(const char *name);

/* `format` gives the key=value pairs: log_info("node lost", "node=%s why=\"%s\"", name, why). */
void log_write(enum log_level level, const char *sentence, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A sentence without pairs. */
void log_say(enum log_level level, const char *sentence);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_wants(LOG_LEVEL_DEBUG))                                                            \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);                                               \
    } while (0)
