/* Size: "2g", "512m", "1.5" as people write them in flags. Pure. */
#pragma once

#include "policy/base/failure.h"

/* Bytes: number with an optional fraction and an optional unit b k m g t p (also kb, KiB, …; any case),
 * always powers of 1024, as docker's -m. Failure INVALID says what is expected. */
int size_parse(struct slice text, int64_t *bytes, struct failure *failure) MUST_CHECK;
/* CPUs: "1", "0.5", "1.25": at most nine decimals, more than 0; result in 10^-9 CPUs. */
int size_parse_cpus(struct slice text, int64_t *nano_cpus, struct failure *failure) MUST_CHECK;
/* Time: "15s", "500ms", "2m", "1h", "1h30m"; a number alone is seconds. At most 10 years. */
int size_parse_duration(struct slice text, int64_t *milliseconds, struct failure *failure) MUST_CHECK;
/* "2 GiB", "1.5 MiB", "12 B" into `out`, as docker info prints; returns out. */
const char *size_format(int64_t bytes, char *out, size_t capacity);
