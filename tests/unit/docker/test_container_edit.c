/* Container edit: addresses, names and the Node object in an engine's answers. */
#include "proxy/cluster/nodes.h"
#include "proxy/docker/container_edit.h"
#include "proxy/json.h"

#include <criterion/criterion.h>

static const struct tag tags[] = {{SLICE_INIT("storage"), SLICE_INIT("ssd")}};

static struct engine_node make_node(void)
{
    struct engine_node node = {0};
    node.view.id = SLICE("ENGINE");
    node.view.name = SLICE("node-1");
    node.view.address = SLICE("10.0.0.1");
    node.view.tags = (struct tags){tags, 1};
    node.view.total = (struct resources){2048, 2000000000};
    node.endpoint.kind = ENDPOINT_TCP;
    node.endpoint.port = 2375;
    memcpy(node.endpoint.host, "10.0.0.1", 9);
    return node;
}

static struct value *parse(struct arena *arena, const char *text)
{
    struct failure failure;
    struct value *value = json_parse(arena, slice_of(text), &failure);
    cr_assert(value, "%s", failure.text);
    return value;
}

Test(container_edit, inspect_shows_the_node_and_its_address)
{
    struct arena *arena = arena_new();
    struct engine_node node = make_node();
    struct value *container =
        parse(arena,
              "{\"Id\":\"e1\",\"NetworkSettings\":{\"Ports\":{\"80/tcp\":["
              "{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"81\"},{\"HostIp\":\"::\",\"HostPort\":\"81\"}"
              ",{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"82\"}],\"90/tcp\":null}}}");
    container_edit_inspect(arena, container, &node, SLICE("u1"));
    cr_expect(slice_is(json_text(arena, container),
                       "{\"Id\":\"u1\",\"NetworkSettings\":{\"Ports\":{\"80/tcp\":["
                       "{\"HostIp\":\"10.0.0.1\",\"HostPort\":\"81\"},"
                       "{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"82\"}],\"90/tcp\":null}},"
                       "\"Node\":{\"ID\":\"ENGINE\",\"Name\":\"node-1\",\"IP\":\"10.0.0.1\","
                       "\"Addr\":\"10.0.0.1:2375\",\"Cpus\":2,\"Memory\":2048,"
                       "\"Labels\":{\"storage\":\"ssd\"}}}"),
              SLICE_FMT, SLICE_ARG(json_text(arena, container)));
    arena_free(&arena);
}

Test(container_edit, row_names_the_node)
{
    struct arena *arena = arena_new();
    struct engine_node node = make_node();
    struct value *row =
        parse(arena, "{\"Id\":\"e1\",\"Names\":[\"/web\",\"/other/alias\"],\"Ports\":["
                     "{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":81,\"Type\":\"tcp\"},"
                     "{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":81,\"Type\":\"tcp\"},"
                     "{\"PrivatePort\":90,\"Type\":\"tcp\"}]}");
    container_edit_row(arena, row, &node, SLICE("e1"), true);
    cr_expect(slice_is(json_text(arena, row),
                       "{\"Id\":\"e1\",\"Names\":[\"/web\",\"/node-1/web\",\"/other/alias\"],"
                       "\"Ports\":[{\"IP\":\"10.0.0.1\",\"PrivatePort\":80,\"PublicPort\":81,"
                       "\"Type\":\"tcp\"},{\"PrivatePort\":90,\"Type\":\"tcp\"}]}"),
              SLICE_FMT, SLICE_ARG(json_text(arena, row)));
    arena_free(&arena);
}

Test(container_edit, a_name_on_two_nodes_is_only_shown_with_its_node)
{
    struct arena *arena = arena_new();
    struct engine_node node = make_node();
    struct value *row = parse(arena, "{\"Id\":\"e1\",\"Names\":[\"/web\"]}");
    container_edit_row(arena, row, &node, SLICE("e1"), false);
    cr_expect(slice_is(json_text(arena, row), "{\"Id\":\"e1\",\"Names\":[\"/node-1/web\"]}"));
    arena_free(&arena);
}
