/* Networks, connect and disconnect: a container can only use what exists on its node. */
#include "proxy/docker/fan.h"
#include "proxy/docker/place_call.h"

struct joining {
    struct value *body;
    struct value *container; /* the member of body */
    struct place place;
    bool connect;
};

static void send_joining(struct call_context *call, struct engine_node *node,
                         struct joining *joining, struct slice engine_id)
{
    fan_change(call, &(struct fan_change){
                         .node = node,
                         .method = "POST",
                         .path = arena_printf(call->arena, "/networks/" SLICE_FMT "/%s",
                                              SLICE_ARG(joining->place.id),
                                              joining->connect ? "connect" : "disconnect"),
                         .body = json_text(call->arena, joining->body),
                         .kind = WATCH_NETWORKS,
                         .container = engine_id,
                         .deadline_ms = FAN_SLOW_MS,
                     });
}

static void on_container(struct call_context *call, struct container_entry *entry)
{
    struct joining *joining = call->own;
    const struct place *place = &joining->place;

    if (!place->everywhere && place->node != entry->node) {
        call_error(
            call, 409,
            "network " SLICE_FMT " is on " SLICE_FMT ", container " SLICE_FMT " is on " SLICE_FMT
            ": a local network does not reach over nodes; run the container "
            "with --network " SLICE_FMT " so that it is placed there",
            SLICE_ARG(place->name), SLICE_ARG(place->node->view.name), SLICE_ARG(entry->view.name),
            SLICE_ARG(entry->node->view.name), SLICE_ARG(place->name));
        return;
    }
    joining->container->text = arena_copy(call->arena, entry->engine_id);
    send_joining(call, entry->node, joining, entry->engine_id);
}

/* disconnect -f of a container that nobody knows any more: the network's engine may still. */
static bool is_stale(struct call_context *call, const struct joining *joining)
{
    struct value *force = value_find_folded(joining->body, "Force");
    struct container_entry *entry;
    struct failure failure;

    return !joining->connect && joining->place.node && force && force->type == VALUE_BOOL &&
           force->truth &&
           cluster_find_container(call->cluster, joining->container->text, &entry, &failure) != 0;
}

static void on_place(struct call_context *call, const struct place *place, void *context)
{
    struct joining *joining = context;

    joining->place = *place;
    if (place->node)
        call_hold_node(call, place->node);
    call->own = joining;
    if (is_stale(call, joining))
        send_joining(call, place->node, joining, SLICE_NONE);
    else
        call_find_container(call, joining->container->text, on_container);
}

static void on_body(struct call_context *call, struct value *body)
{
    struct joining *joining = arena_alloc(call->arena, sizeof(*joining));

    joining->connect = slice_ends(call->path, "/connect");
    joining->body = body;
    joining->container = value_find_folded(body, "Container");
    if (!joining->container || joining->container->type != VALUE_TEXT ||
        !joining->container->text.length) {
        call_error(call, 400, "no container named: the body's Container is empty");
        return;
    }
    place_search(call, &(struct place_search){.kind = WATCH_NETWORKS,
                                              .reference = call->names[0],
                                              .on_found = on_place,
                                              .context = joining});
}

void network_connect(struct call_context *call)
{
    call_read_json(call, false, on_body);
}
