/* Start, policy: makes the policy service from the settings; `berthd --check`. */
#include "proxy/berthd.h"
#include "proxy/log.h"

/* Another generation serves: the guard takes its rules. */
static int on_change(void *context, struct failure *failure)
{
    struct berthd *berthd = context;
    return guard_reload(berthd->gate.guard, failure);
}

static struct policy_service_options options_of(struct berthd *berthd, const char *path)
{
    struct policy_service_options options = {.loop = berthd->loop,
                                             .cluster = berthd->cluster,
                                             .path = path,
                                             .prepare_access = access_file_rules,
                                             .on_change = on_change,
                                             .context = berthd};
    options.operations = guarded_operations(&options.operation_count);
    return options;
}

int start_policy(struct berthd *berthd, struct failure *failure)
{
    struct policy_service_options options = options_of(berthd, berthd->settings.policy);
    berthd->policy = policy_service_new(&options, failure);
    return berthd->policy ? 0 : -1;
}

int watch_policy(struct berthd *berthd, struct failure *failure)
{
    return policy_service_start(berthd->policy, failure);
}

void reload_policy(struct berthd *berthd)
{
    struct failure failure;
    if (policy_service_reload(berthd->policy, &failure) != 0)
        log_error("policy not reloaded, the one before stays", "why=\"%s\"", failure.text);
}

void stop_policy(struct berthd *berthd)
{
    policy_service_free(&berthd->policy);
}

int policy_rules_of(struct access_builder *builder, void *context, struct failure *failure)
{
    struct berthd *berthd = context;
    struct policy *policy =
        berthd->policy ? policy_hold(policy_service_host(berthd->policy)) : NULL;
    int result = policy ? policy_add_rules(policy, builder, failure) : 0;
    policy_release(&policy);
    return result;
}

int run_check(struct berthd *berthd)
{
    struct policy_service_options options = options_of(berthd, berthd->settings.check);
    int status = policy_check(&options);
    settings_deinit(&berthd->settings);
    return status;
}
