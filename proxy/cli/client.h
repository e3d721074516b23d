/* Client: one HTTP call at a time to berthd. With target.c and the agent's join, all that uses
 * libcurl. */
#pragma once

#include "proxy/cli/target.h"

struct value;

/* Calls `method` on `path` (with its query) and parses the JSON of the answer into `arena`; NULL
 * with failure: the daemon's own message when it refused, UNREACHABLE when there was no answer.
 * `body` is JSON text or SLICE_NONE. An answer without a body gives a null value. */
struct value *client_call(const struct target *target, struct arena *arena, const char *method,
                          struct slice path, struct slice body, struct failure *failure)
    MUST_CHECK;

/* Appends "?key=value" or "&key=value", percent-encoded, to `path`. */
struct slice client_query(struct arena *arena, struct slice path, const char *key,
                          struct slice value);
/* `text` percent-encoded as one segment of a path. */
struct slice client_escape(struct arena *arena, struct slice text);
