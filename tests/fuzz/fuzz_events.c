/* Fuzz: one line of an engine's event stream. */
#include "policy/base/memory.h"
#include "proxy/engine/decode.h"
#include "proxy/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct arena *arena = arena_new();
    struct engine_event event;
    struct failure failure;

    if (decode_event(arena, slice_make((const char *)bytes, length), &event, &failure) == 0 &&
        (event.type.length == 0 || event.action.length == 0 || !event.value))
        abort();
    arena_free(&arena);
    return 0;
}
