/* Fuzz: any JSON through every body check. The first byte chooses the body. */
#include "policy/body.h"
#include "proxy/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct body_report report;
    struct arena *arena;
    struct failure failure;
    struct value *body;

    if (size < 1 || size > 65536)
        return 0;
    arena = arena_new();
    failure_clear(&failure);
    body = json_parse(arena, slice_make((const char *)data + 1, size - 1), &failure);
    if (body && body_check(arena, (enum body_kind)(data[0] % 7), body, &report, &failure) != 0)
        must(failure.kind == FAILURE_INVALID && failure.text[0]);
    arena_free(&arena);
    return 0;
}
