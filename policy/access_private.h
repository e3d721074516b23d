/* Access, inside: what the builder, the file reader and the decision share. */
#pragma once

#include "policy/access.h"
#include "policy/base/table.h"
#include "policy/body.h"
#include "policy/pattern.h"

struct access_matcher {
    enum access_match match;
    struct pattern *pattern; /* certificate, token */
    struct slice text;
    int64_t number; /* uid, gid */
    struct slice tenant;
};

struct access_role {
    struct slice name;
    struct access_matcher *matchers;
    size_t matcher_count;
    struct access_limits limits;
};

/* A rule as decided upon. */
struct access_compiled {
    const char *name;
    const char *why; /* NULL: none */
    uint64_t roles;  /* all bits: everybody */
    uint64_t waives;
    uint64_t operations[ACCESS_MAX_OPERATIONS / 64];
    enum access_effect effect;
    bool warn, any_tenant;
    int when;
};

struct access_rules {
    struct arena *arena; /* everything lives in it */
    const char *const *operations;
    size_t operation_count;
    struct access_role *roles;
    size_t role_count;
    struct access_compiled *rules;
    size_t rule_count;
    /* For each operation its rules: denies first, then allows; numbers into `rules`. */
    struct access_row {
        uint16_t *rules;
        size_t count;
    } * rows;
};

struct access_builder {
    struct access_rules *rules; /* being made */
    struct table *names;        /* of the rules so far */
    struct slice *operations;   /* as slices, in the rules' arena */
    size_t role_room, rule_room;
};
