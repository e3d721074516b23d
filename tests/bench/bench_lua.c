/* Bench: what the operator's policy costs: filter and score over all nodes of a decision, a reload
 * with many rules, one access call, and how far over its budget the worst hostile script gets. */
#include "lua/policy.h"
#include "tests/unit/lua/hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS 101
#define GIB  (1024LL * 1024 * 1024)

static const char place_text[] =
    "function policy.filter(job, node)\n"
    "  if node.labels.maintenance == 'yes' then return false, 'maintenance' end\n"
    "  if node.free.memory < job.memory then return false, 'memory' end\n"
    "  return true\n"
    "end\n"
    "function policy.score(job, node, base)\n"
    "  local s = base\n"
    "  if node.labels.zone == job.labels.zone then s = s + 10 end\n"
    "  return s + 20 * node.free.memory / node.total.memory\n"
    "end\n";

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int64_t wall_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static const char *const operations[] = {"container.create", "container.list", "exec.create"};

static struct policy_host *host_with(const char *text)
{
    struct policy_settings settings = {.monotonic_ns = now_ns,
                                       .wall_ns = wall_ns,
                                       .operations = operations,
                                       .operation_count = 3};
    struct policy_host *host = policy_host_new(&settings);
    struct policy_source source = {SLICE("bench.lua"), slice_of(text)};
    struct failure failure = {0};
    if (policy_host_load(host, &source, 1, NULL, &failure) != 0) {
        fprintf(stderr, "%s\n", failure.text);
        exit(1);
    }
    return host;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, size_t nodes, int64_t *times, size_t runs)
{
    qsort(times, runs, sizeof(*times), ascending);
    printf("{\"bench\":\"lua\",\"what\":\"%s\",\"nodes\":%zu,\"min_us\":%.2f,\"median_us\":%.2f,"
           "\"max_us\":%.2f}\n",
           what, nodes, (double)times[0] / 1e3, (double)times[runs / 2] / 1e3,
           (double)times[runs - 1] / 1e3);
}

static void bench_place(size_t count)
{
    static const struct tag tags[2][2] = {
        {{SLICE_INIT("zone"), SLICE_INIT("a")}, {SLICE_INIT("storage"), SLICE_INIT("ssd")}},
        {{SLICE_INIT("zone"), SLICE_INIT("b")}, {SLICE_INIT("storage"), SLICE_INIT("disk")}}};
    static const struct tag job_label = {SLICE_INIT("zone"), SLICE_INIT("a")};
    struct policy_host *host = host_with(place_text);
    struct policy *policy = policy_hold(host);
    struct node *node = xcalloc(count, sizeof(*node));
    const struct node **list = xcalloc(count, sizeof(*list));
    char(*names)[32] = xcalloc(count, sizeof(*names));
    struct cluster_settings settings = {.overcommit = 0.05};
    struct workload workload = {.name = SLICE("web"), .asked = {GIB, 0}, .labels = {&job_label, 1}};
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "node-%05zu", i);
        node[i] = (struct node){.name = slice_of(names[i]),
                                .id = slice_of(names[i]),
                                .state = NODE_READY,
                                .tags = {tags[i % 2], 2},
                                .total = {64 * GIB, 16000000000LL},
                                .used = {(int64_t)(i % 60) * GIB, 0},
                                .joined_ns = wall_ns()};
        list[i] = &node[i];
    }
    struct nodes nodes = {list, count, 1};
    struct schedule_request request = {
        .workload = &workload, .nodes = &nodes, .settings = &settings};
    struct scheduler *scheduler = scheduler_new();
    struct schedule_policy hooks;
    struct schedule_result result;
    struct failure failure = {0};
    int64_t times[RUNS];
    for (size_t run = 0; run < RUNS; run++) {
        node[run % count].used.memory_bytes += 1; /* as a heartbeat would */
        int64_t start = now_ns();
        policy_place(policy, &hooks);
        request.policy = &hooks;
        if (schedule_run(scheduler, &request, &result, &failure) != 0) {
            fprintf(stderr, "%s\n", failure.text);
            exit(1);
        }
        times[run] = now_ns() - start;
    }
    report("decision with filter and score", count, times, RUNS);
    double per = (double)times[RUNS / 2] / 1e3 / (double)count / 2;
    printf(
        "{\"bench\":\"lua\",\"what\":\"per node and callback\",\"nodes\":%zu,\"median_us\":%.3f}\n",
        count, per);
    scheduler_free(&scheduler);
    policy_release(&policy);
    policy_host_free(&host);
    free(node);
    free(list);
    free(names);
}

static void bench_reload(void)
{
    struct buffer text;
    int64_t times[RUNS];
    buffer_init(&text, 1000000);
    buffer_text(&text, "role { 'dev', token_group = 'devs' }\n");
    for (int i = 0; i < 500; i++) {
        buffer_printf(&text,
                      "rule { 'r%d', roles = { 'dev' }, ops = { 'container.create' }, "
                      "effect = 'allow' }\n",
                      i);
    }
    struct policy_host *host = host_with(text.at);
    struct policy_source source = {SLICE("bench.lua"), buffer_slice(&text)};
    for (size_t run = 0; run < RUNS; run++) {
        int64_t start = now_ns();
        if (policy_host_load(host, &source, 1, NULL, NULL) != 0) {
            exit(1);
        }
        times[run] = now_ns() - start;
    }
    report("reload, 500 rules", 0, times, RUNS);
    policy_host_free(&host);
    buffer_deinit(&text);
}

static void bench_access(void)
{
    struct policy_host *host =
        host_with("function policy.access(req) if req.op == 'x' then return deny('x') end end");
    struct policy *policy = policy_hold(host);
    struct identity identity = {.name = SLICE("alice"), .tenant = SLICE("a")};
    struct policy_request request = {.identity = &identity, .operation = SLICE("container.create")};
    struct policy_answer answer;
    int64_t times[RUNS];
    for (size_t run = 0; run < RUNS; run++) {
        int64_t start = now_ns();
        policy_access(policy, &request, &answer);
        times[run] = now_ns() - start;
    }
    report("access call", 0, times, RUNS);
    policy_release(&policy);
    policy_host_free(&host);
}

static void bench_hostile(void)
{
    int64_t worst = 0;
    size_t worst_index = 0;
    for (size_t i = 0; i < sizeof(hostile_bodies) / sizeof(hostile_bodies[0]); i++) {
        char text[700];
        struct identity identity = {.name = SLICE("alice")};
        struct policy_request request = {.identity = &identity,
                                         .operation = SLICE("container.create")};
        struct policy_answer answer;
        snprintf(text, sizeof(text), "function policy.access(req) %s\nend", hostile_bodies[i]);
        struct policy_host *host = host_with(text);
        struct policy *policy = policy_hold(host);
        int64_t start = now_ns();
        policy_access(policy, &request, &answer);
        int64_t took = now_ns() - start;
        if (took > worst) {
            worst = took;
            worst_index = i;
        }
        policy_release(&policy);
        policy_host_free(&host);
    }
    printf("{\"bench\":\"lua\",\"what\":\"worst hostile script, budget 1 ms\",\"number\":%zu,"
           "\"max_us\":%.0f}\n",
           worst_index, (double)worst / 1e3);
}

int main(void)
{
    bench_place(1000);
    bench_place(10000);
    bench_reload();
    bench_access();
    bench_hostile();
    return 0;
}
