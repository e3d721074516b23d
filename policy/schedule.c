/* Schedule: filters narrow a list of node positions, one filter after the other; what is left is
 * scored, shown to the operator's policy, and the best 32 are kept in order by insertion. */
#include "policy/schedule.h"

#include "policy/refusals.h"

#include <stdlib.h>

/* One decision under way; the arrays are the scheduler's. */
struct decision {
    const struct schedule_request *request;
    struct filter_plan *plan;
    uint32_t *positions; /* [0..kept): nodes still in */
    size_t kept;
    struct filter_refusal *refusals;       /* by position */
    const char **policy_reasons;           /* by position */
    struct schedule_candidate *candidates; /* [0..fitting) after the policy has spoken */
    size_t fitting;
};

/* The big arrays are kept between decisions: fresh memory for 10,000 nodes costs more than the
 * decision itself. */
struct scheduler {
    struct arena *arena;
    struct filter_memory *memory;
    size_t capacity; /* nodes */
    uint32_t *positions;
    struct filter_refusal *refusals;
    const char **policy_reasons;
    struct schedule_candidate *candidates;
};

struct scheduler *scheduler_new(void)
{
    struct scheduler *scheduler = xcalloc(1, sizeof(*scheduler));
    scheduler->arena = arena_new();
    scheduler->memory = filter_memory_new();
    return scheduler;
}

void scheduler_free(struct scheduler **scheduler)
{
    if (*scheduler) {
        arena_free(&(*scheduler)->arena);
        filter_memory_free(&(*scheduler)->memory);
        free((*scheduler)->positions);
        free((*scheduler)->refusals);
        free((*scheduler)->policy_reasons);
        free((*scheduler)->candidates);
        free(*scheduler);
        *scheduler = NULL;
    }
}

static void make_room(struct scheduler *scheduler, size_t count)
{
    if (count <= scheduler->capacity) {
        return;
    }
    scheduler->capacity = count + count / 4 + 16;
    size_t size = scheduler->capacity;
    scheduler->positions = xrealloc(scheduler->positions, size * sizeof(*scheduler->positions));
    scheduler->refusals = xrealloc(scheduler->refusals, size * sizeof(*scheduler->refusals));
    scheduler->policy_reasons =
        xrealloc(scheduler->policy_reasons, size * sizeof(*scheduler->policy_reasons));
    scheduler->candidates = xrealloc(scheduler->candidates, size * sizeof(*scheduler->candidates));
}

static bool is_excluded(const struct schedule_request *request, struct slice name)
{
    for (size_t i = 0; i < request->excluded_count; i++) {
        if (slice_equal(request->excluded[i], name)) {
            return true;
        }
    }
    return false;
}

static void drop_excluded(struct decision *decision)
{
    size_t kept = 0;
    for (size_t i = 0; i < decision->kept; i++) {
        uint32_t position = decision->positions[i];
        if (is_excluded(decision->request, decision->request->nodes->list[position]->name)) {
            decision->refusals[position] = (struct filter_refusal){FILTER_EXCLUDED, 0};
        } else {
            decision->positions[kept++] = position;
        }
    }
    decision->kept = kept;
}

static int run_filters(struct decision *decision, struct failure *failure)
{
    for (unsigned kind = 0; kind < FILTER_KINDS && decision->kept > 0; kind++) {
        if (decision->request->filters_off >> kind & 1) {
            continue;
        }
        decision->kept = filter_pass(decision->plan, (enum filter_kind)kind, decision->positions,
                                     decision->kept, decision->refusals);
    }
    if (decision->request->excluded_count > 0) {
        drop_excluded(decision);
    }
    if (filter_exhausted(decision->plan)) {
        return failure_set(failure, FAILURE_INVALID,
                           "the patterns of this container's constraints take too long to match; "
                           "write simpler ones");
    }
    return 0;
}

static void make_candidates(struct decision *decision)
{
    const struct schedule_request *request = decision->request;
    for (size_t i = 0; i < decision->kept; i++) {
        uint32_t position = decision->positions[i];
        struct schedule_candidate *candidate = &decision->candidates[i];
        candidate->refused = NULL;
        candidate->position = position;
        candidate->node = request->nodes->list[position];
        candidate->soft_misses = filter_soft_misses(decision->plan, position);
        candidate->score = strategy_score(request->strategy, request->workload, candidate->node,
                                          request->settings, request->seed);
    }
    decision->fitting = decision->kept;
}

static int ask_policy(struct decision *decision, struct failure *failure)
{
    const struct schedule_policy *policy = decision->request->policy;
    if (!policy || !policy->judge || decision->fitting == 0) {
        return 0;
    }
    if (policy->judge(policy->context, decision->request->workload, decision->candidates,
                      decision->fitting, failure) != 0) {
        return -1;
    }
    size_t kept = 0;
    for (size_t i = 0; i < decision->fitting; i++) {
        struct schedule_candidate *candidate = &decision->candidates[i];
        if (candidate->refused) {
            decision->refusals[candidate->position] = (struct filter_refusal){FILTER_POLICY, 0};
            decision->policy_reasons[candidate->position] = candidate->refused;
        } else {
            decision->candidates[kept++] = *candidate;
        }
    }
    decision->fitting = kept;
    return 0;
}

static int decide(struct scheduler *scheduler, const struct schedule_request *request,
                  struct arena *arena, struct decision *decision, struct failure *failure)
{
    size_t count = request->nodes->count;
    decision->request = request;
    decision->plan = filter_plan(arena, scheduler->memory, request->workload, request->nodes,
                                 request->settings, failure);
    if (!decision->plan) {
        return -1;
    }
    make_room(scheduler, count);
    decision->positions = scheduler->positions;
    decision->refusals = scheduler->refusals;
    decision->policy_reasons = scheduler->policy_reasons;
    decision->candidates = scheduler->candidates;
    for (size_t i = 0; i < count; i++) {
        decision->positions[i] = (uint32_t)i;
    }
    decision->kept = count;
    if (run_filters(decision, failure) != 0) {
        return -1;
    }
    make_candidates(decision);
    return ask_policy(decision, failure);
}

/* <0: a goes before b. The only place where the order of nodes is decided. */
static int order(const struct schedule_ranked *a, const struct schedule_ranked *b)
{
    if (a->soft_misses != b->soft_misses) {
        return a->soft_misses < b->soft_misses ? -1 : 1;
    }
    if (a->score > b->score || a->score < b->score) {
        return a->score > b->score ? -1 : 1;
    }
    if (a->node->running != b->node->running) {
        return a->node->running < b->node->running ? -1 : 1;
    }
    return slice_compare(a->node->name, b->node->name);
}

static struct schedule_ranked ranked_of(const struct schedule_candidate *candidate)
{
    return (struct schedule_ranked){candidate->node, candidate->score, candidate->soft_misses};
}

static void rank(const struct decision *decision, struct schedule_result *result)
{
    result->count = 0;
    result->fitting = decision->fitting;
    for (size_t i = 0; i < decision->fitting; i++) {
        struct schedule_ranked one = ranked_of(&decision->candidates[i]);
        size_t at = result->count;
        if (at == SCHEDULE_RANKED) {
            if (order(&one, &result->ranked[at - 1]) >= 0) {
                continue;
            }
            at--;
        } else {
            result->count++;
        }
        while (at > 0 && order(&one, &result->ranked[at - 1]) < 0) {
            result->ranked[at] = result->ranked[at - 1];
            at--;
        }
        result->ranked[at] = one;
    }
}

static void let_policy_pick(const struct schedule_request *request, struct schedule_result *result)
{
    const struct schedule_policy *policy = request->policy;
    if (!policy || !policy->pick) {
        return;
    }
    size_t index = policy->pick(policy->context, request->workload, result->ranked, result->count);
    if (index > 0 && index < result->count) {
        struct schedule_ranked picked = result->ranked[index];
        memmove(&result->ranked[1], &result->ranked[0], index * sizeof(picked));
        result->ranked[0] = picked;
    }
}

static struct refusals refusals_of(const struct decision *decision)
{
    return (struct refusals){decision->plan, decision->request, decision->refusals,
                             decision->policy_reasons};
}

static void begin(const struct schedule_request *request)
{
    if (request->policy && request->policy->begin) {
        request->policy->begin(request->policy->context, request);
    }
}

static void end(const struct schedule_request *request)
{
    if (request->policy && request->policy->end) {
        request->policy->end(request->policy->context);
    }
}

static int run(struct scheduler *scheduler, const struct schedule_request *request,
               struct schedule_result *result, struct failure *failure)
{
    struct decision decision = {0};
    arena_reset(scheduler->arena);
    if (decide(scheduler, request, scheduler->arena, &decision, failure) != 0) {
        return -1;
    }
    if (decision.fitting == 0) {
        struct refusals refusals = refusals_of(&decision);
        return refusals_fail(&refusals, scheduler->arena, failure);
    }
    rank(&decision, result);
    let_policy_pick(request, result);
    return 0;
}

int schedule_run(struct scheduler *scheduler, const struct schedule_request *request,
                 struct schedule_result *result, struct failure *failure)
{
    begin(request);
    int code = run(scheduler, request, result, failure);
    end(request);
    return code;
}

static int by_order(const void *left, const void *right)
{
    struct schedule_ranked a = ranked_of(left), b = ranked_of(right);
    return order(&a, &b);
}

/* The policy's pick moves one node to the front of the verdicts, as it does in schedule_run. */
static void number_ranks(struct decision *decision, struct schedule_verdict *verdicts)
{
    struct schedule_result result;
    rank(decision, &result);
    const struct node *first = NULL;
    if (result.count > 0) {
        let_policy_pick(decision->request, &result);
        first = result.ranked[0].node;
    }
    qsort(decision->candidates, decision->fitting, sizeof(*decision->candidates), by_order);
    unsigned next = 2;
    for (size_t i = 0; i < decision->fitting; i++) {
        const struct schedule_candidate *candidate = &decision->candidates[i];
        struct schedule_verdict *verdict = &verdicts[candidate->position];
        verdict->score = candidate->score;
        verdict->soft_misses = candidate->soft_misses;
        verdict->rank = candidate->node == first ? 1 : next++;
    }
}

static int explain(struct scheduler *scheduler, const struct schedule_request *request,
                   struct arena *arena, struct schedule_verdict **verdicts, struct failure *failure)
{
    struct decision decision = {0};
    if (decide(scheduler, request, arena, &decision, failure) != 0) {
        return -1;
    }
    struct schedule_verdict *list =
        arena_alloc(arena, (request->nodes->count + 1) * sizeof(list[0]));
    number_ranks(&decision, list);
    struct refusals refusals = refusals_of(&decision);
    for (size_t i = 0; i < request->nodes->count; i++) {
        list[i].node = request->nodes->list[i];
        if (list[i].rank == 0) {
            list[i].filter = filter_name(decision.refusals[i].kind);
            list[i].reason = refusals_text(&refusals, arena, i);
        }
    }
    *verdicts = list;
    return 0;
}

int schedule_explain(struct scheduler *scheduler, const struct schedule_request *request,
                     struct arena *arena, struct schedule_verdict **verdicts,
                     struct failure *failure)
{
    begin(request);
    int code = explain(scheduler, request, arena, verdicts, failure);
    end(request);
    return code;
}
