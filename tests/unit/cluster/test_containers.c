/* Containers: the cache follows the engines; names and ids resolve; rows are ready. */
#include "cluster_fixture.h"

#include "proxy/json.h"

static struct container_entry *found(struct fixture *f, const char *reference)
{
    struct container_entry *entry = NULL;
    struct failure failure;

    return cluster_find_container(f->cluster, slice_of(reference), &entry, &failure) == 0 ? entry
                                                                                          : NULL;
}

Test(containers, follow_events)
{
    struct fixture f;
    struct fake_container *web;

    fixture_open(&f, 1);
    fixture_join(&f);
    web = fake_engine_add(&f.engines[0], "web", "created");
    web->memory = 500;
    fake_engine_event(&f.engines[0], web, "create");
    until(f.loop, found(&f, "web"));
    fake_engine_set(&f.engines[0], web, "running", "start");
    until(f.loop, found(&f, "web")->view.state == CONTAINER_RUNNING);
    expect_int(f.nodes[0]->view.used.memory_bytes, 500);
    expect_int(cluster_sums(f.cluster).running, 1);
    fake_engine_set(&f.engines[0], web, "exited", "die");
    until(f.loop, found(&f, "web")->view.state == CONTAINER_EXITED);
    expect_int(f.nodes[0]->view.used.memory_bytes, 0);
    web->used = false;
    fake_engine_event(&f.engines[0], web, "destroy");
    until(f.loop, !found(&f, "web"));
    expect_int(cluster_sums(f.cluster).containers, 0);
    until(f.loop, f.nodes[0]->in_sync);
    fixture_close(&f);
}

Test(containers, not_in_sync_while_an_answer_is_awaited)
{
    struct fixture f;
    struct fake_container *web;

    fixture_open(&f, 1);
    web = fake_engine_add(&f.engines[0], "web", "created");
    fixture_join(&f);
    f.engines[0].hold_inspect = true;
    fake_engine_set(&f.engines[0], web, "running", "start");
    until(f.loop, !f.nodes[0]->in_sync);
    fake_release(&f.engines[0]);
    until(f.loop, f.nodes[0]->in_sync);
    expect_int(found(&f, "web")->view.state, CONTAINER_RUNNING);
    fixture_close(&f);
}

Test(containers, what_happened_while_the_stream_was_cut_is_seen)
{
    struct fixture f;
    struct fake_container *web, *gone;

    fixture_open(&f, 1);
    web = fake_engine_add(&f.engines[0], "web", "running");
    gone = fake_engine_add(&f.engines[0], "gone", "running");
    fixture_join(&f);
    fake_engine_cut_events(&f.engines[0]);
    snprintf(web->state, sizeof web->state, "exited");
    gone->used = false;
    until(f.loop, !f.nodes[0]->in_sync);
    until(f.loop, f.nodes[0]->in_sync);
    expect_int(found(&f, "web")->view.state, CONTAINER_EXITED);
    cr_expect_null(found(&f, "gone"));
    fixture_close(&f);
}

Test(containers, resolve_in_dockers_order)
{
    struct fixture f;
    struct container_entry *entry;
    struct failure failure;
    char id[65], prefix[9];

    fixture_open(&f, 2);
    fake_engine_add(&f.engines[0], "web", "running");
    fake_engine_add(&f.engines[0], "both", "running");
    fake_engine_add(&f.engines[1], "both", "running");
    snprintf(id, sizeof id, "%s", fake_engine_find(&f.engines[0], "web")->id);
    snprintf(prefix, sizeof prefix, "%.8s", id);
    fixture_join(&f);
    entry = found(&f, "web");
    cr_assert_not_null(entry);
    cr_expect_eq(found(&f, "/web"), entry);
    cr_expect_eq(found(&f, id), entry);
    cr_expect_eq(found(&f, "node-1/web"), entry);
    cr_expect_eq(found(&f, "/node-1/web"), entry);
    cr_expect_null(found(&f, "node-2/web"));
    cr_expect_eq(found(&f, "node-2/both")->node, f.nodes[1]);
    /* Ids of the same number start alike on both engines up to the ninth digit. */
    expect_int(cluster_find_container(f.cluster, slice_of(prefix), &entry, &failure), -1);
    expect_int(failure.kind, FAILURE_INVALID);
    expect_int(cluster_find_container(f.cluster, SLICE("both"), &entry, &failure), -1);
    expect_int(failure.kind, FAILURE_CONFLICT);
    expect_text(failure.text,
                "container name \"both\" exists on node-1 and node-2; use node-1/both");
    expect_int(cluster_find_container(f.cluster, SLICE("nobody"), &entry, &failure), -1);
    expect_text(failure.text, "No such container: nobody");
    fixture_close(&f);
}

struct told {
    int calls;
    struct container_entry *entry;
    struct failure failure;
};

static void on_resolved(struct container_entry *entry, const struct failure *failure, void *context)
{
    struct told *told = context;

    told->calls++;
    told->entry = entry;
    if (failure)
        told->failure = *failure;
}

Test(containers, unknown_names_are_asked_of_the_nodes_once)
{
    struct fixture f;
    struct told told = {0};
    struct container_entry *entry;
    struct failure failure;

    fixture_open(&f, 2);
    fixture_join(&f);
    fake_engine_add(&f.engines[1], "secret", "running"); /* no event */
    cr_assert_not_null(
        cluster_resolve(f.cluster, SLICE("secret"), &entry, &failure, on_resolved, &told));
    expect_int(told.calls, 0);
    until(f.loop, told.calls == 1);
    cr_assert_not_null(told.entry);
    cr_expect_eq(told.entry->node, f.nodes[1]);
    cr_assert_not_null(
        cluster_resolve(f.cluster, SLICE("nobody"), &entry, &failure, on_resolved, &told));
    until(f.loop, told.calls == 2);
    expect_text(told.failure.text, "No such container: nobody");
    fixture_close(&f);
}

Test(containers, row_names_the_node_and_its_address)
{
    struct fixture f;
    struct buffer row;
    struct arena *arena = arena_new();
    struct container_entry *entry;
    struct value *value;

    fixture_open(&f, 1);
    fake_engine_add(&f.engines[0], "web", "running")->host_port = 80;
    fixture_join(&f);
    entry = found(&f, "web");
    buffer_init(&row, 65536);
    container_row_write(&row, entry, entry->facts.started_ns + 300000000000);
    value = json_parse(arena, buffer_slice(&row), NULL);
    cr_assert_not_null(value, "%s", row.at);
    expect_slice(value_find(value, "Names")->first->text, "/web");
    expect_slice(value_find(value, "Names")->last->text, "/node-1/web");
    expect_slice(value_get_text(value, "State"), "running");
    expect_slice(value_get_text(value, "Status"), "Up 5 minutes");
    expect_int(value_find(value, "Ports")->count, 1);
    expect_slice(value_get_text(value_find(value, "Ports")->first, "IP"), "127.0.0.1");
    fake_engine_kill(&f.engines[0]);
    until(f.loop, f.nodes[0]->view.state == NODE_UNREACHABLE);
    buffer_clear(&row);
    container_row_write(&row, entry, 0);
    value = json_parse(arena, buffer_slice(&row), NULL);
    expect_slice(value_get_text(value, "Status"), "Host Down (node-1)");
    buffer_deinit(&row);
    arena_free(&arena);
    fixture_close(&f);
}

Test(containers, are_listed_newest_first_through_changes)
{
    struct fixture f;
    struct container_entry *const *list;
    struct fake_container *second, *late;
    size_t count;

    fixture_open(&f, 2);
    fake_engine_add(&f.engines[0], "first", "running");
    second = fake_engine_add(&f.engines[0], "second", "running");
    fixture_join(&f);
    list = cluster_containers(f.cluster, &count);
    expect_int(count, 2);
    expect_slice(list[0]->view.name, "second");
    second->used = false;
    fake_engine_event(&f.engines[0], second, "destroy");
    f.engines[1].clock_ns += 60000000000;
    late = fake_engine_add(&f.engines[1], "late", "running");
    fake_engine_event(&f.engines[1], late, "create");
    until(f.loop, found(&f, "late") && found(&f, "late")->view.created_ns == late->created_ns);
    until(f.loop, !found(&f, "second"));
    list = cluster_containers(f.cluster, &count);
    expect_int(count, 2);
    expect_slice(list[0]->view.name, "late");
    expect_slice(list[1]->view.name, "first");
    fixture_close(&f);
}

static void on_refreshed(struct container_entry *entry, void *context)
{
    (void)entry;
    *(int *)context += 1;
}

Test(containers, refresh_brings_what_is_true_after_the_call)
{
    struct fixture f;
    struct fake_container *web;
    int calls = 0;

    fixture_open(&f, 1);
    web = fake_engine_add(&f.engines[0], "web", "created");
    fixture_join(&f);
    f.engines[0].hold_inspect = true;
    cluster_refresh(f.cluster, f.nodes[0], slice_of(web->id), on_refreshed, &calls);
    until(f.loop, f.engines[0].inspects == 2);
    /* The answer under way says created; it must not satisfy who asks after the change. */
    snprintf(web->state, sizeof web->state, "running");
    cluster_refresh(f.cluster, f.nodes[0], slice_of(web->id), on_refreshed, &calls);
    fake_release(&f.engines[0]);
    until(f.loop, calls == 2);
    expect_int(found(&f, "web")->view.state, CONTAINER_RUNNING);
    fixture_close(&f);
}
