/* Fuzz: any text as a time; what is taken must fit, be written and be read again as itself. */
#include "proxy/docker/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure;
    int64_t wall_ns = 0, again = 0;
    char text[32];

    if (timestamp_parse(slice_make((const char *)data, size), 1700000000000000000, &wall_ns,
                        &failure) != 0)
        return 0;
    timestamp_write(wall_ns, text);
    must(timestamp_parse(slice_of(text), 0, &again, &failure) == 0);
    must(again == (wall_ns < 0 ? 0 : wall_ns));
    return 0;
}
