/* Guarded, bodies: what a body asks for is held against the rules; what it names must be the
 * caller's to use; what it makes is stamped with its owner. */
#include "proxy/docker/guarded.h"

#include "proxy/docker/owner.h"

static const struct {
    const char *operation;
    enum body_kind kind;
} bodies[] = {
    {"container.create", BODY_CONTAINER_CREATE},
    {"container.update", BODY_CONTAINER_UPDATE},
    {"exec.create", BODY_EXEC_CREATE},
    {"volume.create", BODY_VOLUME_CREATE},
    {"network.create", BODY_NETWORK_CREATE},
    {"network.connect", BODY_NETWORK_CONNECT},
    {"network.disconnect", BODY_NETWORK_CONNECT},
    {"container.commit", BODY_COMMIT},
};

static int refuse(struct call_context *call, const struct failure *failure)
{
    call_fail(call, failure);
    return -1;
}

/* What the tenant has already. */
static struct quota used_quota(struct call_context *call)
{
    struct quota used = {0};
    size_t count;
    struct container_entry *const *entries = cluster_containers(call->cluster, &count);
    for (size_t i = 0; i < count; i++) {
        const struct container *view = &entries[i]->view;
        bool own = false;
        for (size_t k = 0; k < view->labels.count; k++)
            own |= slice_is(view->labels.list[k].key, OWNER_LABEL) &&
                   slice_equal(view->labels.list[k].value, call->pass->identity.tenant);
        if (!own)
            continue;
        used.containers++;
        used.resources.memory_bytes += view->asked.memory_bytes;
        used.resources.nano_cpus += view->asked.nano_cpus;
    }
    return used;
}

static int check_quota(struct call_context *call, struct guard *guard, const struct value *body,
                       struct failure *failure)
{
    const struct access_limits *limits = &call->pass->limits;
    const struct value *memory = value_path(body, "HostConfig.Memory");
    const struct value *cpus = value_path(body, "HostConfig.NanoCpus");
    struct quota asked = {1, {value_to_int(memory, 0), value_to_int(cpus, 0)}};
    if (limits->containers == 0 && limits->memory_bytes == 0 && limits->nano_cpus == 0)
        return 0;
    struct quota used = used_quota(call);
    return guard_reserve(guard, call->pass, &used, &asked, failure);
}

int guarded_body(struct call_context *call, struct value *body)
{
    const struct gate *gate = docker_options(call->docker)->may_context;
    size_t row = 0;
    struct failure failure;
    if (!gate || !call->pass || !body)
        return 0;
    bool open = guard_is_open(gate->guard);
    bool admits = call->policy && policy_has(call->policy, POLICY_ADMIT);
    if (open && !admits)
        return 0;
    while (row < sizeof(bodies) / sizeof(*bodies) &&
           strcmp(bodies[row].operation, call->route->operation) != 0)
        row++;
    if (row == sizeof(bodies) / sizeof(*bodies))
        return 0;
    struct body_report *report = arena_alloc(call->arena, sizeof(*report));
    if (body_check(call->arena, bodies[row].kind, body, report, &failure) != 0)
        return refuse(call, &failure);
    if (admits && guarded_policy_admit(call, bodies[row].kind, body, report) != 0)
        return -1;
    if (open)
        return 0;
    if (guard_check_report(gate->guard, call->pass, report, &failure) != 0) {
        guarded_refuse(call, &failure);
        return -1;
    }
    if (bodies[row].kind == BODY_CONTAINER_CREATE &&
        check_quota(call, gate->guard, body, &failure) != 0) {
        guarded_refuse(call, &failure);
        return -1;
    }
    return 0;
}
