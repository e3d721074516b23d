/* Fuzz: a join request that is taken has only what was promised of it. */
#include "proxy/admin/join_request.h"
#include "proxy/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct failure failure = {0};
    struct value *body = json_parse(arena, slice_make((const char *)data, size), &failure);
    struct join_request request;

    if (body && join_request_read(&request, arena, body, &failure) == 0) {
        must(join_name_valid(request.name) && request.cluster.length && request.engine.length);
        must(request.declared.memory_bytes >= 0 && request.declared.nano_cpus >= 0);
        must(request.tags.count <= JOIN_MAX_TAGS && request.facts.count <= JOIN_MAX_TAGS);
        for (size_t i = 0; i < request.tags.count; i++)
            must(request.tags.list[i].key.length && slice_find(request.tags.list[i].value, '\n') < 0);
    } else {
        must(failure.kind == FAILURE_INVALID);
    }
    arena_free(&arena);
    return 0;
}
