/* Images, brought in: pull to the node a create was decided for, else to as many as the policy
 * says; import and load teed to all. */
#include "proxy/docker/broadcast.h"
#include "proxy/docker/nouns.h"
#include "proxy/docker/reference.h"
#include "proxy/settings.h"

/* Nodes that new things may go to: usable and active; when none is active, all usable (an
 * operator who has paused everything still may pull). */
static struct engine_node **targets(struct call_context *call, size_t *count)
{
    struct engine_node **nodes = fan_nodes(call, NULL, count);
    size_t active = 0;

    *count = fan_only_usable(nodes, *count);
    for (size_t i = 0; i < *count; i++) {
        if (nodes[i]->view.availability == NODE_ACTIVE) {
            struct engine_node *first = nodes[active];

            nodes[active++] = nodes[i];
            nodes[i] = first;
        }
    }
    if (active)
        *count = active;
    return nodes;
}

/* --pull-policy all | one | N: how many nodes pull. all needs one success, N needs N. */
static void apply_policy(const char *policy, size_t *count, size_t *required)
{
    uint64_t wanted = 1;

    *required = 1;
    if (!policy || !strcmp(policy, "all"))
        return;
    if (strcmp(policy, "one") != 0 && slice_to_u64(slice_of(policy), &wanted) != 0)
        return; /* settings have checked it */
    if (wanted < *count)
        *count = wanted ? (size_t)wanted : 1;
    *required = *count;
}

/* "busybox:latest" of what is being pulled: the form a create is remembered by. */
static struct slice pulled_image(struct call_context *call)
{
    struct slice image = query_get(call->query, "fromImage"), tag = query_get(call->query, "tag");

    if (tag.length)
        image = arena_printf(call->arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(image),
                             slice_find(tag, ':') >= 0 ? "@" : ":", SLICE_ARG(tag));
    return reference_normal(call->arena, image);
}

static void start(struct call_context *call, struct broadcast_request *request)
{
    request->kind = WATCH_IMAGES;
    request->refresh = true;
    if (request->count)
        broadcast_start(call, request);
    else
        call_error(call, 503, "no node can be asked: none is ready");
}

static void pull(struct call_context *call)
{
    struct broadcast_request request = {.verb = "Pulling"};
    struct engine_node *reserved =
        nouns_take_pull(docker_nouns(call->docker), nouns_client(call), pulled_image(call));
    struct failure why;

    if (reserved && !call->pinned.length && node_usable(reserved, &why) == 0) {
        request.nodes = &reserved;
        request.count = request.required = 1;
    } else {
        request.nodes = targets(call, &request.count);
        apply_policy(call->settings->pull_policy, &request.count, &request.required);
    }
    start(call, &request);
}

void image_create(struct call_context *call)
{
    struct broadcast_request request = {.verb = "Importing", .required = 1, .tee = true};

    if (query_get(call->query, "fromImage").length) {
        pull(call);
        return;
    }
    request.nodes = targets(call, &request.count);
    if (!slice_is(query_get(call->query, "fromSrc"), "-")) {
        request.tee = false; /* the engines fetch it from a URL, or say what is wrong */
        apply_policy(call->settings->pull_policy, &request.count, &request.required);
    }
    start(call, &request);
}

void image_load(struct call_context *call)
{
    struct broadcast_request request = {.verb = "Loading", .required = 1, .tee = true};

    request.nodes = targets(call, &request.count);
    start(call, &request);
}
