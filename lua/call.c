/* Call: the one way into a script: under a budget, counted, and failing the same way everywhere. */
#include "lua/policy_private.h"

#include <stdio.h>

const char *policy_callback_name(enum policy_callback callback)
{
    static const char *const names[] = {"access", "admit",   "filter",     "score",
                                        "pick",   "visible", "agent_join", "reschedule"};
    return names[callback];
}

void call_failed(struct policy *policy, enum policy_callback which, enum sandbox_end end,
                 const char *text)
{
    struct policy_counters *counters = &policy->host->counters;
    counters->failures[which]++;
    counters->timeouts += end == SANDBOX_TIMEOUT;
    counters->out_of_memory += end == SANDBOX_MEMORY;
    counters->nonsense += end == SANDBOX_ANSWER;
    snprintf(counters->last_failure, sizeof(counters->last_failure), "policy.%s: %s",
             policy_callback_name(which), text);
}

enum sandbox_end call_policy(struct policy *policy, enum policy_callback which, int arguments,
                             int results, int64_t budget_ns, struct failure *failure)
{
    int64_t start = policy->host->settings.monotonic_ns();
    enum sandbox_end end = sandbox_call(policy->sandbox, arguments, results, budget_ns, failure);
    policy->host->counters.calls[which]++;
    policy->host->counters.busy_ns[which] +=
        (uint64_t)(policy->host->settings.monotonic_ns() - start);
    if (end != SANDBOX_DONE) {
        call_failed(policy, which, end, failure->text);
    }
    return end;
}
