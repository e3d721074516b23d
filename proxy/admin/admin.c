/* Admin: finds the row of a call under /_berth/v1/ and runs its handler. */
#include "proxy/admin/internal.h"

#include "proxy/token.h"
#include "proxy/docker/path.h"
#include "proxy/json.h"

#include <stdlib.h>

/* clang-format off */
static const struct row {
    const char *method;
    const char *path; /* behind /_berth/v1; a '*' at the end takes the rest */
    admin_fn handler;
} rows[] = {
    {"POST",   "/join",  admin_join},
    {"POST",   "/lease", admin_lease_renew},
    {"DELETE", "/lease", admin_lease_end},
    {"GET",    "/nodes", admin_nodes_list},
    {"GET",    "/metrics", admin_metrics},
};
/* clang-format on */

static int check_token(bool open, const char *token, struct failure *failure)
{
    if (open && (!token || !*token))
        return failure_set(failure, FAILURE_INVALID,
                           "a join token is needed, since other machines can reach this manager: give "
                           "--token-file FILE or BERTH_TOKEN, or listen on loopback and unix sockets "
                           "only");
    return 0;
}

struct admin *admin_new(const struct admin_options *options, struct failure *failure)
{
    struct admin *admin;

    if (check_token(options->open, options->token, failure) != 0)
        return NULL;
    admin = xcalloc(1, sizeof(*admin));
    admin->cluster = options->cluster;
    admin->open = options->open;
    admin->token = options->token && *options->token ? xstrdup(options->token) : NULL;
    admin->leases = table_new();
    return admin;
}

void admin_free(struct admin **admin)
{
    if (!*admin)
        return;
    leases_free(*admin);
    free((*admin)->token);
    free(*admin);
    *admin = NULL;
}

int admin_set_token(struct admin *admin, const char *token, struct failure *failure)
{
    if (check_token(admin->open, token, failure) != 0)
        return -1;
    free(admin->token);
    admin->token = token && *token ? xstrdup(token) : NULL;
    return 0;
}

static bool row_matches(const struct row *row, struct slice path, struct slice *rest)
{
    size_t length = strlen(row->path);

    *rest = SLICE("");
    if (row->path[length - 1] != '*')
        return slice_is(path, row->path);
    if (path.length < length - 1 || memcmp(path.at, row->path, length - 1) != 0)
        return false;
    *rest = slice_from(path, length - 1);
    return rest->length > 0;
}

void admin_serve(struct exchange *exchange, void *context)
{
    const struct request_head *head = exchange_head(exchange);
    struct arena *arena = exchange_arena(exchange);
    struct admin_call *call = arena_alloc(arena, sizeof(*call));
    struct failure failure;
    struct target target;
    struct slice path;

    *call = (struct admin_call){.admin = context, .exchange = exchange, .arena = arena};
    if (target_parse(&target, arena, head->target, &failure) != 0 ||
        query_parse(&call->query, arena, target.query, &failure) != 0) {
        admin_fail(call, "request", &failure);
        return;
    }
    path = slice_starts(target.path, "/_berth/v1/") ? slice_from(target.path, 10) : SLICE("");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (slice_is(head->method, rows[i].method) && row_matches(&rows[i], path, &call->rest)) {
            rows[i].handler(call);
            return;
        }
    }
    failure_set(&failure, FAILURE_NOT_FOUND, "page not found");
    admin_fail(call, "path", &failure);
}

static int status_of(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_NONE:
        return 200;
    case FAILURE_INVALID:
        return 400;
    case FAILURE_UNIDENTIFIED:
        return 401;
    case FAILURE_DENIED:
        return 403;
    case FAILURE_NOT_FOUND:
        return 404;
    case FAILURE_CONFLICT:
        return 409;
    case FAILURE_TOO_LARGE:
        return 413;
    case FAILURE_TOO_MANY:
        return 429;
    case FAILURE_INTERNAL:
        return 500;
    case FAILURE_UNSUPPORTED:
        return 501;
    case FAILURE_NO_ROOM:
    case FAILURE_UNREACHABLE:
    case FAILURE_TIMED_OUT:
        return 503;
    }
    return 500;
}

void admin_fail(struct admin_call *call, const char *reason, const struct failure *failure)
{
    struct value *value = value_map(call->arena);

    value_set_text(call->arena, value, "message", slice_of(failure->text));
    value_set_text(call->arena, value, "reason", slice_of(reason));
    exchange_reply_json(call->exchange, status_of(failure->kind), value);
}

struct slice admin_bearer(const struct admin_call *call)
{
    const struct request_head *head = exchange_head(call->exchange);

    return token_of_header(headers_find(&head->headers, "Authorization"));
}

bool admin_peer_is_local(const struct admin_call *call)
{
    struct slice peer = slice_of(stream_peer(exchange_stream_of(call->exchange)));

    return slice_is(peer, "unix") || slice_starts(peer, "127.") || slice_starts(peer, "[::1]") ||
           slice_starts(peer, "::1");
}

struct reading {
    struct admin_call *call;
    void (*on_value)(struct admin_call *call, struct value *body);
};

static void on_body(struct exchange *exchange, struct slice body, const struct failure *failure,
                    void *context)
{
    struct reading *reading = context;
    struct failure bad;
    struct value *value;

    if (failure) {
        admin_fail(reading->call, "body", failure);
        return;
    }
    value = json_parse(reading->call->arena, body, &bad);
    if (value && value->type != VALUE_MAP) {
        failure_set(&bad, FAILURE_INVALID, "the body must be a JSON object");
        value = NULL;
    }
    if (!value)
        admin_fail(reading->call, "body", &bad);
    else
        reading->on_value(reading->call, value);
}

void admin_read_json(struct admin_call *call,
                     void (*on_value)(struct admin_call *call, struct value *body))
{
    struct reading *reading = arena_alloc(call->arena, sizeof(*reading));

    *reading = (struct reading){call, on_value};
    exchange_read_body(call->exchange, ADMIN_MAX_JSON, on_body, reading);
}
