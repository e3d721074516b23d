/* Print: a layout is a list of pieces; a table is the same pieces aligned by tabs afterwards. */
#include "proxy/cli/print.h"

#include "policy/base/value.h"
#include "proxy/json.h"

#define CELLS_MAX      64 /* columns of one table */
#define CELL_MIN_WIDTH 10 /* as the docker client's tabwriter */
#define CELL_PADDING   3

enum piece_type { PIECE_TEXT, PIECE_FIELD, PIECE_JSON, PIECE_JSON_ROW };

struct piece {
    enum piece_type type;
    struct slice text; /* PIECE_TEXT */
    const struct column *column;
    struct piece *next;
};

struct layout {
    bool table;
    struct piece *first, *last;
};

struct parse {
    struct arena *arena;
    struct layout *layout;
    const struct column *columns;
    size_t column_count;
    struct failure *failure;
};

static void add(struct parse *parse, enum piece_type type, struct slice text,
                const struct column *column)
{
    struct piece *piece = arena_alloc(parse->arena, sizeof(*piece));
    struct layout *layout = parse->layout;

    *piece = (struct piece){type, text, column, NULL};
    if (layout->last)
        layout->last->next = piece;
    else
        layout->first = piece;
    layout->last = piece;
}

static const struct column *find_column(const struct parse *parse, struct slice field)
{
    for (size_t i = 0; i < parse->column_count; i++) {
        if (slice_is(field, parse->columns[i].field))
            return &parse->columns[i];
    }
    return NULL;
}

/* What stands between {{ and }}. */
static int add_action(struct parse *parse, struct slice action)
{
    enum piece_type type = PIECE_FIELD;
    struct slice whole = action;

    if (slice_starts(action, "json ")) {
        action = slice_trim(slice_from(action, 5));
        type = PIECE_JSON;
        if (slice_is(action, ".")) {
            add(parse, PIECE_JSON_ROW, SLICE_NONE, NULL);
            return 0;
        }
    }
    if (!slice_starts(action, ".") || slice_find(action, ' ') >= 0)
        return failure_set(parse->failure, FAILURE_INVALID,
                           "template: \"{{" SLICE_FMT "}}\": only {{.Field}}, {{json .}} and "
                           "{{json .Field}} are understood here",
                           SLICE_ARG(whole));
    const struct column *column = find_column(parse, slice_from(action, 1));
    if (!column)
        return failure_set(parse->failure, FAILURE_INVALID,
                           "template: no field \"" SLICE_FMT "\"", SLICE_ARG(action));
    add(parse, type, SLICE_NONE, column);
    return 0;
}

/* "\t" and "\n" written as two characters mean the character, as in the docker client. */
static struct slice unescape(struct arena *arena, struct slice text)
{
    char *out = arena_alloc(arena, text.length + 1);
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        bool pair = text.at[i] == '\\' && i + 1 < text.length;
        if (pair && (text.at[i + 1] == 't' || text.at[i + 1] == 'n'))
            out[length++] = text.at[++i] == 't' ? '\t' : '\n';
        else
            out[length++] = text.at[i];
    }
    return slice_make(out, length);
}

static int parse_template(struct parse *parse, struct slice format)
{
    while (format.length > 0) {
        const char *open = memmem(format.at, format.length, "{{", 2);
        size_t before = open ? (size_t)(open - format.at) : format.length;
        if (before > 0)
            add(parse, PIECE_TEXT, slice_cut(format, 0, before), NULL);
        format = slice_from(format, before);
        if (!open)
            break;
        const char *close = memmem(format.at, format.length, "}}", 2);
        if (!close)
            return failure_set(parse->failure, FAILURE_INVALID, "template: unclosed action");
        size_t end = (size_t)(close - format.at);
        if (add_action(parse, slice_trim(slice_cut(format, 2, end - 2))) != 0)
            return -1;
        format = slice_from(format, end + 2);
    }
    return 0;
}

struct layout *layout_parse(struct arena *arena, const char *format, const struct column *columns,
                            size_t column_count, const char *const *usual,
                            struct failure *failure)
{
    struct layout *layout = arena_alloc(arena, sizeof(*layout));
    struct parse parse = {arena, layout, columns, column_count, failure};
    struct slice text = unescape(arena, slice_of(format ? format : "table"));

    if (slice_is(text, "json")) {
        add(&parse, PIECE_JSON_ROW, SLICE_NONE, NULL);
        return layout;
    }
    if (slice_is(text, "table")) {
        layout->table = true;
        for (size_t i = 0; usual[i]; i++) {
            if (i > 0)
                add(&parse, PIECE_TEXT, SLICE("\t"), NULL);
            add(&parse, PIECE_FIELD, SLICE_NONE, find_column(&parse, slice_of(usual[i])));
            must(layout->last->column != NULL);
        }
        return layout;
    }
    if (slice_starts(text, "table ")) {
        layout->table = true;
        text = slice_trim(slice_from(text, 6));
    }
    return parse_template(&parse, text) == 0 ? layout : NULL;
}

static void print_piece(const struct piece *piece, struct buffer *out, const struct value *row)
{
    switch (piece->type) {
    case PIECE_TEXT:
        (void)buffer_add(out, piece->text);
        break;
    case PIECE_FIELD:
        (void)buffer_add(out, value_get_text(row, piece->column->field));
        break;
    case PIECE_JSON:
        (void)json_write_text(out, value_get_text(row, piece->column->field));
        break;
    case PIECE_JSON_ROW:
        (void)json_write(out, row);
        break;
    }
}

/* Characters, not bytes: the ellipsis of a cut command is three bytes and one column. */
static size_t width(struct slice cell)
{
    size_t count = 0;
    for (size_t i = 0; i < cell.length; i++)
        count += ((unsigned char)cell.at[i] & 0xC0) != 0x80;
    return count;
}

static void measure(struct slice text, size_t *widths)
{
    struct slice line, cell;

    while (slice_next(&text, '\n', &line)) {
        for (size_t i = 0; i < CELLS_MAX && slice_next(&line, '\t', &cell); i++) {
            size_t wanted = width(cell) + CELL_PADDING;
            if (wanted < CELL_MIN_WIDTH)
                wanted = CELL_MIN_WIDTH;
            if (wanted > widths[i])
                widths[i] = wanted;
        }
    }
}

/* Lines of tab-separated cells -> aligned columns. The last cell of a line is not padded. */
static void align(struct slice text, struct buffer *out)
{
    size_t widths[CELLS_MAX] = {0};
    struct slice line, cell;

    measure(text, widths);
    while (slice_next(&text, '\n', &line)) {
        if (line.length == 0 && !text.at)
            break; /* what follows the last newline */
        for (size_t i = 0; i < CELLS_MAX && slice_next(&line, '\t', &cell); i++) {
            (void)buffer_add(out, cell);
            if (line.at)
                (void)buffer_printf(out, "%*s", (int)(widths[i] - width(cell)), "");
        }
        (void)buffer_char(out, '\n');
    }
}

void layout_print(const struct layout *layout, struct buffer *out, const struct value *rows)
{
    struct buffer raw;

    buffer_init(&raw, out->max);
    if (layout->table) {
        for (const struct piece *piece = layout->first; piece; piece = piece->next)
            (void)(piece->column ? buffer_text(&raw, piece->column->head)
                                 : buffer_add(&raw, piece->text));
        (void)buffer_char(&raw, '\n');
    }
    VALUE_EACH(row, rows)
    {
        for (const struct piece *piece = layout->first; piece; piece = piece->next)
            print_piece(piece, &raw, row);
        (void)buffer_char(&raw, '\n');
    }
    if (layout->table)
        align(buffer_slice(&raw), out);
    else
        (void)buffer_add(out, buffer_slice(&raw));
    out->overflow = out->overflow || raw.overflow;
    buffer_deinit(&raw);
}
