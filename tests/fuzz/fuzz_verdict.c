/* Fuzz: any text as a verdict. */
#include "proxy/cert/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verdict_key *key;
    struct failure failure;
    struct verdict verdict = {
        .method = SLICE("GET"), .target = SLICE("/_ping"), .node = SLICE("N")};

    failure_clear(&failure);
    if (!key)
        key = verdict_key_new(&failure);
    must(key != NULL);
    must(verdict_check(key, slice_make((const char *)data, size), 0, &verdict, &failure) == -1);
    return 0;
}
