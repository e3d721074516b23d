/* Cluster: puts the parts of the cluster's state together and takes them down. */
#include "proxy/cluster/state.h"

#include <stdlib.h>

struct cluster_options cluster_default_options(void)
{
    return (struct cluster_options){
        .name = "cluster",
        .strategy = "binpack",
        .upstream = {.connect_timeout_ms = 5000, .idle_timeout_ms = 60000, .max_idle = 32},
        .watch = {.retry_min_ms = 250,
                  .retry_max_ms = 5000,
                  .call_deadline_ms = 10000,
                  .probe_ms = 2000,
                  .probe_deadline_ms = 3000,
                  .info_ms = 60000,
                  .inspects = 4},
        .lease_ms = 5000,
        .event_history = 10000,
    };
}

struct cluster *cluster_new(struct loop *loop, const struct cluster_options *options)
{
    struct cluster *cluster = xcalloc(1, sizeof *cluster);

    cluster->loop = loop;
    cluster->options = *options;
    cluster->options.name = cluster->name = xstrdup(options->name);
    cluster->options.strategy = cluster->strategy_name = xstrdup(options->strategy);
    if (strategy_parse(slice_of(options->strategy), &cluster->strategy, NULL) != 0)
        cluster->strategy = STRATEGY_BINPACK; /* settings have checked the word */
    cluster->scheduler = scheduler_new();
    cluster->decisions = decisions_new();
    cluster->random = (uint64_t)loop_wall_ns() | 1;
    cluster->nodes_by_name = table_new();
    cluster->nodes_by_id = table_new();
    cluster->generation = 1;
    for (int state = 0; state < NODE_STATES; state++)
        list_init(&cluster->by_state[state]);
    cluster->names = table_new();
    cluster->image_ids = table_new();
    cluster->remembered = table_new();
    cluster->remembered_arena = arena_new();
    cluster->superseded = table_new();
    cluster->arrivals = table_new();
    cluster->doubts = table_new();
    containers_init(cluster);
    changes_init(cluster);
    nodes_init(cluster);
    return cluster;
}

void cluster_free(struct cluster **pointer)
{
    struct cluster *cluster = *pointer;

    *pointer = NULL;
    if (!cluster)
        return;
    cluster->closing = true;
    nodes_free_all(cluster);
    containers_deinit(cluster);
    changes_deinit(cluster);
    names_deinit(cluster);
    table_free(&cluster->names);
    table_free(&cluster->image_ids);
    table_free(&cluster->remembered);
    arena_free(&cluster->remembered_arena);
    table_free(&cluster->superseded);
    table_free(&cluster->arrivals);
    doubts_deinit(cluster);
    table_free(&cluster->nodes_by_name);
    table_free(&cluster->nodes_by_id);
    scheduler_free(&cluster->scheduler);
    decisions_free(&cluster->decisions);
    free(cluster->nodes);
    free(cluster->views);
    free(cluster->name);
    free(cluster->strategy_name);
    free(cluster);
}

struct loop *cluster_loop(const struct cluster *cluster)
{
    return cluster->loop;
}

const struct cluster_options *cluster_options(const struct cluster *cluster)
{
    return &cluster->options;
}

struct cluster_sums cluster_sums(const struct cluster *cluster)
{
    return cluster->sums;
}

void cluster_set_policy(struct cluster *cluster, const struct schedule_policy *policy)
{
    cluster->policy = policy;
}

/* xorshift64*: names and the random strategy need variety, not secrecy. */
uint64_t cluster_random(struct cluster *cluster)
{
    cluster->random ^= cluster->random >> 12;
    cluster->random ^= cluster->random << 25;
    cluster->random ^= cluster->random >> 27;
    return cluster->random * 2685821657736338717u;
}
