/* Human: what docker's own client would print, so that `docker berth ps` reads like `docker ps`. */
#include "proxy/cli/human.h"

#include "policy/base/value.h"

#include <stdlib.h>

struct slice human_duration(struct arena *arena, int64_t seconds)
{
    int64_t minutes = seconds / 60, hours = (seconds + 1800) / 3600;

    if (seconds < 1)
        return SLICE("Less than a second");
    if (seconds == 1)
        return SLICE("1 second");
    if (seconds < 60)
        return arena_printf(arena, "%lld seconds", (long long)seconds);
    if (minutes == 1)
        return SLICE("About a minute");
    if (minutes < 60)
        return arena_printf(arena, "%lld minutes", (long long)minutes);
    if (hours == 1)
        return SLICE("About an hour");
    if (hours < 48)
        return arena_printf(arena, "%lld hours", (long long)hours);
    if (hours < 24 * 7 * 2)
        return arena_printf(arena, "%lld days", (long long)(hours / 24));
    if (hours < 24 * 30 * 2)
        return arena_printf(arena, "%lld weeks", (long long)(hours / 24 / 7));
    if (hours < 24 * 365 * 2)
        return arena_printf(arena, "%lld months", (long long)(hours / 24 / 30));
    return arena_printf(arena, "%lld years", (long long)(hours / 24 / 365));
}

struct slice human_size(struct arena *arena, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double size = (double)bytes;
    size_t unit = 0;

    for (; size >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        size /= 1000;
    return arena_printf(arena, "%.4g%s", size, units[unit]);
}

struct slice human_cut(struct arena *arena, struct slice text, size_t columns)
{
    size_t count = 0, keep = text.length;

    for (size_t i = 0; i < text.length; i++) {
        if (((unsigned char)text.at[i] & 0xC0) == 0x80)
            continue;
        count++;
        if (count == columns)
            keep = i;
    }
    if (count <= columns)
        return text;
    return arena_printf(arena, SLICE_FMT "…", SLICE_ARG(slice_cut(text, 0, keep)));
}

/* ---- ports ---- */
struct one_port {
    struct slice ip, protocol;
    int64_t private, public;
};

/* By private port, then address, public port, protocol: the docker client's order. */
static int compare_ports(const void *left, const void *right)
{
    const struct one_port *a = left, *b = right;

    if (a->private != b->private)
        return a->private < b->private ? -1 : 1;
    if (!slice_equal(a->ip, b->ip))
        return slice_compare(a->ip, b->ip);
    if (a->public != b->public)
        return a->public < b->public ? -1 : 1;
    return slice_compare(a->protocol, b->protocol);
}

static struct slice address(struct arena *arena, struct slice ip)
{
    bool bare6 = slice_find(ip, ':') >= 0 && !slice_starts(ip, "[");
    return bare6 ? arena_printf(arena, "[" SLICE_FMT "]", SLICE_ARG(ip)) : ip;
}

/* Ports first..last of one address and protocol; published under the same numbers, or not at all. */
struct group {
    struct slice ip, protocol;
    int64_t first, last;
};

static struct slice add(struct arena *arena, struct slice list, struct slice item)
{
    return list.length == 0 ? item
                            : arena_printf(arena, SLICE_FMT ", " SLICE_FMT, SLICE_ARG(list),
                                           SLICE_ARG(item));
}

static struct slice group_text(struct arena *arena, const struct group *group)
{
    struct slice numbers =
        group->first == group->last
            ? arena_printf(arena, "%lld", (long long)group->first)
            : arena_printf(arena, "%lld-%lld", (long long)group->first, (long long)group->last);

    if (group->ip.length == 0)
        return arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(numbers),
                            SLICE_ARG(group->protocol));
    return arena_printf(arena, SLICE_FMT ":" SLICE_FMT "->" SLICE_FMT "/" SLICE_FMT,
                        SLICE_ARG(address(arena, group->ip)), SLICE_ARG(numbers),
                        SLICE_ARG(numbers), SLICE_ARG(group->protocol));
}

static struct group *find_group(struct group *groups, size_t count, const struct one_port *port)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(groups[i].ip, port->ip) && slice_equal(groups[i].protocol, port->protocol))
            return &groups[i];
    }
    return NULL;
}

/* The docker client's order: a group when it ends, the last groups, then ports under other numbers. */
static struct slice join_ports(struct arena *arena, const struct one_port *list, size_t count)
{
    struct group *groups = arena_alloc(arena, (count + 1) * sizeof(*groups));
    struct slice out = SLICE(""), mapped = SLICE("");
    size_t group_count = 0;

    for (size_t i = 0; i < count; i++) {
        const struct one_port *port = &list[i];
        struct group *group = find_group(groups, group_count, port);
        if (port->ip.length > 0 && port->public != port->private) {
            mapped = add(arena, mapped,
                         arena_printf(arena, SLICE_FMT ":%lld->%lld/" SLICE_FMT,
                                      SLICE_ARG(address(arena, port->ip)),
                                      (long long)port->public, (long long)port->private,
                                      SLICE_ARG(port->protocol)));
        } else if (group && port->private == group->last + 1) {
            group->last = port->private;
        } else {
            if (group)
                out = add(arena, out, group_text(arena, group));
            else
                group = &groups[group_count++];
            *group = (struct group){port->ip, port->protocol, port->private, port->private};
        }
    }
    for (size_t i = 0; i < group_count; i++)
        out = add(arena, out, group_text(arena, &groups[i]));
    return mapped.length == 0 ? out : add(arena, out, mapped);
}

/* A port number; what is none counts as not there. */
static int64_t port_number(const struct value *port, const char *key)
{
    int64_t number = value_get_int(port, key, 0);
    return number > 0 && number <= UINT16_MAX ? number : 0;
}

struct slice human_ports(struct arena *arena, const struct value *ports)
{
    size_t count = ports ? ports->count : 0, at = 0;
    struct one_port *list = arena_alloc(arena, (count + 1) * sizeof(*list));

    VALUE_EACH(port, ports)
    {
        list[at++] = (struct one_port){value_get_text(port, "IP"), value_get_text(port, "Type"),
                                       port_number(port, "PrivatePort"),
                                       port_number(port, "PublicPort")};
    }
    qsort(list, count, sizeof(*list), compare_ports);
    return join_ports(arena, list, count);
}
