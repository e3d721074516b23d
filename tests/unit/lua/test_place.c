/* Place: filter, score and pick inside the real scheduler; errors stay at their node. */
#include "tests/unit/lua/fixture.h"

#define GIB (1024LL * 1024 * 1024)

struct cluster {
    struct node node[3];
    const struct node *list[3];
    struct nodes nodes;
    struct cluster_settings settings;
    struct workload workload;
    struct schedule_request request;
    struct scheduler *scheduler;
    struct schedule_policy hooks;
    struct schedule_result result;
    struct failure failure;
    struct policy_host *host;
    struct policy *policy;
};

static const struct tag ssd = {SLICE_INIT("storage"), SLICE_INIT("ssd")};
static const struct tag gpu = {SLICE_INIT("gpu"), SLICE_INIT("2")};
static const struct tag linux_os = {SLICE_INIT("ostype"), SLICE_INIT("linux")};

static void cluster_init(struct cluster *c, const char *text)
{
    static const char *const names[] = {"n1", "n2", "n3"};
    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < 3; i++) {
        c->node[i] = (struct node){.name = slice_of(names[i]),
                                   .id = slice_of(names[i]),
                                   .state = NODE_READY,
                                   .standard = {&linux_os, 1},
                                   .total = {8 * GIB, 4000000000LL},
                                   .joined_ns = test_wall_ns() - 100 * 1000000000LL};
        c->list[i] = &c->node[i];
    }
    c->node[0].tags = (struct tags){&ssd, 1};
    c->node[1].facts = (struct tags){&gpu, 1};
    c->nodes = (struct nodes){c->list, 3, 1};
    c->workload.image = SLICE("busybox");
    c->request = (struct schedule_request){
        .workload = &c->workload, .nodes = &c->nodes, .settings = &c->settings};
    c->scheduler = scheduler_new();
    c->host = host_new();
    c->policy = policy_with(c->host, text);
}

static void cluster_deinit(struct cluster *c)
{
    scheduler_free(&c->scheduler);
    policy_release(&c->policy);
    policy_host_free(&c->host);
}

static const char *place(struct cluster *c)
{
    failure_clear(&c->failure);
    policy_place(c->policy, &c->hooks);
    c->request.policy = &c->hooks;
    if (schedule_run(c->scheduler, &c->request, &c->result, &c->failure) != 0) {
        return c->failure.text;
    }
    return c->result.ranked[0].node->name.at;
}

Test(place, sees_tags_facts_sums_and_age)
{
    struct cluster c;
    cluster_init(&c,
                 "function policy.filter(job, node)\n"
                 "  assert(job.image == 'busybox' and job.memory == 1024 and job.cpus == 0.5)\n"
                 "  assert(node.tags.ostype == 'linux' and node.labels == node.tags)\n"
                 "  assert(node.total.memory == 8 * GiB and node.free.cpus == 4 - node.used.cpus)\n"
                 "  assert(node.age == 100 and node.state == 'ready' and node.running == 0)\n"
                 "  if node.name == 'n1' then assert(node.tags.storage == 'ssd') end\n"
                 "  return (node.facts.gpu or 0) >= 2, 'no gpu'\n"
                 "end\n");
    c.workload.asked = (struct resources){1024, 500000000};
    expect_text(place(&c), "n2");
    c.node[1].availability = NODE_DRAIN;
    expect_text(place(&c), "no resources available to schedule container: 2 of 3 nodes: no gpu; "
                           "n2: drained");
    cluster_deinit(&c);
}

Test(place, kept_tables_follow_every_change)
{
    struct cluster c;
    cluster_init(&c, "function policy.score(job, node, base)\n"
                     "  return node.free.memory / GiB * 10 + (node.tags.storage == 'nvme' and 500 "
                     "or 0) + node.running\n"
                     "end\n");
    static const struct tag nvme = {SLICE_INIT("storage"), SLICE_INIT("nvme")};
    c.node[1].used.memory_bytes = c.node[0].used.memory_bytes = GIB;
    expect_text(place(&c), "n3");
    c.node[2].used.memory_bytes = 4 * GIB;
    expect_text(place(&c), "n1");
    c.node[1].running = 5;
    expect_text(place(&c), "n2");
    c.node[2].tags = (struct tags){&nvme, 1};
    c.nodes.generation++;
    expect_text(place(&c), "n3");
    const struct node *swapped[] = {c.list[2], c.list[0]};
    c.nodes = (struct nodes){swapped, 2, 7};
    expect_text(place(&c), "n3");
    cr_expect_float_eq(c.result.ranked[0].score, 540, 1e-6);
    c.nodes = (struct nodes){c.list, 3, 8};
    expect_text(place(&c), "n3");
    cluster_deinit(&c);
}

Test(place, methods_look_at_the_node)
{
    struct cluster c;
    struct tag app = {SLICE("app"), SLICE("web")}, gpus = {SLICE("gpus"), SLICE("3")};
    struct container web = {.state = CONTAINER_RUNNING, .labels = {&app, 1}};
    struct container old = {.state = CONTAINER_EXITED, .labels = {&app, 1}};
    struct container ml = {.state = CONTAINER_RUNNING, .labels = {&gpus, 1}};
    const struct container *list[] = {&web, &old, &ml};
    struct slice images[] = {SLICE("busybox:latest"), SLICE("reg:5000/a:1")};
    cluster_init(&c, "function policy.filter(job, node)\n"
                     "  if node.name ~= 'n1' then return false, 'other' end\n"
                     "  assert(node:has_image('busybox') and node:has_image('reg:5000/a:1'))\n"
                     "  assert(not node:has_image('reg:5000/a'))\n"
                     "  assert(node:replicas('app', 'web') == 1 and node:replicas('app') == 1)\n"
                     "  assert(node:replicas('app', nil) == 0 and node:replicas('x', 'y') == 0)\n"
                     "  assert(node:sum('gpus') == 3 and node:sum('x') == 0)\n"
                     "  assert(node.containers == 3)\n"
                     "  assert(not pcall(node.sum, {}, 'x'))\n"
                     "end\n");
    c.node[0].containers = list;
    c.node[0].containers_total = 3;
    c.node[0].images = images;
    c.node[0].image_count = 2;
    expect_text(place(&c), "n1");
    cluster_deinit(&c);
}

Test(place, an_error_refuses_its_node_and_names_it)
{
    struct cluster c;
    cluster_init(&c, "function policy.filter(job, node)\n"
                     "  if node.name == 'n1' then return node.nothing.x end\n"
                     "  if node.name == 'n2' then return 'yes' end\n"
                     "end\n");
    expect_text(place(&c), "n3");
    cr_expect(
        slice_contains(slice_of(policy_host_counters(c.host)->last_failure), "returned a string"));
    expect_int(policy_host_counters(c.host)->failures[POLICY_FILTER], 2);
    c.node[2].state = NODE_DOWN;
    const char *text = place(&c);
    cr_expect(slice_contains(slice_of(text), "n1: policy failed: policy.lua:2: attempt to index"),
              "%s", text);
    cluster_deinit(&c);
}

Test(place, a_score_that_fails_leaves_the_c_score)
{
    struct cluster c;
    cluster_init(&c, "function policy.score(job, node, base)\n"
                     "  if node.name == 'n1' then error('x') end\n"
                     "  if node.name == 'n2' then return 'high' end\n"
                     "  return base - 1\n"
                     "end\n");
    expect_text(place(&c), "n1");
    cr_expect_float_eq(c.result.ranked[0].score, 50, 1e-9);
    cr_expect_float_eq(c.result.ranked[1].score, 50, 1e-9);
    cr_expect_float_eq(c.result.ranked[2].score, 49, 1e-9);
    expect_int(policy_host_counters(c.host)->failures[POLICY_SCORE], 2);
    cluster_deinit(&c);
}

Test(place, a_filter_that_runs_away_fails_the_decision_a_score_does_not)
{
    struct cluster c;
    cluster_init(&c, "function policy.filter() while true do end end");
    expect_text(
        place(&c),
        "the operator's policy (policy_timeout): policy.lua:1: took longer than its budget");
    expect_int(c.failure.kind, FAILURE_UNREACHABLE);
    cluster_deinit(&c);
    cluster_init(&c, "function policy.score() while true do end end");
    expect_text(place(&c), "n1");
    expect_int(policy_host_counters(c.host)->timeouts, 1);
    cluster_deinit(&c);
}

Test(place, scores_are_clamped)
{
    struct cluster c;
    cluster_init(&c, "function policy.score(job, node)\n"
                     "  return ({ n1 = -5, n2 = 1e300, n3 = 0 / 0 })[node.name]\n"
                     "end\n");
    expect_text(place(&c), "n2");
    cr_expect_float_eq(c.result.ranked[0].score, 1000, 1e-9);
    cr_expect_float_eq(c.result.ranked[1].score, 50, 1e-9);
    cr_expect_float_eq(c.result.ranked[2].score, 0, 1e-9);
    cluster_deinit(&c);
}

Test(place, pick_may_choose_among_the_ranked)
{
    struct cluster c;
    cluster_init(&c, "function policy.pick(job, ranked)\n"
                     "  assert(#ranked == 3 and ranked[1].score == 50 and ranked[1].node.name == "
                     "'n1')\n"
                     "  return ranked[3].node.name\n"
                     "end\n");
    expect_text(place(&c), "n3");
    cluster_deinit(&c);
    cluster_init(&c, "function policy.pick(job, ranked) return 'elsewhere' end");
    expect_text(place(&c), "n1");
    expect_int(policy_host_counters(c.host)->nonsense, 1);
    cluster_deinit(&c);
}

Test(place, c_filters_and_strategies_are_at_hand)
{
    struct cluster c;
    cluster_init(&c, "function policy.filter(job, node)\n"
                     "  local ok, why = berth.filter.resource(job, node)\n"
                     "  assert(berth.filter.health(job, node))\n"
                     "  assert(not pcall(berth.filter.port, {}, node))\n"
                     "  assert(not pcall(berth.filter.port, job, {}))\n"
                     "  return ok, why\n"
                     "end\n"
                     "function policy.score(job, node, base)\n"
                     "  assert(berth.score.binpack(job, node) + berth.score.spread(job, node) == "
                     "100)\n"
                     "  return berth.score.spread(job, node)\n"
                     "end\n");
    c.request.filters_off = 1U << FILTER_RESOURCE;
    c.workload.asked.memory_bytes = 4 * GIB;
    c.node[0].used.memory_bytes = 6 * GIB;
    c.node[1].used.memory_bytes = 1 * GIB;
    expect_text(place(&c), "n3");
    expect_int(c.result.fitting, 2);
    cluster_deinit(&c);
}
