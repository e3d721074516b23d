/* The handlers on one container, over fake engines: what a client sees, and what is left when it
 * does not stay to see it. */
#include "stack.h"

static struct stack stack;

static void open_stack(size_t engines)
{
    stack_open(&stack, engines);
}

static void settle(void)
{
    for (int i = 0; i < 20; i++)
        loop_turn(stack.cluster.loop, 1);
}

Test(stack, a_container_lives)
{
    open_stack(2);
    expect_answer(&stack, "POST", "/v1.41/containers/create?name=web", "{\"Image\":\"busybox\"}",
                  201, "\"Id\":\"");
    expect_answer(&stack, "GET", "/v1.41/containers/json?all=1", NULL, 200,
                  "\"Names\":[\"/web\",\"/node-");
    expect_answer(&stack, "GET", "/v1.41/containers/json", NULL, 200, "[]");
    expect_answer(&stack, "POST", "/v1.41/containers/web/start", NULL, 204,
                  "X-Cluster-Node: node-");
    expect_answer(&stack, "GET", "/v1.41/containers/json", NULL, 200, "\"State\":\"running\"");
    expect_answer(&stack, "GET", "/v1.41/containers/web/json", NULL, 200, "\"Node\":{\"ID\":");
    expect_answer(&stack, "POST", "/v1.41/containers/web/rename?name=db", NULL, 204, NULL);
    expect_answer(&stack, "GET", "/v1.41/containers/web/json", NULL, 404, "No such container: web");
    expect_answer(&stack, "DELETE", "/v1.41/containers/db?force=1", NULL, 204, NULL);
    expect_answer(&stack, "GET", "/v1.41/containers/json?all=1", NULL, 200, "[]");
    stack_close(&stack);
}

Test(stack, answers_what_needs_no_engine)
{
    open_stack(0);
    expect_answer(&stack, "HEAD", "/_ping", NULL, 200, "Builder-Version: 1");
    expect_answer(&stack, "GET", "/_ping", NULL, 200, "OK");
    expect_answer(&stack, "GET", "/version", NULL, 200, "\"ApiVersion\":\"1.41\"");
    expect_answer(&stack, "GET", "/info", NULL, 200, "\"Containers\":0");
    expect_answer(&stack, "OPTIONS", "/containers/json", NULL, 200, NULL);
    expect_answer(&stack, "GET", "/nope", NULL, 404, "{\"message\":\"page not found\"}");
    expect_answer(&stack, "GET", "//info", NULL, 301, "Location: /info");
    expect_answer(&stack, "GET", "/v1.99/info", NULL, 400, "client version 1.99 is too new");
    expect_answer(&stack, "GET", "/v1.20/info", NULL, 400, "client version 1.20 is too old");
    expect_answer(&stack, "GET", "/swarm", NULL, 503, "not a swarm manager");
    expect_answer(&stack, "POST", "/swarm/init", "{}", 501, "swarm mode is not available");
    expect_answer(&stack, "GET", "/containers/json", NULL, 200, "[]");
    expect_answer(&stack, "POST", "/containers/create", "{\"Image\":\"b\"}", 503,
                  "no resources available to schedule container");
    stack_close(&stack);
}

Test(stack, refuses_bodies_that_dockerd_refuses)
{
    static const char *const bodies[] = {"{", "[]", "{\"Image\":\"b\"}x", "", "7"};
    struct client client;
    open_stack(1);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        expect_answer(&stack, "POST", "/containers/create", bodies[i], 400, "invalid JSON");
    static const char *const types[] = {"Content-Type: text/plain\r\n",
                                        "Content-Type: application/x-www-form-urlencoded\r\n"};
    for (size_t i = 0; i < 2; i++) {
        client_send(&stack, &client, "POST", "/containers/create", types[i], "{\"Image\":\"b\"}");
        until(stack.cluster.loop, client.ended);
        expect_int(client_status(&client), 400);
        cr_expect(strstr(client.got.at, "must be application/json"));
        client_leave(&client);
    }
    expect_int(stack.cluster.engines[0].creates, 0);
    stack_close(&stack);
}

Test(stack, a_form_counts_as_query)
{
    struct client client;
    open_stack(1);
    fake_engine_add(&stack.cluster.engines[0], "web", "created");
    client_send(&stack, &client, "POST", "/containers/web/rename",
                "Content-Type: application/x-www-form-urlencoded\r\n", "name=other");
    until(stack.cluster.loop, client.ended);
    expect_int(client_status(&client), 204);
    client_leave(&client);
    cr_expect(fake_engine_find(&stack.cluster.engines[0], "other"));
    stack_close(&stack);
}

Test(stack, a_missing_image_is_the_only_404_of_create)
{
    open_stack(1);
    stack.cluster.engines[0].refuse_create = true;
    expect_answer(&stack, "POST", "/containers/create", "{\"Image\":\"b\"}", 404, "No such image");
    stack.cluster.engines[0].refuse_create = false;
    expect_answer(&stack, "POST", "/containers/create",
                  "{\"Image\":\"b\",\"HostConfig\":{\"NetworkMode\":\"container:none\"}}", 400,
                  "No such container: none");
    expect_answer(&stack, "POST", "/containers/create",
                  "{\"Image\":\"b\",\"Env\":[\"constraint:rubbish\"]}", 400, "constraint");
    stack_close(&stack);
}

Test(stack, two_creates_of_one_name_give_one)
{
    struct client first, second;
    open_stack(2);
    client_send(&stack, &first, "POST", "/containers/create?name=web", NULL, "{\"Image\":\"b\"}");
    client_send(&stack, &second, "POST", "/containers/create?name=web", NULL, "{\"Image\":\"b\"}");
    until(stack.cluster.loop, first.ended && second.ended);
    expect_int(client_status(&first) + client_status(&second), 201 + 409);
    client_leave(&first);
    client_leave(&second);
    stack_close(&stack);
}

Test(stack, a_client_that_leaves_a_create_leaves_nothing_reserved)
{
    struct client client;
    open_stack(1);
    stack.cluster.engines[0].hold_inspect = true;
    client_send(&stack, &client, "POST", "/containers/create?name=web", NULL,
                "{\"Image\":\"b\",\"HostConfig\":{\"Memory\":1048576}}");
    until(stack.cluster.loop, stack.cluster.engines[0].creates == 1);
    client_leave(&client);
    settle();
    stack.cluster.engines[0].hold_inspect = false;
    fake_release(&stack.cluster.engines[0]);
    until(stack.cluster.loop, cluster_sums(stack.cluster.cluster).containers == 1);
    expect_answer(&stack, "DELETE", "/containers/web", NULL, 204, NULL);
    /* Held for its start until it was removed. */
    expect_int(cluster_sums(stack.cluster.cluster).reserved.memory_bytes, 0);
    stack_close(&stack);
}

Test(stack, a_client_that_leaves_a_start_is_forgotten)
{
    struct client client;
    open_stack(1);
    fake_engine_add(&stack.cluster.engines[0], "web", "created");
    expect_answer(&stack, "GET", "/containers/web/json", NULL, 200, NULL);
    stack.cluster.engines[0].hold_inspect = true;
    int inspects = stack.cluster.engines[0].inspects;
    client_send(&stack, &client, "POST", "/containers/web/start", NULL, NULL);
    until(stack.cluster.loop, stack.cluster.engines[0].inspects > inspects);
    cr_expect_not(client.ended);
    client_leave(&client);
    settle();
    stack.cluster.engines[0].hold_inspect = false;
    fake_release(&stack.cluster.engines[0]);
    until(stack.cluster.loop, stack.cluster.nodes[0]->in_sync);
    expect_answer(&stack, "GET", "/containers/json", NULL, 200, "\"State\":\"running\"");
    stack_close(&stack);
}

Test(stack, a_client_that_leaves_an_unknown_name_is_forgotten)
{
    struct client client;
    open_stack(2);
    stack.cluster.engines[0].hold_inspect = true;
    client_send(&stack, &client, "GET", "/containers/nobody/json", NULL, NULL);
    until(stack.cluster.loop, stack.cluster.engines[0].inspects > 0);
    client_leave(&client);
    settle();
    fake_release(&stack.cluster.engines[0]);
    settle();
    stack_close(&stack);
}

Test(stack, a_dead_node_is_named_and_its_rows_are_marked)
{
    open_stack(2);
    struct fake_container *container = fake_engine_add(&stack.cluster.engines[1], "web", "running");
    fake_engine_event(&stack.cluster.engines[1], container, "start");
    until(stack.cluster.loop, cluster_sums(stack.cluster.cluster).containers == 1);
    fake_engine_kill(&stack.cluster.engines[1]);
    until(stack.cluster.loop, stack.cluster.nodes[1]->view.state != NODE_READY);
    expect_answer(&stack, "GET", "/containers/json", NULL, 200, "Host Down (node-2)");
    expect_answer(&stack, "GET", "/containers/json", NULL, 200, "X-Cluster-Nodes-Failed: node-2");
    expect_answer(&stack, "POST", "/containers/web/stop", NULL, 503, "node-2 is down");
    expect_answer(&stack, "POST", "/containers/create?name=web", "{\"Image\":\"b\"}", 409,
                  "is already in use by container");
    expect_answer(&stack, "GET", "/info", NULL, 200, "WARNING: node node-2 is");
    stack_close(&stack);
}

Test(stack, header_and_name_pin_a_node)
{
    struct client client;
    open_stack(3);
    client_send(&stack, &client, "POST", "/containers/create",
                "Content-Type: application/json\r\nX-Cluster-Node: node-3\r\n",
                "{\"Image\":\"b\"}");
    until(stack.cluster.loop, client.ended);
    cr_expect(strstr(client.got.at, "X-Cluster-Node: node-3"), "%s", client.got.at);
    client_leave(&client);
    expect_answer(&stack, "POST", "/containers/create?name=node-2/web", "{\"Image\":\"b\"}", 201,
                  "X-Cluster-Node: node-2");
    expect_answer(&stack, "GET", "/containers/node-2/web/json", NULL, 200, "\"Name\":\"/web\"");
    stack_close(&stack);
}

Test(stack, node_commands)
{
    open_stack(1);
    const char *id = stack.cluster.nodes[0]->swarm_id;
    char target[128];
    expect_answer(&stack, "GET", "/nodes", NULL, 200, "\"Hostname\":\"node-1\"");
    expect_answer(&stack, "GET", "/nodes/none", NULL, 404, "node none not found");
    snprintf(target, sizeof(target), "/nodes/%s/update?version=%llu", id,
             (unsigned long long)stack.cluster.nodes[0]->version_index);
    expect_answer(&stack, "POST", target,
                  "{\"Availability\":\"drain\",\"Labels\":{\"tier\":\"x\"}}", 200, NULL);
    expect_answer(&stack, "POST", target, "{\"Availability\":\"active\"}", 409,
                  "update out of sequence");
    expect_answer(&stack, "GET", "/nodes", NULL, 200, "\"Availability\":\"drain\"");
    expect_answer(&stack, "POST", "/containers/create", "{\"Image\":\"b\"}", 503, "drain");
    expect_answer(&stack, "DELETE", "/nodes/node-1", NULL, 400, "is not down");
    expect_answer(&stack, "DELETE", "/nodes/node-1?force=1", NULL, 200, NULL);
    expect_answer(&stack, "GET", "/nodes", NULL, 200, "[]");
    stack.cluster.count = 1;
    stack_close(&stack);
}
