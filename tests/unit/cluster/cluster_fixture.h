/* Fixture: a loop, a cluster with short delays and some fake engines. */
#pragma once

#include "fake_engine.h"

#include "proxy/cluster/changes.h"
#include "proxy/cluster/containers.h"
#include "proxy/cluster/gather.h"
#include "proxy/cluster/inventory.h"
#include "proxy/cluster/launch.h"
#include "tests/unit/test.h"

#include <stdio.h>

#define ENGINES 3

struct fixture {
    struct loop *loop;
    struct cluster *cluster;
    struct fake_engine engines[ENGINES];
    struct engine_node *nodes[ENGINES];
    size_t count;
};

static inline void fixture_open(struct fixture *fixture, size_t count)
{
    struct cluster_options options = cluster_default_options();
    static const char *const names[ENGINES] = {"node-1", "node-2", "node-3"};

    memset(fixture, 0, sizeof *fixture);
    options.watch.retry_min_ms = 5;
    options.watch.retry_max_ms = 20;
    fixture->loop = loop_new();
    fixture->cluster = cluster_new(fixture->loop, &options);
    fixture->count = count;
    for (size_t i = 0; i < count; i++)
        fake_engine_start(&fixture->engines[i], fixture->loop, names[i]);
}

static inline void fixture_join(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->count; i++) {
        struct node_options options = {.endpoint = fixture->engines[i].endpoint};
        struct failure failure;

        fixture->nodes[i] = cluster_node_add(fixture->cluster, &options, &failure);
        cr_assert_not_null(fixture->nodes[i], "%s", failure.text);
    }
    for (size_t i = 0; i < fixture->count; i++)
        until(fixture->loop, fixture->nodes[i]->in_sync);
}

static inline void fixture_close(struct fixture *fixture)
{
    cluster_free(&fixture->cluster);
    for (size_t i = 0; i < fixture->count; i++)
        fake_engine_free(&fixture->engines[i]);
    for (int i = 0; i < 5; i++)
        loop_turn(fixture->loop, 0);
    loop_free(&fixture->loop);
}
