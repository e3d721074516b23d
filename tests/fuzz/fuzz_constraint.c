/* Fuzz: any text either is refused with a reason or gives constraints that read back the same and
 * can be matched in bounded steps. First byte: 0 expression, 1 affinity, 2 env entry, 3 label. */
#include "policy/constraint.h"
#include "policy/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add(struct constraint_set *set, struct arena *arena, unsigned form, struct slice text,
               struct failure *failure)
{
    bool taken = false;
    struct slice key = SLICE_NONE;
    switch (form % 4) {
    case 0:
    case 1:
        return constraint_set_add(set, text, form % 4 == 1, failure);
    case 2:
        return constraint_set_add_env(set, text, &taken, failure);
    }
    slice_next(&text, '=', &key);
    return constraint_set_add_label(set, arena, key, text, &taken, failure);
}

static void match(struct arena *arena, const struct constraint *constraint, struct slice subject)
{
    struct failure failure = {0};
    struct pattern *pattern = pattern_compile(arena, constraint->pattern, &failure);
    must(pattern);
    int64_t steps = 300000;
    pattern_match(pattern, subject, &steps);
    must(steps > -2000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct constraint_set set = {0}, again = {0};
    struct failure failure = {0};
    struct slice text = slice_make((const char *)data, size);
    unsigned form = size > 0 ? data[0] : 0;
    text = slice_from(text, 1);

    if (add(&set, arena, form, text, &failure) != 0) {
        must(failure.kind == FAILURE_INVALID && failure.text[0] != '\0');
    }
    for (size_t i = 0; i < set.count; i++) {
        char whole[CONSTRAINT_KEY_MAX + CONSTRAINT_PATTERN_MAX + 8];
        constraint_text(&set.list[i], whole, sizeof(whole));
        must(constraint_set_add(&again, slice_of(whole), set.list[i].affinity, &failure) == 0);
        must(slice_equal(again.list[i].pattern, set.list[i].pattern));
        must(again.list[i].soft == set.list[i].soft);
        match(arena, &set.list[i], text);
    }
    arena_free(&arena);
    return 0;
}
