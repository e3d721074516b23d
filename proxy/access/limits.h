/* Limits: how much one identity may ask at once: a token bucket of requests, a count of open
 * streams, and what a tenant's creates under way hold of its quota. All bounded; monotonic time
 * comes in. */
#pragma once

#include "policy/access.h"
#include "policy/model.h"

#define LIMITS_MAX_IDENTITIES 10000

struct limits;
struct limits *limits_new(void);
void limits_free(struct limits **limits);

/* Takes one request from `who`'s bucket. -1 TOO_MANY with a text; *retry_ms says when to come back.
 */
int limits_take_request(struct limits *limits, struct slice who, const struct access_limits *rule,
                        uint64_t now_ms, uint64_t *retry_ms, struct failure *failure) MUST_CHECK;
/* Counts one more open stream of `who`; -1 TOO_MANY. Each 0 needs one limits_stream_ended. */
int limits_stream_began(struct limits *limits, struct slice who, const struct access_limits *rule,
                        struct failure *failure) MUST_CHECK;
void limits_stream_ended(struct limits *limits, struct slice who);

/* What a tenant has or asks for. */
struct quota {
    int64_t containers;
    struct resources resources;
};
/* Reserves `asked` for `tenant` beside `used` (what the cluster holds of it) and what is reserved
 * already. -1 DENIED that says which quota and by how much. Each 0 needs one limits_quota_release.
 */
int limits_quota_reserve(struct limits *limits, struct slice tenant,
                         const struct access_limits *rule, const struct quota *used,
                         const struct quota *asked, struct failure *failure) MUST_CHECK;
void limits_quota_release(struct limits *limits, struct slice tenant, const struct quota *asked);
