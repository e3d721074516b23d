/* Value: format-neutral tree that JSON text and Lua tables both become. Lives in an arena.
 * Lossless where Docker clients care: order of map members, number text and unknown members
 * survive; duplicates are kept in order (value_find gives the LAST, as Go's decoder). */
#pragma once

#include "policy/base/memory.h"

enum value_type { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_TEXT, VALUE_LIST, VALUE_MAP };

struct value {
    enum value_type type;
    bool truth;         /* VALUE_BOOL */
    struct slice text;  /* VALUE_TEXT: decoded UTF-8; VALUE_NUMBER: its text as written */
    struct slice key;   /* decoded key, when a member of a map */
    struct value *first, *last; /* VALUE_LIST, VALUE_MAP: children in order */
    struct value *next, *previous;
    size_t count;       /* number of children */
};

#define VALUE_EACH(child, parent)                                                                  \
    for (struct value *child = (parent) ? (parent)->first : NULL; child; child = child->next)

/* All constructors copy text into the arena. */
struct value *value_null(struct arena *arena);
struct value *value_bool(struct arena *arena, bool truth);
struct value *value_text(struct arena *arena, struct slice text);
struct value *value_int(struct arena *arena, int64_t number);
struct value *value_number(struct arena *arena, struct slice number_text);
struct value *value_list(struct arena *arena);
struct value *value_map(struct arena *arena);
/* Deep copy into `arena`; the copy is in no parent. */
struct value *value_copy(struct arena *arena, const struct value *value);

/* Last member with exactly this key, or NULL; `map` may be NULL or of another type (NULL). */
struct value *value_find(const struct value *map, const char *key);
/* As value_find, comparing keys as Go's encoding/json does: exact match wins, else case folded,
 * also U+017F as s and U+212A as k. */
struct value *value_find_folded(const struct value *map, const char *key);
/* Go's folding comparison of a key with an ASCII name. */
bool value_key_matches(struct slice key, const char *name);
/* value_find along a path "HostConfig.NetworkMode" (folded at each step); NULL if absent. */
struct value *value_path(const struct value *map, const char *path);

/* Typed reads with a default when absent, null or of another type. */
struct slice value_get_text(const struct value *map, const char *key); /* SLICE_NONE */
bool value_get_bool(const struct value *map, const char *key, bool otherwise);
int64_t value_get_int(const struct value *map, const char *key, int64_t otherwise);
/* Number text as integer; fractions and exponents are cut toward zero; out of range: clamped. */
int64_t value_to_int(const struct value *number, int64_t otherwise);
double value_to_double(const struct value *number, double otherwise);

/* Sets `key` (exact spelling) to `child`: replaces the last such member in place (all other
 * members of that key are dropped), else appends. Returns child. */
struct value *value_set(struct arena *arena, struct value *map, const char *key,
                        struct value *child);
struct value *value_set_slice(struct arena *arena, struct value *map, struct slice key,
                              struct value *child);
void value_set_text(struct arena *arena, struct value *map, const char *key, struct slice text);
void value_set_int(struct arena *arena, struct value *map, const char *key, int64_t number);
void value_set_bool(struct arena *arena, struct value *map, const char *key, bool truth);
/* Child map `key` of `map`, made when absent or null. */
struct value *value_submap(struct arena *arena, struct value *map, const char *key);
void value_append(struct value *list, struct value *child);
/* Unlinks `child` from its parent. */
void value_remove(struct value *parent, struct value *child);
/* Removes every member that matches `key` by Go's folding; number removed. */
size_t value_drop(struct value *map, const char *key);
bool value_equal(const struct value *a, const struct value *b);
