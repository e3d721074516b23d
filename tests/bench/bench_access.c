/* Bench: what access control adds to a call: finding the route, a decision among 500 rules, and
 * the inspection of a create body of 4 KB (parse, canonical keys, closed table, written again). One
 * JSON line a figure, the least and the median of many runs. */
#include "policy/access.h"
#include "policy/body.h"
#include "proxy/docker/create_shape.h"
#include "proxy/docker/routes.h"
#include "proxy/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS  201
#define ROUND 200 /* calls a run */
#define RULES 500

struct bench {
    struct access_rules *rules;
    struct identity identity;
    const char **operations;
    size_t operation_count;
    struct slice body;
};

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, void (*run)(struct bench *bench), struct bench *bench)
{
    double us[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        int64_t began = now_ns();
        for (size_t k = 0; k < ROUND; k++)
            run(bench);
        us[i] = (double)(now_ns() - began) / 1000.0 / ROUND;
    }
    qsort(us, RUNS, sizeof(us[0]), by_value);
    printf("{\"bench\":\"access\",\"what\":\"%s\",\"us_min\":%.3f,\"us_median\":%.3f}\n", what,
           us[0], us[RUNS / 2]);
}

/* ---- what is measured ---- */

static void find_route(struct bench *bench)
{
    struct arena *arena = arena_new();
    struct route_match match;
    struct failure failure;
    must(routes_match(&match, SLICE("POST"),
                      SLICE("/v1.41/containers/web-1/exec?detachKeys=ctrl-p"), arena,
                      &failure) == ROUTE_FOUND);
    arena_free(&arena);
}

static void identify_and_decide(struct bench *bench)
{
    access_identify(bench->rules, &bench->identity);
    int operation = access_operation(bench->rules, SLICE("exec.create"));
    struct access_verdict verdict =
        access_decide(bench->rules, &bench->identity, operation, NULL, NULL);
    must(verdict.allowed);
}

static void inspect_body(struct bench *bench)
{
    struct arena *arena = arena_new();
    struct failure failure;
    struct body_report *report = arena_alloc(arena, sizeof(*report));
    struct value *body = json_parse(arena, bench->body, &failure);
    must(body && body_check(arena, BODY_CONTAINER_CREATE, body, report, &failure) == 0);
    create_shape_fix(body);
    must(json_text(arena, body).length > 0);
    arena_free(&arena);
}

/* ---- what it is measured on ---- */

static void list_operations(struct bench *bench)
{
    bench->operations = xcalloc(routes_count, sizeof(char *));
    for (size_t i = 0; i < routes_count; i++) {
        size_t k = 0;
        while (k < bench->operation_count && strcmp(bench->operations[k], routes[i].operation) != 0)
            k++;
        if (k == bench->operation_count)
            bench->operations[bench->operation_count++] = routes[i].operation;
    }
}

/* Ten roles; each rule names one of them and two operations; the caller has the last role. */
static void make_rules(struct bench *bench, struct arena *arena)
{
    struct access_builder *builder = access_builder_new(bench->operations, bench->operation_count);
    struct failure failure;
    struct buffer text;
    buffer_init(&text, 1u << 20);
    for (int i = 0; i < 10; i++)
        buffer_printf(&text, "role r%d token=user-%d\n", i, i);
    for (int i = 0; i < RULES - 1; i++)
        buffer_printf(&text, "rule rule-%d %s roles=r%d ops=%s,%s\n", i, i % 7 ? "allow" : "deny",
                      i % 9, bench->operations[(size_t)i % bench->operation_count], "exec.create");
    buffer_text(&text, "rule last allow roles=r9 ops=container.*,exec.*\n");
    must(access_read_file(builder, buffer_slice(&text), "bench", &failure) == 0);
    bench->rules = access_build(&builder);
    bench->identity = (struct identity){.proof = PROOF_TOKEN,
                                        .name = SLICE("user-9"),
                                        .token = SLICE("user-9"),
                                        .uid = -1,
                                        .gid = -1};
    buffer_deinit(&text);
}

static void make_body(struct bench *bench, struct arena *arena)
{
    struct slice text =
        SLICE("{\"Image\":\"reg.local/team/app:1.2.3\",\"Cmd\":[\"serve\"],\"Env\":[");
    for (int i = 0; text.length < 3300; i++)
        text = arena_printf(arena, SLICE_FMT "%s\"VARIABLE_%d=some value of it, number %d\"",
                            SLICE_ARG(text), i ? "," : "", i, i);
    bench->body = arena_printf(
        arena,
        SLICE_FMT
        "],\"Labels\":{\"a\":\"b\",\"com.example.team\":\"x\"},\"ExposedPorts\":{\"80/tcp\":{}},"
        "\"HostConfig\":{\"Memory\":536870912,\"NanoCpus\":500000000,\"Binds\":[\"data:/d\"],"
        "\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]},"
        "\"RestartPolicy\":{\"Name\":\"always\"},\"Mounts\":[{\"Type\":\"volume\",\"Source\":"
        "\"v\",\"Target\":\"/v\"}],\"CapDrop\":[\"ALL\"]},\"NetworkingConfig\":{"
        "\"EndpointsConfig\":{\"net\":{\"Aliases\":[\"app\"]}}}}",
        SLICE_ARG(text));
}

int main(void)
{
    struct bench bench = {0};
    struct arena *arena = arena_new();
    list_operations(&bench);
    make_rules(&bench, arena);
    make_body(&bench, arena);
    measure("find the route", find_route, &bench);
    measure("identify and decide, 500 rules", identify_and_decide, &bench);
    measure("inspect a create body of 4 KB", inspect_body, &bench);
    access_free(&bench.rules);
    free(bench.operations);
    arena_free(&arena);
    return 0;
}
