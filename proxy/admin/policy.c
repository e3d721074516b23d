/* Policy: the policy that serves, over the admin API: read, replaced, rolled back. */
#include "proxy/admin/internal.h"

#include "proxy/policy_service.h"

#define REPORT_MAX (1u << 20)

static struct value *callbacks_value(struct arena *arena, const struct policy_info *info,
                                     const struct policy_counters *counters)
{
    struct value *map = value_map(arena);

    for (int i = 0; i < POLICY_CALLBACKS; i++) {
        struct value *one = value_map(arena);
        if (!info->has[i] && counters->calls[i] == 0)
            continue;
        value_set_bool(arena, one, "defined", info->has[i]);
        value_set_int(arena, one, "calls", (int64_t)counters->calls[i]);
        value_set_int(arena, one, "failures", (int64_t)counters->failures[i]);
        value_set_int(arena, one, "busy_us", (int64_t)(counters->busy_ns[i] / 1000));
        value_set(arena, map, policy_callback_name((enum policy_callback)i), one);
    }
    return map;
}

static struct value *policy_value(struct admin_call *call)
{
    struct policy_host *host = policy_service_host(call->admin->policy);
    const struct policy_counters *counters = policy_host_counters(host);
    struct policy_info info = policy_host_info(host);
    struct arena *arena = call->arena;
    struct value *answer = value_map(arena);

    value_set_int(arena, answer, "generation", (int64_t)info.generation);
    value_set_int(arena, answer, "files", (int64_t)info.files);
    value_set_int(arena, answer, "tests", (int64_t)info.tests);
    value_set_int(arena, answer, "rules", (int64_t)info.rules);
    value_set_int(arena, answer, "loaded_ms", info.loaded_ns / 1000000);
    value_set_int(arena, answer, "memory_bytes", (int64_t)info.memory_bytes);
    value_set_bool(arena, answer, "can_roll_back", info.can_roll_back);
    value_set(arena, answer, "callbacks", callbacks_value(arena, &info, counters));
    value_set_int(arena, answer, "loads_refused", (int64_t)counters->loads_refused);
    value_set_text(arena, answer, "last_failure", slice_of(counters->last_failure));
    return answer;
}

/* False: answered, there is no policy part. */
static bool has_policy(struct admin_call *call)
{
    struct failure failure;

    if (call->admin->policy)
        return true;
    failure_set(&failure, FAILURE_UNSUPPORTED, "this berthd runs without policies");
    admin_fail(call, "policy", &failure);
    return false;
}

void admin_policy_get(struct admin_call *call)
{
    struct value *answer;
    struct buffer text;

    if (!has_policy(call))
        return;
    answer = policy_value(call);
    buffer_init(&text, 2 * POLICY_SOURCE_MAX);
    policy_host_text(policy_service_host(call->admin->policy), &text);
    value_set_text(call->arena, answer, "text", buffer_slice(&text));
    buffer_deinit(&text);
    exchange_reply_json(call->exchange, 200, answer);
}

static void on_text(struct exchange *exchange, struct slice body, const struct failure *broken,
                    void *context)
{
    struct admin_call *call = context;
    struct failure failure;
    struct buffer report;
    struct value *answer;

    if (broken) {
        admin_fail(call, "body", broken);
        return;
    }
    buffer_init(&report, REPORT_MAX);
    if (policy_service_put(call->admin->policy, SLICE("policy.lua"), body, &report, &failure) !=
        0) {
        answer = value_map(call->arena);
        value_set_text(call->arena, answer, "message", slice_of(failure.text));
        value_set_text(call->arena, answer, "reason", SLICE("policy"));
        value_set_text(call->arena, answer, "report", buffer_slice(&report));
        exchange_reply_json(exchange, 400, answer);
    } else {
        answer = policy_value(call);
        value_set_text(call->arena, answer, "report", buffer_slice(&report));
        exchange_reply_json(exchange, 200, answer);
    }
    buffer_deinit(&report);
}

/* PUT /policy: the body is the script's text. It serves until the file changes or berthd restarts.
 */
void admin_policy_put(struct admin_call *call)
{
    if (has_policy(call))
        exchange_read_body(call->exchange, POLICY_SOURCE_MAX, on_text, call);
}

void admin_policy_rollback(struct admin_call *call)
{
    struct failure failure;

    if (!has_policy(call))
        return;
    if (policy_service_rollback(call->admin->policy, &failure) != 0)
        admin_fail(call, "policy", &failure);
    else
        exchange_reply_json(call->exchange, 200, policy_value(call));
}
