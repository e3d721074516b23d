/* Fuzz: engines' answers and create bodies, read as everything they could be. */
#include "policy/base/memory.h"
#include "proxy/engine/decode.h"
#include "proxy/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct arena *arena = arena_new();
    struct slice text = slice_make((const char *)bytes, length);
    struct value *value = json_parse(arena, text, NULL);
    struct engine_info info;
    struct container_facts facts;
    struct workload workload;
    struct buffer status;

    if (decode_time(text) < 0)
        abort();
    api_version_parse(text);
    if (value) {
        if (decode_info(arena, value, value, &info, NULL) == 0 && info.api_min > info.api_max)
            abort();
        if (decode_container(arena, value, &facts, NULL) == 0) {
            buffer_init(&status, 4096);
            container_status_text(&status, &facts, INT64_MAX / 2);
            buffer_deinit(&status);
        }
        if (decode_workload(arena, value, SLICE("name"), &workload, NULL) == 0 &&
            (workload.asked.memory_bytes < 0 || workload.asked.nano_cpus < 0))
            abort();
        decode_holds_state(value);
    }
    arena_free(&arena);
    return 0;
}
