/* Regex program: what regex.c makes and regex_run.c runs. Nobody else includes this. */
#pragma once

#include "policy/regex.h"

#define PROGRAM_MAX REGEX_PROGRAM_MAX

enum operation { OP_CHAR, OP_ANY, OP_SET, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

struct instruction {
    uint8_t operation;
    uint8_t byte;
    int16_t first, second; /* relative targets; first is the index of an OP_SET's set */
};

struct set {
    uint64_t bits[4];
};

struct regex {
    struct instruction *program;
    size_t length;
    struct set *sets;
};

static inline bool set_has(const struct set *set, unsigned byte)
{
    return set->bits[(byte & 255) / 64] >> (byte % 64) & 1;
}
