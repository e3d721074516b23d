/* Progress: makes one JSON progress stream out of the streams of several nodes (pull, load,
 * import, plugin install). Pure: lines in, bytes out.
 *
 * One node, the first to answer, is the primary: its lines pass verbatim. Every other node is one
 * line with the node's name as id, updated in place by the CLI. Closing lines (Digest:, Status:,
 * Loaded image) and errors are held until all nodes have ended, because an errorDetail makes the
 * CLI stop at once. The whole succeeds when at least `required` nodes did; the failed ones are then
 * shown in their own line. */
#pragma once

#include "policy/base/memory.h"

/* Layers of one node that are counted for its own line; later ones are not. */
#define PROGRESS_MAX_LAYERS 256
/* Closing lines held in bytes, per node; later ones are dropped. */
#define PROGRESS_MAX_HELD (64 * 1024)

struct progress;

/* `names[i]` is the node that later calls name by its index i; copied. `verb` is what the lines
 * of other nodes say while they run: "Pulling", "Loading". */
struct progress *progress_new(const struct slice *names, size_t count, size_t required,
                              const char *verb);
void progress_free(struct progress **progress);
/* One complete JSON value of node `index`; what the client gets for it is appended to `out`. Lines
 * that are no JSON map pass from the primary and are dropped from others. */
void progress_feed(struct progress *progress, size_t index, struct slice line, struct buffer *out);
/* Node `index` has ended; error.at == NULL: well, unless it sent an errorDetail itself. When it
 * was the last one the closing lines or the error are appended. */
void progress_end(struct progress *progress, size_t index, struct slice error, struct buffer *out);
bool progress_done(const struct progress *progress);
/* After done: whether enough nodes succeeded, and whether this one did. */
bool progress_succeeded(const struct progress *progress);
bool progress_node_succeeded(const struct progress *progress, size_t index);
