/* Exec: an exec id belongs to the engine that made it; the manager remembers which, and asks all
 * engines once for an id it does not know. */
#include "proxy/docker/handler.h"

#include "proxy/cluster/changes.h"
#include "proxy/cluster/gather.h"
#include "proxy/docker/mutate.h"
#include "proxy/docker/owner.h"
#include "proxy/docker/path.h"
#include "proxy/json.h"

#define ASK_DEADLINE_MS 10000

struct exec_making {
    struct value *body;
    struct slice engine_id;
};

static void on_created(struct call_context *call, int status, struct slice body)
{
    struct failure failure;
    struct value *answer = status == 201 ? json_parse(call->arena, body, &failure) : NULL;
    struct slice id = value_get_text(answer, "Id");
    struct exec_making *exec = call->own;
    if (id.length)
        cluster_exec_add(call->cluster, id, call_node(call), exec->engine_id);
}

static void create_entry(struct call_context *call, struct container_entry *entry)
{
    struct exec_making *exec = call->own;
    exec->engine_id = arena_copy(call->arena, entry->engine_id);
    struct mutate_options options = {
        .node = entry->node,
        .path = call_container_path(call, entry),
        .body = json_text(call->arena, exec->body),
        .on_answer = on_created,
    };
    mutate_start(call, &options);
}

static void create_body(struct call_context *call, struct value *body)
{
    struct exec_making *exec = arena_alloc(call->arena, sizeof(*exec));
    exec->body = body;
    call->own = exec;
    call_find_container(call, call->names[0], create_entry);
}

void exec_create(struct call_context *call)
{
    call_read_json(call, false, create_body);
}

/* ---- calls on an exec id ---- */

static void pass_to(struct call_context *call, struct engine_node *node)
{
    struct call_relay options = {.node = node};
    call_mark_node(call, node);
    call_relay(call, &options);
}

static void refuse(struct call_context *call)
{
    call_error(call, 404, "No such exec instance: " SLICE_FMT, SLICE_ARG(call->names[0]));
}

/* Who may not see the container may not see what runs in it. */
static bool sees(struct call_context *call, struct engine_node *node, struct slice container)
{
    struct container_entry *entry = cluster_container_on(node, container);
    return entry ? owner_sees_container(call, entry) : owner_sees_all(call);
}

static void on_asked(const struct gather_result *result, void *context)
{
    struct call_context *call = context;
    struct failure failure;
    call->gather = NULL;
    for (size_t i = 0; i < result->count; i++) {
        if (result->list[i].status != 200)
            continue;
        struct value *exec = json_parse(result->arena, result->list[i].body, &failure);
        cluster_exec_add(call->cluster, call->names[0], result->list[i].node,
                         value_get_text(exec, "ContainerID"));
        if (sees(call, result->list[i].node, value_get_text(exec, "ContainerID")))
            pass_to(call, result->list[i].node);
        else
            refuse(call);
        return;
    }
    refuse(call);
}

void exec_pass(struct call_context *call)
{
    struct engine_node *node = cluster_exec_node(call->cluster, call->names[0]);
    if (node && !sees(call, node, cluster_exec_container(call->cluster, call->names[0]))) {
        refuse(call);
        return;
    }
    if (node) {
        pass_to(call, node);
        return;
    }
    struct gather_request request = {
        .method = SLICE("GET"),
        .target = path_encode(call->arena, arena_printf(call->arena, "/exec/" SLICE_FMT "/json",
                                                        SLICE_ARG(call->names[0]))),
        .api_version = call->version,
        .deadline_ms = ASK_DEADLINE_MS,
    };
    size_t count;
    struct engine_node **nodes = gather_all(call->cluster, call->arena, &count);
    call->gather = gather_start(call->cluster, &request, nodes, count, on_asked, call);
}
