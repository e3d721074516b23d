/* Images, one by name: reads from a healthy holder with failover, push, save; tag and delete on
 * every holder. */
#include "proxy/docker/images_find.h"

/* ---- reads and push: any holder ---- */

static void pass_to_holder(struct call_context *call, struct engine_node **holders, size_t count,
                           void *context)
{
    fan_try(call, &(struct fan_try){.nodes = holders, .count = count});
}

void image_pass(struct call_context *call)
{
    image_find(call, call->names[0], pass_to_holder, NULL);
}

/* Nobody has it: any engine says so in its own way (a 200 with an error in the stream). */
static void pass_to_any(struct call_context *call)
{
    size_t count;
    struct engine_node **nodes = fan_nodes(call, NULL, &count);

    count = fan_only_usable(nodes, count);
    fan_try(call, &(struct fan_try){.nodes = nodes, .count = count});
}

/* push names the repository in the path and the tag in the query; without a tag all tags go. */
void image_push(struct call_context *call)
{
    struct slice tag = query_get(call->query, "tag"), reference = call->names[0];

    if (tag.length)
        reference = arena_printf(call->arena, SLICE_FMT ":" SLICE_FMT, SLICE_ARG(reference),
                                 SLICE_ARG(tag));
    image_find_or(call, reference, pass_to_holder, pass_to_any, NULL);
}

/* ---- save of several: one node must hold them all ---- */

static bool holds_all(struct call_context *call, struct engine_node *node)
{
    for (const struct query_item *item = query_next(call->query, "names", NULL); item;
         item = query_next(call->query, "names", item))
        if (!inventory_find(node, WATCH_IMAGES, item->value))
            return false;
    return true;
}

static void save_from(struct call_context *call, struct engine_node **holders, size_t count,
                      void *context)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (holds_all(call, holders[i]))
            holders[kept++] = holders[i];
    if (kept)
        fan_try(call, &(struct fan_try){.nodes = holders, .count = kept});
    else
        call_error(
            call, 404,
            "no single node holds all of these images: save them one by one, or pull or load the "
            "missing ones first");
}

void image_save(struct call_context *call)
{
    const struct query_item *first = query_next(call->query, "names", NULL);

    if (!first)
        call_error(call, 400, "no image to save: give at least one names=");
    else
        image_find(call, first->value, save_from, NULL);
}

/* ---- tag and delete: every holder ---- */

struct spread {
    struct engine_node **nodes;
    size_t count;
    int status;
    struct slice text;
    struct value *body;
};

static void answer_spread(struct call_context *call, void *context)
{
    const struct spread *spread = context;

    if (spread->text.at)
        call_error(call, spread->status, SLICE_FMT, SLICE_ARG(spread->text));
    else if (spread->body)
        call_reply_json(call, spread->status, spread->body);
    else
        call_reply_empty(call, spread->status);
}

/* The worst refusal that must be told, 404 only when nothing else is left; NULL: none. */
static const struct gather_answer *refusal(const struct gather_result *result)
{
    const struct gather_answer *worst = NULL;

    for (size_t i = 0; i < result->count; i++) {
        const struct gather_answer *answer = &result->list[i];

        if (answer->status < 400)
            continue;
        if (answer->status == 404 && result->answered)
            continue;
        if (!worst || worst->status == 404)
            worst = answer;
    }
    return worst;
}

static void set_refusal(struct call_context *call, struct spread *spread,
                        const struct gather_answer *worst, size_t asked)
{
    struct slice text = fan_message(call, worst->body);

    spread->status = worst->status;
    spread->text = asked > 1 && worst->status != 404
                       ? arena_printf(call->arena, SLICE_FMT ": " SLICE_FMT,
                                      SLICE_ARG(worst->node->view.name), SLICE_ARG(text))
                       : arena_copy(call->arena, text);
}

/* Some nodes have changed: their inventories first, then the answer. */
static void finish_spread(struct call_context *call, const struct gather_result *result,
                          struct spread *spread)
{
    spread->nodes = arena_alloc(call->arena, (result->count + 1) * sizeof(*spread->nodes));
    for (size_t i = 0; i < result->count; i++)
        if (result->list[i].status >= 200 && result->list[i].status < 300)
            spread->nodes[spread->count++] = result->list[i].node;
    fan_refresh(call, spread->nodes, spread->count, WATCH_IMAGES, answer_spread, spread);
}

static void explain(struct call_context *call, const struct gather_result *result)
{
    struct failure failure = {0};
    int status = 0;

    gather_explain(result, &status, &failure);
    call_error(call, status ? status : 503, "%s", failure.text);
}

static void on_tagged(struct call_context *call, const struct gather_result *result, void *context)
{
    struct spread *spread = arena_alloc(call->arena, sizeof(*spread));
    const struct gather_answer *worst = refusal(result);
    size_t count;

    if (!result->answered && !worst) {
        explain(call, result);
        return;
    }
    if (result->answered) {
        spread->status = 201;
        (void)fan_bodies(call, result, &count);
    } else {
        set_refusal(call, spread, worst, result->count);
    }
    finish_spread(call, result, spread);
}

static void tag_on(struct call_context *call, struct engine_node **holders, size_t count,
                   void *context)
{
    fan_ask(call,
            &(struct fan_request){.method = "POST",
                                  .path = call->path,
                                  .nodes = holders,
                                  .count = count,
                                  .deadline_ms = FAN_LIST_MS,
                                  .mutates = true},
            on_tagged, NULL);
}

void image_tag(struct call_context *call)
{
    image_find(call, call->names[0], tag_on, NULL);
}

static void on_deleted(struct call_context *call, const struct gather_result *result, void *context)
{
    struct spread *spread = arena_alloc(call->arena, sizeof(*spread));
    const struct gather_answer *worst = refusal(result);
    struct merge_body *bodies;
    size_t count;

    if (!result->answered && !worst) {
        explain(call, result);
        return;
    }
    if (worst) {
        set_refusal(call, spread, worst, result->count);
    } else {
        bodies = fan_bodies(call, result, &count);
        spread->status = 200;
        spread->body = merge_rows(call->arena, bodies, count);
    }
    finish_spread(call, result, spread);
}

static void delete_on(struct call_context *call, struct engine_node **holders, size_t count,
                      void *context)
{
    fan_ask(call,
            &(struct fan_request){.method = "DELETE",
                                  .path = call->path,
                                  .nodes = holders,
                                  .count = count,
                                  .deadline_ms = FAN_SLOW_MS,
                                  .mutates = true},
            on_deleted, NULL);
}

void image_delete(struct call_context *call)
{
    image_find(call, call->names[0], delete_on, NULL);
}
