/* Regex: a regular expression becomes a small program (policy/regex_run.c runs it). Jumps are
 * relative: a piece of program can be moved and copied, which is all that * and {n,m} need. */
#include "policy/regex_program.h"

#define DEPTH_MAX  200 /* nested groups and alternatives */
#define REPEAT_MAX 255 /* {n,m} */

struct compiler {
    struct slice text;
    size_t at;
    size_t depth;
    bool fold;
    struct instruction program[PROGRAM_MAX];
    size_t length;
    struct set sets[PROGRAM_MAX];
    size_t set_count;
    struct failure *failure;
};

static int alternatives(struct compiler *c);

static int wrong(struct compiler *c, const char *what)
{
    struct slice shown = slice_cut(c->text, 0, 100);
    return failure_set(c->failure, FAILURE_INVALID,
                       "regular expression /" SLICE_FMT "/: %s at byte %zu", SLICE_ARG(shown), what,
                       c->at + 1);
}

static void set_add(struct set *set, unsigned byte)
{
    set->bits[(byte & 255) / 64] |= 1ULL << (byte % 64);
}

static void set_add_range(struct set *set, unsigned first, unsigned last)
{
    for (unsigned byte = first; byte <= last; byte++) {
        set_add(set, byte);
    }
}

static int emit(struct compiler *c, enum operation operation, unsigned byte, int first, int second)
{
    if (c->length == PROGRAM_MAX) {
        return wrong(c, "too large");
    }
    c->program[c->length++] =
        (struct instruction){(uint8_t)operation, (uint8_t)byte, (int16_t)first, (int16_t)second};
    return 0;
}

static int emit_set(struct compiler *c, const struct set *set)
{
    if (c->set_count == PROGRAM_MAX) {
        return wrong(c, "too large");
    }
    c->sets[c->set_count] = *set;
    return emit(c, OP_SET, 0, (int)c->set_count++, 0);
}

/* Puts one instruction in front of the piece that starts at `start`. */
static int insert(struct compiler *c, size_t start, int first, int second)
{
    if (emit(c, OP_SPLIT, 0, 0, 0) != 0) {
        return -1;
    }
    memmove(&c->program[start + 1], &c->program[start],
            (c->length - 1 - start) * sizeof(c->program[0]));
    c->program[start] = (struct instruction){OP_SPLIT, 0, (int16_t)first, (int16_t)second};
    return 0;
}

/* \d \w \s and their opposites; false when `letter` is none of them. */
static bool named_class(char letter, struct set *set)
{
    struct set found = {{0}};
    switch (letter | 0x20) {
    case 'd':
        set_add_range(&found, '0', '9');
        break;
    case 'w':
        set_add_range(&found, '0', '9');
        set_add_range(&found, 'a', 'z');
        set_add_range(&found, 'A', 'Z');
        set_add(&found, '_');
        break;
    case 's':
        set_add(&found, ' ');
        set_add_range(&found, '\t', '\r');
        break;
    default:
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        set->bits[i] |= letter & 0x20 ? found.bits[i] : ~found.bits[i];
    }
    return true;
}

static bool is_letter(unsigned byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static void fold_set(struct set *set)
{
    for (unsigned byte = 'a'; byte <= 'z'; byte++) {
        if (set_has(set, byte) || set_has(set, byte - 0x20)) {
            set_add(set, byte);
            set_add(set, byte - 0x20);
        }
    }
}

static int literal(struct compiler *c, unsigned byte)
{
    if (c->fold && is_letter(byte)) {
        struct set set = {{0}};
        set_add(&set, byte | 0x20);
        set_add(&set, byte & ~0x20U);
        return emit_set(c, &set);
    }
    return emit(c, OP_CHAR, byte, 0, 0);
}

/* What a letter after a backslash stands for as a single byte, or -1. */
static int escaped_byte(char letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    default:
        return is_letter((unsigned char)letter) || (letter >= '0' && letter <= '9')
                   ? -1
                   : (unsigned char)letter;
    }
}

/* One member of a [class]: *byte, or a named class added to `set` (*byte = -1). */
static int class_member(struct compiler *c, struct set *set, int *byte)
{
    char letter = c->text.at[c->at++];
    *byte = (unsigned char)letter;
    if (letter != '\\') {
        return 0;
    }
    if (c->at == c->text.length) {
        return wrong(c, "nothing after \\");
    }
    letter = c->text.at[c->at++];
    *byte = -1;
    if (named_class(letter, set)) {
        return 0;
    }
    *byte = escaped_byte(letter);
    return *byte < 0 ? wrong(c, "unknown escape") : 0;
}

static int class(struct compiler *c)
{
    struct set set = {{0}};
    bool negated = c->at < c->text.length && c->text.at[c->at] == '^';
    c->at += negated;
    for (bool first = true;; first = false) {
        int low = 0, high = 0;
        if (c->at == c->text.length) {
            return wrong(c, "missing ]");
        }
        if (c->text.at[c->at] == ']' && !first) {
            break;
        }
        if (class_member(c, &set, &low) != 0) {
            return -1;
        }
        high = low;
        if (c->at + 1 < c->text.length && c->text.at[c->at] == '-' &&
            c->text.at[c->at + 1] != ']') {
            c->at++;
            if (class_member(c, &set, &high) != 0) {
                return -1;
            }
            if (low < 0 || high < low) {
                return wrong(c, "bad range");
            }
        }
        if (low >= 0) {
            set_add_range(&set, (unsigned)low, (unsigned)high);
        }
    }
    c->at++;
    if (c->fold) {
        fold_set(&set);
    }
    for (size_t i = 0; negated && i < 4; i++) {
        set.bits[i] = ~set.bits[i];
    }
    return emit_set(c, &set);
}

static int group(struct compiler *c)
{
    if (++c->depth > DEPTH_MAX) {
        return wrong(c, "nested too deep");
    }
    if (c->at < c->text.length && c->text.at[c->at] == '?') {
        if (!slice_starts(slice_from(c->text, c->at), "?:")) {
            return wrong(c, "only (?: and a leading (?i) are known");
        }
        c->at += 2;
    }
    if (alternatives(c) != 0) {
        return -1;
    }
    if (c->at == c->text.length) {
        return wrong(c, "missing )");
    }
    c->at++;
    c->depth--;
    return 0;
}

static int escape(struct compiler *c)
{
    struct set set = {{0}};
    if (c->at == c->text.length) {
        return wrong(c, "nothing after \\");
    }
    char letter = c->text.at[c->at++];
    if (named_class(letter, &set)) {
        return emit_set(c, &set);
    }
    int byte = escaped_byte(letter);
    return byte < 0 ? wrong(c, "unknown escape") : emit(c, OP_CHAR, (unsigned)byte, 0, 0);
}

static int atom(struct compiler *c)
{
    char letter = c->text.at[c->at++];
    switch (letter) {
    case '.':
        return emit(c, OP_ANY, 0, 0, 0);
    case '^':
        return emit(c, OP_BEGIN, 0, 0, 0);
    case '$':
        return emit(c, OP_END, 0, 0, 0);
    case '[':
        return class(c);
    case '(':
        return group(c);
    case '\\':
        return escape(c);
    case '*':
    case '+':
    case '?':
        return wrong(c, "nothing to repeat");
    default:
        return literal(c, (unsigned char)letter);
    }
}

static int append_piece(struct compiler *c, const struct instruction *piece, size_t length)
{
    if (c->length + length > PROGRAM_MAX) {
        return wrong(c, "too large");
    }
    memcpy(&c->program[c->length], piece, length * sizeof(piece[0]));
    c->length += length;
    return 0;
}

/* Makes the piece at `start` repeatable at least `least` times, at most `most` (-1: no limit). */
static int repeat(struct compiler *c, size_t start, int least, int most)
{
    struct instruction piece[PROGRAM_MAX];
    size_t length = c->length - start;
    memcpy(piece, &c->program[start], length * sizeof(piece[0]));
    c->length = start;
    for (int i = 0; i < least; i++) {
        if (append_piece(c, piece, length) != 0) {
            return -1;
        }
    }
    for (int i = least; i < most; i++) {
        if (emit(c, OP_SPLIT, 0, 1, (int)length + 1) != 0 || append_piece(c, piece, length) != 0) {
            return -1;
        }
    }
    if (most < 0) {
        if (emit(c, OP_SPLIT, 0, 1, (int)length + 2) != 0 || append_piece(c, piece, length) != 0 ||
            emit(c, OP_JUMP, 0, -(int)length - 1, 0) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Reads "{n}", "{n,}" or "{n,m}" behind the brace; false when it is none: then '{' is a letter. */
static bool read_counts(struct compiler *c, int *least, int *most)
{
    struct slice rest = slice_from(c->text, c->at + 1);
    ptrdiff_t end = slice_find(rest, '}');
    if (end < 1) {
        return false;
    }
    struct slice inside = slice_cut(rest, 0, (size_t)end);
    ptrdiff_t comma = slice_find(inside, ',');
    uint64_t low = 0, high = 0;
    if (slice_to_u64(comma < 0 ? inside : slice_cut(inside, 0, (size_t)comma), &low) != 0) {
        return false;
    }
    *most = -1;
    if (comma < 0) {
        high = low;
    } else if ((size_t)comma + 1 == inside.length) {
        high = REPEAT_MAX + 1;
    } else if (slice_to_u64(slice_from(inside, (size_t)comma + 1), &high) != 0) {
        return false;
    }
    bool open = comma >= 0 && (size_t)comma + 1 == inside.length;
    *least = low > REPEAT_MAX ? REPEAT_MAX + 1 : (int)low;
    if (!open) {
        *most = high > REPEAT_MAX ? REPEAT_MAX + 1 : (int)high;
    }
    c->at += (size_t)end + 2;
    return true;
}

static int repetition(struct compiler *c, size_t start)
{
    while (c->at < c->text.length) {
        char letter = c->text.at[c->at];
        int least = letter == '+', most = letter == '?' ? 1 : -1;
        if (letter == '{') {
            if (!read_counts(c, &least, &most)) {
                return 0;
            }
            if (least > REPEAT_MAX || most > REPEAT_MAX || (most >= 0 && most < least)) {
                return wrong(c, "bad repeat count");
            }
        } else if (letter == '*' || letter == '+' || letter == '?') {
            c->at++;
        } else {
            return 0;
        }
        if (c->at < c->text.length && c->text.at[c->at] == '?') {
            c->at++; /* lazy: the same set of texts matches */
        }
        if (repeat(c, start, least, most) != 0) {
            return -1;
        }
    }
    return 0;
}

static int alternatives(struct compiler *c)
{
    size_t start = c->length;
    for (;;) {
        while (c->at < c->text.length && c->text.at[c->at] != '|' && c->text.at[c->at] != ')') {
            size_t piece = c->length;
            if (atom(c) != 0 || repetition(c, piece) != 0) {
                return -1;
            }
        }
        if (c->at == c->text.length || c->text.at[c->at] == ')') {
            return 0;
        }
        /* left | right: split(left, right); left; jump behind right; right. Right may hold further
         * alternatives: it is parsed by the call below, up to the end of this group. */
        c->at++;
        size_t left = c->length - start;
        if (insert(c, start, 1, (int)left + 2) != 0) {
            return -1;
        }
        size_t jump = c->length;
        if (emit(c, OP_JUMP, 0, 0, 0) != 0) {
            return -1;
        }
        if (++c->depth > DEPTH_MAX) {
            return wrong(c, "too many alternatives");
        }
        int result = alternatives(c);
        c->depth--;
        c->program[jump].first = (int16_t)(c->length - jump);
        return result;
    }
}

struct regex *regex_compile(struct arena *arena, struct slice inside, struct failure *failure)
{
    struct compiler c = {.text = inside, .failure = failure};
    if (inside.length == 0) {
        wrong(&c, "empty");
        return NULL;
    }
    if (slice_starts(inside, "(?i)")) {
        c.fold = true;
        c.at = 4;
    }
    if (alternatives(&c) != 0) {
        return NULL;
    }
    if (c.at < c.text.length) {
        wrong(&c, "unmatched )");
        return NULL;
    }
    if (emit(&c, OP_MATCH, 0, 0, 0) != 0) {
        return NULL;
    }
    struct regex *regex = arena_alloc(arena, sizeof(*regex));
    regex->length = c.length;
    regex->program = arena_alloc(arena, c.length * sizeof(c.program[0]));
    memcpy(regex->program, c.program, c.length * sizeof(c.program[0]));
    regex->sets = arena_alloc(arena, (c.set_count + 1) * sizeof(c.sets[0]));
    memcpy(regex->sets, c.sets, c.set_count * sizeof(c.sets[0]));
    return regex;
}
