/* Tunnel: a node that can't be reached (NAT) opens the connections itself: POST /tunnel?node=NAME
 * with its lease, upgraded to a bare stream on which its gate waits for requests. The gate says one
 * newline when it is ready; then the stream is the node's upstream's. */
#include "proxy/admin/internal.h"

#include "proxy/cluster/nodes.h"

#include <stdlib.h>

#define READY_MS 10000

struct arrival {
    struct admin *admin;
    char *node;
    struct stream *stream;
    struct timer patience;
    struct list link; /* admin->arrivals */
};

static void arrival_free(struct arrival *arrival)
{
    list_remove(&arrival->link);
    timer_stop(&arrival->patience);
    if (arrival->stream)
        stream_close(&arrival->stream);
    free(arrival->node);
    free(arrival);
}

void tunnels_free(struct admin *admin)
{
    LIST_EACH(link, &admin->arrivals)
    arrival_free(LIST_ENTRY(link, struct arrival, link));
}

static void on_impatient(void *context)
{
    arrival_free(context);
}

static void on_ready(struct stream *stream, void *context)
{
    struct arrival *arrival = context;
    struct engine_node *node;
    char byte;
    ssize_t got = stream_read(stream, &byte, 1);

    if (got == STREAM_AGAIN)
        return;
    node = cluster_node_named(arrival->admin->cluster, slice_of(arrival->node));
    if (got == 1 && byte == '\n' && node && node->passive && node->upstream) {
        arrival->stream = NULL;
        stream_want_read(stream, false);
        upstream_offer(node->upstream, stream);
    }
    arrival_free(arrival);
}

static void on_stream(struct stream *stream, void *context)
{
    struct arrival *arrival = context;

    arrival->stream = stream;
    if (!stream) {
        arrival_free(arrival);
        return;
    }
    stream_set(stream, on_ready, arrival);
    stream_want_read(stream, true);
    timer_start(&arrival->patience, READY_MS);
}

void admin_tunnel(struct admin_call *call)
{
    struct slice name = query_get(&call->query, "node");
    struct engine_node *node = lease_node(call, name);
    struct arrival *arrival;
    struct failure failure;

    if (!node)
        return;
    if (!node->passive ||
        !slice_is(exchange_head(call->exchange)->upgrade, ADMIN_TUNNEL_PROTOCOL)) {
        failure_set(&failure, FAILURE_INVALID,
                    "a tunnel needs a node that joined with --gate dial, and "
                    "Upgrade: " ADMIN_TUNNEL_PROTOCOL);
        admin_fail(call, "tunnel", &failure);
        return;
    }
    arrival = xcalloc(1, sizeof(*arrival));
    arrival->admin = call->admin;
    arrival->node = xslicedup(name);
    timer_init(&arrival->patience, exchange_loop(call->exchange), on_impatient, arrival);
    list_append(&call->admin->arrivals, &arrival->link);
    exchange_upgrade(call->exchange, ADMIN_TUNNEL_PROTOCOL, on_stream, arrival);
}
