/* Fuzz: a create body on its way to the engine: one spelling of each key, hints moved, read as a
 * workload; and an engine's answers edited for the client. What comes out must parse again and be
 * stable. */
#include "proxy/cluster/nodes.h"
#include "proxy/docker/container_edit.h"
#include "proxy/docker/create_plan.h"
#include "proxy/docker/podman.h"
#include "proxy/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(struct arena *arena, struct slice text)
{
    struct create_plan *again = arena_alloc(arena, sizeof(*again));
    struct failure failure;
    struct value *body = json_parse(arena, text, &failure);
    must(body);
    must(create_plan_read(again, arena, body, SLICE("n"), &failure) == 0);
    must(slice_equal(json_text(arena, body), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size), type = SLICE("text/plain");
    struct arena *arena = arena_new();
    struct create_plan *plan = arena_alloc(arena, sizeof(*plan));
    struct engine_node *node = arena_alloc(arena, sizeof(*node));
    struct failure failure;
    struct value *body = json_parse(arena, text, &failure);
    struct value *copy = body ? value_copy(arena, body) : NULL;
    int status = 500;
    node->view.name = SLICE("node-1");
    node->view.address = SLICE("10.0.0.1");
    if (body && body->type == VALUE_MAP &&
        create_plan_read(plan, arena, body, SLICE("n"), &failure) == 0)
        check_again(arena, json_text(arena, body));
    if (copy && copy->type == VALUE_MAP) {
        container_edit_inspect(arena, copy, node, SLICE("u"));
        container_edit_row(arena, copy, node, SLICE("u"), true);
        must(json_text(arena, copy).length > 0);
    }
    podman_error(arena, &status, &text, &type);
    must(status >= 400);
    arena_free(&arena);
    return 0;
}
