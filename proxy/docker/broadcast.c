/* Broadcast: several engines do the same work, one client watches.
 * Each branch is a streamed call whose lines go through the splitter into the shared progress. The
 * whole lives on the heap, counted by what may still call back: branches' inventory refreshes can't
 * be cancelled and may outlive the client. */
#include "proxy/docker/broadcast.h"

#include "proxy/log.h"

#include <stdlib.h>

struct branch {
    struct broadcast *broadcast;
    size_t index;
    struct engine_node *node; /* held */
    struct call *upload;      /* NULL: ended */
    struct json_splitter *splitter;
    struct buffer error; /* body of a refusal */
    int status;
    bool full;  /* its queue is over the mark: the client's body waits */
    bool ended; /* told to progress */
};

/* What the exchange's callbacks are given: lives as long as the exchange, which the broadcast may
 * not. */
struct door {
    struct broadcast *broadcast; /* NULL: over */
};

struct broadcast {
    struct call_context *call; /* NULL: the client has gone, or has its answer */
    struct door *door;
    struct broadcast_request request;
    struct branch *branches;
    struct progress *progress;
    struct buffer out;
    size_t references;
    int refused_status; /* of the first refusal before the head */
    char *refused_text;
    bool begun, paused, tee_waiting;
};

static void release(struct broadcast *broadcast)
{
    if (--broadcast->references)
        return;
    for (size_t i = 0; i < broadcast->request.count; i++) {
        struct branch *branch = &broadcast->branches[i];

        json_splitter_free(&branch->splitter);
        buffer_deinit(&branch->error);
        node_release(branch->node);
    }
    progress_free(&broadcast->progress);
    buffer_deinit(&broadcast->out);
    free(broadcast->refused_text);
    free(broadcast->branches);
    free(broadcast);
}

/* ---- to the client ---- */

static void resume_branches(struct broadcast *broadcast)
{
    broadcast->paused = false;
    for (size_t i = 0; i < broadcast->request.count; i++)
        if (broadcast->branches[i].upload)
            call_resume(broadcast->branches[i].upload);
}

static void on_client_drained(struct exchange *exchange, void *context)
{
    const struct door *door = context;

    if (door->broadcast && door->broadcast->paused)
        resume_branches(door->broadcast);
}

static void begin(struct broadcast *broadcast)
{
    struct call_context *call = broadcast->call;

    if (broadcast->begun || !call)
        return;
    broadcast->begun = true;
    exchange_begin(call->exchange, 200, "application/json", call->extra);
    exchange_on_drained(call->exchange, on_client_drained, broadcast->door);
}

static void flush(struct broadcast *broadcast)
{
    size_t queued;

    if (!broadcast->out.length || !broadcast->call || !broadcast->begun)
        return;
    queued = exchange_send(broadcast->call->exchange, buffer_slice(&broadcast->out));
    buffer_clear(&broadcast->out);
    if (queued < BROADCAST_MAX_QUEUE || broadcast->paused)
        return;
    broadcast->paused = true;
    for (size_t i = 0; i < broadcast->request.count; i++)
        if (broadcast->branches[i].upload)
            call_pause(broadcast->branches[i].upload);
}

static void finish(struct broadcast *broadcast)
{
    struct call_context *call = broadcast->call;
    bool good = progress_succeeded(broadcast->progress);

    if (!call)
        return;
    broadcast->call = NULL;
    broadcast->door->broadcast = NULL;
    call_on_gone(call, NULL);
    if (broadcast->request.on_done)
        broadcast->request.on_done(call, good, broadcast->request.context);
    if (broadcast->begun) {
        if (broadcast->out.length)
            exchange_send(call->exchange, buffer_slice(&broadcast->out));
        exchange_end(call->exchange);
    } else if (good) {
        call_reply_empty(call, broadcast->branches[0].status);
    } else {
        call_error(call, broadcast->refused_status ? broadcast->refused_status : 503, "%s",
                   broadcast->refused_text ? broadcast->refused_text : "no node answered");
    }
    release(broadcast);
}

static void branch_settled(struct branch *branch, struct slice error)
{
    struct broadcast *broadcast = branch->broadcast;

    if (branch->ended)
        return;
    branch->ended = true;
    if (error.at)
        log_warning("node failed in a call to many", "node=" SLICE_FMT " why=\"" SLICE_FMT "\"",
                    SLICE_ARG(branch->node->view.name), SLICE_ARG(error));
    progress_end(broadcast->progress, branch->index, error, &broadcast->out);
    if (progress_done(broadcast->progress))
        finish(broadcast);
    else
        flush(broadcast);
}

/* The client's body goes on when no node that still listens is behind. */
static void resume_body(struct broadcast *broadcast)
{
    for (size_t i = 0; i < broadcast->request.count; i++)
        if (broadcast->branches[i].full && broadcast->branches[i].upload)
            return;
    if (broadcast->tee_waiting && broadcast->call) {
        broadcast->tee_waiting = false;
        exchange_body_resume(broadcast->call->exchange);
    }
}

/* ---- from the nodes ---- */

static bool on_line(struct slice line, void *context)
{
    struct branch *branch = context;

    progress_feed(branch->broadcast->progress, branch->index, line, &branch->broadcast->out);
    return true;
}

static void on_head(struct call *call, const struct response_head *head, void *context)
{
    struct branch *branch = context;

    branch->status = head->status;
    if (head->status == 200)
        begin(branch->broadcast);
}

static void on_data(struct call *call, struct slice payload, void *context)
{
    struct branch *branch = context;

    if (branch->status != 200) {
        (void)buffer_add(&branch->error, slice_cut(payload, 0, 4096));
        return;
    }
    if (!branch->splitter)
        return;
    if (json_splitter_feed(branch->splitter, payload, on_line, branch) != 0)
        json_splitter_free(&branch->splitter);
    flush(branch->broadcast);
}

static void on_refreshed(void *context)
{
    struct branch *branch = context;
    struct broadcast *broadcast = branch->broadcast;

    if (broadcast->call)
        branch_settled(branch, SLICE_NONE);
    release(broadcast);
}

static void branch_good(struct branch *branch)
{
    struct broadcast *broadcast = branch->broadcast;

    if (!broadcast->request.refresh || branch->node->removed) {
        branch_settled(branch, SLICE_NONE);
        return;
    }
    broadcast->references++;
    inventory_refresh(branch->node, broadcast->request.kind, on_refreshed, branch);
}

static void branch_refused(struct branch *branch, const struct failure *failure)
{
    struct broadcast *broadcast = branch->broadcast;
    struct arena *arena = arena_new();
    struct slice text = buffer_slice(&branch->error);

    if (failure && broadcast->request.count == 1) { /* nobody else says whose failure it is */
        text = arena_printf(arena, SLICE_FMT ": %s", SLICE_ARG(branch->node->view.name),
                            failure->text);
    } else if (failure) {
        text = slice_of(failure->text);
    } else {
        struct slice message = value_get_text(json_parse(arena, text, NULL), "message");

        text = message.at ? message : text;
    }
    if (!broadcast->refused_text) {
        broadcast->refused_status = failure ? 503 : branch->status;
        broadcast->refused_text = xslicedup(text);
    }
    branch_settled(branch, text.length ? text : SLICE("the engine gave no reason"));
    arena_free(&arena);
}

static void on_end(struct call *call, const struct failure *failure, void *context)
{
    struct branch *branch = context;
    struct broadcast *broadcast = branch->broadcast;

    branch->upload = NULL;
    node_touch(branch->node);
    broadcast->references++;
    resume_body(broadcast);
    if (failure || branch->status < 200 || branch->status > 299)
        branch_refused(branch, failure);
    else if (branch->status == 200 && !branch->splitter)
        branch_settled(branch, SLICE("the engine's answer was no JSON"));
    else
        branch_good(branch);
    release(broadcast);
}

static const struct call_handlers handlers = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end};

/* ---- the body, to all ---- */

static void on_branch_drained(struct call *call, void *context)
{
    struct branch *branch = context;

    branch->full = false;
    resume_body(branch->broadcast);
}

static void on_piece(struct exchange *exchange, struct slice piece, void *context)
{
    struct broadcast *broadcast = ((const struct door *)context)->broadcast;
    bool full = false;

    if (!broadcast)
        return;
    for (size_t i = 0; i < broadcast->request.count; i++) {
        struct branch *branch = &broadcast->branches[i];

        if (!branch->upload)
            continue;
        if (!piece.length) {
            call_send_end(branch->upload);
            continue;
        }
        branch->full = call_send(branch->upload, piece) > BROADCAST_MAX_QUEUE;
        full |= branch->full;
    }
    if (full && !broadcast->tee_waiting) {
        broadcast->tee_waiting = true;
        exchange_body_pause(exchange);
    }
}

/* ---- start and end ---- */

static void on_gone(struct call_context *call)
{
    struct broadcast *broadcast = call->own;

    broadcast->call = NULL;
    broadcast->door->broadcast = NULL;
    for (size_t i = 0; i < broadcast->request.count; i++)
        if (broadcast->branches[i].upload)
            call_cancel(&broadcast->branches[i].upload);
    release(broadcast);
}

static void start_branch(struct call_context *call, struct branch *branch)
{
    struct broadcast *broadcast = branch->broadcast;
    const struct broadcast_request *request = &broadcast->request;
    struct slice type = headers_find(&exchange_head(call->exchange)->headers, "Content-Type");
    struct headers *headers = call_engine_headers(call);
    struct call_request send = {
        .method = call->route->method,
        .target = call_target(call, branch->node, request->path.at ? request->path : call->path),
        .headers = headers,
        .body = request->body,
        .content_type = type.at ? arena_text(call->arena, type) : NULL,
    };

    headers_drop(headers, "Content-Type");
    node_touch(branch->node);
    if (request->tee) {
        if (type.at)
            headers_add(headers, SLICE("Content-Type"), type);
        branch->upload = call_upload(branch->node->upstream, &send, &handlers, branch);
        call_on_drained(branch->upload, on_branch_drained, branch);
    } else {
        if (!send.body.at)
            send.body = SLICE("");
        branch->upload = call_stream(branch->node->upstream, &send, &handlers, branch);
    }
}

void broadcast_start(struct call_context *call, const struct broadcast_request *request)
{
    struct broadcast *broadcast = xcalloc(1, sizeof(*broadcast));
    struct slice *names = arena_alloc(call->arena, request->count * sizeof(*names));

    must(request->count > 0);
    broadcast->call = call;
    broadcast->door = arena_alloc(call->arena, sizeof(*broadcast->door));
    broadcast->door->broadcast = broadcast;
    broadcast->request = *request;
    broadcast->references = 1;
    broadcast->branches = xcalloc(request->count, sizeof(*broadcast->branches));
    buffer_init(&broadcast->out, 2 * BROADCAST_MAX_LINE);
    for (size_t i = 0; i < request->count; i++)
        names[i] = request->nodes[i]->view.name;
    broadcast->progress = progress_new(names, request->count, request->required, request->verb);
    call->own = broadcast;
    call_on_gone(call, on_gone);
    for (size_t i = 0; i < request->count; i++) {
        struct branch *branch = &broadcast->branches[i];

        branch->broadcast = broadcast;
        branch->index = i;
        branch->node = node_hold(request->nodes[i]);
        branch->splitter = json_splitter_new(BROADCAST_MAX_LINE);
        buffer_init(&branch->error, 64 * 1024);
        start_branch(call, branch);
    }
    if (request->tee)
        exchange_stream_body(call->exchange, on_piece, broadcast->door);
}
