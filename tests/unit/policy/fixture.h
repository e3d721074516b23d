/* Fixture: small clusters for the tests of policy/, written down as C. */
#pragma once

#include "policy/constraint.h"
#include "policy/schedule.h"
#include "tests/unit/test.h"

#define GIB (1024LL * 1024 * 1024)
#define CPU 1000000000LL

/* node-1 ssd/us, node-2 disk/us, node-3 disk/eu; each ready, 1 CPU, 2 GiB, empty. */
struct fixture {
    struct node node[3];
    const struct node *list[3];
    struct nodes nodes;
    struct cluster_settings settings;
    struct constraint_set constraints;
    struct workload workload;
    struct port port;
    struct schedule_request request;
    struct schedule_result result;
    struct scheduler *scheduler;
    struct failure failure;
};

static inline void fixture_init(struct fixture *f)
{
    static const struct tag tags[3][2] = {
        {{SLICE_INIT("storage"), SLICE_INIT("ssd")}, {SLICE_INIT("region"), SLICE_INIT("us")}},
        {{SLICE_INIT("storage"), SLICE_INIT("disk")}, {SLICE_INIT("region"), SLICE_INIT("us")}},
        {{SLICE_INIT("storage"), SLICE_INIT("disk")}, {SLICE_INIT("region"), SLICE_INIT("eu")}},
    };
    static const struct tag standard[] = {
        {SLICE_INIT("operatingsystem"), SLICE_INIT("Debian GNU/Linux 12 (bookworm)")},
        {SLICE_INIT("kernelversion"), SLICE_INIT("6.1.0-18-amd64")},
        {SLICE_INIT("driver"), SLICE_INIT("overlay2")},
        {SLICE_INIT("ostype"), SLICE_INIT("linux")},
        {SLICE_INIT("architecture"), SLICE_INIT("x86_64")},
    };
    static const char *const names[] = {"node-1", "node-2", "node-3"};
    static const char *const ids[] = {"AAAA:1", "BBBB:2", "CCCC:3"};
    memset(f, 0, sizeof(*f));
    for (size_t i = 0; i < 3; i++) {
        f->node[i].name = slice_of(names[i]);
        f->node[i].id = slice_of(ids[i]);
        f->node[i].state = NODE_READY;
        f->node[i].tags = (struct tags){tags[i], 2};
        f->node[i].standard = (struct tags){standard, 5};
        f->node[i].total = (struct resources){2 * GIB, CPU};
        f->list[i] = &f->node[i];
    }
    f->nodes = (struct nodes){f->list, 3, 1};
    f->workload.image = SLICE("busybox");
    f->workload.name = SLICE("web");
    f->request = (struct schedule_request){
        .workload = &f->workload, .nodes = &f->nodes, .settings = &f->settings};
    f->scheduler = scheduler_new();
}

static inline void fixture_deinit(struct fixture *f)
{
    scheduler_free(&f->scheduler);
}

static inline void fixture_constrain(struct fixture *f, const char *expression, bool affinity)
{
    cr_assert_eq(constraint_set_add(&f->constraints, slice_of(expression), affinity, &f->failure),
                 0, "%s: %s", expression, f->failure.text);
    f->workload.constraints = constraint_set_view(&f->constraints);
}

/* The chosen node's name, or the failure's text. */
static inline const char *fixture_run(struct fixture *f)
{
    failure_clear(&f->failure);
    if (schedule_run(f->scheduler, &f->request, &f->result, &f->failure) != 0) {
        return f->failure.text;
    }
    return f->result.ranked[0].node->name.at;
}
