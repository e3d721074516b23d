/* Membership internals: shared by membership.c and membership_text.c. */
#pragma once

#include "policy/base/list.h"
#include "policy/base/table.h"
#include "proxy/admin/membership.h"

struct token_entry {
    struct join_token token;
    char hash[TOKEN_HEX_BYTES + 1];
    struct list link;
};

struct pin {
    char *name, *engine_id, *pool;
    char hash[TOKEN_HEX_BYTES + 1];
};

struct membership {
    struct list tokens; /* oldest first */
    size_t token_count;
    struct table *by_engine, *by_name; /* of the same pins */
};

/* Without checks: `id` and `hash` have their lengths. */
struct join_token *membership_token_add(struct membership *membership, struct slice id,
                                        struct slice hash, struct slice pool);
/* Replaces the pin of the engine. */
void membership_pin_add(struct membership *membership, struct slice name, struct slice engine_id,
                        struct slice hash, struct slice pool);
