/* Path: a request target taken apart before anything is decided by it: decoded exactly once, and
 * unclean paths answered with dockerd's 301, never classified raw. Pure. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#define PATH_MAX_BYTES 8192 /* decoded */

struct target {
    struct slice path;     /* percent-decoded once, begins with '/', clean */
    struct slice query;    /* raw text behind the first '?'; SLICE_NONE when there is none */
    struct slice redirect; /* Location for a 301 when the path was not clean, else SLICE_NONE */
};

/* Failure INVALID: not beginning with '/', bad escape, NUL or control bytes, '#', too long. */
int target_parse(struct target *target, struct arena *arena, struct slice raw,
                 struct failure *failure) MUST_CHECK;
/* As Go's path.Clean, with a trailing '/' kept as dockerd's router does. */
struct slice path_clean(struct arena *arena, struct slice path);
/* Cuts a leading "/v1.41" off: *version "1.41" (SLICE_NONE when absent), rest of the path returned
 * ("/" at least). Anything that is not /v, digits and dots is left alone. */
struct slice path_cut_version(struct slice path, struct slice *version);
/* Percent-encodes for a request target; keeps '/' and what RFC 3986 allows in a segment. */
struct slice path_encode(struct arena *arena, struct slice path);
