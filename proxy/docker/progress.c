/* Progress: one JSON progress stream out of many.
 * A node's own line is written only when its state or its whole percentage changes, so a fast
 * download does not flood the client and the result does not depend on the clock. */
#include "proxy/docker/progress.h"

#include "proxy/json.h"

#include <inttypes.h>
#include <stdlib.h>

struct layer {
    char *id;
    int64_t current, total;
    bool done;
};

struct track {
    char *name;
    struct layer *layers; /* at most PROGRESS_MAX_LAYERS */
    size_t layer_count, layer_capacity;
    struct buffer held;
    char *error;
    char *error_line;  /* as the engine sent it */
    int shown_percent; /* -1: no line yet */
    bool ended;
};

struct progress {
    struct track *tracks;
    size_t count, required, ended;
    char *verb;
    ptrdiff_t primary; /* -1: nobody has sent a line */
    struct arena *scratch;
};

struct progress *progress_new(const struct slice *names, size_t count, size_t required,
                              const char *verb)
{
    struct progress *progress = xcalloc(1, sizeof(*progress));

    must(count > 0 && required <= count);
    progress->tracks = xcalloc(count, sizeof(*progress->tracks));
    progress->count = count;
    progress->required = required ? required : 1;
    progress->verb = xstrdup(verb);
    progress->primary = -1;
    progress->scratch = arena_new();
    for (size_t i = 0; i < count; i++) {
        progress->tracks[i].name = xslicedup(names[i]);
        progress->tracks[i].shown_percent = -1;
        buffer_init(&progress->tracks[i].held, PROGRESS_MAX_HELD);
    }
    return progress;
}

void progress_free(struct progress **progress)
{
    struct progress *old = *progress;

    *progress = NULL;
    if (!old)
        return;
    for (size_t i = 0; i < old->count; i++) {
        struct track *track = &old->tracks[i];

        for (size_t k = 0; k < track->layer_count; k++)
            free(track->layers[k].id);
        free(track->layers);
        buffer_deinit(&track->held);
        free(track->name);
        free(track->error);
        free(track->error_line);
    }
    free(old->tracks);
    free(old->verb);
    arena_free(&old->scratch);
    free(old);
}

/* The error text of a line, or SLICE_NONE. */
static struct slice error_of(const struct value *line)
{
    struct slice text = value_get_text(value_find(line, "errorDetail"), "message");

    return text.at ? text : value_get_text(line, "error");
}

/* A line that tells the end result; it must not come before other nodes' lines, because a line
 * without id makes the CLI forget the screen positions of all ids. */
static bool is_closing(const struct value *line)
{
    struct slice status = value_get_text(line, "status");
    struct slice stream = value_get_text(line, "stream");

    if (value_find(line, "id"))
        return false;
    return slice_starts(status, "Digest:") || slice_starts(status, "Status:") ||
           slice_starts(status, "sha256:") || slice_starts(stream, "Loaded image");
}

static void hold(struct track *track, struct slice line)
{
    if (track->held.length + line.length + 2 > PROGRESS_MAX_HELD)
        return;
    buffer_add(&track->held, line);
    buffer_text(&track->held, "\r\n");
}

static struct layer *layer_of(struct track *track, struct slice id)
{
    for (size_t i = 0; i < track->layer_count; i++)
        if (slice_is(id, track->layers[i].id))
            return &track->layers[i];
    if (track->layer_count == PROGRESS_MAX_LAYERS)
        return NULL;
    if (track->layer_count == track->layer_capacity) {
        track->layer_capacity = track->layer_capacity ? track->layer_capacity * 2 : 8;
        track->layers = xrealloc(track->layers, track->layer_capacity * sizeof(*track->layers));
    }
    track->layers[track->layer_count] = (struct layer){.id = xslicedup(id)};
    return &track->layers[track->layer_count++];
}

/* Notes what a line says about a layer. Whole numbers only; a layer that is complete counts in
 * full. */
static void note_layer(struct track *track, const struct value *line)
{
    struct slice id = value_get_text(line, "id"), status = value_get_text(line, "status");
    const struct value *detail = value_find(line, "progressDetail");
    struct layer *layer = id.length ? layer_of(track, id) : NULL;

    if (!layer)
        return;
    if (slice_starts(status, "Pull complete") || slice_starts(status, "Already exists") ||
        slice_starts(status, "Download complete")) {
        layer->done = true;
        layer->current = layer->total;
        return;
    }
    if (layer->done || !value_find(detail, "total") || slice_starts(status, "Extracting"))
        return;
    layer->current = value_get_int(detail, "current", 0);
    layer->total = value_get_int(detail, "total", 0);
}

static void sum_layers(const struct track *track, int64_t *current, int64_t *total)
{
    *current = *total = 0;
    for (size_t i = 0; i < track->layer_count; i++) {
        const struct layer *layer = &track->layers[i];
        int64_t sum;

        if (layer->total <= 0 || layer->current < 0 || layer->current > layer->total ||
            __builtin_add_overflow(*total, layer->total, &sum))
            continue;
        *total = sum;
        *current += layer->current;
    }
}

/* The node's own line. `status` is what it says; current/total are written when known. */
static void write_node_line(const struct track *track, const char *status, struct slice tail,
                            struct buffer *out)
{
    int64_t current, total;

    sum_layers(track, &current, &total);
    buffer_text(out, "{\"status\":");
    if (tail.length) {
        char *whole = xprintf("%s: " SLICE_FMT, status, SLICE_ARG(tail));

        json_write_text(out, slice_of(whole));
        free(whole);
    } else {
        json_write_text(out, slice_of(status));
    }
    buffer_text(out, ",\"progressDetail\":{");
    if (total > 0 && !tail.length)
        buffer_printf(out, "\"current\":%" PRId64 ",\"total\":%" PRId64, current, total);
    buffer_text(out, "},\"id\":");
    json_write_text(out, slice_of(track->name));
    buffer_text(out, "}\r\n");
}

static void update_node_line(struct progress *progress, struct track *track, struct buffer *out)
{
    int64_t current, total;
    int percent;

    sum_layers(track, &current, &total);
    percent = total > 0 ? (int)((__int128)current * 100 / total) : 0;
    if (percent == track->shown_percent)
        return;
    track->shown_percent = percent;
    write_node_line(track, progress->verb, SLICE_NONE, out);
}

static void set_error(struct track *track, struct slice error)
{
    if (!track->error)
        track->error = xslicedup(error.length ? error : SLICE("failed without a message"));
}

void progress_feed(struct progress *progress, size_t index, struct slice line, struct buffer *out)
{
    struct track *track = &progress->tracks[index];
    struct value *value;
    bool primary;

    must(index < progress->count && !track->ended);
    if (progress->primary < 0)
        progress->primary = (ptrdiff_t)index;
    primary = progress->primary == (ptrdiff_t)index;
    arena_reset(progress->scratch);
    value = json_parse(progress->scratch, line, NULL);
    if (error_of(value).at) {
        set_error(track, error_of(value));
        if (!track->error_line)
            track->error_line = xslicedup(line);
    } else if (value && is_closing(value)) {
        hold(track, line);
    } else if (primary) {
        buffer_add(out, line);
        buffer_text(out, "\r\n");
    } else if (value && value_find(value, "progressDetail")) {
        note_layer(track, value);
        update_node_line(progress, track, out);
    }
}

static size_t count_good(const struct progress *progress)
{
    size_t good = 0;

    for (size_t i = 0; i < progress->count; i++)
        good += progress->tracks[i].ended && !progress->tracks[i].error;
    return good;
}

/* The node whose closing lines are shown: the primary if it succeeded, else the first that did. */
static const struct track *closing_track(const struct progress *progress)
{
    if (progress->primary >= 0 && !progress->tracks[progress->primary].error)
        return &progress->tracks[progress->primary];
    for (size_t i = 0; i < progress->count; i++)
        if (!progress->tracks[i].error)
            return &progress->tracks[i];
    return NULL;
}

/* The one error line: each failed node with its own text. A single node's line passes as it is,
 * because it may carry more (a build step's exit code). */
static void write_error(const struct progress *progress, struct buffer *out)
{
    struct buffer text;

    if (progress->count == 1 && progress->tracks[0].error_line) {
        buffer_text(out, progress->tracks[0].error_line);
        buffer_text(out, "\r\n");
        return;
    }
    buffer_init(&text, PROGRESS_MAX_HELD);
    for (size_t i = 0; i < progress->count; i++) {
        const struct track *track = &progress->tracks[i];

        if (!track->error)
            continue;
        if (text.length)
            buffer_text(&text, "; ");
        if (progress->count > 1)
            buffer_printf(&text, "%s: ", track->name);
        buffer_text(&text, track->error);
    }
    buffer_text(out, "{\"errorDetail\":{\"message\":");
    json_write_text(out, buffer_slice(&text));
    buffer_text(out, "},\"error\":");
    json_write_text(out, buffer_slice(&text));
    buffer_text(out, "}\r\n");
    buffer_deinit(&text);
}

static void finish(struct progress *progress, struct buffer *out)
{
    const struct track *closing = closing_track(progress);

    if (closing)
        buffer_add(out, buffer_slice(&closing->held));
    if (count_good(progress) < progress->required)
        write_error(progress, out);
}

void progress_end(struct progress *progress, size_t index, struct slice error, struct buffer *out)
{
    struct track *track = &progress->tracks[index];

    must(index < progress->count && !track->ended);
    track->ended = true;
    progress->ended++;
    if (error.at)
        set_error(track, error);
    if (progress->count > 1 && track->error)
        write_node_line(track, "Failed", slice_of(track->error), out);
    else if (track->shown_percent >= 0)
        write_node_line(track, "Complete", SLICE_NONE, out);
    if (progress->ended == progress->count)
        finish(progress, out);
}

bool progress_done(const struct progress *progress)
{
    return progress->ended == progress->count;
}

bool progress_succeeded(const struct progress *progress)
{
    return progress_done(progress) && count_good(progress) >= progress->required;
}

bool progress_node_succeeded(const struct progress *progress, size_t index)
{
    must(index < progress->count);
    return progress->tracks[index].ended && !progress->tracks[index].error;
}
