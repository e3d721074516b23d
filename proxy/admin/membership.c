/* Membership: tokens in a list by age, keys in two tables: by engine and by name. The text form is
 * in membership_text.c. */
#include "proxy/admin/membership_internal.h"

#include "proxy/admin/join_request.h"

#include <stdlib.h>

struct membership *membership_new(void)
{
    struct membership *membership = xcalloc(1, sizeof(*membership));

    list_init(&membership->tokens);
    membership->by_engine = table_new();
    membership->by_name = table_new();
    return membership;
}

static void free_token(struct membership *membership, struct token_entry *entry)
{
    list_remove(&entry->link);
    membership->token_count--;
    free(entry->token.pool);
    free(entry->token.used_by);
    free(entry);
}

static void free_pin(struct pin *pin)
{
    free(pin->name);
    free(pin->engine_id);
    free(pin->pool);
    free(pin);
}

void membership_free(struct membership **membership)
{
    size_t cursor = 0;
    struct slice key;
    void *pin;

    if (!*membership)
        return;
    LIST_EACH(link, &(*membership)->tokens)
    free_token(*membership, LIST_ENTRY(link, struct token_entry, link));
    while (table_each((*membership)->by_engine, &cursor, &key, &pin))
        free_pin(pin);
    table_free(&(*membership)->by_engine);
    table_free(&(*membership)->by_name);
    free(*membership);
    *membership = NULL;
}

/* ---- tokens ---- */

struct join_token *membership_token_add(struct membership *membership, struct slice id,
                                        struct slice hash, struct slice pool)
{
    struct token_entry *entry = xcalloc(1, sizeof(*entry));

    must(id.length == sizeof(entry->token.id) - 1 && hash.length == TOKEN_HEX_BYTES);
    memcpy(entry->token.id, id.at, id.length);
    memcpy(entry->hash, hash.at, hash.length);
    entry->token.pool = xslicedup(pool.at ? pool : SLICE(""));
    entry->token.used_by = xstrdup("");
    list_append(&membership->tokens, &entry->link);
    membership->token_count++;
    return &entry->token;
}

char *membership_token_create(struct membership *membership, struct slice pool, int64_t ttl_ms,
                              int64_t now_ms, struct failure *failure)
{
    char random[TOKEN_HEX_BYTES + 1], hash[TOKEN_HEX_BYTES + 1];
    struct join_token *token;
    char *text;

    membership_tidy(membership, now_ms);
    if (pool.length && !join_name_valid(pool)) {
        failure_set(failure, FAILURE_INVALID,
                    "pool \"" SLICE_FMT
                    "\" is not valid: letters, digits, '_', '.', '-', at most 63",
                    SLICE_ARG(slice_cut(pool, 0, 80)));
        return NULL;
    }
    if (ttl_ms < 1000 || ttl_ms > MEMBERSHIP_MAX_TTL_MS) {
        failure_set(failure, FAILURE_INVALID, "a token's life must be 1s to 30d");
        return NULL;
    }
    if (membership->token_count >= MEMBERSHIP_MAX_TOKENS) {
        failure_set(failure, FAILURE_TOO_MANY,
                    "there are %d join tokens already: remove some that are not needed",
                    MEMBERSHIP_MAX_TOKENS);
        return NULL;
    }
    if (token_make(random, failure) != 0)
        return NULL;
    /* 8 digits name it, the other 56 (224 bits) are the secret. */
    text = xprintf("berth-%.8s-%s", random, random + 8);
    token_hash(slice_of(text), hash);
    token = membership_token_add(membership, slice_make(random, 8), slice_of(hash), pool);
    token->created_ms = now_ms;
    token->expires_ms = now_ms + ttl_ms;
    return text;
}

static struct token_entry *find_token(struct membership *membership, struct slice id)
{
    LIST_EACH(link, &membership->tokens)
    {
        struct token_entry *entry = LIST_ENTRY(link, struct token_entry, link);

        if (slice_is(id, entry->token.id))
            return entry;
    }
    return NULL;
}

struct join_token *membership_token_check(struct membership *membership, struct slice shown,
                                          int64_t now_ms, struct failure *failure)
{
    struct token_entry *entry = NULL;
    char hash[TOKEN_HEX_BYTES + 1];

    if (slice_starts(shown, "berth-"))
        entry = find_token(membership, slice_cut(shown, 6, 8));
    token_hash(shown, hash);
    if (!entry || !token_equal(slice_of(hash), slice_of(entry->hash))) {
        failure_set(failure, FAILURE_UNIDENTIFIED,
                    "wrong join token: it is not one that the manager knows");
        return NULL;
    }
    /* Only who has the secret is told more. */
    if (entry->token.used_by[0]) {
        failure_set(
            failure, FAILURE_UNIDENTIFIED,
            "join token %s was used by node \"%s\": each is good for one join, make another "
            "with berthd token create",
            entry->token.id, entry->token.used_by);
        return NULL;
    }
    if (now_ms >= entry->token.expires_ms) {
        failure_set(failure, FAILURE_UNIDENTIFIED,
                    "join token %s has expired: make another with berthd token create",
                    entry->token.id);
        return NULL;
    }
    return &entry->token;
}

void membership_token_used(struct join_token *token, struct slice node)
{
    free(token->used_by);
    token->used_by = xslicedup(node);
}

int membership_token_remove(struct membership *membership, struct slice id)
{
    struct token_entry *entry = find_token(membership, id);

    if (!entry)
        return -1;
    free_token(membership, entry);
    return 0;
}

void membership_tidy(struct membership *membership, int64_t now_ms)
{
    LIST_EACH(link, &membership->tokens)
    {
        struct token_entry *entry = LIST_ENTRY(link, struct token_entry, link);

        if (now_ms - entry->token.expires_ms > MEMBERSHIP_KEEP_MS)
            free_token(membership, entry);
    }
}

const struct join_token *membership_token_at(const struct membership *membership, size_t index)
{
    LIST_EACH(link, &membership->tokens)
    {
        if (index-- == 0)
            return &LIST_ENTRY(link, struct token_entry, link)->token;
    }
    return NULL;
}

/* ---- keys ---- */

enum key_verdict membership_key_check(const struct membership *membership, struct slice name,
                                      struct slice engine_id, struct slice key,
                                      struct failure *failure)
{
    const struct pin *by_engine = table_find(membership->by_engine, engine_id);
    const struct pin *by_name = table_find(membership->by_name, name);
    char hash[TOKEN_HEX_BYTES + 1];

    if (!by_engine && !by_name)
        return KEY_UNKNOWN;
    token_hash(key, hash);
    if (by_engine && (!key.length || !token_equal(slice_of(hash), slice_of(by_engine->hash)))) {
        failure_set(
            failure, FAILURE_CONFLICT,
            "the engine " SLICE_FMT " belongs to node \"%s\", which joined with another key: was "
            "this machine cloned? Give each engine an id of its own (remove "
            "/etc/docker/key.json or /var/lib/docker/engine-id and restart it). If the agent's "
            "--state was lost, let the node be forgotten first: DELETE /_berth/v1/nodes/%s",
            SLICE_ARG(engine_id), by_engine->name, by_engine->name);
        return KEY_WRONG;
    }
    if (by_name && by_name != by_engine) {
        failure_set(
            failure, FAILURE_CONFLICT,
            "the node name \"%s\" belongs to another engine: choose another with berth-agent "
            "--node-name, or let the old node be forgotten: DELETE /_berth/v1/nodes/%s",
            by_name->name, by_name->name);
        return KEY_WRONG;
    }
    return KEY_PROVED;
}

static void remove_pin(struct membership *membership, struct pin *pin)
{
    table_remove(membership->by_engine, slice_of(pin->engine_id));
    table_remove(membership->by_name, slice_of(pin->name));
    free_pin(pin);
}

void membership_pin_add(struct membership *membership, struct slice name, struct slice engine_id,
                        struct slice hash, struct slice pool)
{
    struct pin *old = table_find(membership->by_engine, engine_id);
    struct pin *pin = xcalloc(1, sizeof(*pin));

    must(hash.length == TOKEN_HEX_BYTES);
    pin->name = xslicedup(name);
    pin->engine_id = xslicedup(engine_id);
    pin->pool = xslicedup(pool.at ? pool : SLICE(""));
    memcpy(pin->hash, hash.at, hash.length);
    if (old)
        remove_pin(membership, old);
    table_put(membership->by_engine, slice_of(pin->engine_id), pin);
    table_put(membership->by_name, slice_of(pin->name), pin);
}

int membership_key_pin(struct membership *membership, struct slice name, struct slice engine_id,
                       struct slice key, struct slice pool, struct failure *failure)
{
    const struct pin *old = table_find(membership->by_engine, engine_id);
    char hash[TOKEN_HEX_BYTES + 1];

    if (key.length == 0 || (old && slice_is(name, old->name)))
        return 0;
    if (table_count(membership->by_engine) >= MEMBERSHIP_MAX_KEYS)
        return failure_set(failure, FAILURE_TOO_MANY, "%d nodes are known already",
                           MEMBERSHIP_MAX_KEYS);
    token_hash(key, hash);
    membership_pin_add(membership, name, engine_id, slice_of(hash), pool);
    return 1;
}

struct slice membership_key_pool(const struct membership *membership, struct slice engine_id)
{
    const struct pin *pin = table_find(membership->by_engine, engine_id);

    return slice_of(pin ? pin->pool : "");
}

int membership_key_forget(struct membership *membership, struct slice name)
{
    struct pin *pin = table_find(membership->by_name, name);

    if (!pin)
        return -1;
    remove_pin(membership, pin);
    return 0;
}
