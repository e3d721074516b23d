/* Fence, the manager's half: tells an agent which of its containers could be moved, and what to do
 * with those that it stopped when it thought itself given up. docs/decisions/004-fencing.md. */
#include "proxy/admin/internal.h"

#include "policy/rebalance.h"
#include "proxy/cluster/containers.h"
#include "proxy/cluster/nodes.h"
#include "proxy/token.h"

#define MAX_STOPPED 10000

/* Engine ids of what would be moved if the node were lost now. */
static struct value *movable(struct arena *arena, struct engine_node *node)
{
    struct value *list = value_list(arena);

    for (size_t i = 0; i < node->view.containers_total; i++) {
        const struct container *container = node->view.containers[i];
        struct container_entry *entry;

        if (rebalance_judge(container) != REBALANCE_MOVE)
            continue;
        entry = cluster_container(node->cluster, container->id);
        if (entry && entry->node == node && !entry->superseded && entry->engine_id.length)
            value_append(list, value_text(arena, entry->engine_id));
    }
    return list;
}

/* The list is sent only when the agent has another one: it goes with every heartbeat. */
static struct slice digest_of(struct arena *arena, const struct value *list)
{
    struct buffer ids;
    char hex[TOKEN_HEX_BYTES + 1];

    buffer_init(&ids, SIZE_MAX / 4);
    VALUE_EACH(id, list)
    {
        buffer_add(&ids, id->text);
        buffer_char(&ids, ' ');
    }
    token_hash(buffer_slice(&ids), hex);
    buffer_deinit(&ids);
    return arena_copy(arena, slice_make(hex, 16));
}

static void tell_movable(struct admin_call *call, struct engine_node *node,
                         const struct value *body, struct value *answer)
{
    struct value *fence = value_submap(call->arena, answer, "fence"), *list;
    struct slice digest;

    if (!call->admin->fence_within_ms) {
        value_set_int(call->arena, fence, "after_ms",
                      0); /* an agent told otherwise before stops it */
        return;
    }
    value_set_int(call->arena, fence, "after_ms",
                  (int64_t)cluster_options(node->cluster)->lease_ms);
    value_set_int(call->arena, fence, "within_ms", (int64_t)call->admin->fence_within_ms);
    /* Before the copy of the engine is whole, the list that the agent has is the better one. */
    if (!node->in_sync)
        return;
    list = movable(call->arena, node);
    digest = digest_of(call->arena, list);
    if (slice_equal(digest, value_get_text(body, "fence_digest")))
        return;
    value_set_text(call->arena, fence, "digest", digest);
    value_set(call->arena, fence, "containers", list);
}

static bool should_start(const struct container_entry *entry)
{
    return entry && !entry->superseded && !cluster_stop_wanted(entry) &&
           entry->view.state == CONTAINER_EXITED;
}

/* A container that the fence stopped is started again if it is still the one that users mean. */
static void judge_stopped(struct admin_call *call, struct engine_node *node,
                          const struct value *body, struct value *answer)
{
    const struct value *stopped = value_find(body, "stopped");
    struct value *start = value_list(call->arena), *drop = value_list(call->arena);
    size_t left = MAX_STOPPED;

    if (!stopped || !node->in_sync || node->view.state != NODE_READY)
        return;
    VALUE_EACH(id, stopped)
    {
        if (id->type != VALUE_TEXT || left-- == 0)
            continue;
        value_append(should_start(cluster_container_on(node, id->text)) ? start : drop,
                     value_text(call->arena, id->text));
    }
    value_set(call->arena, answer, "start", start);
    value_set(call->arena, answer, "drop", drop);
}

void admin_fence_answer(struct admin_call *call, struct engine_node *node, const struct value *body,
                        struct value *answer)
{
    tell_movable(call, node, body, answer);
    judge_stopped(call, node, body, answer);
}
