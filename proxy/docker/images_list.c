/* Images, the list: asked of every node and merged by id. Filters that name another image (before,
 * since) are resolved here, because a node that lacks that image would answer 404. */
#include "proxy/docker/fan.h"

static const char *const allowed[] = {"dangling", "label", "label!", "reference", "until",
                                      "before",   "since", "node",   NULL};

struct listing {
    int64_t before, since; /* seconds; 0: no filter */
    bool plain;            /* no filter at all: rows of nodes that are down are shown too */
    struct engine_node **nodes;
    size_t count;
};

/* Created of the image that `reference` names anywhere; -1: nobody has it. */
static int64_t created_of(struct call_context *call, struct slice reference)
{
    struct engine_node *holder;
    const struct inventory_item *item;

    if (!inventory_holders(call->cluster, WATCH_IMAGES, reference, &holder, 1))
        return -1;
    item = inventory_find(holder, WATCH_IMAGES, reference);
    return item ? value_get_int(json_parse(call->arena, item->row, NULL), "Created", 0) : -1;
}

static int take_reference(struct call_context *call, struct filters *filters, const char *key,
                          int64_t *created)
{
    const struct filter *filter = filters_take(filters, key);

    if (!filter)
        return 0;
    *created = created_of(call, filter->first->text);
    if (*created >= 0)
        return 0;
    call_error(call, 404, "No such image: " SLICE_FMT, SLICE_ARG(filter->first->text));
    return -1;
}

static void drop_rows(struct value *list, const struct listing *listing)
{
    for (struct value *row = list->first, *next; row; row = next) {
        int64_t created = value_get_int(row, "Created", 0);

        next = row->next;
        if ((listing->before && created >= listing->before) ||
            (listing->since && created <= listing->since))
            value_remove(list, row);
    }
}

/* What is known of nodes that did not answer. */
static size_t add_known(struct call_context *call, const struct listing *listing,
                        struct merge_body *bodies, size_t count)
{
    struct failure why;

    for (size_t i = 0; i < listing->count; i++) {
        struct engine_node *node = listing->nodes[i];
        size_t items = inventory_count(node, WATCH_IMAGES);
        struct value *list;

        if (node_usable(node, &why) == 0 || !items)
            continue;
        list = value_list(call->arena);
        for (size_t k = 0; k < items; k++) {
            struct value *row =
                json_parse(call->arena, inventory_at(node, WATCH_IMAGES, k)->row, NULL);

            if (row)
                value_append(list, row);
        }
        bodies[count++] = (struct merge_body){node->view.name, node->view.id, list};
    }
    return count;
}

static void on_lists(struct call_context *call, struct merge_body *bodies, size_t count,
                     void *context)
{
    struct listing *listing = context;
    struct merge_body *all = arena_alloc(call->arena, (count + listing->count + 1) * sizeof(*all));
    struct value *list;

    memcpy(all, bodies, count * sizeof(*all));
    if (listing->plain)
        count = add_known(call, listing, all, count);
    list = merge_images(call->arena, all, count);
    drop_rows(list, listing);
    call_reply_json(call, 200, list);
}

void image_list(struct call_context *call)
{
    struct listing *listing = arena_alloc(call->arena, sizeof(*listing));
    const struct filter *node_filter;
    struct filters filters;
    struct fan_request request = {
        .method = "GET", .path = SLICE("/images/json"), .deadline_ms = FAN_LIST_MS};

    if (fan_filters(call, allowed, &filters, &node_filter) != 0)
        return;
    if (take_reference(call, &filters, "before", &listing->before) != 0 ||
        take_reference(call, &filters, "since", &listing->since) != 0)
        return;
    if (listing->before || listing->since) {
        struct slice text = filters_text(&filters);

        if (text.at)
            query_set(call->query, "filters", text);
        else
            query_drop(call->query, "filters");
    }
    listing->plain = filters_empty(&filters) && !listing->before && !listing->since;
    if (query_bool(call->query, "shared-size", false))
        request.deadline_ms = FAN_SLOW_MS;
    /* CLIs may say all=0; anything else changes the rows. */
    request.plain = listing->plain && !query_bool(call->query, "all", false) &&
                    call->query->count == (query_has(call->query, "all") ? 1 : 0);
    request.kind = WATCH_IMAGES;
    listing->nodes = fan_nodes(call, node_filter, &listing->count);
    request.nodes = listing->nodes;
    request.count = listing->count;
    fan_merge(call, &request, on_lists, listing);
}
