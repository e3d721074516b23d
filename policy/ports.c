/* Ports: interval and address overlap. A summary of 256 bits in front of the list makes the usual
 * node, which holds none of the asked numbers, cost four ANDs. */
#include "policy/ports.h"

#include "policy/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static bool every_address(struct slice ip)
{
    return ip.length == 0 || slice_is(ip, "0.0.0.0") || slice_is(ip, "::");
}

static bool addresses_meet(struct slice a, struct slice b)
{
    return every_address(a) || every_address(b) || slice_equal_nocase(a, b);
}

static bool port_any(const struct port *port)
{
    return port->first == 0 && port->last == 0;
}

/* Whether one socket could want what the other has, numbers aside from `range`. */
static bool overlap(const struct port *a, const struct port *b)
{
    return !port_any(a) && !port_any(b) && a->protocol == b->protocol && a->first <= b->last &&
           b->first <= a->last && addresses_meet(a->ip, b->ip);
}

bool port_conflicts(const struct port *a, const struct port *b)
{
    return overlap(a, b) && !(a->range && a->first < a->last) && !(b->range && b->first < b->last);
}

static const char *protocol_name(enum protocol protocol)
{
    static const char *const names[] = {"tcp", "udp", "sctp"};
    return names[protocol];
}

void port_text(const struct port *port, char *text, size_t size)
{
    char ip[64] = "", last[8] = "";
    if (!every_address(port->ip)) {
        bool six = slice_find(port->ip, ':') >= 0;
        snprintf(ip, sizeof(ip), six ? "[" SLICE_FMT "]:" : SLICE_FMT ":",
                 SLICE_ARG(slice_cut(port->ip, 0, 45)));
    }
    if (port->last > port->first) {
        snprintf(last, sizeof(last), "-%u", port->last);
    }
    snprintf(text, size, "%s%u%s/%s", ip, port->first, last, protocol_name(port->protocol));
}

bool port_container_holds(const struct container *container)
{
    switch (container->state) {
    case CONTAINER_RUNNING:
    case CONTAINER_PAUSED:
    case CONTAINER_RESTARTING:
        return true;
    case CONTAINER_CREATED:
    case CONTAINER_EXITED:
        return container->would_restart;
    case CONTAINER_REMOVING:
    case CONTAINER_DEAD:
    case CONTAINER_PENDING:
        return false;
    }
    return false;
}

static void bits_add(struct port_bits *bits, const struct port *port)
{
    unsigned count = port_any(port) ? 0 : port->last - port->first + 1U;
    for (unsigned i = 0; i < count && i < 256; i++) {
        unsigned bit = (port->first + i) % 256;
        bits->word[bit / 64] |= 1ULL << (bit % 64);
    }
}

struct port_bits ports_bits(const struct ports *ports)
{
    struct port_bits bits = {{0}};
    for (size_t i = 0; i < ports->count; i++) {
        bits_add(&bits, &ports->list[i]);
    }
    return bits;
}

void port_set_deinit(struct port_set *set)
{
    port_set_clear(set);
    free(set->list);
    *set = (struct port_set){0};
}

/* The set owns its address texts: a container's own text may go at any time. */
static void drop_address(struct port *port)
{
    free((void *)(uintptr_t)port->ip.at);
}

void port_set_clear(struct port_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        drop_address(&set->list[i]);
    }
    set->count = 0;
    set->bits = (struct port_bits){{0}};
}

static void port_set_add_one(struct port_set *set, const struct port *port)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? set->capacity * 2 : 8;
        set->list = xrealloc(set->list, set->capacity * sizeof(set->list[0]));
    }
    struct port *held = &set->list[set->count++];
    *held = *port;
    held->ip = SLICE_NONE;
    if (!every_address(port->ip)) {
        held->ip = slice_make(xslicedup(port->ip), port->ip.length);
    }
    bits_add(&set->bits, port);
}

void port_set_add(struct port_set *set, const struct ports *ports)
{
    for (size_t i = 0; i < ports->count; i++) {
        if (!port_any(&ports->list[i])) {
            port_set_add_one(set, &ports->list[i]);
        }
    }
}

static bool same_holding(const struct port *a, const struct port *b)
{
    bool same_address = every_address(a->ip) ? every_address(b->ip) : slice_equal(a->ip, b->ip);
    return a->protocol == b->protocol && a->first == b->first && a->last == b->last &&
           a->range == b->range && same_address;
}

static void port_set_remove_one(struct port_set *set, const struct port *port)
{
    for (size_t i = 0; i < set->count; i++) {
        if (same_holding(&set->list[i], port)) {
            drop_address(&set->list[i]);
            set->list[i] = set->list[--set->count];
            return;
        }
    }
}

void port_set_remove(struct port_set *set, const struct ports *ports)
{
    for (size_t i = 0; i < ports->count; i++) {
        if (!port_any(&ports->list[i])) {
            port_set_remove_one(set, &ports->list[i]);
        }
    }
    set->bits = ports_bits(&(struct ports){set->list, set->count});
}

/* Every number of a range, to count which are gone. `vague`: ranges under way that will take one
 * number of it, not known which. */
struct range_count {
    const struct port *asked;
    uint64_t gone[65536 / 64];
    size_t gone_count;
    size_t vague;
};

static void range_take(struct range_count *count, const struct port *held)
{
    if (!overlap(count->asked, held)) {
        return;
    }
    if (held->range && held->first < held->last) {
        count->vague++;
        return;
    }
    unsigned first = held->first > count->asked->first ? held->first : count->asked->first;
    unsigned last = held->last < count->asked->last ? held->last : count->asked->last;
    for (unsigned number = first; number <= last; number++) {
        uint64_t bit = 1ULL << (number % 64);
        count->gone_count += (count->gone[number / 64] & bit) == 0;
        count->gone[number / 64] |= bit;
    }
}

typedef bool (*port_visit_fn)(const struct port *held, void *context);

/* Shows every held and reserved port of `node` until on_port says true. */
static bool each_held(const struct node *node, port_visit_fn on_port, void *context)
{
    for (size_t i = 0; i < node->reserved_ports.count; i++) {
        if (on_port(&node->reserved_ports.list[i], context)) {
            return true;
        }
    }
    if (node->held_ports) {
        for (size_t i = 0; i < node->held_ports->count; i++) {
            if (on_port(&node->held_ports->list[i], context)) {
                return true;
            }
        }
        return false;
    }
    for (size_t c = 0; c < node->containers_total; c++) {
        const struct container *container = node->containers[c];
        if (!port_container_holds(container)) {
            continue;
        }
        for (size_t i = 0; i < container->ports.count; i++) {
            if (on_port(&container->ports.list[i], context)) {
                return true;
            }
        }
    }
    return false;
}

static bool on_single(const struct port *held, void *context)
{
    const struct port *asked = context;
    return port_conflicts(asked, held);
}

static bool on_range(const struct port *held, void *context)
{
    range_take(context, held);
    return false;
}

static bool range_full(const struct node *node, const struct port *asked)
{
    struct range_count count = {.asked = asked};
    each_held(node, on_range, &count);
    return count.gone_count + count.vague >= (size_t)(asked->last - asked->first) + 1;
}

ptrdiff_t ports_conflict(const struct node *node, const struct ports *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        const struct port *port = &asked->list[i];
        if (port_any(port)) {
            continue;
        }
        bool range = port->range && port->first < port->last;
        struct port copy = *port;
        if (range ? range_full(node, port) : each_held(node, on_single, &copy)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}
