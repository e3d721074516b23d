/* Fuzz: any text as policy.lua is refused with a reason or loaded and asked; nothing of it reaches out
 * of the sandbox or runs on for ever. */
#include "lua/policy.h"

#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void ask(struct policy *policy)
{
    struct identity identity = {.name = SLICE("alice"), .uid = -1, .gid = -1};
    struct policy_request request = {.identity = &identity, .operation = SLICE("container.create")};
    struct policy_answer answer;
    struct policy_object object = {.kind = SLICE("container")};
    struct arena *arena = arena_new();
    struct value *body = value_map(arena);
    struct body_report *report = arena_alloc(arena, sizeof(*report));

    value_set_text(arena, body, "Image", SLICE("busybox"));
    policy_access(policy, &request, &answer);
    must(answer.say != POLICY_DENY || (answer.status >= 400 && answer.code));
    policy_admit(policy, &request, arena, body, report, &answer);
    must(answer.say != POLICY_DENY || (answer.status >= 400 && answer.code));
    policy_visible(policy, &identity, &object);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const operations[] = {"container.create", "container.list"};
    struct policy_settings settings = {.monotonic_ns = now_ns,
                                       .wall_ns = now_ns,
                                       .operations = operations,
                                       .operation_count = 2};
    struct policy_host *host = policy_host_new(&settings);
    struct policy_source source = {SLICE("fuzz.lua"), slice_make((const char *)data, size)};
    struct failure failure = {0};

    if (policy_host_load(host, &source, 1, NULL, &failure) == 0) {
        struct policy *policy = policy_hold(host);
        ask(policy);
        policy_release(&policy);
    } else {
        must(failure.kind == FAILURE_INVALID && failure.text[0] != '\0');
    }
    policy_host_free(&host);
    return 0;
}
