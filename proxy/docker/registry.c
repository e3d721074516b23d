/* Registry: what engines ask a registry for us: login, search, distribution, plugin privileges.
 * berth itself never talks to registries; credentials pass through and are kept nowhere. */
#include "proxy/docker/fan.h"

static void pass_to_any(struct call_context *call, struct slice body)
{
    size_t count;
    struct engine_node **nodes = fan_nodes(call, NULL, &count);
    struct engine_node **order = arena_alloc(call->arena, (count + 1) * sizeof(*order));
    size_t placed = 0;

    count = fan_only_usable(nodes, count);
    for (int podman = 0; podman < 2; podman++) /* dockerd first: podman lacks distribution */
        for (size_t i = 0; i < count; i++)
            if (nodes[i]->podman == (podman == 1))
                order[placed++] = nodes[i];
    fan_try(call, &(struct fan_try){.nodes = order, .count = placed, .body = body});
}

void registry_pass(struct call_context *call)
{
    pass_to_any(call, SLICE_NONE);
}

static void on_credentials(struct call_context *call, struct value *body)
{
    pass_to_any(call, json_text(call->arena, body));
}

void system_auth(struct call_context *call)
{
    call_read_json(call, false, on_credentials);
}
