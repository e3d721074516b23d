/* Ports: who holds which host port of a node, and whether another may have it. Two ports conflict
 * when protocol and number meet and their addresses are the same or one of them is every address.
 * A port of 0 (published-all, -P) never conflicts: the engine picks a free one. */
#pragma once

#include "policy/model.h"

/* Whether a and b can't be held at once. Ranges (range = true) ask for one port out of several:
 * never a conflict by themselves with less than all of it taken; use ports_conflict for those. */
bool port_conflicts(const struct port *a, const struct port *b);
/* "80/tcp", "10.0.0.1:53/udp", "[fd00::1]:80/tcp", "8000-8010/tcp": NUL-terminated, cut to fit. */
void port_text(const struct port *port, char *text, size_t size);
/* Whether the container holds its host ports: it runs, or would be started with the engine. */
bool port_container_holds(const struct container *container);

/* A summary: one bit a number modulo 256. No bit in common: no conflict. */
struct port_bits {
    uint64_t word[4];
};
struct port_bits ports_bits(const struct ports *ports);
static inline bool port_bits_meet(const struct port_bits *a, const struct port_bits *b)
{
    return ((a->word[0] & b->word[0]) | (a->word[1] & b->word[1]) | (a->word[2] & b->word[2]) |
            (a->word[3] & b->word[3])) != 0;
}

/* The ports that a node's containers hold, kept incrementally. Embedded or on the heap; zeroed is
 * empty. Owns copies of the addresses. */
struct port_set {
    struct port *list;
    size_t count, capacity;
    struct port_bits bits;
};
void port_set_deinit(struct port_set *set);
void port_set_clear(struct port_set *set);
/* Adds / takes out all of `ports` (those of 0 are left out; a port held twice is in it twice). */
void port_set_add(struct port_set *set, const struct ports *ports);
void port_set_remove(struct port_set *set, const struct ports *ports);

/* Index of the first of `asked` that can't be had on `node` (held or reserved), or -1. Looks at
 * node->held_ports, or walks node->containers when that is NULL. Two of `asked` that conflict with
 * one another are the engine's to refuse. */
ptrdiff_t ports_conflict(const struct node *node, const struct ports *asked);
/* The quick half of it, for many nodes: false means that there is no conflict. */
static inline bool ports_may_conflict(const struct node *node, const struct port_bits *asked)
{
    return !node->held_ports || node->reserved_ports.count > 0 ||
           port_bits_meet(&node->held_ports->bits, asked);
}
