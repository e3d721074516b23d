/* JSON: text <-> value. The only user of yajl.
 * Strict RFC 8259: no comments, valid UTF-8, no trailing bytes but space. Bounded depth. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"

#define JSON_MAX_DEPTH 64

/* Parses one JSON text. Result lives in `arena` (text is copied). NULL with failure INVALID and a
 * position in words on bad input, also when deeper than JSON_MAX_DEPTH. */
struct value *json_parse(struct arena *arena, struct slice text, struct failure *failure)
    MUST_CHECK;
/* Appends compact JSON of `value` to `out`; escapes as Go does not need (only what RFC 8259
 * requires). -1 when the buffer's maximum is reached. */
int json_write(struct buffer *out, const struct value *value);
/* json_write into the arena. */
struct slice json_text(struct arena *arena, const struct value *value);
/* Appends `text` as a JSON string with quotes. */
int json_write_text(struct buffer *out, struct slice text);

/* Splitter: cuts a byte stream of concatenated JSON values (newline or nothing between), as in
 * /events, stats and progress, into single texts. Feed any pieces. */
struct json_splitter;
/* `max`: longest single value in bytes. */
struct json_splitter *json_splitter_new(size_t max);
void json_splitter_free(struct json_splitter **splitter);
/* Calls on_value for each complete value's text (valid during the call). -1 when a value is
 * longer than max or the bytes can't be JSON; the splitter must then be freed.
 * on_value returning false stops (rest dropped, 0 returned). */
typedef bool (*json_value_fn)(struct slice text, void *context);
int json_splitter_feed(struct json_splitter *splitter, struct slice bytes, json_value_fn on_value,
                       void *context) MUST_CHECK;
