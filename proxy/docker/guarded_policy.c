/* Guarded, policy: where the operator's script has its say about a request: conditions of rules,
 * policy.access, policy.admit. The call keeps the generation it began with. */
#include "proxy/docker/guarded.h"

#include "proxy/cluster/containers.h"
#include "proxy/docker/owner.h"
#include "proxy/json.h"
#include "proxy/log.h"

struct policy_asking {
    struct call_context *call;
    struct policy_request request;
    struct policy_condition condition;
    struct policy_answer answer;
    bool asked;
};

void guarded_hold_policy(struct call_context *call)
{
    const struct gate *gate = docker_options(call->docker)->may_context;
    if (!gate->policy)
        return;
    call->policy = policy_hold(policy_service_host(gate->policy));
    if (call->policy && !policy_has(call->policy, POLICY_ACCESS) &&
        !policy_has(call->policy, POLICY_ADMIT) && !policy_has(call->policy, POLICY_VISIBLE) &&
        access_open(policy_rules(call->policy)))
        policy_release(&call->policy);
}

/* "container" of "container.create". */
static struct slice noun_of(const char *operation)
{
    struct slice text = slice_of(operation);
    ptrdiff_t dot = slice_find(text, '.');
    return dot > 0 ? slice_cut(text, 0, (size_t)dot) : text;
}

/* What the path names; of a container what the cache knows. */
static struct policy_object target_of(struct call_context *call)
{
    struct policy_object target = {.kind = noun_of(call->route->operation), .name = call->names[0]};
    struct container_entry *entry;
    struct failure ignored;
    if (!slice_starts(call->path, "/containers/") || call->names[0].length == 0 ||
        cluster_find_container(call->cluster, call->names[0], &entry, &ignored) != 0)
        return target;
    target.id = entry->view.id;
    target.name = entry->view.name;
    target.labels = entry->view.labels;
    target.node = entry->node ? entry->node->view.name : SLICE_NONE;
    for (size_t i = 0; i < target.labels.count; i++) {
        if (slice_is(target.labels.list[i].key, OWNER_LABEL))
            target.owner = target.labels.list[i].value;
    }
    return target;
}

static struct value *query_value(struct call_context *call)
{
    struct value *map = value_map(call->arena);
    for (const struct query_item *item = call->query->first; item; item = item->next)
        value_set_slice(call->arena, map, item->key, value_text(call->arena, item->value));
    return map;
}

static bool ask(struct policy_asking *asking)
{
    if (!asking->asked)
        policy_access(asking->call->policy, &asking->request, &asking->answer);
    asking->asked = true;
    return asking->answer.say == POLICY_ALLOW;
}

static bool on_appeal(void *context)
{
    return ask(context);
}

static const struct access_rules *rules_of(const struct call_context *call)
{
    const struct gate *gate = docker_options(call->docker)->may_context;
    return guard_rules(gate->guard);
}

struct policy_asking *guarded_ask_policy(struct call_context *call)
{
    if (!call->policy)
        return NULL;
    struct policy_asking *asking = arena_alloc(call->arena, sizeof(*asking));
    asking->call = call;
    asking->request = (struct policy_request){.identity = &call->pass->identity,
                                              .operation = slice_of(call->route->operation),
                                              .target = target_of(call),
                                              .query = query_value(call),
                                              .rules = rules_of(call)};
    asking->condition = (struct policy_condition){call->policy, &asking->request};
    if (policy_has(call->policy, POLICY_ACCESS)) {
        call->pass->appeal = on_appeal;
        call->pass->appeal_context = asking;
    }
    return asking;
}

bool guarded_policy_when(int when, void *context)
{
    struct policy_asking *asking = context;
    return policy_when(when, &asking->condition);
}

int guarded_policy_access(struct policy_asking *asking)
{
    ask(asking);
    const struct policy_answer *answer = &asking->answer;
    if (answer->say != POLICY_DENY)
        return 0;
    return guarded_refuse_with(asking->call, answer->status, "policy.access", answer->code,
                               answer->why);
}

/* Asks policy.admit about `body`. -1: answered; 1: the script edited it. */
static int ask_admit(struct call_context *call, struct value *body, struct body_report *report)
{
    struct policy_answer answer;
    struct policy_request request = {.identity = &call->pass->identity,
                                     .operation = slice_of(call->route->operation),
                                     .target = target_of(call),
                                     .query = query_value(call),
                                     .rules = rules_of(call)};
    policy_admit(call->policy, &request, call->arena, body, report, &answer);
    if (answer.say == POLICY_DENY)
        return guarded_refuse_with(call, answer.status, "policy.admit", answer.code, answer.why);
    call->pass->verdict.waives |= answer.waives;
    if (!answer.patch)
        return 0;
    log_info("policy edited a request",
             "who=\"" SLICE_FMT "\" operation=%s generation=%llu patch=" SLICE_FMT,
             SLICE_ARG(call->pass->identity.name), call->route->operation,
             (unsigned long long)policy_generation(call->policy),
             SLICE_ARG(slice_cut(json_text(call->arena, answer.patch), 0, 2000)));
    return 1;
}

int guarded_policy_admit_query(struct call_context *call, struct body_report *report)
{
    struct value *before = query_value(call), *body = value_copy(call->arena, before);
    int result = ask_admit(call, body, report);
    if (result <= 0)
        return result;
    VALUE_EACH(member, before)
    {
        if (!value_find(body, arena_text(call->arena, member->key)))
            query_drop(call->query, arena_text(call->arena, member->key));
    }
    /* Only what changed: a key that is there several times and was not touched stays so. */
    VALUE_EACH(member, body)
    {
        char *key = arena_text(call->arena, member->key);
        const struct value *old = value_find(before, key);
        if (!old || !value_equal(old, member))
            query_set(call->query, key,
                      member->type == VALUE_TEXT ? member->text : json_text(call->arena, member));
    }
    return 0;
}

int guarded_policy_admit(struct call_context *call, enum body_kind kind, struct value *body,
                         struct body_report *report)
{
    struct failure failure;
    int result = ask_admit(call, body, report);
    if (result <= 0)
        return result;
    *report = (struct body_report){0};
    if (body_check(call->arena, kind, body, report, &failure) != 0) {
        failure_prefix(&failure, "the body as policy.admit left it");
        call_fail(call, &failure);
        return -1;
    }
    return 0;
}
