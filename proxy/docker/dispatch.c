/* Dispatch: one exchange from its head to its handler: path and version, the form of the query,
 * the access hook, then the row's handler. Also the answers that need no engine. */
#include "proxy/docker/handler.h"
#include "proxy/docker/nouns.h"

#include "proxy/log.h"
#include "proxy/metrics.h"

#include <stdlib.h>

#define FORM_MAX_BYTES (1u << 20)

/* How long what depends on all nodes is kept: a call on one node must not walk them all. */
#define NODES_KEPT_MS 500

struct docker {
    struct docker_options options;
    struct nouns *nouns;
    /* What all nodes say together, looked at anew every NODES_KEPT_MS. */
    int version;           /* told to clients */
    char version_text[16]; /* the same, for Api-Version */
    int most;              /* the newest version that some node speaks, and berth too */
    bool experimental;
    uint64_t nodes_until; /* loop_now() */
    struct info_cache info;
};

/* In the order of `routes`. */
#define ROUTE(method, pattern, operation, handler, flags, body) handler,
static const handler_fn handlers[] = {
#include "proxy/docker/routes.def"
};
#undef ROUTE

struct docker *docker_new(const struct docker_options *options)
{
    struct docker *docker = xcalloc(1, sizeof(*docker));
    docker->options = *options;
    docker->nouns = nouns_new(options->cluster);
    return docker;
}

void docker_free(struct docker **docker)
{
    if (*docker) {
        nouns_free(&(*docker)->nouns);
        free((*docker)->info.text);
    }
    free(*docker);
    *docker = NULL;
}

struct info_cache *docker_info_cache(struct docker *docker)
{
    return &docker->info;
}

struct nouns *docker_nouns(const struct docker *docker)
{
    return docker->nouns;
}

const struct docker_options *docker_options(const struct docker *docker)
{
    return &docker->options;
}

int docker_api_version(const struct docker *docker)
{
    const char *setting = docker->options.settings->api_version;
    int version = api_version_parse(slice_of(setting));
    if (strcmp(setting, "max") == 0) {
        for (size_t i = 0; i < cluster_node_count(docker->options.cluster); i++) {
            const struct engine_node *node = cluster_node_at(docker->options.cluster, i);
            version = node->api_max > version ? node->api_max : version;
        }
    }
    if (version <= 0)
        version = cluster_api_max(docker->options.cluster);
    return version > ROUTES_API_MAX ? ROUTES_API_MAX : version;
}

static void look_at_nodes(struct docker *docker)
{
    const struct cluster *cluster = docker->options.cluster;
    size_t count = cluster_node_count(cluster);
    docker->version = docker_api_version(docker);
    api_version_text(docker->version, docker->version_text);
    docker->experimental = count > 0;
    docker->most = docker->version;
    for (size_t i = 0; i < count; i++) {
        const struct engine_node *node = cluster_node_at(cluster, i);
        docker->experimental = docker->experimental && node->experimental;
        docker->most = node->api_max > docker->most ? node->api_max : docker->most;
    }
    docker->most = docker->most > ROUTES_API_MAX ? ROUTES_API_MAX : docker->most;
    docker->nodes_until = loop_now(docker->options.loop) + NODES_KEPT_MS;
}

static void keep_up(struct docker *docker)
{
    if (loop_now(docker->options.loop) >= docker->nodes_until)
        look_at_nodes(docker);
}

void docker_add_headers(struct headers *headers, struct exchange *exchange, void *context)
{
    struct docker *docker = context;
    keep_up(docker);
    headers_add(headers, SLICE("Api-Version"), slice_of(docker->version_text));
    headers_add(headers, SLICE("Docker-Experimental"),
                docker->experimental ? SLICE("true") : SLICE("false"));
    headers_add(headers, SLICE("Ostype"), SLICE("linux"));
}

/* ---- answers without an engine ---- */

void refuse_page(struct call_context *call)
{
    call_error(call, 404, "page not found");
}

void refuse_swarm_off(struct call_context *call)
{
    call_error(call, 503,
               "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm "
               "join\" to connect this node to swarm and try again.");
}

void refuse_swarm_mode(struct call_context *call)
{
    call_error(call, 501, "swarm mode is not available through this cluster");
}

void refuse_cluster_volume(struct call_context *call)
{
    call_error(call, 503, "volume update only valid for cluster volumes, but swarm is unavailable");
}

/* ---- the way in ---- */

/* dockerd's texts; a client older than 1.24 expects plain text. */
static bool version_refused(struct call_context *call)
{
    char asked[16], limit[16];
    int least = ROUTES_API_MIN;
    /* With mixed engines each gets its own version, so all that any of them can is allowed. */
    if (call->version > call->docker->most)
        look_at_nodes(call->docker);
    int most = call->docker->most;
    api_version_text(call->version, asked);
    if (call->version > most) {
        call_error(call, 400, "client version %s is too new. Maximum supported API version is %s",
                   asked, api_version_text(most, limit));
        return true;
    }
    if (call->version >= least)
        return false;
    struct slice text = arena_printf(
        call->arena,
        "client version %s is too old. Minimum supported API version is %s, please upgrade your "
        "client to a newer version",
        asked, api_version_text(least, limit));
    call_reply(call, 400, "text/plain; charset=utf-8", text);
    return true;
}

static void run(struct call_context *call)
{
    const struct docker_options *options = &call->docker->options;
    if (options->may && !options->may(call, options->may_context)) {
        metrics.requests_refused_total++;
        return;
    }
    handlers[call->route - routes](call);
}

/* A POST form counts as query, and stands before it, as Go's ParseForm has it. */
static void on_form(struct exchange *exchange, struct slice body, const struct failure *failure,
                    void *context)
{
    struct call_context *call = context;
    struct query form;
    struct failure why;
    if (failure) {
        call_fail(call, failure);
        return;
    }
    if (query_parse(&form, call->arena, body, &why) != 0) {
        call_fail(call, &why);
        return;
    }
    if (form.last) {
        form.last->next = call->query->first;
        call->query->first = form.first;
        call->query->last = call->query->last ? call->query->last : form.last;
        call->query->count += form.count;
    }
    call->body_read = true;
    run(call);
}

static bool has_form(struct call_context *call)
{
    const struct request_head *head = exchange_head(call->exchange);
    struct slice type = headers_find(&head->headers, "Content-Type");
    return (call->route->body == ROUTE_BODY_NONE || call->route->body == ROUTE_BODY_ANY) &&
           head->framing != FRAMING_NONE &&
           slice_is_nocase(
               slice_trim(slice_cut(type, 0, strlen("application/x-www-form-urlencoded"))),
               "application/x-www-form-urlencoded");
}

static void on_free(struct exchange *exchange, void *context)
{
    call_end(context);
}

static struct call_context *call_new(struct exchange *exchange, struct docker *docker)
{
    struct arena *arena = exchange_arena(exchange);
    struct call_context *call = arena_alloc(arena, sizeof(*call));
    call->exchange = exchange;
    call->arena = arena;
    call->docker = docker;
    call->cluster = docker->options.cluster;
    call->settings = docker->options.settings;
    call->query = arena_alloc(arena, sizeof(*call->query));
    call->pinned = headers_find(&exchange_head(exchange)->headers, "X-Cluster-Node");
    query_init(call->query, arena);
    exchange_set_data(exchange, call, on_free);
    call_watch_client(call);
    return call;
}

/* Path and query -> call. False: answered. */
static bool parse(struct call_context *call)
{
    const struct request_head *head = exchange_head(call->exchange);
    struct route_match match;
    struct failure failure;
    switch (routes_match(&match, head->method, head->target, call->arena, &failure)) {
    case ROUTE_BAD:
        call_fail(call, &failure);
        return false;
    case ROUTE_MOVED:
        call_add_header(call, "Location", match.location);
        call_reply(call, 301, NULL, SLICE_NONE);
        return false;
    case ROUTE_UNKNOWN:
        call_error(call, 404, "page not found");
        return false;
    case ROUTE_FOUND:
        break;
    }
    call->route = match.route;
    call->path = match.path;
    call->names[0] = match.names[0];
    call->names[1] = match.names[1];
    keep_up(call->docker);
    call->version = match.version ? match.version : call->docker->version;
    if (query_parse(call->query, call->arena, match.query, &failure) != 0) {
        call_fail(call, &failure);
        return false;
    }
    return !match.version || !version_refused(call);
}

void docker_serve(struct exchange *exchange, void *context)
{
    struct docker *docker = context;
    metrics.requests_total++;
    if (slice_starts(exchange_head(exchange)->target, "/_berth/")) {
        if (docker->options.on_admin)
            docker->options.on_admin(exchange, docker->options.admin_context);
        else
            exchange_reply_error(exchange, 404, "page not found");
        return;
    }
    struct call_context *call = call_new(exchange, docker);
    if (!parse(call))
        return;
    if (has_form(call))
        exchange_read_body(exchange, FORM_MAX_BYTES, on_form, call);
    else
        run(call);
}
