/* Container edit: the Node object, addresses and names in answers. */
#include "proxy/docker/container_edit.h"

#include "proxy/cluster/nodes.h"

static bool is_every_address(struct slice ip)
{
    return slice_is(ip, "0.0.0.0") || slice_is(ip, "::") || ip.length == 0;
}

/* {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", …}]}: the second is the
 * same port seen through IPv6; both would read the same, so one goes. */
static void edit_bindings(struct arena *arena, struct value *bindings, struct slice address)
{
    for (struct value *binding = bindings->first, *next; binding; binding = next) {
        next = binding->next;
        if (!is_every_address(value_get_text(binding, "HostIp")))
            continue;
        value_set_text(arena, binding, "HostIp", address);
        VALUE_EACH(other, bindings)
        {
            if (other != binding && value_equal(other, binding)) {
                value_remove(bindings, binding);
                break;
            }
        }
    }
}

static struct value *node_object(struct arena *arena, const struct engine_node *node)
{
    struct value *object = value_map(arena);
    value_set_text(arena, object, "ID", node->view.id);
    value_set_text(arena, object, "Name", node->view.name);
    value_set_text(arena, object, "IP", node->view.address);
    value_set_text(arena, object, "Addr",
                   node->endpoint.kind == ENDPOINT_UNIX
                       ? slice_of(node->endpoint.text)
                       : arena_printf(arena, "%s:%u", node->endpoint.host, node->endpoint.port));
    value_set_int(arena, object, "Cpus", node->view.total.nano_cpus / 1000000000);
    value_set_int(arena, object, "Memory", node->view.total.memory_bytes);
    struct value *labels = value_submap(arena, object, "Labels");
    for (size_t i = 0; i < node->view.standard.count; i++)
        value_set_slice(arena, labels, node->view.standard.list[i].key,
                        value_text(arena, node->view.standard.list[i].value));
    for (size_t i = 0; i < node->view.tags.count; i++)
        value_set_slice(arena, labels, node->view.tags.list[i].key,
                        value_text(arena, node->view.tags.list[i].value));
    return object;
}

void container_edit_inspect(struct arena *arena, struct value *container,
                            const struct engine_node *node, struct slice user_id)
{
    if (user_id.length)
        value_set_text(arena, container, "Id", user_id);
    value_set(arena, container, "Node", node_object(arena, node));
    struct value *ports = value_find(value_find(container, "NetworkSettings"), "Ports");
    VALUE_EACH(port, ports)
    {
        if (port->type == VALUE_LIST && node->view.address.length)
            edit_bindings(arena, port, node->view.address);
    }
}

static void edit_ports(struct arena *arena, struct value *ports, struct slice address)
{
    for (struct value *port = ports ? ports->first : NULL, *next; port; port = next) {
        next = port->next;
        if (!value_find(port, "PublicPort") || !is_every_address(value_get_text(port, "IP")))
            continue;
        value_set_text(arena, port, "IP", address);
        VALUE_EACH(other, ports)
        {
            if (other != port && value_equal(other, port)) {
                value_remove(ports, port);
                break;
            }
        }
    }
}

/* Own name first; names with an inner slash are links and stay as they are. */
static void edit_names(struct arena *arena, struct value *row, struct slice node, bool unique)
{
    struct value *names = value_find(row, "Names"), *edited = value_list(arena);
    VALUE_EACH(name, names)
    {
        struct slice plain = slice_starts(name->text, "/") ? slice_from(name->text, 1) : name->text;
        bool own = slice_find(plain, '/') < 0;
        if (!own || unique)
            value_append(edited,
                         value_text(arena, arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(plain))));
        if (own)
            value_append(edited,
                         value_text(arena, arena_printf(arena, "/" SLICE_FMT "/" SLICE_FMT,
                                                        SLICE_ARG(node), SLICE_ARG(plain))));
    }
    value_set(arena, row, "Names", edited);
}

void container_edit_row(struct arena *arena, struct value *row, const struct engine_node *node,
                        struct slice user_id, bool unique)
{
    if (user_id.length)
        value_set_text(arena, row, "Id", user_id);
    edit_names(arena, row, node->view.name, unique);
    struct value *ports = value_find(row, "Ports");
    if (node->view.address.length)
        edit_ports(arena, ports, node->view.address);
}
