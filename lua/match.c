/* Match: Lua's patterns, matched by a backtracking walk that counts its steps and looks at the
 * clock every thousand of them: hooks don't reach C code, and a pattern with a few lazy quantifiers
 * can take minutes over two hundred bytes. */
#include "lua/sandbox.h"
#include "lua/text.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 180
#define OPEN      (-1)
#define POSITION  (-2)

struct walk {
    lua_State *state;
    const char *subject, *subject_end;
    const char *pattern_end;
    unsigned steps;
    unsigned depth;
    struct match *match;
};

static const char *walk_match(struct walk *walk, const char *s, const char *p);

static bool class_has(int c, int class)
{
    bool result;
    switch (tolower(class)) {
    case 'a':
        result = isalpha(c);
        break;
    case 'c':
        result = iscntrl(c);
        break;
    case 'd':
        result = isdigit(c);
        break;
    case 'l':
        result = islower(c);
        break;
    case 'p':
        result = ispunct(c);
        break;
    case 's':
        result = isspace(c);
        break;
    case 'u':
        result = isupper(c);
        break;
    case 'w':
        result = isalnum(c);
        break;
    case 'x':
        result = isxdigit(c);
        break;
    default:
        return class == c;
    }
    return isupper(class) ? !result : result;
}

/* The end of the single item (letter, class or set) that starts at p. */
static const char *item_end(struct walk *walk, const char *p)
{
    if (*p == '%') {
        if (p + 1 >= walk->pattern_end) {
            luaL_error(walk->state, "malformed pattern (ends with '%%')");
        }
        return p + 2;
    }
    if (*p != '[') {
        return p + 1;
    }
    p++;
    if (p < walk->pattern_end && *p == '^') {
        p++;
    }
    for (bool first = true; first || p >= walk->pattern_end || *p != ']'; first = false) {
        if (p < walk->pattern_end && *p == '%') {
            p++;
        }
        if (p >= walk->pattern_end) {
            luaL_error(walk->state, "malformed pattern (missing ']')");
        }
        p++;
    }
    return p + 1;
}

/* Whether c is in the set [p, end), end behind the ']'. */
static bool set_has(int c, const char *p, const char *end)
{
    bool wanted = true;
    p++;
    if (*p == '^') {
        wanted = false;
        p++;
    }
    for (end--; p < end; p++) {
        if (*p == '%') {
            p++;
            if (class_has(c, (unsigned char)*p)) {
                return wanted;
            }
        } else if (p + 2 < end && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) {
                return wanted;
            }
            p += 2;
        } else if ((unsigned char)*p == c) {
            return wanted;
        }
    }
    return !wanted;
}

static bool item_matches(struct walk *walk, const char *s, const char *p, const char *end)
{
    if (++walk->steps % 1024 == 0) {
        sandbox_check_time(walk->state);
    }
    if (s >= walk->subject_end) {
        return false;
    }
    int c = (unsigned char)*s;
    switch (*p) {
    case '.':
        return true;
    case '%':
        return class_has(c, (unsigned char)p[1]);
    case '[':
        return set_has(c, p, end);
    default:
        return (unsigned char)*p == c;
    }
}

static const char *match_greedy(struct walk *walk, const char *s, const char *p, const char *end)
{
    ptrdiff_t count = 0;
    while (item_matches(walk, s + count, p, end)) {
        count++;
    }
    for (; count >= 0; count--) {
        const char *result = walk_match(walk, s + count, end + 1);
        if (result) {
            return result;
        }
    }
    return NULL;
}

static const char *match_lazy(struct walk *walk, const char *s, const char *p, const char *end)
{
    for (;; s++) {
        const char *result = walk_match(walk, s, end + 1);
        if (result || !item_matches(walk, s, p, end)) {
            return result;
        }
    }
}

static const char *match_balanced(struct walk *walk, const char *s, const char *p)
{
    if (p + 1 >= walk->pattern_end) {
        luaL_error(walk->state, "malformed pattern (%%b needs two characters)");
    }
    if (s >= walk->subject_end || *s != *p) {
        return NULL;
    }
    size_t open = 1;
    for (s++; s < walk->subject_end; s++) {
        if (++walk->steps % 1024 == 0) {
            sandbox_check_time(walk->state);
        }
        if (*s == p[1]) {
            if (--open == 0) {
                return s + 1;
            }
        } else if (*s == p[0]) {
            open++;
        }
    }
    return NULL;
}

static const char *match_open(struct walk *walk, const char *s, const char *p, ptrdiff_t kind)
{
    struct match *match = walk->match;
    if (match->count == MATCH_CAPTURES) {
        luaL_error(walk->state, "too many captures");
    }
    match->capture[match->count].start = (size_t)(s - walk->subject);
    match->capture[match->count].length = kind;
    match->count++;
    const char *result = walk_match(walk, s, p);
    if (!result) {
        match->count--;
    }
    return result;
}

static const char *match_close(struct walk *walk, const char *s, const char *p)
{
    struct match *match = walk->match;
    size_t at = match->count;
    while (at > 0 && match->capture[at - 1].length != OPEN) {
        at--;
    }
    if (at == 0) {
        luaL_error(walk->state, "malformed pattern (')' without '(')");
    }
    match->capture[at - 1].length = s - walk->subject - (ptrdiff_t)match->capture[at - 1].start;
    const char *result = walk_match(walk, s, p);
    if (!result) {
        match->capture[at - 1].length = OPEN;
    }
    return result;
}

static const char *match_back(struct walk *walk, const char *s, int digit)
{
    size_t index = (size_t)(digit - '1');
    if (index >= walk->match->count || walk->match->capture[index].length < 0) {
        luaL_error(walk->state, "malformed pattern (%%%c is no finished capture)", digit);
    }
    size_t length = (size_t)walk->match->capture[index].length;
    walk->steps += (unsigned)length;
    if ((size_t)(walk->subject_end - s) < length ||
        memcmp(s, walk->subject + walk->match->capture[index].start, length) != 0) {
        return NULL;
    }
    return s + length;
}

/* %f[set]: between a byte that isn't in the set and one that is. */
static bool at_frontier(struct walk *walk, const char *s, const char *p, const char *end)
{
    int before = s == walk->subject ? 0 : (unsigned char)s[-1];
    int here = s == walk->subject_end ? 0 : (unsigned char)*s;
    return !set_has(before, p, end) && set_has(here, p, end);
}

/* One item with its suffix. */
static const char *match_item(struct walk *walk, const char *s, const char *p, bool *again,
                              const char **next)
{
    const char *end = item_end(walk, p);
    char suffix = end < walk->pattern_end ? *end : '\0';
    *again = false;
    switch (suffix) {
    case '?': {
        const char *result =
            item_matches(walk, s, p, end) ? walk_match(walk, s + 1, end + 1) : NULL;
        if (result) {
            return result;
        }
        *again = true;
        *next = end + 1;
        return s;
    }
    case '*':
        return match_greedy(walk, s, p, end);
    case '+':
        return item_matches(walk, s, p, end) ? match_greedy(walk, s + 1, p, end) : NULL;
    case '-':
        return match_lazy(walk, s, p, end);
    default:
        if (!item_matches(walk, s, p, end)) {
            return NULL;
        }
        *again = true;
        *next = end;
        return s + 1;
    }
}

/* %b, %f and back references: true when p starts one; *s is then behind it, or NULL. */
static bool match_special(struct walk *walk, const char **s, const char **p)
{
    const char *pattern = *p;
    if (*pattern != '%' || pattern + 1 >= walk->pattern_end) {
        return false;
    }
    if (pattern[1] == 'b') {
        *s = match_balanced(walk, *s, pattern + 2);
        *p = pattern + 4;
        return true;
    }
    if (pattern[1] == 'f') {
        if (pattern + 2 >= walk->pattern_end || pattern[2] != '[') {
            luaL_error(walk->state, "malformed pattern (%%f needs a [set])");
        }
        const char *end = item_end(walk, pattern + 2);
        *s = at_frontier(walk, *s, pattern + 2, end) ? *s : NULL;
        *p = end;
        return true;
    }
    if (pattern[1] >= '1' && pattern[1] <= '9') {
        *s = match_back(walk, *s, pattern[1]);
        *p = pattern + 2;
        return true;
    }
    return false;
}

static const char *walk_loop(struct walk *walk, const char *s, const char *p)
{
    while (s && p < walk->pattern_end) {
        bool again = false;
        if (*p == '(') {
            bool position = p + 1 < walk->pattern_end && p[1] == ')';
            return match_open(walk, s, p + (position ? 2 : 1), position ? POSITION : OPEN);
        }
        if (*p == ')') {
            return match_close(walk, s, p + 1);
        }
        if (*p == '$' && p + 1 == walk->pattern_end) {
            return s == walk->subject_end ? s : NULL;
        }
        if (match_special(walk, &s, &p)) {
            continue;
        }
        s = match_item(walk, s, p, &again, &p);
        if (!again) {
            return s;
        }
    }
    return s;
}

static const char *walk_match(struct walk *walk, const char *s, const char *p)
{
    if (++walk->depth > DEPTH_MAX) {
        luaL_error(walk->state, "pattern too complex");
    }
    if (++walk->steps % 1024 == 0) {
        sandbox_check_time(walk->state);
    }
    const char *result = walk_loop(walk, s, p);
    walk->depth--;
    return result;
}

int match_find(lua_State *state, const char *subject, size_t subject_length, const char *pattern,
               size_t pattern_length, size_t from, struct match *match)
{
    struct walk walk = {.state = state,
                        .subject = subject,
                        .subject_end = subject + subject_length,
                        .pattern_end = pattern + pattern_length,
                        .match = match};
    bool anchored = pattern_length > 0 && pattern[0] == '^';
    for (size_t start = from; start <= subject_length; start++) {
        match->count = 0;
        walk.depth = 0;
        const char *end = walk_match(&walk, subject + start, pattern + anchored);
        if (end) {
            match->start = start;
            match->end = (size_t)(end - subject);
            for (size_t i = 0; i < match->count; i++) {
                if (match->capture[i].length == OPEN) {
                    luaL_error(state, "malformed pattern (unfinished capture)");
                }
            }
            return 1;
        }
        if (anchored) {
            break;
        }
    }
    return 0;
}
