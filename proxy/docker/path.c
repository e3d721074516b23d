/* Path: what Go's net/url and dockerd's router would make of a request target, done once. */
#include "proxy/docker/path.h"

#include "proxy/docker/query.h"

/* Takes the last segment off `out`, which begins with '/'. */
static size_t drop_segment(const char *out, size_t length)
{
    while (length > 0 && out[length - 1] != '/')
        length--;
    return length > 0 ? length - 1 : 0;
}

struct slice path_clean(struct arena *arena, struct slice path)
{
    char *out = arena_alloc(arena, path.length + 3);
    size_t length = 0;
    struct slice rest = path, part;
    bool ends_open = false; /* the path ends in '/', "/." or "/.." or is empty */

    while (slice_next(&rest, '/', &part)) {
        ends_open = part.length == 0;
        if (part.length == 0 || slice_is(part, "."))
            continue;
        if (slice_is(part, "..")) {
            length = drop_segment(out, length);
            continue;
        }
        out[length++] = '/';
        memcpy(out + length, part.at, part.length);
        length += part.length;
    }
    if (length == 0 || ends_open)
        out[length++] = '/';
    return slice_make(out, length);
}

struct slice path_cut_version(struct slice path, struct slice *version)
{
    size_t at = 2;

    *version = SLICE_NONE;
    if (!slice_starts(path, "/v"))
        return path;
    while (at < path.length && ((path.at[at] >= '0' && path.at[at] <= '9') || path.at[at] == '.'))
        at++;
    if (at == 2 || (at < path.length && path.at[at] != '/'))
        return path;
    *version = slice_cut(path, 2, at - 2);
    return at < path.length ? slice_from(path, at) : SLICE("/");
}

struct slice path_encode(struct arena *arena, struct slice path)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, path.length * 3 + 1);
    size_t length = 0;

    for (size_t i = 0; i < path.length; i++) {
        unsigned char c = (unsigned char)path.at[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr("-_.~/:@!$&'()*+,;=", c))) {
            out[length++] = (char)c;
        } else {
            out[length++] = '%';
            out[length++] = hex[c >> 4];
            out[length++] = hex[c & 15];
        }
    }
    return slice_make(out, length);
}

int target_parse(struct target *target, struct arena *arena, struct slice raw,
                 struct failure *failure)
{
    ptrdiff_t mark = slice_find(raw, '?');
    struct slice path = mark >= 0 ? slice_cut(raw, 0, (size_t)mark) : raw;

    *target = (struct target){.query = SLICE_NONE, .redirect = SLICE_NONE};
    if (mark >= 0)
        target->query = slice_from(raw, (size_t)mark + 1);
    if (!slice_starts(path, "/"))
        return failure_set(failure, FAILURE_INVALID, "request target must begin with '/'");
    if (slice_find(raw, '#') >= 0)
        return failure_set(failure, FAILURE_INVALID, "request target must not have a fragment");
    if (query_decode(arena, path, false, &path, failure) != 0)
        return -1;
    if (path.length > PATH_MAX_BYTES)
        return failure_set(failure, FAILURE_INVALID, "path is longer than %d bytes",
                           PATH_MAX_BYTES);
    for (size_t i = 0; i < path.length; i++) {
        if ((unsigned char)path.at[i] < 0x20 || path.at[i] == 0x7f)
            return failure_set(failure, FAILURE_INVALID, "path has a control byte");
    }
    target->path = path_clean(arena, path);
    if (slice_equal(target->path, path))
        return 0;
    target->redirect = path_encode(arena, target->path);
    if (mark >= 0)
        target->redirect = arena_printf(arena, SLICE_FMT "?" SLICE_FMT, SLICE_ARG(target->redirect),
                                        SLICE_ARG(target->query));
    return 0;
}
