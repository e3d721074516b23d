/* Images, found: the holders of one image.
 * The inventory is kept by event streams, so it may lag behind an engine by a moment: before a 404
 * every node that can be asked is asked once. */
#include "proxy/docker/images_find.h"

#include <stdlib.h>

struct holder {
    struct engine_node *node;
    int64_t created;
};

static int newest_first(const void *left, const void *right)
{
    const struct holder *a = left, *b = right;

    if (a->created != b->created)
        return a->created > b->created ? -1 : 1;
    return slice_compare(a->node->view.name, b->node->view.name);
}

/* Usable ones, newest image first: one tag may mean different images on different nodes. The usual
 * case is one image on all, whose row is read once. */
static size_t sort_holders(struct call_context *call, struct slice reference,
                           struct engine_node **nodes, size_t count)
{
    struct holder *holders = arena_alloc(call->arena, (count + 1) * sizeof(*holders));
    struct slice last = SLICE_NONE;
    int64_t created = 0;
    size_t kept = 0;

    count = fan_only_usable(nodes, count);
    for (size_t i = 0; i < count; i++) {
        const struct inventory_item *item = inventory_find(nodes[i], WATCH_IMAGES, reference);

        if (call->pinned.length && !slice_equal(nodes[i]->view.name, call->pinned))
            continue;
        if (item && !slice_equal(item->id, last)) {
            last = item->id;
            created = value_get_int(json_parse(call->arena, item->row, NULL), "Created", 0);
        }
        holders[kept++] = (struct holder){nodes[i], item ? created : 0};
    }
    qsort(holders, kept, sizeof(*holders), newest_first);
    for (size_t i = 0; i < kept; i++)
        nodes[i] = holders[i].node;
    return kept;
}

struct finding {
    struct slice reference;
    image_found_fn on_found;
    void (*on_missing)(struct call_context *call);
    void *context;
    bool held_down; /* a node that is down holds it */
};

static void not_found(struct call_context *call, const struct gather_result *result,
                      const struct finding *finding)
{
    for (size_t i = 0; i < result->count; i++) {
        const struct gather_answer *answer = &result->list[i];

        if (answer->status >= 400 && answer->status < 500 && !answer->node->podman &&
            !finding->held_down) {
            call_error(call, answer->status, SLICE_FMT, SLICE_ARG(fan_message(call, answer->body)));
            return;
        }
    }
    if (finding->held_down || (result->count && !result->list[0].status))
        call_error(call, 503, "image " SLICE_FMT " cannot be reached: no node that is up has it",
                   SLICE_ARG(finding->reference));
    else
        call_error(call, 404, "No such image: " SLICE_FMT, SLICE_ARG(finding->reference));
}

static void on_asked(struct call_context *call, const struct gather_result *result, void *context)
{
    struct finding *finding = context;
    struct engine_node **holders = arena_alloc(call->arena, (result->count + 1) * sizeof(*holders));
    size_t count = 0;

    for (size_t i = 0; i < result->count; i++)
        if (result->list[i].status == 200)
            holders[count++] = result->list[i].node;
    if (count)
        finding->on_found(call, holders, count, finding->context);
    else if (finding->on_missing && !finding->held_down)
        finding->on_missing(call);
    else
        not_found(call, result, finding);
}

void image_find_or(struct call_context *call, struct slice reference, image_found_fn on_found,
                   void (*on_missing)(struct call_context *call), void *context)
{
    size_t nodes = cluster_node_count(call->cluster);
    size_t capacity = nodes < IMAGE_MAX_HOLDERS ? nodes : IMAGE_MAX_HOLDERS;
    struct engine_node **holders = arena_alloc(call->arena, (capacity + 1) * sizeof(*holders));
    size_t known = inventory_holders(call->cluster, WATCH_IMAGES, reference, holders, capacity);
    size_t count = sort_holders(call, reference, holders, known < capacity ? known : capacity);
    struct finding *finding = arena_alloc(call->arena, sizeof(*finding));
    struct query *whole = call->query, empty;
    struct fan_request request = {.method = "GET", .deadline_ms = FAN_LIST_MS};

    if (count) {
        on_found(call, holders, count, context);
        return;
    }
    *finding = (struct finding){reference, on_found, on_missing, context,
                                known > 0 && !call->pinned.length};
    request.path = arena_printf(call->arena, "/images/" SLICE_FMT "/json", SLICE_ARG(reference));
    request.nodes = fan_nodes(call, NULL, &request.count);
    query_init(&empty, call->arena);
    call->query = &empty;
    fan_ask(call, &request, on_asked, finding);
    call->query = whole;
}

void image_find(struct call_context *call, struct slice reference, image_found_fn on_found,
                void *context)
{
    image_find_or(call, reference, on_found, NULL, context);
}
