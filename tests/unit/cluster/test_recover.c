/* Recover: lost nodes, pending containers, returns, drain, restarts of the manager. */
#include "cluster_fixture.h"

#include "proxy/cluster/recover.h"
#include "proxy/cluster/records.h"
#include "proxy/json.h"

#include <stdlib.h>
#include <unistd.h>

struct town {
    struct fixture f;
    struct store *store;
    struct recover *recover;
    char directory[64];
};

static void manager_open(struct town *town)
{
    struct cluster_options options = cluster_default_options();
    struct recover_settings settings = recover_default_settings();
    struct failure failure;

    options.watch.retry_min_ms = 5;
    options.watch.retry_max_ms = 20;
    options.lease_ms = 100;
    settings.grace_ms = 50;
    settings.show_ms = 20;
    settings.retry_ms = 100;
    town->f.cluster = cluster_new(town->f.loop, &options);
    town->store = store_open(town->f.loop, town->directory, &failure);
    cr_assert_not_null(town->store, "%s", failure.text);
    cr_assert_eq(cluster_set_store(town->f.cluster, town->store, &failure), 0);
    town->recover = recover_new(town->f.cluster, &settings, &failure);
    cr_assert_not_null(town->recover, "%s", failure.text);
}

static void manager_close(struct town *town)
{
    recover_free(&town->recover);
    cluster_free(&town->f.cluster);
    store_close(&town->store);
}

static void town_open(struct town *town, size_t count)
{
    static const char *const names[ENGINES] = {"node-1", "node-2", "node-3"};

    memset(town, 0, sizeof *town);
    snprintf(town->directory, sizeof town->directory, "/tmp/berth-recover-XXXXXX");
    cr_assert_not_null(mkdtemp(town->directory));
    town->f.loop = loop_new();
    town->f.count = count;
    for (size_t i = 0; i < count; i++)
        fake_engine_start(&town->f.engines[i], town->f.loop, names[i]);
    manager_open(town);
}

/* As an agent: joins, and keeps the lease only when told (renew_all). */
static void join(struct town *town, size_t i)
{
    struct node_options options = {.endpoint = town->f.engines[i].endpoint, .joined = true};
    struct failure failure;

    options.name = slice_of(town->f.engines[i].name);
    options.engine_id = slice_of(town->f.engines[i].id);
    town->f.nodes[i] = cluster_node_add(town->f.cluster, &options, &failure);
    cr_assert_not_null(town->f.nodes[i], "%s", failure.text);
}

static void join_all(struct town *town)
{
    for (size_t i = 0; i < town->f.count; i++)
        join(town, i);
    for (size_t i = 0; i < town->f.count; i++)
        until(town->f.loop, town->f.nodes[i]->in_sync);
}

static void town_close(struct town *town)
{
    static const char *const names[] = {"berth.db", "berth.db-wal", "berth.db-shm", "lock"};
    char path[100];

    manager_close(town);
    for (size_t i = 0; i < town->f.count; i++)
        fake_engine_free(&town->f.engines[i]);
    for (int i = 0; i < 5; i++)
        loop_turn(town->f.loop, 0);
    loop_free(&town->f.loop);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", town->directory, names[i]);
        unlink(path);
    }
    rmdir(town->directory);
}

static struct container_entry *named(struct town *town, const char *name)
{
    struct container_entry *entry = NULL;
    struct failure failure;

    return cluster_find_container(town->f.cluster, slice_of(name), &entry, &failure) == 0 ? entry
                                                                                          : NULL;
}

static bool runs_on(struct town *town, const char *name, size_t node)
{
    const struct container_entry *entry = named(town, name);

    return entry && entry->node == town->f.nodes[node] && entry->view.state == CONTAINER_RUNNING;
}

Test(recover, lost_containers_run_elsewhere_under_the_same_id, .timeout = 60)
{
    struct town t;
    char id[65];
    size_t count;

    town_open(&t, 3);
    snprintf(id, sizeof id, "%s", fake_engine_add(&t.f.engines[0], "web", "running")->id);
    fake_engine_add(&t.f.engines[0], "stopped", "exited");
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, t.f.nodes[0]->view.state == NODE_DOWN);
    until(t.f.loop, named(&t, "web") && named(&t, "web")->node != t.f.nodes[0] &&
                        named(&t, "web")->view.state == CONTAINER_RUNNING);
    expect_slice(named(&t, "web")->view.id, id);
    cr_expect_eq(named(&t, id), named(&t, "web"));
    cr_expect(named(&t, "web")->moved);
    cr_expect_neq(strcmp(id, fake_engine_find(&t.f.engines[1], "web")
                                 ? fake_engine_find(&t.f.engines[1], "web")->id
                                 : fake_engine_find(&t.f.engines[2], "web")->id),
                  0);
    cr_expect_eq(named(&t, "stopped")->node, t.f.nodes[0]);
    cluster_containers(t.f.cluster, &count);
    expect_int(count, 2);
    until(t.f.loop, recover_pending(t.recover) == 0);
    town_close(&t);
}

Test(recover, one_witness_is_not_enough, .timeout = 60)
{
    struct town t;

    town_open(&t, 3);
    fake_engine_add(&t.f.engines[0], "web", "running");
    join_all(&t);
    /* Agent gone, engine fine. */
    until(t.f.loop, t.f.nodes[0]->lease_over);
    for (int i = 0; i < 30; i++)
        loop_turn(t.f.loop, 10);
    expect_int(t.f.nodes[0]->view.state, NODE_READY);
    /* Engine gone, agent fine. */
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, t.f.nodes[0]->view.state == NODE_UNREACHABLE);
    for (int i = 0; i < 30; i++) {
        cluster_node_renew(t.f.nodes[0]);
        loop_turn(t.f.loop, 10);
    }
    expect_int(t.f.nodes[0]->view.state, NODE_UNREACHABLE);
    town_close(&t);
}

Test(recover, most_nodes_silent_moves_nothing_until_the_operator_says_so, .timeout = 60)
{
    struct town t;
    struct failure failure;

    town_open(&t, 3);
    fake_engine_add(&t.f.engines[0], "web", "running");
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    fake_engine_kill(&t.f.engines[1]);
    until(t.f.loop, recover_guard(t.recover));
    expect_int(t.f.nodes[0]->view.state, NODE_UNREACHABLE);
    expect_int(recover_declare_dead(t.recover, t.f.nodes[2], &failure), -1);
    expect_int(recover_declare_dead(t.recover, t.f.nodes[0], &failure), 0);
    until(t.f.loop, runs_on(&t, "web", 2));
    town_close(&t);
}

Test(recover, without_room_it_waits_with_its_reason_and_takes_the_first_chance, .timeout = 60)
{
    struct town t;
    struct fake_container *big;
    struct buffer row;

    town_open(&t, 2);
    fake_engine_add(&t.f.engines[0], "web", "running")->memory = 2000ll << 20;
    big = fake_engine_add(&t.f.engines[1], "big", "running");
    big->memory = 2000ll << 20;
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, named(&t, "web")->pending_why && named(&t, "web")->pending_why[0]);
    cr_expect(strstr(named(&t, "web")->pending_why, "no resources available"), "%s",
              named(&t, "web")->pending_why);
    expect_int(named(&t, "web")->view.state, CONTAINER_PENDING);
    buffer_init(&row, 65536);
    container_row_write(&row, named(&t, "web"), loop_wall_ns());
    cr_expect(strstr(row.at, "\"State\":\"pending\""), "%s", row.at);
    cr_expect(strstr(row.at, "\"Ports\":[]"), "%s", row.at);
    buffer_deinit(&row);
    expect_int(cluster_sums(t.f.cluster).pending, 1);
    big->used = false;
    fake_engine_event(&t.f.engines[1], big, "destroy");
    until(t.f.loop, runs_on(&t, "web", 1));
    expect_int(cluster_sums(t.f.cluster).pending, 0);
    town_close(&t);
}

Test(recover, returned_node_keeps_only_a_stopped_and_renamed_copy, .timeout = 60)
{
    struct town t;
    struct fake_container *old;
    char id[65];
    size_t count;

    town_open(&t, 3);
    old = fake_engine_add(&t.f.engines[0], "web", "running");
    snprintf(id, sizeof id, "%s", old->id);
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, t.f.nodes[0]->view.state == NODE_DOWN);
    until(t.f.loop, recover_pending(t.recover) == 0 && named(&t, "web"));
    fake_engine_return(&t.f.engines[0]); /* with its copy running */
    join(&t, 0);
    until(t.f.loop, strstr(old->name, "web.superseded-") && strcmp(old->state, "exited") == 0);
    expect_slice(named(&t, "web")->view.id, id);
    cr_expect_neq(named(&t, "web")->node, t.f.nodes[0]);
    until(t.f.loop, t.f.nodes[0]->in_sync);
    cluster_containers(t.f.cluster, &count);
    expect_int(count, 1);
    town_close(&t);
}

Test(recover, pending_container_goes_on_where_it_was_when_its_node_returns, .timeout = 60)
{
    struct town t;
    struct fake_container *web;
    char id[65];

    town_open(&t, 2);
    web = fake_engine_add(&t.f.engines[0], "web", "running");
    web->memory = 2000ll << 20;
    snprintf(id, sizeof id, "%s", web->id);
    fake_engine_add(&t.f.engines[1], "big", "running")->memory = 2000ll << 20;
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, named(&t, "web")->pending_why && named(&t, "web")->pending_why[0]);
    snprintf(web->state, sizeof web->state, "exited");
    fake_engine_return(&t.f.engines[0]);
    join(&t, 0);
    until(t.f.loop, runs_on(&t, "web", 0));
    expect_slice(named(&t, "web")->view.id, id);
    expect_int(recover_pending(t.recover), 0);
    town_close(&t);
}

Test(recover, manager_killed_in_between_goes_on_after, .timeout = 60)
{
    struct town t;
    char id[65];

    town_open(&t, 3);
    snprintf(id, sizeof id, "%s", fake_engine_add(&t.f.engines[0], "web", "running")->id);
    join_all(&t);
    node_set_availability(t.f.nodes[2], NODE_PAUSE);
    until(t.f.loop, store_waiting(t.store) == 0);
    manager_close(&t);
    fake_engine_kill(&t.f.engines[0]);
    manager_open(&t);
    t.f.nodes[0] = cluster_node_named(t.f.cluster, SLICE("node-1"));
    cr_assert_not_null(t.f.nodes[0]);
    join(&t, 1);
    join(&t, 2);
    expect_int(t.f.nodes[2]->view.availability, NODE_PAUSE);
    expect_slice(named(&t, "web")->view.id, id);
    until(t.f.loop, runs_on(&t, "web", 1));
    expect_slice(named(&t, "web")->view.id, id);
    until(t.f.loop, recover_pending(t.recover) == 0 && store_waiting(t.store) == 0);
    /* And the identity lives on. */
    manager_close(&t);
    manager_open(&t);
    join(&t, 1);
    until(t.f.loop, t.f.nodes[1]->in_sync);
    expect_slice(named(&t, "web")->view.id, id);
    cr_expect(named(&t, "web")->moved);
    town_close(&t);
}

Test(recover, pending_container_that_was_stopped_stays_so_when_its_node_returns, .timeout = 60)
{
    struct town t;
    struct fake_container *web;
    struct failure failure;
    char id[65];

    town_open(&t, 2);
    web = fake_engine_add(&t.f.engines[0], "web", "running");
    web->memory = 2000ll << 20;
    snprintf(id, sizeof id, "%s", web->id);
    fake_engine_add(&t.f.engines[1], "big", "running")->memory = 2000ll << 20;
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, named(&t, "web")->pending_why && named(&t, "web")->pending_why[0]);
    until(t.f.loop, recover_hold(t.recover, slice_of(id), true, &failure) == 0);
    snprintf(web->state, sizeof web->state, "exited");
    fake_engine_return(&t.f.engines[0]);
    join(&t, 0);
    until(t.f.loop, named(&t, "web") && named(&t, "web")->node == t.f.nodes[0] &&
                        recover_pending(t.recover) == 0);
    for (int i = 0; i < 30; i++)
        loop_turn(t.f.loop, 10);
    expect_text(web->state, "exited");
    cr_expect(cluster_stop_wanted(named(&t, "web")));
    town_close(&t);
}

static void keep_pending_record(struct town *town, const char *id)
{
    struct arena *arena = arena_new();
    struct value *value = value_map(arena);

    value_set_text(
        arena, value, "inspect",
        arena_printf(arena,
                     "{\"Id\":\"%s\",\"Name\":\"/web\",\"Config\":{\"Image\":\"busybox\"},"
                     "\"HostConfig\":{},\"State\":{\"Status\":\"running\"}}",
                     id));
    value_set_text(arena, value, "from", SLICE("node-1"));
    value_set_text(arena, value, "old", slice_of(id));
    store_put(town->store, "pending", slice_of(id), json_text(arena, value), NULL, NULL);
    arena_free(&arena);
}

Test(recover, manager_killed_between_create_and_start_makes_no_second_copy, .timeout = 60)
{
    struct town t;
    struct fake_container *copy;
    char id[65];
    size_t count;

    town_open(&t, 3);
    snprintf(id, sizeof id, "%s", fake_engine_add(&t.f.engines[0], "web", "running")->id);
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, t.f.nodes[0]->view.state == NODE_DOWN);
    until(t.f.loop, recover_pending(t.recover) == 0 && named(&t, "web") &&
                        named(&t, "web")->view.state == CONTAINER_RUNNING);
    copy = fake_engine_find(&t.f.engines[1], "web");
    if (!copy)
        copy = fake_engine_find(&t.f.engines[2], "web");
    keep_pending_record(&t, id);
    manager_close(&t);
    snprintf(copy->state, sizeof copy->state, "created");
    manager_open(&t);
    join(&t, 1);
    join(&t, 2);
    until(t.f.loop, recover_pending(t.recover) == 0);
    until(t.f.loop, named(&t, "web")->view.state == CONTAINER_RUNNING);
    expect_text(copy->state, "running");
    expect_slice(named(&t, "web")->view.id, id);
    cr_expect(container_name_unique(named(&t, "web")));
    cluster_containers(t.f.cluster, &count);
    expect_int(count, 1);
    expect_int(t.f.engines[1].creates + t.f.engines[2].creates, 1);
    town_close(&t);
}

static void stop_when_created(const struct change *change, void *context)
{
    (void)context;
    if (change->kind == CHANGE_CONTAINER && change->entry->moved &&
        change->entry->view.state == CONTAINER_CREATED)
        cluster_note_wish(change->entry, true);
}

Test(recover, stop_by_its_user_wins_over_a_move_under_way, .timeout = 60)
{
    struct town t;
    struct change_listener *listener;

    town_open(&t, 2);
    fake_engine_add(&t.f.engines[0], "web", "running");
    join_all(&t);
    listener = cluster_listen(t.f.cluster, stop_when_created, NULL);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, t.f.nodes[0]->view.state == NODE_DOWN);
    until(t.f.loop, recover_pending(t.recover) == 0);
    cr_assert_not_null(fake_engine_find(&t.f.engines[1], "web"));
    expect_text(fake_engine_find(&t.f.engines[1], "web")->state, "created");
    change_listener_cancel(&listener);
    town_close(&t);
}

Test(recover, drained_node_is_left_one_container_at_a_time, .timeout = 60)
{
    struct town t;
    struct fake_container *one, *two;
    char id[65];

    town_open(&t, 2);
    one = fake_engine_add(&t.f.engines[0], "one", "running");
    two = fake_engine_add(&t.f.engines[0], "two", "running");
    snprintf(id, sizeof id, "%s", one->id);
    join_all(&t);
    node_set_availability(t.f.nodes[0], NODE_DRAIN);
    until(t.f.loop, runs_on(&t, "one", 1) && runs_on(&t, "two", 1));
    expect_slice(named(&t, "one")->view.id, id);
    until(t.f.loop, strcmp(one->state, "exited") == 0 && strcmp(two->state, "exited") == 0);
    until(t.f.loop, strstr(one->name, ".superseded-") && strstr(two->name, ".superseded-"));
    town_close(&t);
}

/* Whatever happens to it, its user can always find it. */
static bool known(struct town *town, const char *name)
{
    cr_assert_not_null(named(town, name), "%s is not known", name);
    return true;
}

Test(recover, what_does_not_start_elsewhere_is_taken_away_again, .timeout = 60)
{
    struct town t;

    town_open(&t, 2);
    fake_engine_add(&t.f.engines[0], "web", "running");
    join_all(&t);
    t.f.engines[1].refuse_start = true;
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, known(&t, "web") && named(&t, "web")->pending_why &&
                        strstr(named(&t, "web")->pending_why, "port is already allocated"));
    until(t.f.loop, known(&t, "web") && !fake_engine_find(&t.f.engines[1], "web"));
    t.f.engines[1].refuse_start = false;
    until(t.f.loop, known(&t, "web") && runs_on(&t, "web", 1));
    town_close(&t);
}

Test(recover, pending_container_can_be_removed, .timeout = 60)
{
    struct town t;
    struct failure failure;
    char id[65];

    town_open(&t, 2);
    fake_engine_add(&t.f.engines[0], "web", "running")->memory = 2000ll << 20;
    fake_engine_add(&t.f.engines[1], "big", "running")->memory = 2000ll << 20;
    snprintf(id, sizeof id, "%s", fake_engine_find(&t.f.engines[0], "web")->id);
    join_all(&t);
    fake_engine_kill(&t.f.engines[0]);
    until(t.f.loop, named(&t, "web")->pending_why && named(&t, "web")->pending_why[0]);
    expect_int(recover_remove(t.recover, SLICE("nobody"), &failure), -1);
    expect_int(recover_remove(t.recover, slice_of(id), &failure), 0);
    cr_expect_null(named(&t, "web"));
    expect_int(recover_pending(t.recover), 0);
    town_close(&t);
}
