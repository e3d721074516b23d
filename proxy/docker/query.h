/* Query: the part of a request behind '?', and urlencoded form bodies, as a list that can be read,
 * edited and written again. What we read is what we send: the text is always rebuilt.
 * Rules are Go's net/url, as the engine reads the same text with it. Pure. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#define QUERY_MAX_ITEMS 1000

struct query_item {
    struct query_item *next;
    struct slice key, value; /* decoded */
};

struct query {
    struct arena *arena;
    struct query_item *first, *last;
    size_t count;
};

/* Parses "a=1&b=%20&b=x+y" (without '?'); SLICE_NONE or "" gives an empty query. Order and repeated
 * keys are kept. Failure INVALID: bad percent escape, ';', NUL, more than QUERY_MAX_ITEMS. The
 * result lives in `arena`. */
int query_parse(struct query *query, struct arena *arena, struct slice text,
                struct failure *failure) MUST_CHECK;
void query_init(struct query *query, struct arena *arena); /* empty */
/* First value of `key`, as Go's Form.Get; SLICE_NONE when the key is absent ("" has at != NULL). */
struct slice query_get(const struct query *query, const char *key);
bool query_has(const struct query *query, const char *key);
/* Docker's boolean (slice_to_docker_bool); `otherwise` when absent. */
bool query_bool(const struct query *query, const char *key, bool otherwise);
/* Next item of `key` after `item` (NULL: the first), or NULL: for repeated keys. */
const struct query_item *query_next(const struct query *query, const char *key,
                                    const struct query_item *item);
/* Number: 0 and *number; absent or empty gives `otherwise`; else -1 with INVALID naming the key. */
int query_int(const struct query *query, const char *key, int64_t otherwise, int64_t *number,
              struct failure *failure) MUST_CHECK;
void query_add(struct query *query, const char *key, struct slice value);
/* Replaces all of `key` by one value, in the place of the first, else at the end. */
void query_set(struct query *query, const char *key, struct slice value);
size_t query_drop(struct query *query, const char *key); /* number dropped */
/* "a=1&b=%20", in order; "" when empty. */
struct slice query_text(const struct query *query);

/* One component percent-encoded (all but A-Z a-z 0-9 - _ . ~; space becomes %20). */
struct slice query_encode(struct arena *arena, struct slice component);
/* Percent-decodes; `plus`: '+' is a space. -1 with INVALID on a bad escape or NUL. */
int query_decode(struct arena *arena, struct slice text, bool plus, struct slice *decoded,
                 struct failure *failure) MUST_CHECK;
