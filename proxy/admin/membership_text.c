/* Membership as text: a JSON object in one file, replaced as a whole. It changes when somebody
 * makes a token or a node joins for the first time, so a few dozen milliseconds of fsync are fine.
 */
#include "proxy/admin/membership_internal.h"

#include "proxy/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION  1
#define MAX_FILE (64u << 20)

static struct value *token_value(struct arena *arena, const struct token_entry *entry)
{
    struct value *value = value_map(arena);

    value_set_text(arena, value, "id", slice_of(entry->token.id));
    value_set_text(arena, value, "hash", slice_of(entry->hash));
    value_set_text(arena, value, "pool", slice_of(entry->token.pool));
    value_set_int(arena, value, "created_ms", entry->token.created_ms);
    value_set_int(arena, value, "expires_ms", entry->token.expires_ms);
    value_set_text(arena, value, "used_by", slice_of(entry->token.used_by));
    return value;
}

static struct value *pin_value(struct arena *arena, const struct pin *pin)
{
    struct value *value = value_map(arena);

    value_set_text(arena, value, "name", slice_of(pin->name));
    value_set_text(arena, value, "engine_id", slice_of(pin->engine_id));
    value_set_text(arena, value, "hash", slice_of(pin->hash));
    value_set_text(arena, value, "pool", slice_of(pin->pool));
    return value;
}

struct slice membership_text(struct arena *arena, const struct membership *membership)
{
    struct value *whole = value_map(arena), *tokens = value_list(arena), *keys = value_list(arena);
    size_t cursor = 0;
    struct slice key;
    void *pin;

    LIST_EACH(link, &membership->tokens)
    value_append(tokens, token_value(arena, LIST_ENTRY(link, struct token_entry, link)));
    while (table_each(membership->by_engine, &cursor, &key, &pin))
        value_append(keys, pin_value(arena, pin));
    value_set_int(arena, whole, "version", VERSION);
    value_set(arena, whole, "tokens", tokens);
    value_set(arena, whole, "keys", keys);
    return json_text(arena, whole);
}

static int bad(struct failure *failure, const char *what)
{
    return failure_set(failure, FAILURE_INVALID, "%s is damaged", what);
}

static int read_token(struct membership *membership, const struct value *value,
                      struct failure *failure)
{
    struct slice id = value_get_text(value, "id"), hash = value_get_text(value, "hash");
    struct slice used_by = value_get_text(value, "used_by");
    struct join_token *token;

    if (id.length != 8 || hash.length != TOKEN_HEX_BYTES ||
        membership->token_count >= MEMBERSHIP_MAX_TOKENS)
        return bad(failure, "a token");
    token = membership_token_add(membership, id, hash, value_get_text(value, "pool"));
    token->created_ms = value_get_int(value, "created_ms", 0);
    token->expires_ms = value_get_int(value, "expires_ms", 0);
    membership_token_used(token, used_by.at ? used_by : SLICE(""));
    return 0;
}

static int read_pin(struct membership *membership, const struct value *value,
                    struct failure *failure)
{
    struct slice name = value_get_text(value, "name");
    struct slice engine_id = value_get_text(value, "engine_id");
    struct slice hash = value_get_text(value, "hash");

    if (!name.length || !engine_id.length || hash.length != TOKEN_HEX_BYTES ||
        table_find(membership->by_name, name) || table_find(membership->by_engine, engine_id))
        return bad(failure, "a key");
    membership_pin_add(membership, name, engine_id, hash, value_get_text(value, "pool"));
    return 0;
}

static int read_all(struct membership *membership, const struct value *whole,
                    struct failure *failure)
{
    int64_t version = value_get_int(whole, "version", 0);

    if (version > VERSION)
        return failure_set(failure, FAILURE_UNSUPPORTED,
                           "written by a newer berthd (format %lld, this one knows %d)",
                           (long long)version, VERSION);
    if (version < 1)
        return bad(failure, "its version");
    VALUE_EACH(token, value_find(whole, "tokens"))
    {
        if (read_token(membership, token, failure) != 0)
            return -1;
    }
    VALUE_EACH(key, value_find(whole, "keys"))
    {
        if (read_pin(membership, key, failure) != 0)
            return -1;
    }
    return 0;
}

int membership_read(struct membership *membership, struct slice text, struct failure *failure)
{
    struct arena *arena = arena_new();
    struct value *whole = json_parse(arena, text, failure);
    int result = whole ? read_all(membership, whole, failure) : -1;

    arena_free(&arena);
    return result;
}

/* ---- the file ---- */

static int read_whole(int fd, struct buffer *text)
{
    char *room;
    ssize_t got;

    while ((room = buffer_reserve(text, 65536)) != NULL) {
        got = read(fd, room, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        text->length += (size_t)got;
        text->at[text->length] = '\0';
    }
    errno = EFBIG;
    return -1;
}

int membership_load(struct membership *membership, const char *directory, struct failure *failure)
{
    char *path = xprintf("%s/membership.json", directory);
    int fd, result = 0;
    struct buffer text;

    buffer_init(&text, MAX_FILE);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        free(path);
        return failure_set(failure, FAILURE_INVALID, "can't make the state directory %s: %s",
                           directory, strerror(errno));
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        goto out;
    if (fd < 0 || read_whole(fd, &text) != 0)
        result = failure_set(failure, FAILURE_INVALID, "can't read %s: %s", path, strerror(errno));
    else if (membership_read(membership, buffer_slice(&text), failure) != 0)
        result = failure_prefix(failure, "%s", path);
out:
    if (fd >= 0)
        close(fd);
    buffer_deinit(&text);
    free(path);
    return result;
}

static int write_whole(int fd, struct slice text)
{
    while (text.length) {
        ssize_t put = write(fd, text.at, text.length);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        text = slice_from(text, (size_t)put);
    }
    return fsync(fd);
}

/* The directory's own entry must be on disk too, or the rename may be lost with the power. */
static int sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

    if (fd < 0)
        return -1;
    result = fsync(fd);
    close(fd);
    return result;
}

int membership_save(const struct membership *membership, const char *directory,
                    struct failure *failure)
{
    char *path = xprintf("%s/membership.json", directory), *fresh = xprintf("%s.new", path);
    struct arena *arena = arena_new();
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), result = -1;

    if (fd >= 0)
        result = write_whole(fd, membership_text(arena, membership));
    if (fd >= 0 && close(fd) != 0)
        result = -1;
    if (result == 0)
        result = rename(fresh, path);
    if (result == 0)
        result = sync_directory(directory);
    if (result != 0)
        failure_set(failure, FAILURE_INTERNAL, "can't write %s: %s", path, strerror(errno));
    arena_free(&arena);
    free(fresh);
    free(path);
    return result == 0 ? 0 : -1;
}
