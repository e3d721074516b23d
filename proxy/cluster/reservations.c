/* Reservations: what a node has promised and its engine does not show yet: from the decision until
 * the container runs. A created container holds neither memory nor ports by itself, so the
 * promise outlives the create call: `docker run` creates first and starts in a second call. */
#include "proxy/cluster/state.h"

#include <stdlib.h>

static void count(struct engine_node *node, struct resources asked, int64_t sign)
{
    struct resources *sums = &node->cluster->sums.reserved;

    node->view.reserved.memory_bytes += sign * asked.memory_bytes;
    node->view.reserved.nano_cpus += sign * asked.nano_cpus;
    sums->memory_bytes += sign * asked.memory_bytes;
    sums->nano_cpus += sign * asked.nano_cpus;
}

static void collect_ports(struct engine_node *node)
{
    struct node_private *own = node->own;
    size_t total = 0, at = 0;

    LIST_EACH(link, &own->reservations)
    {
        total += LIST_ENTRY(link, struct reservation, link)->ports.count;
    }
    own->reserved_ports = xrealloc(own->reserved_ports, (total + 1) * sizeof(struct port));
    LIST_EACH(other, &own->reservations)
    {
        const struct ports *ports = &LIST_ENTRY(other, struct reservation, link)->ports;

        for (size_t i = 0; i < ports->count; i++)
            own->reserved_ports[at++] = ports->list[i];
    }
    node->view.reserved_ports = (struct ports){own->reserved_ports, total};
}

static void on_timeout(void *context)
{
    struct reservation *reservation = context;

    reservation_free(&reservation);
}

struct reservation *reservation_new(struct engine_node *node, const struct workload *workload)
{
    struct reservation *reservation = xcalloc(1, sizeof *reservation);
    size_t ports = workload->ports.count, length = 0, at = 0;
    struct port *list = xcalloc(ports + 1, sizeof *list);

    for (size_t i = 0; i < ports; i++)
        length += workload->ports.list[i].ip.length;
    reservation->text = xmalloc(length + 1);
    for (size_t i = 0; i < ports; i++) {
        struct slice ip = workload->ports.list[i].ip;

        list[i] = workload->ports.list[i];
        if (ip.length > 0)
            memcpy(reservation->text + at, ip.at, ip.length);
        list[i].ip = slice_make(reservation->text + at, ip.length);
        at += ip.length;
    }
    reservation->ports = (struct ports){list, ports};
    reservation->asked = workload->asked;
    reservation->node = node_hold(node);
    timer_init(&reservation->timer, node->cluster->loop, on_timeout, reservation);
    list_append(&node->own->reservations, &reservation->link);
    count(node, reservation->asked, 1);
    if (ports > 0)
        collect_ports(node);
    return reservation;
}

void reservation_attach(struct reservation *reservation, struct container_entry *entry, uint64_t ms)
{
    if (entry->own->reservation)
        reservation_free(&entry->own->reservation);
    reservation->entry = entry;
    entry->own->reservation = reservation;
    timer_start(&reservation->timer, ms);
}

void reservation_free(struct reservation **pointer)
{
    struct reservation *reservation = *pointer;
    struct engine_node *node;

    *pointer = NULL;
    if (!reservation)
        return;
    node = reservation->node;
    timer_stop(&reservation->timer);
    if (reservation->entry)
        reservation->entry->own->reservation = NULL;
    list_remove(&reservation->link);
    count(node, reservation->asked, -1);
    if (reservation->ports.count > 0 && !node->removed)
        collect_ports(node);
    free(reservation->text);
    /* The list was allocated here; it is const only for its readers. */
    free((void *)(uintptr_t)reservation->ports.list);
    free(reservation);
    node_release(node);
}
