/* Create plan: hints leave the environment, stay as labels, and reach the scheduler. */
#include "proxy/docker/create_plan.h"
#include "proxy/json.h"
#include "tests/unit/test.h"

static struct create_plan plan;

static int read_plan(struct arena *arena, const char *text, struct failure *failure)
{
    struct value *body = json_parse(arena, slice_of(text), failure);
    cr_assert(body, "%s", failure->text);
    int result = create_plan_read(&plan, arena, body, SLICE("web"), failure);
    if (result == 0)
        create_plan_finish(&plan);
    return result;
}

Test(create_plan, moves_hints_from_environment_to_labels)
{
    struct arena *arena = arena_new();
    struct failure failure;
    cr_assert_eq(read_plan(arena,
                           "{\"Image\":\"busybox\",\"Env\":[\"A=1\",\"constraint:storage==ssd\","
                           "\"affinity:container!=db\",\"reschedule:never\",\"B=2\"]}",
                           &failure),
                 0, "%s", failure.text);
    expect_slice(json_text(arena, plan.body),
                 "{\"Image\":\"busybox\",\"Env\":[\"A=1\",\"B=2\"],\"Labels\":{"
                 "\"com.docker.swarm.constraints\":\"[\\\"storage==ssd\\\"]\","
                 "\"com.docker.swarm.affinities\":\"[\\\"container!=db\\\"]\","
                 "\"com.docker.swarm.reschedule-policies\":\"[\\\"never\\\"]\"}}");
    expect_int(plan.workload.constraints.count, 2);
    expect_slice(plan.workload.constraints.list[0].key, "storage");
    cr_expect(plan.workload.constraints.list[1].affinity);
    expect_int(plan.workload.reschedule, RESCHEDULE_NEVER);
    expect_slice(plan.workload.name, "web");
    expect_slice(plan.workload.image, "busybox");
    arena_free(&arena);
}

Test(create_plan, reads_labels_of_both_kinds_and_keeps_them)
{
    struct arena *arena = arena_new();
    struct failure failure;
    const char *body = "{\"Image\":\"b\",\"Labels\":{\"constraint:storage\":\"=ssd\","
                       "\"com.docker.swarm.constraints\":\"[\\\"region==eu\\\"]\",\"x\":\"y\"}}";
    cr_assert_eq(read_plan(arena, body, &failure), 0, "%s", failure.text);
    expect_slice(json_text(arena, plan.body), body);
    expect_int(plan.workload.constraints.count, 2);
    arena_free(&arena);
}

Test(create_plan, adds_to_a_list_label_that_is_there)
{
    struct arena *arena = arena_new();
    struct failure failure;
    cr_assert_eq(read_plan(arena,
                           "{\"Env\":[\"constraint:a==b\"],\"labels\":"
                           "{\"com.docker.swarm.constraints\":\"[\\\"c==d\\\"]\"}}",
                           &failure),
                 0);
    expect_slice(value_get_text(value_find(plan.body, "Labels"), "com.docker.swarm.constraints"),
                 "[\"c==d\",\"a==b\"]");
    expect_int(plan.workload.constraints.count, 2);
    arena_free(&arena);
}

Test(create_plan, refuses_rubbish_and_quotes_it)
{
    static const char *const bodies[] = {
        "{\"Env\":[\"constraint:rubbish\"]}",
        "{\"Labels\":{\"com.docker.swarm.constraints\":\"no list\"}}",
        "{\"Labels\":{\"com.docker.swarm.constraints\":\"[1]\"}}",
        "{\"HostConfig\":{\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"99999\"}]}}}",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct failure failure;
        cr_expect_eq(read_plan(arena, bodies[i], &failure), -1, "%s", bodies[i]);
        expect_int(failure.kind, FAILURE_INVALID);
    }
    arena_free(&arena);
}

Test(create_plan, homes_are_counted_once_and_bounded)
{
    struct arena *arena = arena_new();
    struct failure failure;
    cr_assert_eq(read_plan(arena, "{}", &failure), 0);
    cr_expect_eq(create_plan_add_home(&plan, SLICE("n1"), SLICE("network a"), &failure), 0);
    cr_expect_eq(create_plan_add_home(&plan, SLICE("n1"), SLICE("volume v"), &failure), 0);
    expect_int(plan.workload.home_count, 1);
    for (size_t i = 1; i < CREATE_MAX_HOMES; i++)
        cr_expect_eq(
            create_plan_add_home(&plan, arena_printf(arena, "m%zu", i), SLICE("x"), &failure), 0);
    cr_expect_eq(create_plan_add_home(&plan, SLICE("more"), SLICE("x"), &failure), -1);
    arena_free(&arena);
}

Test(create_plan, a_choice_of_nodes_is_a_constraint)
{
    struct arena *arena = arena_new();
    struct failure failure;
    const struct slice nodes[] = {SLICE_INIT("n1"), SLICE_INIT("n2")};
    cr_assert_eq(read_plan(arena, "{}", &failure), 0);
    cr_assert_eq(create_plan_add_choice(&plan, arena, nodes, 2, &failure), 0, "%s", failure.text);
    expect_slice(plan.constraints.list[0].pattern, "/^(n1|n2)$/");
    arena_free(&arena);
}
