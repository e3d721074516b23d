/* Filters: the `filters` parameter of lists, events and prune. Both JSON forms that clients send
 * ({"label":{"a=b":true}} and {"label":["a=b"]}) become one; the map form is what engines get.
 * Matching is dockerd's. Pure. */
#pragma once

#include "policy/model.h"
#include "proxy/json.h"

#define FILTERS_MAX_BYTES   (64 * 1024)
#define FILTERS_MAX_PATTERN 128 /* bytes of a name pattern that are tried as a regular expression */

struct filter_value {
    struct filter_value *next;
    struct slice text;
};

struct filter {
    struct filter *next;
    struct slice key;
    struct filter_value *first, *last;
    size_t count;
};

struct filters {
    struct arena *arena;
    struct filter *first, *last;
};

void filters_init(struct filters *filters, struct arena *arena);
/* Empty text (or SLICE_NONE) is no filter. `allowed` is a NULL-terminated list of keys; NULL allows
 * all. Failure INVALID, dockerd's texts: "invalid filter" for bad JSON, "invalid filter 'x'". */
int filters_parse(struct filters *filters, struct arena *arena, struct slice text,
                  const char *const *allowed, struct failure *failure) MUST_CHECK;
/* Re-checks keys, e.g. after merging; as filters_parse. */
int filters_check(const struct filters *filters, const char *const *allowed,
                  struct failure *failure) MUST_CHECK;
const struct filter *filters_find(const struct filters *filters, const char *key); /* or NULL */
bool filters_empty(const struct filters *filters);
/* First value, or SLICE_NONE. */
struct slice filters_get(const struct filters *filters, const char *key);
void filters_add(struct filters *filters, const char *key, struct slice value);
/* Takes the key out and gives it, or NULL: for keys that berth itself evaluates (node=…). */
const struct filter *filters_take(struct filters *filters, const char *key);
/* {"label":{"a=b":true}}, or SLICE_NONE when there is none. */
struct slice filters_text(const struct filters *filters);
/* dockerd's boolean filters (dangling): 1 t true T TRUE True, 0 f false…; absent: `otherwise`.
 * INVALID "invalid filter 'dangling=[x]'" on anything else or on both at once. */
int filters_bool(const struct filters *filters, const char *key, bool otherwise, bool *truth,
                 struct failure *failure) MUST_CHECK;

/* Each match is true when the key is absent; else when ANY of its values matches. */
bool filters_exact(const struct filters *filters, const char *key, struct slice text);
/* Exact, or a part of the text matches the value as a regular expression (policy/regex.h: the common
 * part of Go's syntax). A value that is no valid expression, or longer than FILTERS_MAX_PATTERN,
 * matches only exactly, as in dockerd. */
bool filters_name(const struct filters *filters, const char *key, struct slice text);
bool filters_prefix(const struct filters *filters, const char *key, struct slice text);
/* Labels: ALL values of `key` ("label") must be there, as "k" or "k=v". True when absent. */
bool filters_labels(const struct filters *filters, const char *key, struct tags labels);
/* "label!" of prune: false when the labels match ALL its values; true when absent. */
bool filters_unlabels(const struct filters *filters, struct tags labels);
/* The node filter of one already taken key: any of name, id or id prefix; "!x" excludes. */
bool filters_node(const struct filter *filter, struct slice node_name, struct slice node_id);
