/* Print: rows of cells as the docker client prints them: a table with a head, or a Go template. */
#pragma once

#include "policy/base/memory.h"
#include "policy/base/failure.h"

struct value;

/* A column: the template's field name, the head of the table. */
struct column {
    const char *field;
    const char *head;
};

/* A layout read from --format: "table {{.ID}}\t{{.Names}}", "{{json .}}", "json", or plain text with
 * fields. Of Go's templates only {{.Field}}, {{json .}} and {{json .Field}} are understood. */
struct layout;

/* `format` NULL or "table": the columns in `usual` (field names, NULL at the end). Failure INVALID
 * names the field or the action that is not known. */
struct layout *layout_parse(struct arena *arena, const char *format, const struct column *columns,
                            size_t column_count, const char *const *usual,
                            struct failure *failure) MUST_CHECK;

/* Appends the rows. A row is a map value with one text per column field. */
void layout_print(const struct layout *layout, struct buffer *out, const struct value *rows);
