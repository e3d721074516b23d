/* Join: an agent brings its engine into the cluster. A second join of the same node (the agent or
 * the manager was restarted) is an update. */
#include "proxy/admin/internal.h"

#include "proxy/admin/join_request.h"
#include "proxy/token.h"
#include "proxy/cluster/nodes.h"
#include "proxy/log.h"

static int check_token(struct admin_call *call, struct failure *failure)
{
    struct slice shown = admin_bearer(call);

    if (!call->admin->token)
        return 0;
    if (!shown.at)
        return failure_set(failure, FAILURE_UNIDENTIFIED,
                           "a join token is needed: give berth-agent --token-file FILE or "
                           "BERTH_JOIN_TOKEN, the same token that the manager has");
    if (!token_equal(shown, slice_of(call->admin->token)))
        return failure_set(failure, FAILURE_UNIDENTIFIED,
                           "wrong join token: it is not the one that the manager has");
    return 0;
}

static int read_endpoint(struct admin_call *call, const struct join_request *request,
                         struct endpoint *endpoint, struct failure *failure)
{
    if (endpoint_parse(endpoint, request->engine, 2375, failure) != 0)
        return failure_prefix(failure, "engine address " SLICE_FMT,
                              SLICE_ARG(slice_cut(request->engine, 0, 120)));
    /* A unix path of another machine would be opened on ours. */
    if (endpoint->kind == ENDPOINT_UNIX && !admin_peer_is_local(call))
        return failure_set(failure, FAILURE_INVALID,
                           "engine address " SLICE_FMT " is a socket on the agent's machine, which "
                           "the manager can't reach: give berth-agent --advertise tcp://ADDRESS:PORT",
                           SLICE_ARG(request->engine));
    return 0;
}

static void reply_joined(struct admin_call *call, const struct engine_node *node,
                         const char *secret)
{
    struct value *answer = value_map(call->arena);
    struct arena *arena = call->arena;

    value_set_text(arena, answer, "cluster", slice_of(cluster_options(call->admin->cluster)->name));
    value_set_text(arena, answer, "node", node->view.name);
    value_set_text(arena, answer, "lease", slice_of(secret));
    value_set_int(arena, answer, "lease_ms",
                  (int64_t)cluster_options(call->admin->cluster)->lease_ms);
    exchange_reply_json(call->exchange, 200, answer);
}

static const char *reason_of(const struct failure *failure)
{
    return failure->kind == FAILURE_CONFLICT ? "node" : "join";
}

static void add_node(struct admin_call *call, const struct join_request *request)
{
    struct node_options options = {
        .name = request->name,
        .engine_id = request->engine_id,
        .address = request->address,
        .tags = request->tags,
        .facts = request->facts,
        .declared = request->declared,
        .pool = request->pool,
        .joined = true,
    };
    struct engine_node *node;
    struct failure failure;
    const char *secret;

    if (read_endpoint(call, request, &options.endpoint, &failure) != 0) {
        admin_fail(call, "engine", &failure);
        return;
    }
    node = cluster_node_add(call->admin->cluster, &options, &failure);
    if (!node) {
        log_warning("join refused", "node=" SLICE_FMT " engine=%s why=\"%s\"",
                    SLICE_ARG(request->name), options.endpoint.text, failure.text);
        admin_fail(call, reason_of(&failure), &failure);
        return;
    }
    secret = lease_make(call->admin, request->name, request->engine_id, &failure);
    if (!secret) {
        admin_fail(call, "lease", &failure);
        return;
    }
    cluster_node_renew(node);
    log_info("node joined", "node=" SLICE_FMT " engine=%s peer=%s", SLICE_ARG(request->name),
             options.endpoint.text, stream_peer(exchange_stream_of(call->exchange)));
    reply_joined(call, node, secret);
}

static void on_body(struct admin_call *call, struct value *body)
{
    const char *cluster = cluster_options(call->admin->cluster)->name;
    struct join_request request;
    struct failure failure;

    if (join_request_read(&request, call->arena, body, &failure) != 0) {
        admin_fail(call, "request", &failure);
        return;
    }
    if (!slice_is(request.cluster, cluster)) {
        failure_set(&failure, FAILURE_CONFLICT,
                    "this manager serves cluster \"%s\", not \"" SLICE_FMT
                    "\": check berth-agent --join-cluster and --manager",
                    cluster, SLICE_ARG(slice_cut(request.cluster, 0, 100)));
        admin_fail(call, "cluster", &failure);
        return;
    }
    add_node(call, &request);
}

/* The token is checked before a byte of the body is looked at. */
void admin_join(struct admin_call *call)
{
    struct failure failure;

    if (check_token(call, &failure) != 0) {
        log_warning("join refused", "peer=%s why=\"%s\"",
                    stream_peer(exchange_stream_of(call->exchange)), failure.text);
        admin_fail(call, "token", &failure);
        return;
    }
    admin_read_json(call, on_body);
}
