/* Tests, requests: a test{} with op goes the way a request goes: rules, owner, policy.access, what
 * the body asks for, policy.admit, and the check of the edited body. */
#include "lua/tests_private.h"

#include <stdio.h>

struct outcome {
    bool denied;
    int status;
    struct slice rule, why, code;
    struct value *body;
};

static void deny(struct outcome *outcome, int status, struct slice rule, struct slice code,
                 struct slice why)
{
    outcome->denied = true;
    outcome->status = status;
    outcome->rule = rule;
    outcome->code = code;
    outcome->why = why;
}

static bool body_kind_of(struct slice operation, enum body_kind *kind)
{
    static const struct {
        const char *operation;
        enum body_kind kind;
    } kinds[] = {{"container.create", BODY_CONTAINER_CREATE},
                 {"container.update", BODY_CONTAINER_UPDATE},
                 {"exec.create", BODY_EXEC_CREATE},
                 {"volume.create", BODY_VOLUME_CREATE},
                 {"network.create", BODY_NETWORK_CREATE},
                 {"network.connect", BODY_NETWORK_CONNECT},
                 {"image.commit", BODY_COMMIT},
                 {"container.commit", BODY_COMMIT}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_is(operation, kinds[i].operation)) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

static void deny_by(struct test_case *test, struct outcome *outcome,
                    const struct policy_answer *answer, const char *callback)
{
    deny(outcome, answer->status, slice_of(callback), slice_of(answer->code),
         arena_copy(test->arena, slice_of(answer->why)));
}

/* Denies with the first violation that nobody waived. */
static void deny_violations(struct outcome *outcome, const struct body_report *report,
                            uint64_t waives)
{
    for (size_t i = 0; i < report->violation_count && !outcome->denied; i++) {
        enum violation_code code = report->violations[i].code;
        if ((waives >> code & 1) == 0) {
            deny(outcome, 403, SLICE("body"), slice_of(violation_name(code)),
                 slice_of(violation_help(code)));
        }
    }
}

static void run_body(struct test_case *test, const struct policy_request *request, uint64_t waives,
                     struct outcome *outcome)
{
    struct policy_answer answer;
    struct body_report *report = arena_alloc(test->arena, sizeof(*report));
    struct failure failure = {0};
    enum body_kind kind = BODY_CONTAINER_CREATE;
    const struct value *shown = value_find(test->fields, "body");
    if (!shown) {
        return;
    }
    outcome->body = value_copy(test->arena, shown);
    bool known = body_kind_of(request->operation, &kind);
    if (known && body_check(test->arena, kind, outcome->body, report, &failure) != 0) {
        test_wrong(test, "body: %s", failure.text);
        return;
    }
    policy_admit(test->policy, request, test->arena, outcome->body, report, &answer);
    if (answer.say == POLICY_DENY) {
        deny_by(test, outcome, &answer, "policy.admit");
        return;
    }
    if (known && body_check(test->arena, kind, outcome->body, report, &failure) != 0) {
        test_wrong(test, "body as edited: %s", failure.text);
    } else if (!access_open(test->policy->rules)) {
        deny_violations(outcome, report, waives | answer.waives);
    }
}

/* Rules, then the owner, then policy.access. */
static void run_access(struct test_case *test, const struct policy_request *request,
                       uint64_t *waives, struct outcome *outcome)
{
    struct policy_answer answer;
    const struct access_rules *rules = test->policy->rules;
    struct policy_condition condition = {test->policy, request};
    int operation = access_operation(rules, request->operation);
    if (operation < 0) {
        test_wrong(test, "there is no operation \"" SLICE_FMT "\"", SLICE_ARG(request->operation));
        return;
    }
    struct access_verdict verdict =
        access_decide(rules, request->identity, operation, policy_when, &condition);
    *waives = verdict.waives;
    outcome->rule = slice_of(verdict.rule);
    bool foreign = verdict.allowed && !verdict.any_tenant && request->target.owner.length > 0 &&
                   !slice_equal(request->target.owner, request->identity->tenant);
    bool by_default = !verdict.allowed && strcmp(verdict.rule, "default") == 0;
    if ((!verdict.allowed && !by_default) || foreign) {
        deny(outcome, 403, foreign ? SLICE("owner") : outcome->rule,
             foreign ? SLICE("owner") : SLICE("rule"), slice_of(verdict.why));
        return;
    }
    policy_access(test->policy, request, &answer);
    if (answer.say == POLICY_DENY) {
        deny_by(test, outcome, &answer, "policy.access");
    } else if (by_default && answer.say != POLICY_ALLOW) {
        deny(outcome, 403, outcome->rule, SLICE("rule"), slice_of(verdict.why));
    }
}

static void compare_text(struct test_case *test, const char *key, struct slice got)
{
    struct slice wanted = value_get_text(test->expect, key);
    if (wanted.length > 0 && !slice_equal(wanted, got)) {
        test_wrong(test, "expected %s \"" SLICE_FMT "\", got \"" SLICE_FMT "\"", key,
                   SLICE_ARG(wanted), SLICE_ARG(got));
    }
}

static void compare_body(struct test_case *test, const struct outcome *outcome)
{
    VALUE_EACH(member, value_find(test->expect, "body"))
    {
        char path[300];
        snprintf(path, sizeof(path), SLICE_FMT, SLICE_ARG(slice_cut(member->key, 0, 299)));
        const struct value *got = value_path(outcome->body, path);
        if (!got || !value_equal(got, member)) {
            test_wrong(test, "body: %s is not as expected%s", path, got ? "" : ": it is not there");
        }
    }
}

static void compare(struct test_case *test, const struct outcome *outcome)
{
    struct slice effect = value_get_text(test->expect, "effect");
    if (effect.length > 0 && slice_is(effect, "deny") != outcome->denied) {
        test_wrong(test, "expected " SLICE_FMT ", got %s (rule " SLICE_FMT "): " SLICE_FMT,
                   SLICE_ARG(effect), outcome->denied ? "deny" : "allow", SLICE_ARG(outcome->rule),
                   SLICE_ARG(outcome->why));
    }
    int64_t status = value_get_int(test->expect, "status", outcome->status);
    if (status != outcome->status) {
        test_wrong(test, "expected status %lld, got %d", (long long)status, outcome->status);
    }
    compare_text(test, "rule", outcome->rule);
    compare_text(test, "why", outcome->why);
    compare_text(test, "code", outcome->code);
    compare_body(test, outcome);
}

void test_request_run(struct test_case *test)
{
    static const char *const known[] = {"as", "op", "target", "query", "body", "expect", NULL};
    static const char *const expected[] = {"effect", "status", "why", "rule", "code", "body", NULL};
    const struct value *target = value_find(test->fields, "target");
    struct identity identity;
    struct outcome outcome = {0};
    uint64_t waives = 0;
    test_only_known(test, test->fields, "a test of a request", known);
    test_only_known(test, test->expect, "expect", expected);
    test_identity(test, &identity);
    struct policy_request request = {
        .identity = &identity,
        .operation = value_get_text(test->fields, "op"),
        .query = value_find(test->fields, "query"),
        .target = {.kind = value_get_text(target, "kind"),
                   .id = value_get_text(target, "id"),
                   .name = value_get_text(target, "name"),
                   .owner = value_get_text(target, "owner"),
                   .node = value_get_text(target, "node"),
                   .labels = test_tags(test->arena, value_find(target, "labels"))}};
    if (test->wrong[0] == '\0') {
        run_access(test, &request, &waives, &outcome);
    }
    if (!outcome.denied && test->wrong[0] == '\0') {
        run_body(test, &request, waives, &outcome);
    }
    if (test->wrong[0] == '\0') {
        compare(test, &outcome);
    }
}
