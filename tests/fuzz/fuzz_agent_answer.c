/* Fuzz: whatever a manager or an engine answers, the agent has a verdict and words for it. */
#include "agent/messages.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 400, 401, 409, 503};
    struct arena *arena = arena_new();
    struct slice body = slice_make((const char *)data, size);
    struct engine_facts facts;
    struct failure why = {0};
    int64_t lease_ms;
    size_t bad;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        char *lease;
        enum verdict verdict = join_answer_read(statuses[i], body, &lease, &lease_ms, &why);

        must((lease != NULL) == (verdict == VERDICT_JOINED));
        must(!lease || (statuses[i] == 200 && lease_ms >= 100));
        free(lease);
    }
    if (engine_facts_read(&facts, body, &why) == 0)
        must(facts.id[0] && facts.host_name[0]);
    engine_facts_deinit(&facts);
    must(fact_lines(arena, body, &bad).count <= 32);
    arena_free(&arena);
    return 0;
}
