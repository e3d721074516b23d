/* Fuzz: what the plug-in reads from its user and its daemon: templates, words of `run`, lists of ports.
 * First byte: which. */
#include "policy/base/value.h"
#include "proxy/cli/human.h"
#include "proxy/cli/plugin.h"
#include "proxy/cli/print.h"
#include "proxy/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct column columns[] = {{"ID", "CONTAINER ID"}, {"Names", "NAMES"}};
static const char *const usual[] = {"ID", "Names", NULL};

static void fuzz_layout(struct arena *arena, const char *text)
{
    struct failure failure = {FAILURE_NONE, ""};
    struct layout *layout = layout_parse(arena, text, columns, 2, usual, &failure);
    struct value *rows = value_list(arena), *row = value_map(arena);
    struct buffer out;

    if (!layout) {
        must(failure.kind == FAILURE_INVALID);
        return;
    }
    value_set_text(arena, row, "ID", SLICE("0123456789ab"));
    value_set_text(arena, row, "Names", slice_of(text));
    value_append(rows, row);
    buffer_init(&out, 1 << 20);
    layout_print(layout, &out, rows);
    buffer_deinit(&out);
}

/* Words are separated by newlines. Whatever is handed on has no --constraint before the image. */
static void fuzz_run(struct arena *arena, struct slice text)
{
    struct failure failure = {FAILURE_NONE, ""};
    struct words out = {NULL, 0};
    struct slice part;
    char **argv = arena_alloc(arena, (text.length + 2) * sizeof(*argv));
    int argc = 0;

    while (slice_next(&text, '\n', &part))
        argv[argc++] = arena_text(arena, part);
    if (run_words(arena, argc, argv, &out, &failure) != 0) {
        must(failure.kind == FAILURE_INVALID);
        return;
    }
    must(out.count >= (size_t)argc / 2);
}

static void fuzz_ports(struct arena *arena, struct slice text)
{
    struct failure failure;
    struct value *list = json_parse(arena, text, &failure);

    if (list && list->type == VALUE_LIST)
        (void)human_ports(arena, list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct slice text = slice_make((const char *)data + 1, size > 0 ? size - 1 : 0);

    if (size > 0 && data[0] % 3 == 0)
        fuzz_layout(arena, arena_text(arena, text));
    else if (size > 0 && data[0] % 3 == 1)
        fuzz_run(arena, text);
    else if (size > 0)
        fuzz_ports(arena, text);
    arena_free(&arena);
    return 0;
}
