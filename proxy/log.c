/* Log: formats one event into one line and writes it with one call, so that lines of several
 * threads or processes on one stderr do not mix. */
#include "proxy/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const char *const names[] = {"error", "warning", "info", "debug"};
static enum log_level wanted = LOG_LEVEL_INFO;
static const char *program = "berthd";

void log_set_level(enum log_level level)
{
    wanted = level;
}

void log_set_program(const char *name)
{
    program = name;
}

bool log_wants(enum log_level level)
{
    return level <= wanted;
}

int log_level_parse(enum log_level *level, const char *text)
{
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

/* Writes "2026-11-30T18:00:00.123Z berthd info: sentence" and gives its length. */
static size_t start_line(char *line, enum log_level level, const char *sentence)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(line, LINE_MAX_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + length, LINE_MAX_BYTES - length, ".%03ldZ %s %s: %s",
                        now.tv_nsec / 1000000, program, names[level], sentence);
    length += more > 0 ? (size_t)more : 0;
    return length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES - 1;
}

static void finish_line(char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    line[length++] = '\n';
    /* A log that can't be written has nowhere to say so. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

void log_say(enum log_level level, const char *sentence)
{
    char line[LINE_MAX_BYTES + 1];
    if (log_wants(level))
        finish_line(line, start_line(line, level, sentence));
}

void log_write(enum log_level level, const char *sentence, const char *format, ...)
{
    char line[LINE_MAX_BYTES + 1];
    if (!log_wants(level))
        return;
    size_t length = start_line(line, level, sentence);
    if (length + 1 < LINE_MAX_BYTES)
        line[length++] = ' ';
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + length, LINE_MAX_BYTES - length, format, arguments);
    va_end(arguments);
    length += more > 0 ? (size_t)more : 0;
    finish_line(line, length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES - 1);
}
