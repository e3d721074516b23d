/* Timestamp: the times that since=, until= and the until filter take: unix seconds with an optional
 * fraction, RFC 3339 and its shortened forms, or a Go duration that counts back from now. Pure. */
#pragma once

#include "policy/base/failure.h"

/* Wall clock ns of `text`. `now_ns` is what a duration ("10m", "1h30m", "1.5h") is taken from; a
 * time without zone is UTC. Failure INVALID quotes the text. */
int timestamp_parse(struct slice text, int64_t now_ns, int64_t *wall_ns,
                    struct failure *failure) MUST_CHECK;
/* Writes "SECONDS.NANOSECONDS", as every engine version takes it; a time before 1970 is written as
 * 0. `out` has room for 32 bytes. */
void timestamp_write(int64_t wall_ns, char out[32]);
