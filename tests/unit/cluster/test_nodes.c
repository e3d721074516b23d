/* Nodes: joining, names, states, return. */
#include "cluster_fixture.h"

Test(nodes, take_name_size_and_tags_from_the_engine)
{
    struct fixture f;
    struct engine_node *node;

    fixture_open(&f, 1);
    fixture_join(&f);
    node = f.nodes[0];
    expect_slice(node->view.name, "node-1");
    expect_slice(node->view.id, "ENGINE:node-1");
    expect_slice(node->view.address, "127.0.0.1");
    expect_int(node->view.state, NODE_READY);
    expect_int(node->view.total.memory_bytes, 2ll << 30);
    expect_int(node->view.total.nano_cpus, 1000000000);
    expect_int(node->api_max, API_VERSION(1, 41));
    expect_int(strlen(node->swarm_id), 25);
    expect_slice(node->view.tags.list[0].key, "zone");
    cr_expect_eq(cluster_node_find(f.cluster, SLICE("node-1")), node);
    cr_expect_eq(cluster_node_find(f.cluster, SLICE("ENGINE:node-1")), node);
    cr_expect_eq(cluster_node_find(f.cluster, slice_cut(slice_of(node->swarm_id), 0, 8)), node);
    cr_expect_null(cluster_node_find(f.cluster, SLICE("node-9")));
    fixture_close(&f);
}

Test(nodes, declared_size_wins)
{
    struct fixture f;
    struct failure failure;
    struct node_options options = {.name = SLICE("small"), .declared = {1 << 30, 0}};

    fixture_open(&f, 1);
    options.endpoint = f.engines[0].endpoint;
    f.nodes[0] = cluster_node_add(f.cluster, &options, &failure);
    until(f.loop, f.nodes[0]->in_sync);
    expect_slice(f.nodes[0]->view.name, "small");
    expect_int(f.nodes[0]->view.total.memory_bytes, 1 << 30);
    expect_int(cluster_sums(f.cluster).total.memory_bytes, 1 << 30);
    expect_int(cluster_sums(f.cluster).total.nano_cpus, 1000000000);
    fixture_close(&f);
}

Test(nodes, second_engine_of_one_name_is_not_taken)
{
    struct fixture f;
    struct failure failure;
    struct node_options options = {0};
    struct engine_node *twin;

    fixture_open(&f, 2);
    snprintf(f.engines[1].name, sizeof f.engines[1].name, "node-1");
    options.endpoint = f.engines[0].endpoint;
    f.nodes[0] = cluster_node_add(f.cluster, &options, &failure);
    until(f.loop, f.nodes[0]->in_sync);
    options.endpoint = f.engines[1].endpoint;
    twin = cluster_node_add(f.cluster, &options, &failure);
    until(f.loop, twin->view.state == NODE_UNREACHABLE);
    cr_expect(strstr(twin->why, "two nodes are called \"node-1\""), "%s", twin->why);
    expect_int(f.nodes[0]->view.state, NODE_READY);
    fixture_close(&f);
}

Test(nodes, agent_with_an_id_in_use_is_refused)
{
    struct fixture f;
    struct failure failure;
    struct node_options options = {
        .name = SLICE("node-7"), .engine_id = SLICE("ENGINE:node-1"), .joined = true};

    fixture_open(&f, 1);
    fixture_join(&f);
    options.endpoint = f.engines[0].endpoint;
    cr_expect_null(cluster_node_add(f.cluster, &options, &failure));
    expect_int(failure.kind, FAILURE_CONFLICT);
    cr_expect(strstr(failure.text, "already in the cluster as node \"node-1\""), "%s",
              failure.text);
    expect_int(cluster_node_count(f.cluster), 1);
    fixture_close(&f);
}

Test(nodes, lost_engine_is_unreachable_and_back_when_it_returns)
{
    struct fixture f;
    struct failure failure;

    fixture_open(&f, 2);
    fake_engine_add(&f.engines[0], "web", "running");
    fixture_join(&f);
    fake_engine_kill(&f.engines[0]);
    until(f.loop, f.nodes[0]->view.state == NODE_UNREACHABLE);
    cr_expect_neq(node_usable(f.nodes[0], &failure), 0);
    cr_expect(strstr(failure.text, "node-1 is down: "), "%s", failure.text);
    expect_int(cluster_sums(f.cluster).containers, 1);
    fake_engine_find(&f.engines[0], "web")->used = false;
    fake_engine_add(&f.engines[0], "other", "running");
    fake_engine_return(&f.engines[0]);
    until(f.loop, f.nodes[0]->in_sync);
    expect_int(f.nodes[0]->view.state, NODE_READY);
    expect_int(cluster_sums(f.cluster).containers, 1);
    expect_slice(f.nodes[0]->view.containers[0]->name, "other");
    fixture_close(&f);
}

Test(nodes, removal_takes_everything_along)
{
    struct fixture f;

    fixture_open(&f, 2);
    fake_engine_add(&f.engines[0], "web", "running")->memory = 1000;
    fixture_join(&f);
    expect_int(cluster_sums(f.cluster).used.memory_bytes, 1000);
    cluster_node_remove(f.nodes[0]);
    expect_int(cluster_node_count(f.cluster), 1);
    expect_int(cluster_sums(f.cluster).containers, 0);
    expect_int(cluster_sums(f.cluster).used.memory_bytes, 0);
    expect_int(cluster_sums(f.cluster).total.memory_bytes, 2ll << 30);
    expect_int(cluster_sums(f.cluster).images, 1);
    for (int i = 0; i < 5; i++)
        loop_turn(f.loop, 0);
    fixture_close(&f);
}

Test(nodes, lease_runs_out_and_is_renewed)
{
    struct fixture f;
    struct failure failure;
    struct node_options options = {.name = SLICE("node-1"), .joined = true};

    fixture_open(&f, 1);
    options.endpoint = f.engines[0].endpoint;
    f.nodes[0] = cluster_node_add(f.cluster, &options, &failure);
    until(f.loop, f.nodes[0]->in_sync);
    f.nodes[0]->lease_until = 0;
    until(f.loop, f.nodes[0]->lease_over);
    cluster_node_renew(f.nodes[0]);
    cr_expect_not(f.nodes[0]->lease_over);
    fixture_close(&f);
}

Test(nodes, availability_words)
{
    enum availability availability;

    expect_int(availability_parse(SLICE("Drain"), &availability), 0);
    expect_int(availability, NODE_DRAIN);
    expect_int(availability_parse(SLICE("gone"), &availability), -1);
}

/* Calls that wait for an answer run into their deadline and are made again; pings are answered. */
Test(nodes, a_slow_engine_is_not_a_dead_one)
{
    struct fixture f;
    struct cluster_options options = cluster_default_options();
    struct fake_engine *engine;
    int before;

    fixture_open(&f, 1);
    cluster_free(&f.cluster);
    options.watch.call_deadline_ms = 40;
    f.cluster = cluster_new(f.loop, &options);
    engine = &f.engines[0];
    fake_engine_add(engine, "web", "created");
    fixture_join(&f);
    before = engine->inspects;
    engine->hold_inspect = true;
    fake_engine_set(engine, fake_engine_find(engine, "web"), "running", "start");
    until(f.loop, engine->inspects >= before + 3);
    expect_int(f.nodes[0]->view.state, NODE_READY);
    cr_expect_not(f.nodes[0]->in_sync);
    engine->hold_inspect = false;
    fake_release(engine);
    until(f.loop, f.nodes[0]->in_sync);
    expect_int(f.nodes[0]->view.running, 1);
    fixture_close(&f);
}
