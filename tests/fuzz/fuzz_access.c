/* Fuzz: any text as an --access file; what it makes must decide without fault. */
#include "policy/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const operations[] = {"a.b", "a.c", "d.e.f"};
    struct access_builder *builder = access_builder_new(operations, 3);
    struct identity identity = {
        .proof = PROOF_TOKEN, .name = SLICE("x"), .token = SLICE("x"), .group = SLICE("g")};
    struct failure failure;

    failure_clear(&failure);
    if (size > 65536 || access_read_file(builder, slice_make((const char *)data, size), "f",
                                         &failure) != 0) {
        access_builder_free(&builder);
        return 0;
    }
    struct access_rules *rules = access_build(&builder);
    access_identify(rules, &identity);
    for (int i = -1; i < 4; i++)
        (void)access_decide(rules, &identity, i, NULL, NULL);
    (void)access_limits(rules, &identity);
    access_free(&rules);
    return 0;
}
