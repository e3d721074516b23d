/* JSON: yajl's tokens become a value tree with number text and member order kept, and back. */
#include "proxy/json.h"

#include <stdio.h>
#include <yajl/yajl_parse.h>

struct parse {
    struct arena *arena;
    struct value *stack[JSON_MAX_DEPTH]; /* open lists and maps */
    size_t depth;
    struct slice key; /* of the next member */
    struct value *root;
    bool too_deep;
};

static int add(struct parse *parse, struct value *value)
{
    struct value *parent;

    if (parse->depth == 0) {
        parse->root = value;
        return 1;
    }
    parent = parse->stack[parse->depth - 1];
    if (parent->type == VALUE_MAP)
        value->key = parse->key;
    /* Linked by hand: value_set would search for an equal key, and duplicates are to be kept. */
    value->previous = parent->last;
    if (parent->last)
        parent->last->next = value;
    else
        parent->first = value;
    parent->last = value;
    parent->count++;
    return 1;
}

static int on_null(void *context)
{
    struct parse *parse = context;

    return add(parse, value_null(parse->arena));
}

static int on_bool(void *context, int truth)
{
    struct parse *parse = context;

    return add(parse, value_bool(parse->arena, truth != 0));
}

static int on_number(void *context, const char *text, size_t length)
{
    struct parse *parse = context;

    return add(parse, value_number(parse->arena, slice_make(text, length)));
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    struct parse *parse = context;

    return add(parse, value_text(parse->arena, slice_make((const char *)text, length)));
}

static int on_key(void *context, const unsigned char *text, size_t length)
{
    struct parse *parse = context;

    parse->key = arena_copy(parse->arena, slice_make((const char *)text, length));
    return 1;
}

static int open_value(struct parse *parse, struct value *value)
{
    if (parse->depth == JSON_MAX_DEPTH) {
        parse->too_deep = true;
        return 0;
    }
    add(parse, value);
    parse->stack[parse->depth++] = value;
    return 1;
}

static int on_open_map(void *context)
{
    struct parse *parse = context;

    return open_value(parse, value_map(parse->arena));
}

static int on_open_list(void *context)
{
    struct parse *parse = context;

    return open_value(parse, value_list(parse->arena));
}

static int on_close(void *context)
{
    struct parse *parse = context;

    parse->depth--;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_map_key = on_key,
    .yajl_start_map = on_open_map,
    .yajl_end_map = on_close,
    .yajl_start_array = on_open_list,
    .yajl_end_array = on_close,
};

/* yajl's first line ends in a newline and shows a piece of the input after it; one line is kept. */
static void set_failure(yajl_handle handle, const struct parse *parse, struct slice text,
                        struct failure *failure)
{
    size_t at = yajl_get_bytes_consumed(handle);
    unsigned char *why;
    struct slice line = SLICE_NONE, all;

    if (parse->too_deep) {
        failure_set(failure, FAILURE_INVALID, "invalid JSON: nested deeper than %d levels",
                    JSON_MAX_DEPTH);
        return;
    }
    why = yajl_get_error(handle, 0, (const unsigned char *)text.at, text.length);
    all = slice_trim(slice_of((const char *)why));
    slice_next(&all, '\n', &line);
    if (slice_contains(line, "premature EOF"))
        failure_set(failure, FAILURE_INVALID, "invalid JSON: unexpected end after byte %zu",
                    text.length);
    else
        failure_set(failure, FAILURE_INVALID, "invalid JSON at byte %zu: " SLICE_FMT, at,
                    SLICE_ARG(line));
    yajl_free_error(handle, why);
}

struct value *json_parse(struct arena *arena, struct slice text, struct failure *failure)
{
    struct parse parse = {.arena = arena};
    yajl_handle handle = yajl_alloc(&callbacks, NULL, &parse);
    yajl_status status;

    must(handle != NULL);
    status = yajl_parse(handle, (const unsigned char *)(text.at ? text.at : ""), text.length);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(handle);
    if (status != yajl_status_ok || !parse.root) {
        set_failure(handle, &parse, text, failure);
        parse.root = NULL;
    }
    yajl_free(handle);
    return parse.root;
}

/* ---- writing ---- */

int json_write_text(struct buffer *out, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    size_t plain = 0; /* start of the run that needs no escape */

    buffer_char(out, '"');
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        char escape[6] = {'\\', 'u', '0', '0', 0, 0};
        size_t length = 2;

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buffer_append(out, text.at + plain, i - plain);
        plain = i + 1;
        if (c == '"' || c == '\\') {
            escape[1] = (char)c;
        } else if (c == '\n') {
            escape[1] = 'n';
        } else if (c == '\r') {
            escape[1] = 'r';
        } else if (c == '\t') {
            escape[1] = 't';
        } else {
            escape[4] = hex[c >> 4];
            escape[5] = hex[c & 15];
            length = 6;
        }
        buffer_append(out, escape, length);
    }
    if (text.length > plain)
        buffer_append(out, text.at + plain, text.length - plain);
    buffer_char(out, '"');
    return out->overflow ? -1 : 0;
}

static void write_value(struct buffer *out, const struct value *value)
{
    switch (value->type) {
    case VALUE_NULL:
        buffer_add(out, SLICE("null"));
        return;
    case VALUE_BOOL:
        buffer_add(out, value->truth ? SLICE("true") : SLICE("false"));
        return;
    case VALUE_NUMBER:
        buffer_add(out, value->text);
        return;
    case VALUE_TEXT:
        json_write_text(out, value->text);
        return;
    case VALUE_LIST:
    case VALUE_MAP:
        break;
    }
    buffer_char(out, value->type == VALUE_MAP ? '{' : '[');
    VALUE_EACH(child, value)
    {
        if (child != value->first)
            buffer_char(out, ',');
        if (value->type == VALUE_MAP) {
            json_write_text(out, child->key);
            buffer_char(out, ':');
        }
        write_value(out, child);
    }
    buffer_char(out, value->type == VALUE_MAP ? '}' : ']');
}

int json_write(struct buffer *out, const struct value *value)
{
    write_value(out, value);
    return out->overflow ? -1 : 0;
}

struct slice json_text(struct arena *arena, const struct value *value)
{
    struct buffer out;
    struct slice text;

    buffer_init(&out, SIZE_MAX / 4);
    write_value(&out, value);
    text = arena_copy(arena, buffer_slice(&out));
    buffer_deinit(&out);
    return text;
}
