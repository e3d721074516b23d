/* Explain: GET /explain/CONTAINER: why it is where it is; POST /explain with a create body: where
 * it would go now, and what each node says to it. */
#include "proxy/admin/internal.h"

#include "proxy/cluster/containers.h"
#include "proxy/cluster/journal.h"
#include "proxy/cluster/launch.h"
#include "proxy/cluster/nodes.h"
#include "proxy/docker/create_plan.h"
#include "proxy/docker/guarded.h"

void admin_explain(struct admin_call *call)
{
    struct cluster *cluster = call->admin->cluster;
    struct container_entry *entry = NULL;
    struct slice name = call->rest;
    struct failure failure;
    struct value *answer;

    if (cluster_find_container(cluster, call->rest, &entry, &failure) == 0)
        name = entry->view.name;
    answer = launch_explained(cluster, call->arena, name);
    if (!answer) {
        failure_set(&failure, FAILURE_NOT_FOUND,
                    "no decision about \"" SLICE_FMT "\" is kept: berthd keeps the last %d "
                    "of containers that were created through it",
                    SLICE_ARG(slice_cut(name, 0, 100)), DECISIONS_MAX);
        admin_fail(call, "explain", &failure);
        return;
    }
    value_set_text(call->arena, answer, "container", name);
    if (entry)
        value_set_text(call->arena, answer, "id", entry->view.id);
    exchange_reply_json(call->exchange, 200, answer);
}

/* Who is asked about: ?as=NAME is that token's user, with &group=; roles as the rules give them. */
static struct identity asked_identity(const struct admin_call *call)
{
    struct slice name = query_get(&call->query, "as");

    return (struct identity){.proof = PROOF_TOKEN,
                             .name = name,
                             .token = name,
                             .names = {name},
                             .name_count = 1,
                             .group = query_get(&call->query, "group"),
                             .uid = -1,
                             .gid = -1};
}

static void add_violations(struct admin_call *call, struct value *answer,
                           const struct body_report *report, uint64_t waives)
{
    struct value *list = value_set(call->arena, answer, "violations", value_list(call->arena));

    for (size_t i = 0; i < report->violation_count; i++) {
        const struct violation *violation = &report->violations[i];
        struct value *row = value_map(call->arena);

        value_set_text(call->arena, row, "code", slice_of(violation_name(violation->code)));
        value_set_text(call->arena, row, "path", violation->path);
        value_set_text(call->arena, row, "detail", violation->detail);
        value_set_bool(call->arena, row, "waived", waives >> violation->code & 1);
        value_append(list, row);
    }
}

/* The rules' word on a container.create of this body by ?as=. Policy scripts are not asked. */
static int add_access(struct admin_call *call, const struct value *body, struct value *answer,
                      struct failure *failure)
{
    const struct gate *gate = call->admin->may_context;
    struct identity identity = asked_identity(call);
    struct body_report *report = arena_alloc(call->arena, sizeof(*report));
    struct value *access = value_map(call->arena);
    struct buffer roles;

    if (!gate || identity.name.length == 0)
        return 0;
    const struct access_rules *rules = guard_rules(gate->guard);
    access_identify(rules, &identity);
    struct access_verdict verdict = access_decide(
        rules, &identity, access_operation(rules, SLICE("container.create")), NULL, NULL);
    if (body_check(call->arena, BODY_CONTAINER_CREATE, body, report, failure) != 0)
        return -1;
    buffer_init(&roles, 4096);
    access_role_names(rules, identity.roles, &roles);
    value_set_text(call->arena, access, "as", identity.name);
    value_set_text(call->arena, access, "roles", buffer_slice(&roles));
    value_set_text(call->arena, access, "tenant", identity.tenant);
    value_set_text(call->arena, access, "verdict", verdict.allowed ? SLICE("allow") : SLICE("deny"));
    value_set_text(call->arena, access, "rule", slice_of(verdict.rule));
    if (verdict.why)
        value_set_text(call->arena, access, "why", slice_of(verdict.why));
    add_violations(call, access, report, verdict.waives);
    value_set(call->arena, answer, "access", access);
    buffer_deinit(&roles);
    return 0;
}

static void on_create_body(struct admin_call *call, struct value *body)
{
    struct create_plan *plan = arena_alloc(call->arena, sizeof(*plan));
    struct failure failure;
    struct value *answer = NULL;

    if (create_plan_read(plan, call->arena, body, SLICE_NONE, &failure) == 0) {
        create_plan_finish(plan);
        answer = launch_explain(call->admin->cluster, &plan->workload, call->arena, &failure);
    }
    if (answer && add_access(call, body, answer, &failure) != 0)
        answer = NULL;
    if (answer)
        exchange_reply_json(call->exchange, 200, answer);
    else
        admin_fail(call, "explain", &failure);
}

/* Networks, volumes and other containers that the body names are not looked up. */
void admin_explain_body(struct admin_call *call)
{
    admin_read_json(call, on_create_body);
}

/* GET /journal?limit=N (50): the newest decisions, newest first. */
void admin_journal(struct admin_call *call)
{
    struct value *answer = value_map(call->arena);
    struct failure failure;
    int64_t limit;

    if (query_int(&call->query, "limit", 50, &limit, &failure) != 0) {
        admin_fail(call, "journal", &failure);
        return;
    }
    if (limit < 0 || limit > DECISIONS_MAX)
        limit = DECISIONS_MAX;
    value_set(call->arena, answer, "decisions",
              journal_list(call->admin->cluster, call->arena, (size_t)limit));
    exchange_reply_json(call->exchange, 200, answer);
}
