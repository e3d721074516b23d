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

/* Ports first..last (one after the other) of one address and protocol. */
static struct slice range(struct arena *arena, const struct one_port *first, int64_t count)
{
    struct slice numbers =
        count == 1 ? arena_printf(arena, "%lld", (long long)first->private)
                   : arena_printf(arena, "%lld-%lld", (long long)first->private,
                                  (long long)(first->private + count - 1));
    if (first->public == 0)
        return arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(numbers),
                            SLICE_ARG(first->protocol));
    struct slice host =
        count == 1 ? arena_printf(arena, "%lld", (long long)first->public)
                   : arena_printf(arena, "%lld-%lld", (long long)first->public,
                                  (long long)(first->public + count - 1));
    return arena_printf(arena, SLICE_FMT ":" SLICE_FMT "->" SLICE_FMT "/" SLICE_FMT,
                        SLICE_ARG(address(arena, first->ip)), SLICE_ARG(host),
                        SLICE_ARG(numbers), SLICE_ARG(first->protocol));
}

static bool follows(const struct one_port *first, const struct one_port *next, int64_t count)
{
    bool same = slice_equal(first->ip, next->ip) && slice_equal(first->protocol, next->protocol);
    /* Ranges are shown only where host and container ports are the same, or none is published. */
    bool plain = first->public == 0 ? next->public == 0
                                    : first->public == first->private &&
                                          next->public == next->private;
    return same && plain && next->private == first->private + count;
}

struct slice human_ports(struct arena *arena, const struct value *ports)
{
    size_t count = ports ? ports->count : 0, at = 0;
    struct one_port *list = arena_alloc(arena, (count + 1) * sizeof(*list));
    bool *used = arena_alloc(arena, count + 1);
    struct slice out = SLICE("");

    VALUE_EACH(port, ports)
    {
        list[at++] = (struct one_port){value_get_text(port, "IP"), value_get_text(port, "Type"),
                                       value_get_int(port, "PrivatePort", 0),
                                       value_get_int(port, "PublicPort", 0)};
    }
    qsort(list, count, sizeof(*list), compare_ports);
    for (size_t i = 0; i < count; i++) {
        int64_t length = 1;
        if (used[i])
            continue;
        for (size_t j = i + 1; j < count; j++) {
            if (!used[j] && follows(&list[i], &list[j], length)) {
                used[j] = true;
                length++;
            }
        }
        out = arena_printf(arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(out), out.length ? ", " : "",
                           SLICE_ARG(range(arena, &list[i], length)));
    }
    return out;
}
