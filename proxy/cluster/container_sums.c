/* Container sums: what every container adds to its node and to the cluster: states, memory and CPU
 * in use, host ports held. Kept in pairs of account and unaccount around each change, so that no
 * question needs a walk. */
#include "proxy/cluster/state.h"

static void count_state(struct cluster *cluster, enum container_state state, size_t sign)
{
    cluster->sums.containers += sign;
    switch (state) {
    case CONTAINER_RUNNING:
        cluster->sums.running += sign;
        break;
    case CONTAINER_PAUSED:
        cluster->sums.paused += sign;
        break;
    case CONTAINER_PENDING:
        cluster->sums.pending += sign;
        break;
    case CONTAINER_CREATED:
    case CONTAINER_RESTARTING:
    case CONTAINER_EXITED:
    case CONTAINER_REMOVING:
    case CONTAINER_DEAD:
        cluster->sums.stopped += sign;
        break;
    }
}

static bool uses_resources(enum container_state state)
{
    return state == CONTAINER_RUNNING || state == CONTAINER_PAUSED || state == CONTAINER_RESTARTING;
}

static void count_used(struct container_entry *entry, int64_t sign)
{
    struct engine_node *node = entry->node;
    struct resources asked = entry->view.asked, *sums = &node->cluster->sums.used;

    if (!uses_resources(entry->view.state))
        return;
    node->view.running += (size_t)sign;
    if (entry->view.state == CONTAINER_PAUSED)
        node->paused += (size_t)sign;
    node->view.used.memory_bytes += sign * asked.memory_bytes;
    node->view.used.nano_cpus += sign * asked.nano_cpus;
    sums->memory_bytes += sign * asked.memory_bytes;
    sums->nano_cpus += sign * asked.nano_cpus;
}

void container_account(struct container_entry *entry)
{
    struct container_private *own = entry->own;

    must(!own->accounted);
    own->accounted = true;
    count_state(own->cluster, entry->view.state, 1);
    if (!entry->node)
        return;
    count_used(entry, 1);
    own->holds_ports = port_container_holds(&entry->view);
    if (own->holds_ports)
        port_set_add(&entry->node->own->held, &entry->view.ports);
    /* What was promised is now counted for real, or has ended. */
    if (own->reservation && entry->view.state != CONTAINER_CREATED)
        reservation_free(&own->reservation);
}

void container_unaccount(struct container_entry *entry)
{
    struct container_private *own = entry->own;

    must(own->accounted);
    own->accounted = false;
    count_state(own->cluster, entry->view.state, (size_t)-1);
    if (!entry->node)
        return;
    count_used(entry, -1);
    if (own->holds_ports)
        port_set_remove(&entry->node->own->held, &entry->view.ports);
}
