/* Guarded: the way in, and what the guard must know of a call's end. */
#include "proxy/docker/guarded.h"

#include "proxy/docker/owner.h"
#include "proxy/json.h"
#include "proxy/log.h"
#include "proxy/metrics.h"

#include <stdio.h>

static struct gate *gate_of(const struct call_context *call)
{
    return docker_options(call->docker)->may_context;
}

static void record(struct call_context *call, const char *verdict, int status)
{
    const struct route *route = call->route;
    struct audit_entry entry = {
        .method = route->method,
        .path = call->path,
        .target = call->target,
        .node = call->extra ? headers_find(call->extra, "X-Cluster-Node") : SLICE_NONE,
        .verdict = verdict,
        .status = status,
        .duration_ms =
            loop_now(exchange_loop(call->exchange)) - exchange_started_ms(call->exchange),
    };
    guard_record(gate_of(call)->guard, call->pass, &entry);
    call->recorded = true;
}

/* 401, 403, 429 as the failure says, with an audit line. */
static int refuse(struct call_context *call, uint64_t retry_ms, const struct failure *failure)
{
    int status = failure->kind == FAILURE_UNIDENTIFIED ? 401
                 : failure->kind == FAILURE_TOO_MANY   ? 429
                                                       : 403;
    if (retry_ms)
        call_add_header(
            call, "Retry-After",
            arena_printf(call->arena, "%llu", (unsigned long long)(retry_ms + 999) / 1000));
    if (status == 401)
        call_add_header(call, "WWW-Authenticate", SLICE("Bearer"));
    metrics.requests_refused_total++;
    record(call, "deny", status);
    log_info("access denied", "who=\"" SLICE_FMT "\" operation=%s why=\"%s\"",
             SLICE_ARG(call->pass->identity.name), call->route->operation, failure->text);
    call_error(call, status, "%s", failure->text);
    return -1;
}

int guarded_refuse_with(struct call_context *call, int status, const char *rule, const char *code,
                        const char *why)
{
    call->pass->verdict.rule = rule;
    snprintf(call->pass->codes, sizeof(call->pass->codes), "%s", code);
    metrics.requests_refused_total++;
    record(call, "deny", status);
    log_info("access denied", "who=\"" SLICE_FMT "\" operation=%s rule=%s why=\"%s\"",
             SLICE_ARG(call->pass->identity.name), call->route->operation, rule, why);
    call_error(call, status, "%s", why);
    return -1;
}

void guarded_refuse(struct call_context *call, const struct failure *failure)
{
    refuse(call, 0, failure);
}

/* ---- what a call's query asks beyond its operation ---- */

static int check_report(struct call_context *call, struct body_report *report)
{
    struct failure failure;
    if (guard_check_report(gate_of(call)->guard, call->pass, report, &failure) != 0)
        return refuse(call, 0, &failure);
    return 0;
}

/* What a build asks for by its query. -1: answered. */
static int read_build(struct call_context *call, struct body_report *report)
{
    struct tag *list = arena_alloc(call->arena, (call->query->count + 1) * sizeof(*list));
    struct tags tags = {list, 0};
    struct failure failure;
    for (const struct query_item *item = call->query->first; item; item = item->next)
        list[tags.count++] = (struct tag){item->key, item->value};
    if (body_check_build(call->arena, &tags, report, &failure) == 0)
        return 0;
    call_fail(call, &failure);
    return -1;
}

static bool policy_admits(const struct call_context *call)
{
    return call->policy && policy_has(call->policy, POLICY_ADMIT);
}

static int check_build(struct call_context *call)
{
    struct body_report *report = arena_alloc(call->arena, sizeof(*report));
    if (read_build(call, report) != 0)
        return -1;
    if (policy_admits(call) &&
        (guarded_policy_admit_query(call, report) != 0 || read_build(call, report) != 0))
        return -1;
    return guard_is_open(gate_of(call)->guard) ? 0 : check_report(call, report);
}

/* labels={"a":"b"}: the built image belongs to its builder. */
static int stamp_build(struct call_context *call)
{
    struct slice text = query_get(call->query, "labels");
    struct value *labels = value_map(call->arena);
    struct failure failure;
    if (text.length > 0 && !slice_is(text, "null")) {
        labels = json_parse(call->arena, text, &failure);
        if (!labels || labels->type != VALUE_MAP) {
            call_error(call, 400, "labels must be a JSON object");
            return -1;
        }
    }
    VALUE_EACH(label, labels)
    {
        if (slice_starts(label->key, "berth.")) {
            failure_set(&failure, FAILURE_DENIED,
                        "access denied: label " SLICE_FMT " is berth's own (label.reserved)",
                        SLICE_ARG(label->key));
            return refuse(call, 0, &failure);
        }
    }
    value_set_text(call->arena, labels, OWNER_LABEL, call->pass->identity.tenant);
    query_set(call->query, "labels", json_text(call->arena, labels));
    return 0;
}

/* Operations that are a violation as a whole. A pull with fromSrc is an import. */
static int check_operation(struct call_context *call)
{
    struct failure failure;
    if (strcmp(call->route->operation, "image.pull") == 0 &&
        query_get(call->query, "fromSrc").length > 0)
        call->pass->operation = "image.import";
    if (guard_check_operation(gate_of(call)->guard, call->pass, &failure) != 0)
        return refuse(call, 0, &failure);
    return 0;
}

static int check_call(struct call_context *call)
{
    const char *operation = call->route->operation;
    if (check_operation(call) != 0)
        return -1;
    if (strcmp(operation, "build.create") == 0 &&
        (check_build(call) != 0 ||
         (call->pass->identity.tenant.length > 0 && stamp_build(call) != 0)))
        return -1;
    return 0;
}

bool guarded_may(struct call_context *call, void *context)
{
    struct gate *gate = context;
    struct failure failure;
    uint64_t retry_ms;
    if (guarded_keeps_node_out(call->exchange))
        return false;
    guarded_hold_policy(call);
    if (guard_is_open(gate->guard) && !guard_audit(gate->guard) && !call->policy)
        return true;
    call->pass = arena_alloc(call->arena, sizeof(*call->pass));
    call->pass->operation = call->route->operation;
    call->pass->verdict.rule = "identity";
    if (identify(gate->identifier, call->exchange, &call->pass->identity, &failure) != 0) {
        refuse(call, 0, &failure);
        return false;
    }
    call->identity = &call->pass->identity;
    struct policy_asking *asking = guarded_ask_policy(call);
    if (guard_admit(gate->guard, call->pass, call->route->operation,
                    (call->route->flags & ROUTE_LONG) != 0, loop_now(exchange_loop(call->exchange)),
                    asking ? guarded_policy_when : NULL, asking, &retry_ms, &failure) != 0) {
        refuse(call, retry_ms, &failure);
        return false;
    }
    if (asking && guarded_policy_access(asking) != 0)
        return false;
    if (!guard_is_open(gate->guard))
        return check_call(call) == 0;
    return strcmp(call->route->operation, "build.create") != 0 || !policy_admits(call) ||
           check_build(call) == 0;
}

void guarded_finished(struct exchange *exchange, int status, void *context)
{
    struct call_context *call = exchange_data(exchange);
    if (slice_starts(exchange_head(exchange)->target, "/_berth/") || !call)
        return;
    policy_release(&call->policy);
    if (!call->pass)
        return;
    if (!call->recorded)
        record(call, NULL, status);
    guard_leave(gate_of(call)->guard, call->pass);
}
