/* Regex run: all threads of the program at once (Thompson, Pike), so the time is bounded by program
 * size times text length, whatever the expression. */
#include "policy/regex_program.h"

/* The threads alive at one place of the subject: each instruction at most once. */
struct threads {
    uint16_t list[PROGRAM_MAX];
    size_t count;
    uint64_t present[PROGRAM_MAX / 64];
};

/* Follows everything that takes no byte, from `start`; true when it reaches the match. */
static bool add_thread(const struct regex *regex, struct threads *threads, size_t start,
                       struct slice subject, size_t at, int64_t *steps)
{
    uint16_t stack[PROGRAM_MAX * 2 + 2];
    size_t depth = 0;
    stack[depth++] = (uint16_t)start;
    while (depth > 0) {
        size_t pc = stack[--depth];
        const struct instruction *i = &regex->program[pc];
        if (threads->present[pc / 64] >> (pc % 64) & 1) {
            continue;
        }
        threads->present[pc / 64] |= 1ULL << (pc % 64);
        --*steps;
        if (i->operation == OP_MATCH) {
            return true;
        }
        if (i->operation == OP_SPLIT || i->operation == OP_JUMP) {
            if (i->operation == OP_SPLIT) {
                stack[depth++] = (uint16_t)(pc + (size_t)i->second);
            }
            stack[depth++] = (uint16_t)(pc + (size_t)i->first);
        } else if (i->operation == OP_BEGIN || i->operation == OP_END) {
            if (at == (i->operation == OP_BEGIN ? 0 : subject.length)) {
                stack[depth++] = (uint16_t)(pc + 1);
            }
        } else {
            threads->list[threads->count++] = (uint16_t)pc;
        }
    }
    return false;
}

static bool takes(const struct regex *regex, const struct instruction *i, unsigned char byte)
{
    return i->operation == OP_ANY || (i->operation == OP_CHAR && i->byte == byte) ||
           (i->operation == OP_SET && set_has(&regex->sets[i->first], byte));
}

bool regex_match(const struct regex *regex, struct slice subject, int64_t *steps)
{
    struct threads lists[2];
    struct threads *now = &lists[0], *next = &lists[1];
    now->count = 0;
    memset(now->present, 0, sizeof(now->present));
    for (size_t at = 0;; at++) {
        if (add_thread(regex, now, 0, subject, at, steps)) {
            return true;
        }
        if (at == subject.length || *steps <= 0) {
            return false;
        }
        next->count = 0;
        memset(next->present, 0, sizeof(next->present));
        for (size_t t = 0; t < now->count; t++) {
            size_t pc = now->list[t];
            if (takes(regex, &regex->program[pc], (unsigned char)subject.at[at]) &&
                add_thread(regex, next, pc + 1, subject, at + 1, steps)) {
                return true;
            }
        }
        *steps -= (int64_t)now->count;
        struct threads *swap = now;
        now = next;
        next = swap;
    }
}
