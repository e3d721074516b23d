/* Build: a legacy build is scheduled like a container; a BuildKit build is several connections
 * (build, session, grpc) that must meet on one node: what comes first binds its ids, and what
 * carries no id finds the node by the client. */
#include "proxy/docker/broadcast.h"
#include "proxy/docker/nouns.h"

#include "policy/constraint.h"
#include "proxy/cluster/launch.h"

/* ---- the node of a client's BuildKit ---- */

static bool can_build(const struct engine_node *node)
{
    struct failure why;

    return !node->podman && node_usable(node, &why) == 0;
}

/* FNV-1a, then mixed so that close names are far apart. */
static uint64_t weight(struct slice client, struct slice node)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < client.length; i++)
        hash = (hash ^ (unsigned char)client.at[i]) * 1099511628211u;
    for (size_t i = 0; i < node.length; i++)
        hash = (hash ^ (unsigned char)node.at[i]) * 1099511628211u;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 33);
}

/* Rendezvous hashing: the client keeps its node (and its warm cache) while the node is there. */
static struct engine_node *hashed_node(struct call_context *call, struct slice client)
{
    size_t count = cluster_node_count(call->cluster);
    struct engine_node *best = NULL;
    uint64_t best_weight = 0;

    for (size_t i = 0; i < count; i++) {
        struct engine_node *node = cluster_node_at(call->cluster, i);
        uint64_t mine = weight(client, node->view.name);

        if (!can_build(node) || node->view.availability != NODE_ACTIVE)
            continue;
        if (!best || mine > best_weight) {
            best = node;
            best_weight = mine;
        }
    }
    return best;
}

static struct engine_node *client_node(struct call_context *call)
{
    struct nouns *nouns = docker_nouns(call->docker);
    struct slice client = nouns_client(call);
    struct engine_node *node = NULL;

    if (call->pinned.length)
        return cluster_node_find(call->cluster, call->pinned);
    node = nouns_build_node(nouns, client);
    if (!node || !can_build(node))
        node = hashed_node(call, client);
    if (node)
        nouns_pin_builds(nouns, client, node);
    return node;
}

/* ---- bindings ---- */

static struct slice key_of(struct call_context *call, const char *kind, struct slice id)
{
    static const char upload[] = "upload-request:";

    if (!id.length)
        return SLICE_NONE;
    if (slice_starts(id, upload))
        id = slice_from(id, sizeof(upload) - 1);
    return arena_printf(call->arena, "%s:" SLICE_FMT, kind, SLICE_ARG(id));
}

/* The node that one of the two keys is bound to, else the client's; both are bound to it then. */
static struct engine_node *bound_node(struct call_context *call, struct slice one, struct slice two)
{
    struct nouns *nouns = docker_nouns(call->docker);
    struct engine_node *node = one.length ? nouns_bound(nouns, one) : NULL;

    if (!node && two.length)
        node = nouns_bound(nouns, two);
    if (!node || !can_build(node))
        node = client_node(call);
    if (node && one.length)
        nouns_bind(nouns, one, node);
    if (node && two.length)
        nouns_bind(nouns, two, node);
    return node;
}

static void no_builder(struct call_context *call)
{
    call_error(call, 503, "no node can build: BuildKit needs a dockerd that is ready");
}

/* ---- legacy builds ---- */

/* `--build-arg constraint:storage==ssd` says where to build; the engine must not see it. */
static int take_constraints(struct call_context *call, struct constraint_set *set,
                            struct failure *failure)
{
    struct value *arguments = json_parse(call->arena, query_get(call->query, "buildargs"), NULL);
    bool any = false;

    if (!arguments || arguments->type != VALUE_MAP)
        return 0;
    for (struct value *argument = arguments->first, *next; argument; argument = next) {
        struct slice text = argument->type == VALUE_TEXT ? argument->text : SLICE("");
        bool taken = false;

        next = argument->next;
        if (constraint_set_add_label(set, call->arena, argument->key, text, &taken, failure) != 0)
            return -1;
        if (!taken)
            continue;
        value_remove(arguments, argument);
        any = true;
    }
    if (any)
        query_set(call->query, "buildargs", json_text(call->arena, arguments));
    return 0;
}

static struct engine_node *scheduled_node(struct call_context *call, struct failure *failure)
{
    struct constraint_set *set = arena_alloc(call->arena, sizeof(*set));
    struct workload workload = {.platform = query_get(call->query, "platform")};
    struct slice reason = SLICE("node asked for");
    struct engine_node *node = NULL;
    int64_t memory = 0;

    if (take_constraints(call, set, failure) != 0 ||
        query_int(call->query, "memory", 0, &memory, failure) != 0)
        return NULL;
    workload.constraints = constraint_set_view(set);
    workload.asked.memory_bytes = memory > 0 ? memory : 0;
    if (call->pinned.length) {
        workload.homes = &call->pinned;
        workload.home_reasons = &reason;
        workload.home_count = 1;
    }
    return launch_choose(call->cluster, &workload, &node, failure) == 0 ? node : NULL;
}

/* ---- the calls ---- */

void build_create(struct call_context *call)
{
    struct slice session = key_of(call, "session", query_get(call->query, "session"));
    struct slice build = key_of(call, "build", query_get(call->query, "buildid"));
    bool buildkit = slice_is(query_get(call->query, "version"), "2") ||
                    slice_starts(query_get(call->query, "buildid"), "upload-request:");
    struct failure failure;
    struct engine_node *node;

    if (buildkit) {
        node = bound_node(call, build, session);
        failure_set(&failure, FAILURE_UNREACHABLE,
                    "no node can build: BuildKit needs a dockerd that is ready");
    } else {
        node = scheduled_node(call, &failure);
    }
    if (!node) {
        call_fail(call, &failure);
        return;
    }
    if (!buildkit && build.length)
        nouns_bind(docker_nouns(call->docker), build, node);
    call_mark_node(call, node);
    broadcast_start(call, &(struct broadcast_request){.nodes = &node,
                                                      .count = 1,
                                                      .required = 1,
                                                      .tee = true,
                                                      .verb = "Building",
                                                      .kind = WATCH_IMAGES,
                                                      .refresh = true});
}

/* Nobody knows the id here: all engines are told, the first answer is passed on. */
static void on_cancelled(struct call_context *call, const struct gather_result *result,
                         void *context)
{
    struct headers json = {.count = 0};

    for (size_t i = 0; i < result->count; i++) {
        const struct gather_answer *answer = &result->list[i];

        if (answer->status) {
            headers_add(&json, SLICE("Content-Type"), SLICE("application/json"));
            call_reply_engine(call, answer->node, answer->status, &json, answer->body);
            return;
        }
    }
    no_builder(call);
}

void build_cancel(struct call_context *call)
{
    struct slice key = key_of(call, "build", query_get(call->query, "id"));
    struct engine_node *node = key.length ? nouns_bound(docker_nouns(call->docker), key) : NULL;
    struct engine_node **nodes;
    size_t count;

    if (node) {
        (void)call_relay(call, &(struct call_relay){.node = node, .deadline_ms = FAN_LIST_MS});
        return;
    }
    nodes = fan_nodes(call, NULL, &count);
    count = fan_only_usable(nodes, fan_only_dockerd(nodes, count));
    fan_ask(call,
            &(struct fan_request){.method = "POST",
                                  .path = call->path,
                                  .nodes = nodes,
                                  .count = count,
                                  .deadline_ms = FAN_LIST_MS,
                                  .mutates = true},
            on_cancelled, NULL);
}

void build_tunnel(struct call_context *call)
{
    struct slice id =
        headers_find(&exchange_head(call->exchange)->headers, "X-Docker-Expose-Session-Uuid");
    struct slice key = key_of(call, "session", id);
    struct engine_node *node = bound_node(call, key, SLICE_NONE);

    if (node)
        (void)call_relay(call, &(struct call_relay){.node = node, .unversioned = true});
    else
        no_builder(call);
}
