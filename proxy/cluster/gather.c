/* Gather: asks many nodes the same thing, waits for all or their deadline, and says who failed. */
#include "proxy/cluster/gather.h"

#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdio.h>
#include <stdlib.h>

struct gather_slot {
    struct gather *gather;
    size_t index;
    struct call *call;
};

struct gather {
    struct cluster *cluster;
    struct arena *arena;
    struct gather_request request;
    struct gather_result result;
    struct gather_slot *slots;
    size_t started, ended;
    gather_fn on_done;
    void *context;
    bool cancelled;
};

static void start_more(struct gather *gather);

static void gather_destroy(void *context)
{
    struct gather *gather = context;

    for (size_t i = 0; i < gather->result.count; i++)
        node_release(gather->result.list[i].node);
    arena_free(&gather->arena);
    free(gather);
}

static void gather_finish(struct gather *gather)
{
    gather->on_done(&gather->result, gather->context);
    gather_destroy(gather);
}

static void finish_later(void *context)
{
    struct gather *gather = context;

    if (gather->cancelled)
        gather_destroy(gather);
    else
        gather_finish(gather);
}

static bool may_change(const struct gather *gather)
{
    return !slice_is(gather->request.method, "GET") && !slice_is(gather->request.method, "HEAD");
}

static void on_answer(const struct call_reply *reply, const struct failure *failure, void *context)
{
    struct gather_slot *slot = context;
    struct gather *gather = slot->gather;
    struct gather_answer *answer = &gather->result.list[slot->index];

    slot->call = NULL;
    gather->ended++;
    if (may_change(gather))
        node_touch(answer->node);
    if (failure) {
        answer->failure = *failure;
    } else {
        answer->status = reply->status;
        answer->body = arena_copy(gather->arena, reply->body);
        if (reply->status >= 200 && reply->status < 300)
            gather->result.answered++;
    }
    if (gather->ended == gather->result.count)
        gather_finish(gather);
    else
        start_more(gather);
}

static void start_one(struct gather *gather, size_t index)
{
    struct gather_answer *answer = &gather->result.list[index];
    const struct gather_request *asked = &gather->request;
    struct call_request request = {.method = asked->method,
                                   .headers = asked->headers,
                                   .body = asked->body,
                                   .content_type = asked->content_type,
                                   .deadline_ms = asked->deadline_ms,
                                   .max_body = asked->max_body};
    struct gather_slot *slot = &gather->slots[index];
    char version[16];

    slot->gather = gather;
    slot->index = index;
    if (node_usable(answer->node, &answer->failure) != 0) {
        gather->ended++;
        return;
    }
    api_version_text(node_api_version(answer->node, asked->api_version), version);
    request.target =
        arena_printf(gather->arena, "/v%s" SLICE_FMT, version, SLICE_ARG(asked->target));
    if (may_change(gather))
        node_touch(answer->node);
    slot->call = call_start(answer->node->upstream, &request, on_answer, slot);
}

static void start_more(struct gather *gather)
{
    size_t limit = gather->request.at_once ? gather->request.at_once : gather->result.count;
    bool idle;

    while (gather->started < gather->result.count && gather->started - gather->ended < limit)
        start_one(gather, gather->started++);
    idle = gather->started == gather->result.count && gather->ended == gather->result.count;
    if (idle)
        loop_defer(gather->cluster->loop, finish_later, gather);
}

static const struct headers *copy_headers(struct arena *arena, const struct headers *headers)
{
    struct headers *copy;

    if (!headers)
        return NULL;
    copy = arena_alloc(arena, sizeof *copy);
    copy->count = headers->count;
    for (size_t i = 0; i < headers->count; i++) {
        copy->list[i].name = arena_copy(arena, headers->list[i].name);
        copy->list[i].value = arena_copy(arena, headers->list[i].value);
    }
    return copy;
}

struct gather *gather_start(struct cluster *cluster, const struct gather_request *request,
                            struct engine_node *const *nodes, size_t count, gather_fn on_done,
                            void *context)
{
    struct gather *gather = xcalloc(1, sizeof *gather);
    struct arena *arena = arena_new();

    gather->cluster = cluster;
    gather->arena = arena;
    gather->on_done = on_done;
    gather->context = context;
    gather->request = *request;
    gather->request.method = arena_copy(arena, request->method);
    gather->request.target = arena_copy(arena, request->target);
    gather->request.headers = copy_headers(arena, request->headers);
    if (request->body.at)
        gather->request.body = arena_copy(arena, request->body);
    if (request->content_type)
        gather->request.content_type = arena_text(arena, slice_of(request->content_type));
    gather->result.arena = arena;
    gather->result.count = count;
    gather->result.list = arena_alloc(arena, (count + 1) * sizeof *gather->result.list);
    gather->slots = arena_alloc(arena, (count + 1) * sizeof *gather->slots);
    for (size_t i = 0; i < count; i++)
        gather->result.list[i].node = node_hold(nodes[i]);
    start_more(gather);
    return gather;
}

void gather_cancel(struct gather **pointer)
{
    struct gather *gather = *pointer;

    *pointer = NULL;
    if (!gather)
        return;
    gather->cancelled = true;
    for (size_t i = 0; i < gather->started; i++) {
        if (gather->slots[i].call)
            call_cancel(&gather->slots[i].call);
    }
    /* When all have ended, finish_later is on its way and frees it. */
    if (gather->ended < gather->result.count)
        gather_destroy(gather);
}

struct engine_node **gather_all(struct cluster *cluster, struct arena *arena, size_t *count)
{
    struct engine_node **nodes =
        arena_alloc(arena, (cluster->node_count + 1) * sizeof(struct engine_node *));

    for (size_t i = 0; i < cluster->node_count; i++)
        nodes[i] = cluster->nodes[i];
    *count = cluster->node_count;
    return nodes;
}

static bool succeeded(const struct gather_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}

struct slice gather_failed(const struct gather_result *result, struct arena *arena)
{
    struct buffer names;
    struct slice text;

    buffer_init(&names, 8192);
    for (size_t i = 0; i < result->count; i++) {
        if (succeeded(&result->list[i]))
            continue;
        if (names.length > 0)
            buffer_text(&names, ", ");
        buffer_add(&names, result->list[i].node->view.name);
    }
    text = arena_copy(arena, buffer_slice(&names));
    buffer_deinit(&names);
    return text;
}

static struct slice answer_text(const struct gather_result *result,
                                const struct gather_answer *answer)
{
    const struct value *value;
    struct slice message;

    if (answer->status == 0)
        return slice_of(answer->failure.text);
    value = json_parse(result->arena, answer->body, NULL);
    message = value_get_text(value, "message");
    return message.length ? message : slice_trim(answer->body);
}

/* The status that all who answered gave, when it blames the asker; else 0. */
static int common_status(const struct gather_result *result, const struct gather_answer **one)
{
    int status = 0;

    for (size_t i = 0; i < result->count; i++) {
        int other = result->list[i].status;

        if (other == 0)
            continue;
        if (other < 400 || other > 499 || (status != 0 && other != status))
            return 0;
        status = other;
        *one = &result->list[i];
    }
    return status;
}

void gather_explain(const struct gather_result *result, int *status, struct failure *failure)
{
    const struct gather_answer *one = NULL;
    struct buffer text;

    *status = common_status(result, &one);
    if (*status) {
        failure_set(failure, FAILURE_INVALID, SLICE_FMT, SLICE_ARG(answer_text(result, one)));
        return;
    }
    buffer_init(&text, 900);
    for (size_t i = 0; i < result->count; i++) {
        const struct gather_answer *answer = &result->list[i];
        struct slice why;

        if (succeeded(answer))
            continue;
        why = slice_cut(answer_text(result, answer), 0, 200);
        buffer_printf(&text, "%s" SLICE_FMT ": " SLICE_FMT, text.length ? "; " : "",
                      SLICE_ARG(answer->node->view.name), SLICE_ARG(why));
    }
    failure_set(failure, FAILURE_UNREACHABLE, "no node answered%s" SLICE_FMT,
                text.length ? ": " : " (the cluster has no nodes)", SLICE_ARG(buffer_slice(&text)));
    buffer_deinit(&text);
}
