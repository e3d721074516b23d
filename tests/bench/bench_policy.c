/* Bench: what one placement costs, in C alone. For each cluster size: every filter's pass over all
 * nodes, and the whole decision. One JSON line a figure, the least and the median of many runs. */
#include "policy/constraint.h"
#include "policy/filter.h"
#include "policy/ports.h"
#include "policy/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS       201
#define CONTAINERS 30 /* a node */
#define GIB        (1024LL * 1024 * 1024)

struct bench {
    size_t count;
    struct node *node;
    const struct node **list;
    struct nodes nodes;
    struct tag *tags;
    struct container *containers;
    const struct container **container_list;
    struct port_set *held;
    struct port *ports;
    struct cluster_settings settings;
    struct constraint_set constraints;
    struct workload workload;
    struct port asked;
};

static const struct tag standard[] = {
    {SLICE_INIT("operatingsystem"), SLICE_INIT("Debian GNU/Linux 12 (bookworm)")},
    {SLICE_INIT("kernelversion"), SLICE_INIT("6.1.0-18-amd64")},
    {SLICE_INIT("driver"), SLICE_INIT("overlay2")},
    {SLICE_INIT("executiondriver"), SLICE_INIT("runc")},
    {SLICE_INIT("ostype"), SLICE_INIT("linux")},
    {SLICE_INIT("architecture"), SLICE_INIT("x86_64")},
};

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* A node's containers each publish one port of their own. */
static void fill_node(struct bench *bench, size_t i)
{
    struct node *node = &bench->node[i];
    static const char *const zones[] = {"a", "b", "c", "d"};
    node->name = slice_of(xprintf("node-%05zu", i));
    node->id = slice_of(xprintf("ID:%05zu", i));
    node->state = NODE_READY;
    bench->tags[i * 2] = (struct tag){SLICE("storage"), i % 3 ? SLICE("disk") : SLICE("ssd")};
    bench->tags[i * 2 + 1] = (struct tag){SLICE("zone"), slice_of(zones[i % 4])};
    node->tags = (struct tags){&bench->tags[i * 2], 2};
    node->standard = (struct tags){standard, sizeof(standard) / sizeof(standard[0])};
    node->total = (struct resources){64 * GIB, 16000000000LL};
    node->used =
        (struct resources){(int64_t)(i * 7 % 60) * GIB, (int64_t)(i * 5 % 15) * 1000000000};
    node->running = CONTAINERS;
    node->containers_total = CONTAINERS;
    node->containers = &bench->container_list[i * CONTAINERS];
    node->held_ports = &bench->held[i];
    for (size_t c = 0; c < CONTAINERS; c++) {
        size_t at = i * CONTAINERS + c;
        uint16_t number = (uint16_t)(30000 + (i * 31 + c * 67) % 2000);
        bench->ports[at] = (struct port){PROTOCOL_TCP, SLICE_NONE, number, number, false};
        bench->containers[at] =
            (struct container){.state = CONTAINER_RUNNING, .ports = {&bench->ports[at], 1}};
        bench->container_list[at] = &bench->containers[at];
        if (c % 3 == 0) { /* one in three publishes */
            port_set_add(&bench->held[i], &bench->containers[at].ports);
        }
    }
    bench->list[i] = node;
}

static void setup(struct bench *bench, size_t count)
{
    *bench = (struct bench){.count = count};
    bench->node = xcalloc(count, sizeof(*bench->node));
    bench->list = xcalloc(count, sizeof(*bench->list));
    bench->tags = xcalloc(count * 2, sizeof(*bench->tags));
    bench->containers = xcalloc(count * CONTAINERS, sizeof(*bench->containers));
    bench->container_list = xcalloc(count * CONTAINERS, sizeof(*bench->container_list));
    bench->ports = xcalloc(count * CONTAINERS, sizeof(*bench->ports));
    bench->held = xcalloc(count, sizeof(*bench->held));
    for (size_t i = 0; i < count; i++) {
        fill_node(bench, i);
    }
    bench->nodes = (struct nodes){bench->list, count, 1};
    bench->settings.overcommit = 0.05;
    must(constraint_set_add(&bench->constraints, SLICE("storage==ssd"), false, NULL) == 0);
    must(constraint_set_add(&bench->constraints, SLICE("zone==/[abc]/"), false, NULL) == 0);
    bench->asked = (struct port){PROTOCOL_TCP, SLICE_NONE, 30001, 30001, false};
    bench->workload = (struct workload){.name = SLICE("web"),
                                        .image = SLICE("nginx"),
                                        .asked = {2 * GIB, 500000000},
                                        .ports = {&bench->asked, 1},
                                        .constraints = constraint_set_view(&bench->constraints)};
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, size_t nodes, int64_t *times)
{
    qsort(times, RUNS, sizeof(*times), ascending);
    printf("{\"bench\":\"policy\",\"what\":\"%s\",\"nodes\":%zu,\"min_us\":%.2f,"
           "\"median_us\":%.2f,\"median_us_per_1000\":%.2f}\n",
           what, nodes, (double)times[0] / 1e3, (double)times[RUNS / 2] / 1e3,
           (double)times[RUNS / 2] / 1e3 / ((double)nodes / 1000));
}

static void bench_filters(struct bench *bench)
{
    struct arena *arena = arena_new();
    struct filter_memory *memory = filter_memory_new();
    struct filter_plan *plan =
        filter_plan(arena, memory, &bench->workload, &bench->nodes, &bench->settings, NULL);
    uint32_t *positions = xcalloc(bench->count, sizeof(*positions));
    struct filter_refusal *refusals = xcalloc(bench->count, sizeof(*refusals));
    for (unsigned kind = 0; kind < FILTER_KINDS; kind++) {
        int64_t times[RUNS];
        char what[40];
        for (size_t run = 0; run < RUNS; run++) {
            for (size_t i = 0; i < bench->count; i++) {
                positions[i] = (uint32_t)i;
            }
            int64_t start = now_ns();
            filter_pass(plan, (enum filter_kind)kind, positions, bench->count, refusals);
            times[run] = now_ns() - start;
        }
        snprintf(what, sizeof(what), "filter %s", filter_name(kind));
        report(what, bench->count, times);
    }
    free(positions);
    free(refusals);
    filter_memory_free(&memory);
    arena_free(&arena);
}

static void bench_decision(struct bench *bench, const char *what)
{
    struct scheduler *scheduler = scheduler_new();
    struct schedule_request request = {
        .workload = &bench->workload, .nodes = &bench->nodes, .settings = &bench->settings};
    struct schedule_result result;
    int64_t times[RUNS];
    for (size_t run = 0; run < RUNS; run++) {
        int64_t start = now_ns();
        must(schedule_run(scheduler, &request, &result, NULL) == 0);
        times[run] = now_ns() - start;
    }
    report(what, bench->count, times);
    scheduler_free(&scheduler);
}

static void teardown(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        port_set_deinit(&bench->held[i]);
        free((void *)(uintptr_t)bench->node[i].name.at);
        free((void *)(uintptr_t)bench->node[i].id.at);
    }
    free(bench->node);
    free(bench->list);
    free(bench->tags);
    free(bench->containers);
    free(bench->container_list);
    free(bench->ports);
    free(bench->held);
}

int main(void)
{
    static const size_t sizes[] = {1000, 10000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct bench bench;
        setup(&bench, sizes[i]);
        bench_filters(&bench);
        bench_decision(&bench, "decision, two constraints, port, memory and CPU");
        bench.workload = (struct workload){.name = SLICE("web"), .image = SLICE("nginx")};
        bench_decision(&bench, "decision, nothing asked");
        teardown(&bench);
    }
    return 0;
}
