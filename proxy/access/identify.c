/* Identify: reads the peer's proofs off a connection and a request head. */
#include "proxy/access/identify.h"

#include "policy/base/table.h"
#include "proxy/token.h"
#include "proxy/file.h"
#include "proxy/net/tls.h"

#include <stdlib.h>

#define TOKEN_FILE_MAX (4u << 20)
#define NAME_MAX_BYTES 128

struct token_user {
    struct slice name, group; /* in the set's arena */
};

struct token_set {
    struct arena *arena;
    struct table *by_hash; /* hex SHA-256 -> struct token_user */
};

struct identifier {
    struct identifier_options options;
    struct token_set tokens;
};

static void set_free(struct token_set *set)
{
    table_free(&set->by_hash);
    arena_free(&set->arena);
}

static bool is_hash(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return text.length == TOKEN_HEX_BYTES;
}

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 127)
            return false;
    }
    return text.length > 0 && text.length <= NAME_MAX_BYTES;
}

static int read_token(struct token_set *set, struct slice line, struct failure *failure)
{
    struct slice name, hash = SLICE_NONE, group = SLICE_NONE, more;
    slice_next(&line, ':', &name);
    slice_next(&line, ':', &hash);
    slice_next(&line, ':', &group);
    if (!is_name(name) || !is_hash(hash) || (group.length > 0 && !is_name(group)) ||
        slice_next(&line, ':', &more))
        return failure_set(failure, FAILURE_INVALID,
                           "write NAME:SHA256 or NAME:SHA256:GROUP, the hash as 64 lower-case hex "
                           "digits (printf %%s TOKEN | sha256sum)");
    struct token_user *user = arena_alloc(set->arena, sizeof(*user));
    user->name = arena_copy(set->arena, name);
    user->group = arena_copy(set->arena, group);
    if (table_put(set->by_hash, hash, user))
        return failure_set(failure, FAILURE_INVALID, "this token is there twice");
    return 0;
}

static int read_tokens(struct token_set *set, struct slice text, const char *file,
                       struct failure *failure)
{
    struct slice line;
    unsigned number = 0;
    set->arena = arena_new();
    set->by_hash = table_new();
    while (slice_next(&text, '\n', &line)) {
        number++;
        line = slice_trim(line);
        if (line.length == 0 || line.at[0] == '#')
            continue;
        if (read_token(set, line, failure) != 0) {
            failure_prefix(failure, "%s:%u", file, number);
            set_free(set);
            return -1;
        }
    }
    return 0;
}

int identifier_parse(struct slice text, const char *name, struct failure *failure)
{
    struct token_set set;
    if (read_tokens(&set, text, name, failure) != 0)
        return -1;
    int count = (int)table_count(set.by_hash);
    set_free(&set);
    return count;
}

static int load(struct token_set *set, const char *path, struct failure *failure)
{
    struct buffer text;
    int result;
    if (!path[0])
        return read_tokens(set, SLICE_NONE, "", failure);
    buffer_init(&text, TOKEN_FILE_MAX);
    result = file_read(path, &text, failure);
    if (result != 0)
        failure_prefix(failure, "user tokens");
    else
        result = read_tokens(set, buffer_slice(&text), path, failure);
    buffer_deinit(&text);
    return result;
}

struct identifier *identifier_new(const struct identifier_options *options, struct failure *failure)
{
    struct token_set set;
    if (load(&set, options->token_file, failure) != 0)
        return NULL;
    struct identifier *identifier = xcalloc(1, sizeof(*identifier));
    identifier->options = *options;
    identifier->tokens = set;
    return identifier;
}

void identifier_free(struct identifier **identifier)
{
    if (!*identifier)
        return;
    set_free(&(*identifier)->tokens);
    free(*identifier);
    *identifier = NULL;
}

int identifier_reload(struct identifier *identifier, struct failure *failure)
{
    struct token_set set;
    if (load(&set, identifier->options.token_file, failure) != 0)
        return -1;
    set_free(&identifier->tokens);
    identifier->tokens = set;
    return 0;
}

/* ---- one exchange ---- */

/* The token is looked up by its hash, so the time taken tells nothing about any stored one. */
static int identify_token(const struct identifier *identifier, struct slice token,
                          struct identity *identity, struct failure *failure)
{
    char hash[TOKEN_HEX_BYTES + 1];
    token_hash(token, hash);
    const struct token_user *user = table_find(identifier->tokens.by_hash, slice_of(hash));
    if (!user)
        return failure_set(failure, FAILURE_UNIDENTIFIED, "this token is not known here");
    identity->proof = PROOF_TOKEN;
    identity->name = identity->token = user->name;
    identity->group = user->group;
    return 0;
}

static void add_name(struct identity *identity, struct slice name)
{
    if (name.length > 0 && identity->name_count < IDENTITY_MAX_NAMES)
        identity->names[identity->name_count++] = name;
}

static void identify_certificate(const struct identifier *identifier, struct arena *arena,
                                 const struct tls_peer *peer, struct identity *identity)
{
    identity->proof = PROOF_CERTIFICATE;
    identity->spki = arena_copy(arena, slice_of(peer->spki_sha256));
    for (size_t i = 0; i < peer->names; i++)
        add_name(identity, arena_copy(arena, slice_of(peer->name[i].text)));
    if (identifier->options.common_name)
        add_name(identity, arena_copy(arena, slice_of(peer->common_name)));
    identity->name = identity->name_count ? identity->names[0]
                                          : arena_printf(arena, "spki:%.16s", peer->spki_sha256);
}

/* The bearer token, if any. Two Authorization headers are two claims: which one holds is nobody's
 * guess. */
static int take_token(const struct exchange *exchange, struct slice *token, struct failure *failure)
{
    const struct headers *headers = &exchange_head(exchange)->headers;
    size_t found = 0;
    for (size_t i = 0; i < headers->count; i++)
        found += slice_is_nocase(headers->list[i].name, "Authorization");
    *token = token_of_header(headers_find(headers, "Authorization"));
    return found < 2 ? 0
                     : failure_set(failure, FAILURE_UNIDENTIFIED,
                                   "the request has several Authorization headers: send one");
}

int identify(const struct identifier *identifier, struct exchange *exchange,
             struct identity *identity, struct failure *failure)
{
    struct stream *stream = exchange_stream_of(exchange);
    struct arena *arena = exchange_arena(exchange);
    struct slice token;
    const struct tls_peer *peer = stream_tls_peer_of(stream);
    uid_t uid;
    gid_t gid;
    pid_t pid;
    *identity = (struct identity){.uid = -1, .gid = -1, .name = SLICE("anonymous")};
    identity->peer = arena_copy(arena, slice_of(stream_peer(stream)));
    identity->listener = slice_of(exchange_listener(exchange));
    bool is_unix = stream_credentials(stream, &uid, &gid, &pid) == 0;
    if (is_unix) {
        identity->uid = uid;
        identity->gid = gid;
    }
    if (take_token(exchange, &token, failure) != 0)
        return -1;
    if (token.at && table_count(identifier->tokens.by_hash) > 0)
        return identify_token(identifier, token, identity, failure);
    if (peer)
        identify_certificate(identifier, arena, peer, identity);
    else if (is_unix) {
        identity->proof = PROOF_UNIX;
        identity->name = arena_printf(arena, "uid:%u", (unsigned)uid);
    }
    return 0;
}
