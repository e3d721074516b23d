/* Facts: runs --fact-command now and then, without waiting for it: its output is read as it comes.
 */
#pragma once

#include "policy/base/memory.h"
#include "policy/model.h"

#include <sys/types.h>

struct facts;

/* `command` (borrowed) NULL: never runs, facts stay empty. */
struct facts *facts_new(const char *command, int64_t interval_ms);
/* Ends a command that is still running. */
void facts_free(struct facts **facts);
/* Starts the command when it is due, ends one that takes longer than its limit (the interval, at
 * most 30 s). `now_ms` monotonic. */
void facts_tick(struct facts *facts, int64_t now_ms);
/* When facts_tick wants to run next, INT64_MAX: never. */
int64_t facts_next_ms(const struct facts *facts);
/* To poll for reading, -1: nothing is running. */
int facts_fd(const struct facts *facts);
/* fd is readable: true when the command has ended well and the facts are others than before. */
bool facts_read(struct facts *facts);
/* What the last command that ended with status 0 printed. */
struct tags facts_tags(const struct facts *facts);
