/* Container expect: a row made from a create, for the time until the engine can tell its own. */
#include "proxy/cluster/state.h"

static struct value *labels_value(struct arena *arena, struct tags labels)
{
    struct value *map = value_map(arena);

    for (size_t i = 0; i < labels.count; i++)
        value_set_slice(arena, map, labels.list[i].key, value_text(arena, labels.list[i].value));
    return map;
}

struct container_entry *container_expect(struct engine_node *node, struct slice engine_id,
                                         const struct workload *workload)
{
    struct arena *arena = arena_new();
    struct value *row = value_map(arena), *names = value_list(arena);
    struct container_entry *entry;

    value_append(names,
                 value_text(arena, arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(workload->name))));
    value_set_text(arena, row, "Id", engine_id);
    value_set(arena, row, "Names", names);
    value_set_text(arena, row, "Image", workload->image);
    value_set_text(arena, row, "ImageID", SLICE(""));
    value_set_text(arena, row, "Command", SLICE(""));
    value_set_int(arena, row, "Created", loop_wall_ns() / 1000000000);
    value_set(arena, row, "Ports", value_list(arena));
    value_set(arena, row, "Labels", labels_value(arena, workload->labels));
    value_set_text(arena, row, "State", SLICE("created"));
    value_set_text(arena, row, "Status", SLICE("Created"));
    value_set(arena, row, "HostConfig", value_map(arena));
    value_set(arena, value_submap(arena, row, "NetworkSettings"), "Networks", value_map(arena));
    value_set(arena, row, "Mounts", value_list(arena));
    entry = container_take(node, engine_id, row, NULL);
    arena_free(&arena);
    return entry;
}
