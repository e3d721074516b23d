/* Tests, placement: a test{} with nodes is a whole decision of the real scheduler over them. */
#include "lua/tests_private.h"
#include "policy/constraint.h"

#include <stdio.h>

#define NODE_MEMORY (64LL * 1024 * 1024 * 1024) /* of a node that does not say */
#define NODE_CPUS   16.0

/* A job or node table with a number of CPUs. */
static int64_t nano_cpus(const struct value *map, const char *key, double otherwise)
{
    return (int64_t)(value_to_double(value_find(map, key), otherwise) * 1e9);
}

static void add_constraints(struct test_case *test, const struct value *list,
                            struct constraint_set *set)
{
    struct failure failure = {0};
    VALUE_EACH(item, list)
    {
        if (constraint_set_add(set, item->text, false, &failure) != 0) {
            test_wrong(test, "%s", failure.text);
        }
    }
}

static void read_job(struct test_case *test, struct workload *workload,
                     struct constraint_set *constraints)
{
    static const char *const known[] = {"name",   "image",    "memory", "cpus",
                                        "labels", "tenant",   "moved",  "constraints",
                                        "ports",  "platform", NULL};
    const struct value *job = value_find(test->fields, "job");
    test_only_known(test, job, "job", known);
    *workload =
        (struct workload){.name = value_get_text(job, "name"),
                          .image = value_get_text(job, "image"),
                          .owner = value_get_text(job, "tenant"),
                          .platform = value_get_text(job, "platform"),
                          .labels = test_tags(test->arena, value_find(job, "labels")),
                          .asked = {value_get_int(job, "memory", 0), nano_cpus(job, "cpus", 0)}};
    if (value_get_bool(job, "moved", false)) {
        workload->id = SLICE("moved");
    }
    add_constraints(test, value_find(job, "constraints"), constraints);
    workload->constraints = constraint_set_view(constraints);
    workload->reschedule = constraints->reschedule;
    const struct value *ports = value_find(job, "ports");
    struct port *list = arena_alloc(test->arena, ((ports ? ports->count : 0) + 1) * sizeof(*list));
    VALUE_EACH(port, ports)
    {
        uint16_t number = (uint16_t)value_to_int(port, 0);
        list[workload->ports.count++] = (struct port){.first = number, .last = number};
    }
    workload->ports.list = list;
}

/* Makes a running container with one label. */
static const struct container *replica(struct arena *arena, struct slice key, struct slice value)
{
    struct container *container = arena_alloc(arena, sizeof(*container));
    struct tag *tag = arena_alloc(arena, sizeof(*tag));
    *tag = (struct tag){key, value};
    *container = (struct container){.state = CONTAINER_RUNNING, .labels = {tag, 1}};
    return container;
}

#define TEST_CONTAINERS_MAX 256

static void add_container(struct test_case *test, struct node *node, const struct container **list,
                          const struct container *container)
{
    if (node->containers_total == TEST_CONTAINERS_MAX) {
        test_wrong(test, "more than %d containers on a node", TEST_CONTAINERS_MAX);
        return;
    }
    list[node->containers_total++] = container;
    node->running += container->state == CONTAINER_RUNNING;
    node->used.memory_bytes += container->asked.memory_bytes;
    node->used.nano_cpus += container->asked.nano_cpus;
}

/* replicas = { app = { web = 3 } } and containers = { { name =, labels =, memory = } } */
static void read_containers(struct test_case *test, const struct value *shown, struct node *node)
{
    const struct container **list = arena_alloc(test->arena, TEST_CONTAINERS_MAX * sizeof(*list));
    VALUE_EACH(label, value_find(shown, "replicas"))
    {
        VALUE_EACH(value, label)
        {
            for (int64_t i = value_to_int(value, 0); i > 0; i--) {
                add_container(test, node, list, replica(test->arena, label->key, value->key));
            }
        }
    }
    VALUE_EACH(item, value_find(shown, "containers"))
    {
        struct container *container = arena_alloc(test->arena, sizeof(*container));
        *container = (struct container){
            .state = CONTAINER_RUNNING,
            .name = value_get_text(item, "name"),
            .image = value_get_text(item, "image"),
            .labels = test_tags(test->arena, value_find(item, "labels")),
            .asked = {value_get_int(item, "memory", 0), nano_cpus(item, "cpus", 0)}};
        add_container(test, node, list, container);
    }
    node->containers = list;
}

static void read_node(struct test_case *test, const struct value *shown, struct node *node)
{
    static const char *const known[] = {
        "name", "labels", "tags",     "facts",      "memory", "cpus",  "used_memory", "used_cpus",
        "age",  "images", "replicas", "containers", "pool",   "state", "base",        NULL};
    test_only_known(test, shown, "a node", known);
    const struct value *tags = value_find(shown, "tags");
    const struct value *images = value_find(shown, "images");
    int64_t now = test->policy->host->settings.wall_ns();
    *node = (struct node){
        .name = value_get_text(shown, "name"),
        .id = value_get_text(shown, "name"),
        .pool = value_get_text(shown, "pool"),
        .state = NODE_READY,
        .tags = test_tags(test->arena, tags ? tags : value_find(shown, "labels")),
        .facts = test_tags(test->arena, value_find(shown, "facts")),
        .total = {value_get_int(shown, "memory", NODE_MEMORY), nano_cpus(shown, "cpus", NODE_CPUS)},
        .used = {value_get_int(shown, "used_memory", 0), nano_cpus(shown, "used_cpus", 0)},
        .joined_ns = now - value_get_int(shown, "age", 86400) * 1000000000};
    struct slice *list =
        arena_alloc(test->arena, ((images ? images->count : 0) + 1) * sizeof(*list));
    VALUE_EACH(image, images)
    {
        list[node->image_count++] = image->text;
    }
    node->images = list;
    struct slice state = value_get_text(shown, "state");
    if (slice_is(state, "drain")) {
        node->availability = NODE_DRAIN;
    } else if (slice_is(state, "down")) {
        node->state = NODE_DOWN;
    } else if (state.length > 0) {
        test_wrong(test, "state is \"drain\" or \"down\"");
    }
    read_containers(test, shown, node);
}

/* The policy's hooks, with the scores that the test says C gave (`base`). */
struct base_scores {
    const struct schedule_policy *hooks;
    const struct value *nodes;
};

static const struct value *item_at(const struct value *list, size_t index)
{
    VALUE_EACH(item, list)
    {
        if (index-- == 0) {
            return item;
        }
    }
    return NULL;
}

static void begin_through(void *context, const struct schedule_request *request)
{
    struct base_scores *bases = context;
    bases->hooks->begin(bases->hooks->context, request);
}

static void end_through(void *context)
{
    struct base_scores *bases = context;
    bases->hooks->end(bases->hooks->context);
}

static int judge_with_bases(void *context, const struct workload *workload,
                            struct schedule_candidate *candidates, size_t count,
                            struct failure *failure)
{
    struct base_scores *bases = context;
    for (size_t i = 0; i < count; i++) {
        const struct value *node = item_at(bases->nodes, candidates[i].position);
        candidates[i].score = value_to_double(value_find(node, "base"), candidates[i].score);
    }
    return bases->hooks->judge(bases->hooks->context, workload, candidates, count, failure);
}

static size_t pick_through(void *context, const struct workload *workload,
                           const struct schedule_ranked *ranked, size_t count)
{
    struct base_scores *bases = context;
    return bases->hooks->pick(bases->hooks->context, workload, ranked, count);
}

/* Whether `got` has what expect says under the node's name: a reason, or nothing. */
static void compare_node(struct test_case *test, const struct schedule_verdict *got)
{
    VALUE_EACH(member, test->expect)
    {
        if (!slice_equal(member->key, got->node->name)) {
            continue;
        }
        const char *reason = got->filter ? got->reason : "";
        char wanted[300];
        snprintf(wanted, sizeof(wanted), SLICE_FMT, SLICE_ARG(slice_cut(member->text, 0, 250)));
        if (!slice_contains(slice_of(reason), wanted)) {
            test_wrong(test, "expected " SLICE_FMT " refused with \"%s\", got \"%s\"",
                       SLICE_ARG(member->key), wanted, got->filter ? reason : "it fits");
        }
    }
    VALUE_EACH(score, value_find(test->expect, "score"))
    {
        double wanted = value_to_double(score, 0), difference = wanted - got->score;
        if (slice_equal(score->key, got->node->name) &&
            (difference > 0.001 || difference < -0.001)) {
            test_wrong(test, "expected " SLICE_FMT " to score %g, got %g", SLICE_ARG(score->key),
                       wanted, got->score);
        }
    }
}

static void compare_chosen(struct test_case *test, struct slice chosen, const char *error)
{
    struct slice node = value_get_text(test->expect, "node");
    struct slice wanted = value_get_text(test->expect, "error");
    char wanted_text[300];
    snprintf(wanted_text, sizeof(wanted_text), SLICE_FMT, SLICE_ARG(slice_cut(wanted, 0, 250)));
    if (node.length > 0 && !slice_equal(node, chosen)) {
        if (chosen.length > 0) {
            test_wrong(test, "expected node " SLICE_FMT ", got " SLICE_FMT, SLICE_ARG(node),
                       SLICE_ARG(chosen));
        } else {
            test_wrong(test, "expected node " SLICE_FMT ", got: %s", SLICE_ARG(node), error);
        }
    }
    if (wanted.length > 0 && chosen.length > 0) {
        test_wrong(test, "expected an error, got node " SLICE_FMT, SLICE_ARG(chosen));
    } else if (wanted.length > 0 && !slice_contains(slice_of(error), wanted_text)) {
        test_wrong(test, "expected error \"%s\", got: %s", wanted_text, error);
    }
}

/* Every member of expect is node, error, score or the name of a node. */
static void check_expect(struct test_case *test, const struct nodes *nodes)
{
    VALUE_EACH(member, test->expect)
    {
        bool known = slice_is(member->key, "node") || slice_is(member->key, "error") ||
                     slice_is(member->key, "score");
        for (size_t i = 0; i < nodes->count; i++) {
            known = known || slice_equal(member->key, nodes->list[i]->name);
        }
        if (!known) {
            test_wrong(test, "expect has no field \"" SLICE_FMT "\" and no node is called so",
                       SLICE_ARG(member->key));
        }
    }
}

static void decide(struct test_case *test, struct schedule_request *request)
{
    struct schedule_policy hooks;
    struct base_scores bases = {&hooks, value_find(test->fields, "nodes")};
    struct schedule_policy with_bases = {.begin = begin_through,
                                         .end = end_through,
                                         .judge = judge_with_bases,
                                         .pick = pick_through,
                                         .context = &bases};
    struct scheduler *scheduler = scheduler_new();
    struct schedule_result result = {.count = 0};
    struct schedule_verdict *verdicts = NULL;
    struct failure failure = {0};
    policy_place(test->policy, &hooks);
    request->policy = &with_bases;
    int ran = schedule_run(scheduler, request, &result, &failure);
    compare_chosen(test, ran == 0 ? result.ranked[0].node->name : SLICE_NONE, failure.text);
    if (schedule_explain(scheduler, request, test->arena, &verdicts, &failure) == 0) {
        for (size_t i = 0; i < request->nodes->count; i++) {
            compare_node(test, &verdicts[i]);
        }
    }
    scheduler_free(&scheduler);
}

void test_place_run(struct test_case *test)
{
    static const char *const known[] = {"job", "nodes", "expect", NULL};
    const struct value *shown = value_find(test->fields, "nodes");
    struct workload workload;
    struct constraint_set constraints = {0};
    test_only_known(test, test->fields, "a test of placement", known);
    struct node *nodes = arena_alloc(test->arena, (shown->count + 1) * sizeof(*nodes));
    const struct node **list = arena_alloc(test->arena, (shown->count + 1) * sizeof(*list));
    size_t count = 0;
    VALUE_EACH(item, shown)
    {
        read_node(test, item, &nodes[count]);
        list[count] = &nodes[count];
        count++;
    }
    read_job(test, &workload, &constraints);
    struct nodes all = {list, count, 0};
    check_expect(test, &all);
    /* Always the same settings, so that a test says the same on every machine and cluster. */
    struct cluster_settings settings = {.overcommit = 0};
    struct schedule_request request = {
        .workload = &workload, .nodes = &all, .settings = &settings, .strategy = STRATEGY_BINPACK};
    if (test->wrong[0] == '\0') {
        decide(test, &request);
    }
}
