/* Fuzz: any text as a file of user tokens. */
#include "proxy/access/identify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure;

    failure_clear(&failure);
    if (identifier_parse(slice_make((const char *)data, size), "f", &failure) < 0)
        must(failure.kind == FAILURE_INVALID && failure.text[0]);
    return 0;
}
