/* Metrics: GET /_berth/v1/metrics: the counters of metrics.def, gauges that are read off the
 * cluster now, and a few numbers a node, as Prometheus text. */
#include "proxy/admin/internal.h"

#include "proxy/cluster/nodes.h"
#include "proxy/metrics.h"
#include "proxy/policy_service.h"

#define METRICS_MAX_BYTES (16u << 20)

struct node_metric {
    const char *name, *help;
    double (*number)(const struct engine_node *node);
};

static double node_ready(const struct engine_node *node)
{
    return node->view.state == NODE_READY;
}

static double node_containers(const struct engine_node *node)
{
    return (double)node->view.containers_total;
}

static double node_running(const struct engine_node *node)
{
    return (double)node->view.running;
}

static double node_memory_total(const struct engine_node *node)
{
    return (double)node->view.total.memory_bytes;
}

static double node_memory_asked(const struct engine_node *node)
{
    return (double)(node->view.used.memory_bytes + node->view.reserved.memory_bytes);
}

static double node_cpus_total(const struct engine_node *node)
{
    return (double)node->view.total.nano_cpus / 1e9;
}

static double node_cpus_asked(const struct engine_node *node)
{
    return (double)(node->view.used.nano_cpus + node->view.reserved.nano_cpus) / 1e9;
}

static const struct node_metric node_metrics[] = {
    {"berth_node_ready", "Whether the node answers", node_ready},
    {"berth_node_containers", "Containers on the node", node_containers},
    {"berth_node_containers_running", "Running containers on the node", node_running},
    {"berth_node_memory_total_bytes", "Memory that may be asked for", node_memory_total},
    {"berth_node_memory_asked_bytes", "Memory asked for and reserved", node_memory_asked},
    {"berth_node_cpus_total", "CPUs that may be asked for", node_cpus_total},
    {"berth_node_cpus_asked", "CPUs asked for and reserved", node_cpus_asked},
};

static void read_policy(struct policy_service *service)
{
    const struct policy_counters *counters = policy_host_counters(policy_service_host(service));
    uint64_t failures = 0;
    for (size_t i = 0; i < POLICY_CALLBACKS; i++)
        failures += counters->failures[i];
    metrics.policy_errors_total = failures;
    metrics.policy_timeouts_total = counters->timeouts;
}

void admin_metrics(struct admin_call *call)
{
    struct cluster *cluster = call->admin->cluster;
    struct cluster_sums sums = cluster_sums(cluster);
    struct buffer out;
    buffer_init(&out, METRICS_MAX_BYTES);
    if (call->admin->policy)
        read_policy(call->admin->policy);
    metrics.nodes = sums.nodes;
    metrics.nodes_ready = sums.nodes_by_state[NODE_READY];
    metrics.containers = sums.containers;
    metrics.pending = sums.pending;
    metrics_write(&out);
    for (size_t k = 0; k < sizeof(node_metrics) / sizeof(node_metrics[0]); k++) {
        metrics_write_head(&out, node_metrics[k].name, "gauge", node_metrics[k].help);
        for (size_t i = 0; i < cluster_node_count(cluster); i++) {
            const struct engine_node *node = cluster_node_at(cluster, i);
            metrics_write_labelled(&out, node_metrics[k].name, "node", node->view.name,
                                   node_metrics[k].number(node));
        }
    }
    exchange_reply(call->exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
                   buffer_slice(&out), NULL);
    buffer_deinit(&out);
}
