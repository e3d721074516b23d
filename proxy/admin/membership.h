/* Membership: who may join: single-use join tokens that expire, and the key that each node showed
 * when it first joined. Only hashes of tokens and keys are kept. Knows no files and no clock. */
#pragma once

#include "policy/base/memory.h"
#include "proxy/token.h"

#define MEMBERSHIP_MAX_TOKENS 1000
#define MEMBERSHIP_MAX_TTL_MS (30LL * 86400000)
#define MEMBERSHIP_KEEP_MS    86400000 /* expired and used tokens are listed for a day */
#define MEMBERSHIP_MAX_KEYS   100000

struct membership;

struct join_token {
    char id[9];                     /* 8 hex digits: for people, no secret */
    char *pool;                     /* "": nodes keep the pool that they say */
    int64_t created_ms, expires_ms; /* wall clock, ms since 1970 */
    char *used_by;                  /* node name; "": not used yet */
};

struct membership *membership_new(void);
void membership_free(struct membership **membership);

/* Makes a token for one join; its text ("berth-ID-SECRET") is told only here: heap, free() it.
 * NULL with INVALID (pool, ttl over MEMBERSHIP_MAX_TTL_MS) or TOO_MANY. */
char *membership_token_create(struct membership *membership, struct slice pool, int64_t ttl_ms,
                              int64_t now_ms, struct failure *failure) MUST_CHECK;
/* The token that `shown` is; NULL with UNIDENTIFIED that says: unknown, expired, used by whom. */
struct join_token *membership_token_check(struct membership *membership, struct slice shown,
                                          int64_t now_ms, struct failure *failure) MUST_CHECK;
void membership_token_used(struct join_token *token, struct slice node);
/* 0, or -1 when there is no token of this id. */
int membership_token_remove(struct membership *membership, struct slice id);
/* Drops tokens that expired or were used MEMBERSHIP_KEEP_MS ago. */
void membership_tidy(struct membership *membership, int64_t now_ms);
/* By age, oldest first; NULL behind the last. */
const struct join_token *membership_token_at(const struct membership *membership, size_t index);

enum key_verdict {
    KEY_UNKNOWN, /* neither name nor engine has been here with a key: a token must do */
    KEY_PROVED,  /* the node that was here before */
    KEY_WRONG,   /* name or engine belongs to another key: CONFLICT */
};
/* `key` may be empty: then whatever is pinned is WRONG. */
enum key_verdict membership_key_check(const struct membership *membership, struct slice name,
                                      struct slice engine_id, struct slice key,
                                      struct failure *failure);
/* Pins after a join; an empty key pins nothing. A node that comes back under another name (key and
 * engine the same) gives the old name free. 1: something was pinned, 0: it was so already, -1
 * TOO_MANY. */
int membership_key_pin(struct membership *membership, struct slice name, struct slice engine_id,
                       struct slice key, struct slice pool, struct failure *failure) MUST_CHECK;
/* The pool that the node's token had, or "". */
struct slice membership_key_pool(const struct membership *membership, struct slice engine_id);
/* Forgets a node's key, so that another machine may take its name. 0, or -1 when there is none. */
int membership_key_forget(struct membership *membership, struct slice name);

/* JSON text of everything; in the arena. */
struct slice membership_text(struct arena *arena, const struct membership *membership);
/* Reads such a text into a fresh membership. INVALID names what is wrong; UNSUPPORTED: written by a
 * newer version. */
int membership_read(struct membership *membership, struct slice text,
                    struct failure *failure) MUST_CHECK;

/* DIR/membership.json: read (none is none; the directory is made, 0700), and written anew whole: a
 * crash leaves old or new. */
int membership_load(struct membership *membership, const char *directory,
                    struct failure *failure) MUST_CHECK;
int membership_save(const struct membership *membership, const char *directory,
                    struct failure *failure) MUST_CHECK;
