/* Join: an agent brings its engine into the cluster. A second join of the same node (the agent or
 * the manager was restarted) is an update. */
#include "proxy/admin/internal.h"

#include "proxy/admin/join_request.h"
#include "proxy/token.h"
#include "proxy/cluster/nodes.h"
#include "proxy/log.h"
#include "proxy/policy_service.h"

/* What let a join in. */
struct admission {
    enum key_verdict key;
    struct join_token *token; /* single-use token to be used up, or NULL */
};

/* The key of a node that was here before, the shared token, or a single-use one. Without a shared
 * token everybody may join as long as only this machine can ask. */
static int admit(struct admin_call *call, const struct join_request *request,
                 struct admission *admission, struct failure *failure)
{
    struct admin *admin = call->admin;
    struct slice shown = admin_bearer(call);
    struct failure clash;

    admission->token = NULL;
    admission->key = membership_key_check(admin->membership, request->name, request->engine_id,
                                          request->key, &clash);
    if (admission->key == KEY_PROVED)
        return 0;
    if (!(admin->token && shown.at && token_equal(shown, slice_of(admin->token))) &&
        (admin->token || admin->open)) {
        if (!shown.at)
            return failure_set(failure, FAILURE_UNIDENTIFIED,
                               "a join token is needed: give berth-agent --token-file FILE or "
                               "BERTH_JOIN_TOKEN, the same token that the manager has");
        admission->token =
            membership_token_check(admin->membership, shown, admin_wall_ms(), failure);
        if (!admission->token)
            return -1;
    }
    if (admission->key == KEY_WRONG) {
        *failure = clash;
        return -1;
    }
    return 0;
}

/* After a join: the token is used up, the key pinned, and both are on disk before the answer. */
static int record(struct admin_call *call, const struct join_request *request,
                  const struct admission *admission, struct slice pool, struct failure *failure)
{
    int pinned = membership_key_pin(call->admin->membership, request->name, request->engine_id,
                                    request->key, arena_copy(call->arena, pool), failure);

    if (pinned < 0)
        return -1;
    if (admission->token)
        membership_token_used(admission->token, request->name);
    return pinned || admission->token ? admin_save(call->admin, failure) : 0;
}

static int read_endpoint(struct admin_call *call, const struct join_request *request,
                         struct endpoint *endpoint, struct failure *failure)
{
    if (endpoint_parse(endpoint, request->engine, 2375, failure) != 0)
        return failure_prefix(failure, "engine address " SLICE_FMT,
                              SLICE_ARG(slice_cut(request->engine, 0, 120)));
    /* A unix path of another machine would be opened on ours. */
    if (endpoint->kind == ENDPOINT_UNIX && !admin_peer_is_local(call))
        return failure_set(
            failure, FAILURE_INVALID,
            "engine address " SLICE_FMT " is a socket on the agent's machine, which "
            "the manager can't reach: give berth-agent --advertise tcp://ADDRESS:PORT",
            SLICE_ARG(request->engine));
    return 0;
}

/* How the engine is reached: through the agent's gate, or straight. */
static int read_way(struct admin_call *call, const struct join_request *request,
                    struct node_options *options, struct value *answer, struct failure *failure)
{
    if (request->gate.length == 0)
        return read_endpoint(call, request, &options->endpoint, failure);
    if (!call->admin->gates)
        return failure_set(failure, FAILURE_INVALID,
                           "gates need a manager that keeps keys: start berthd with --state DIR");
    struct slice peer = slice_of(stream_peer(exchange_stream_of(call->exchange)));
    ptrdiff_t colon = slice_find_last(peer, ':');
    struct slice address = arena_printf(call->arena, "tcp://" SLICE_FMT ":2376",
                                        SLICE_ARG(slice_cut(peer, 0, colon > 0 ? (size_t)colon : 0)));
    return gates_admit(call->admin->gates, call->arena, request,
                       colon > 0 ? address : SLICE("tcp://127.0.0.1:2376"), options, answer,
                       failure);
}

static void reply_joined(struct admin_call *call, struct value *answer,
                         const struct engine_node *node, const char *secret)
{
    struct arena *arena = call->arena;

    value_set_text(arena, answer, "cluster", slice_of(cluster_options(call->admin->cluster)->name));
    value_set_text(arena, answer, "node", node->view.name);
    value_set_text(arena, answer, "lease", slice_of(secret));
    value_set_int(arena, answer, "lease_ms",
                  (int64_t)cluster_options(call->admin->cluster)->lease_ms);
    exchange_reply_json(call->exchange, 200, answer);
}

static void refuse(struct admin_call *call, const struct join_request *request, const char *reason,
                   const struct failure *failure)
{
    log_warning("join refused", "node=" SLICE_FMT " peer=%s why=\"%s\"", SLICE_ARG(request->name),
                stream_peer(exchange_stream_of(call->exchange)), failure->text);
    admin_fail(call, reason, failure);
}

/* policy.agent_join: may refuse the node, may give it tags. */
static int ask_policy(struct admin_call *call, const struct join_request *request,
                      const struct admission *admission, struct node_options *options,
                      struct failure *failure)
{
    struct policy *policy =
        call->admin->policy ? policy_hold(policy_service_host(call->admin->policy)) : NULL;
    struct policy_agent agent = {.name = request->name,
                                 .pool = options->pool,
                                 .proof = admission->key == KEY_PROVED ? SLICE("key")
                                          : admission->token           ? SLICE("token")
                                          : call->admin->token         ? SLICE("shared token")
                                                                       : SLICE("none"),
                                 .address = request->address,
                                 .labels = request->tags};
    struct policy_answer answer;
    struct tags labels;

    if (!policy)
        return 0;
    policy_agent_join(policy, &agent, call->arena, &labels, &answer);
    policy_release(&policy);
    if (answer.say == POLICY_DENY)
        return failure_set(failure, FAILURE_DENIED, "%s", answer.why);
    struct tag *list =
        arena_alloc(call->arena, (options->tags.count + labels.count + 1) * sizeof(*list));
    size_t count = 0;
    for (size_t i = 0; i < labels.count; i++) /* first: a declared tag must not hide them */
        list[count++] = labels.list[i];
    for (size_t i = 0; i < options->tags.count; i++)
        list[count++] = options->tags.list[i];
    options->tags = (struct tags){list, count};
    return 0;
}

static void add_node(struct admin_call *call, const struct join_request *request,
                     const struct admission *admission)
{
    struct admin *admin = call->admin;
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
    struct slice given = admission->token
                             ? slice_of(admission->token->pool)
                             : membership_key_pool(admin->membership, request->engine_id);
    struct engine_node *node = cluster_node_named(admin->cluster, request->name);
    bool known = node && node->joined && !node->lease_over; /* an update, e.g. of its facts */
    struct value *answer = value_map(call->arena);
    struct failure failure;
    const char *secret;

    /* A pool that came with the token is the operator's word; the agent's own is only a wish. */
    if (given.length)
        options.pool = given;
    if (read_way(call, request, &options, answer, &failure) != 0) {
        refuse(call, request, "engine", &failure);
        return;
    }
    if (ask_policy(call, request, admission, &options, &failure) != 0) {
        refuse(call, request, "policy", &failure);
        return;
    }
    node = cluster_node_add(admin->cluster, &options, &failure);
    if (!node) {
        refuse(call, request, failure.kind == FAILURE_CONFLICT ? "node" : "join", &failure);
        return;
    }
    secret = lease_make(admin, request->name, request->engine_id, &failure);
    if (!secret || record(call, request, admission, given, &failure) != 0) {
        refuse(call, request, "state", &failure);
        return;
    }
    cluster_node_renew(node);
    log_write(known ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "node joined",
              "node=" SLICE_FMT " engine=%s peer=%s", SLICE_ARG(request->name),
              options.endpoint.text, stream_peer(exchange_stream_of(call->exchange)));
    reply_joined(call, answer, node, secret);
}

static void on_body(struct admin_call *call, struct value *body)
{
    const char *cluster = cluster_options(call->admin->cluster)->name;
    struct join_request request;
    struct admission admission;
    struct failure failure;

    if (join_request_read(&request, call->arena, body, &failure) != 0) {
        admin_fail(call, "request", &failure);
        return;
    }
    if (admit(call, &request, &admission, &failure) != 0) {
        refuse(call, &request, failure.kind == FAILURE_CONFLICT ? "key" : "token", &failure);
        return;
    }
    if (!slice_is(request.cluster, cluster)) {
        failure_set(&failure, FAILURE_CONFLICT,
                    "this manager serves cluster \"%s\", not \"" SLICE_FMT
                    "\": check berth-agent --join-cluster and --manager",
                    cluster, SLICE_ARG(slice_cut(request.cluster, 0, 100)));
        refuse(call, &request, "cluster", &failure);
        return;
    }
    add_node(call, &request, &admission);
}

/* The body is read before the token is judged, since a node that was here before shows its key in
 * it; it is bounded and only parsed. */
void admin_join(struct admin_call *call)
{
    admin_read_json(call, on_body);
}
