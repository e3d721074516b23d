/* Rows: the line of a container in lists, kept as ready text. What depends on the moment of
 * printing (names, state, "Up 5 minutes") is left open in the text and filled in then. */
#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdlib.h>

#define ROW_MAX (4u * 1024 * 1024)

static bool is_any_ipv4(struct slice ip)
{
    return slice_is(ip, "0.0.0.0") || ip.length == 0;
}

/* Published on every address: show the node's, so that clients can connect. The "::" twin of an
 * entry on every IPv4 address is dropped: ps would show the port twice. */
static void edit_ports(struct arena *arena, struct value *row, struct slice address)
{
    struct value *ports = value_find(row, "Ports");
    bool ipv6 = slice_find(address, ':') >= 0;

    if (!ports || address.length == 0)
        return;
    for (struct value *port = ports->first, *next; port; port = next) {
        struct slice ip = value_get_text(port, "IP");

        next = port->next;
        if (!value_find(port, "PublicPort"))
            continue;
        if (slice_is(ip, "::") && !ipv6)
            value_remove(ports, port);
        else if (is_any_ipv4(ip) || slice_is(ip, "::"))
            value_set_text(arena, port, "IP", address);
    }
}

static int hole_of(struct slice key)
{
    static const char *const keys[ROW_HOLES] = {"Names", "State", "Status"};

    for (int hole = 0; hole < ROW_HOLES; hole++) {
        if (slice_is(key, keys[hole]))
            return hole;
    }
    return -1;
}

void container_set_row(struct container_entry *entry, const struct value *engine_row)
{
    struct container_private *own = entry->own;
    struct arena *arena = arena_new();
    struct value *row = value_copy(arena, engine_row);
    struct buffer buffer;
    size_t length;

    value_set_text(arena, row, "Id", entry->view.id);
    for (int hole = 0; hole < ROW_HOLES; hole++)
        own->holes[hole] = 0;
    if (entry->node)
        edit_ports(arena, row, entry->node->view.address);
    buffer_init(&buffer, ROW_MAX);
    buffer_char(&buffer, '{');
    VALUE_EACH(member, row)
    {
        int hole = hole_of(member->key);

        if (member != row->first)
            buffer_char(&buffer, ',');
        json_write_text(&buffer, member->key);
        buffer_char(&buffer, ':');
        if (hole >= 0 && own->holes[hole] == 0)
            own->holes[hole] = buffer.length;
        if (hole >= 0)
            buffer_text(&buffer, hole == ROW_NAMES ? "[]" : "\"\"");
        else
            json_write(&buffer, member);
    }
    buffer_char(&buffer, '}');
    free(own->row);
    own->row = buffer.overflow ? NULL : buffer_take(&buffer, &length);
    entry->row = own->row ? slice_make(own->row, length) : SLICE_NONE;
    buffer_deinit(&buffer);
    arena_free(&arena);
}

/* A row made from what is known, for a container that has not been in any list: pending, or created
 * a moment ago by an engine that fell silent. */
static void make_row(struct container_entry *entry)
{
    struct arena *arena = arena_new();
    struct value *row = value_map(arena), *labels;

    value_set_text(arena, row, "Id", entry->view.id);
    value_set(arena, row, "Names", value_list(arena));
    value_set_text(arena, row, "Image", entry->view.image);
    value_set_text(arena, row, "ImageID", entry->image_id);
    value_set_text(arena, row, "Command", SLICE(""));
    value_set_int(arena, row, "Created", entry->view.created_ns / 1000000000);
    value_set(arena, row, "Ports", value_list(arena));
    labels = value_submap(arena, row, "Labels");
    for (size_t i = 0; i < entry->view.labels.count; i++)
        value_set_slice(arena, labels, entry->view.labels.list[i].key,
                        value_text(arena, entry->view.labels.list[i].value));
    value_set_text(arena, row, "State", SLICE(""));
    value_set_text(arena, row, "Status", SLICE(""));
    value_set_text(arena, value_submap(arena, row, "HostConfig"), "NetworkMode", SLICE("default"));
    value_submap(arena, value_submap(arena, row, "NetworkSettings"), "Networks");
    value_set(arena, row, "Mounts", value_list(arena));
    container_set_row(entry, row);
    arena_free(&arena);
}

bool container_arriving(const struct container_entry *entry)
{
    return entry->own->arriving;
}

bool container_name_unique(struct container_entry *entry)
{
    return entry->own->slot && entry->own->slot->count == 1;
}

static void write_names(struct buffer *out, struct container_entry *entry)
{
    struct arena *arena = arena_new();
    bool first = true;

    buffer_char(out, '[');
    if (!entry->node || container_name_unique(entry)) {
        json_write_text(out, arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(entry->view.name)));
        first = false;
    }
    for (size_t i = 0; i < entry->own->aliases; i++) {
        buffer_text(out, first ? "" : ",");
        json_write_text(out, arena_printf(arena, "/%s", entry->own->alias_list[i]));
        first = false;
    }
    if (entry->node) {
        buffer_text(out, first ? "" : ",");
        json_write_text(out, arena_printf(arena, "/" SLICE_FMT "/" SLICE_FMT,
                                          SLICE_ARG(entry->node->view.name),
                                          SLICE_ARG(entry->view.name)));
    }
    buffer_char(out, ']');
    arena_free(&arena);
}

static void write_status(struct buffer *out, struct container_entry *entry, int64_t now_ns)
{
    struct engine_node *node = entry->node;
    struct container_facts facts = entry->facts;

    facts.model.state = entry->view.state;
    if (entry->own->arriving)
        buffer_text(out, "pending");
    else if (!node)
        buffer_printf(out, "pending%s%.100s",
                      entry->pending_why && entry->pending_why[0] ? ": " : "",
                      entry->pending_why ? entry->pending_why : "");
    else if (node->view.state == NODE_DOWN)
        buffer_printf(out, "%s (Host Down: " SLICE_FMT ")",
                      entry->view.state == CONTAINER_EXITED ? "Exited" : "Unknown",
                      SLICE_ARG(node->view.name));
    else if (node->view.state == NODE_UNREACHABLE)
        buffer_printf(out, "Host Down (" SLICE_FMT ")", SLICE_ARG(node->view.name));
    else if (entry->own->status)
        buffer_text(out, entry->own->status);
    else
        container_status_text(out, &facts, now_ns + (node ? node->own->clock_skew_ns : 0));
}

static void fill_hole(struct buffer *out, struct container_entry *entry, int hole, int64_t now_ns)
{
    struct buffer text;

    switch ((enum row_hole)hole) {
    case ROW_NAMES:
        write_names(out, entry);
        break;
    case ROW_STATE:
        json_write_text(out, slice_of(container_state_name(
                                 entry->own->arriving ? CONTAINER_PENDING : entry->view.state)));
        break;
    case ROW_STATUS:
        buffer_init(&text, 4096);
        write_status(&text, entry, now_ns);
        json_write_text(out, buffer_slice(&text));
        buffer_deinit(&text);
        break;
    case ROW_HOLES:
        break;
    }
}

void container_row_write(struct buffer *out, struct container_entry *entry, int64_t now_ns)
{
    struct container_private *own = entry->own;
    size_t at = 0;

    if (entry->row.length == 0)
        make_row(entry);
    /* Holes in the order of their place; three of them, so no sorting. */
    for (int round = 0; round < ROW_HOLES; round++) {
        int next = -1;

        for (int hole = 0; hole < ROW_HOLES; hole++) {
            if (own->holes[hole] > at && (next < 0 || own->holes[hole] < own->holes[next]))
                next = hole;
        }
        if (next < 0)
            break;
        buffer_add(out, slice_make(entry->row.at + at, own->holes[next] - at));
        fill_hole(out, entry, next, now_ns);
        at = own->holes[next] + 2; /* behind [] or "" */
    }
    buffer_add(out, slice_from(entry->row, at));
}
