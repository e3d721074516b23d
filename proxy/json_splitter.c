/* JSON splitter: finds where each value of a stream ends by brackets and quotes alone; whether
 * it is JSON is for json_parse to say. Declared in json.h. */
#include "proxy/json.h"

#include <stdlib.h>

enum state {
    BETWEEN,   /* only space so far */
    NESTED,    /* within {} or [] */
    SCALAR,    /* number, true, false, null at the top: ends at space or at an opening */
    IN_STRING, /* within quotes */
    ESCAPED,   /* behind a backslash in quotes */
};

struct json_splitter {
    struct buffer text; /* the value so far, when it began in an earlier piece */
    enum state state;
    size_t depth;
};

struct json_splitter *json_splitter_new(size_t max)
{
    struct json_splitter *splitter = xcalloc(1, sizeof(*splitter));

    buffer_init(&splitter->text, max);
    return splitter;
}

void json_splitter_free(struct json_splitter **splitter)
{
    if (!*splitter)
        return;
    buffer_deinit(&(*splitter)->text);
    free(*splitter);
    *splitter = NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What one byte did. */
enum step { MORE, ENDS_WITH, ENDS_BEFORE, BROKEN };

static enum step step_between(struct json_splitter *splitter, char c)
{
    if (c == '{' || c == '[') {
        splitter->depth = 1;
        splitter->state = NESTED;
    } else if (c == '"') {
        splitter->state = IN_STRING;
    } else if (c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')) {
        splitter->state = SCALAR;
    } else {
        return BROKEN;
    }
    return MORE;
}

static enum step step_nested(struct json_splitter *splitter, char c)
{
    if (c == '"')
        splitter->state = IN_STRING;
    else if (c == '{' || c == '[')
        splitter->depth++;
    else if (c == '}' || c == ']')
        splitter->depth--;
    return splitter->depth ? MORE : ENDS_WITH;
}

static enum step step_string(struct json_splitter *splitter, char c)
{
    if (splitter->state == ESCAPED) {
        splitter->state = IN_STRING;
    } else if (c == '\\') {
        splitter->state = ESCAPED;
    } else if (c == '"') {
        if (splitter->depth == 0)
            return ENDS_WITH;
        splitter->state = NESTED;
    }
    return MORE;
}

static enum step take_byte(struct json_splitter *splitter, char c)
{
    switch (splitter->state) {
    case BETWEEN:
        return step_between(splitter, c);
    case NESTED:
        return step_nested(splitter, c);
    case IN_STRING:
    case ESCAPED:
        return step_string(splitter, c);
    case SCALAR:
        break;
    }
    if (is_space(c) || c == '{' || c == '[' || c == '"')
        return ENDS_BEFORE;
    return c == '}' || c == ']' || c == ',' || c == ':' ? BROKEN : MORE;
}

/* Gives out the value whose last part is `part`. */
static bool finish(struct json_splitter *splitter, struct slice part, json_value_fn on_value,
                   void *context, int *result)
{
    bool go_on;

    splitter->state = BETWEEN;
    splitter->depth = 0;
    if (splitter->text.length == 0 && part.length <= splitter->text.max)
        return on_value(part, context);
    if (buffer_add(&splitter->text, part) != 0) {
        *result = -1;
        return false;
    }
    go_on = on_value(buffer_slice(&splitter->text), context);
    buffer_clear(&splitter->text);
    return go_on;
}

int json_splitter_feed(struct json_splitter *splitter, struct slice bytes, json_value_fn on_value,
                       void *context)
{
    size_t start = 0;
    int result = 0;

    for (size_t i = 0; i < bytes.length; i++) {
        enum step step;

        if (splitter->state == BETWEEN) {
            start = i;
            if (is_space(bytes.at[i]))
                continue;
        }
        step = take_byte(splitter, bytes.at[i]);
        if (step == BROKEN)
            return -1;
        if (step == MORE)
            continue;
        if (!finish(splitter, slice_make(bytes.at + start, i - start + (step == ENDS_WITH)),
                    on_value, context, &result))
            return result;
        if (step == ENDS_BEFORE)
            i--; /* this byte begins what comes next */
    }
    if (splitter->state != BETWEEN)
        return buffer_append(&splitter->text, bytes.at + start, bytes.length - start);
    return 0;
}
