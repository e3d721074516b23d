/* Routes: the table of routes.def and its matcher. Names in a path are greedy, as in dockerd, so a
 * pattern is matched by its fixed texts: the front one, then the one at the end. */
#include "proxy/docker/routes.h"

#include "proxy/docker/path.h"

#define NONE    ROUTE_BODY_NONE
#define JSON    ROUTE_BODY_JSON
#define TAR     ROUTE_BODY_TAR
#define ANY     ROUTE_BODY_ANY
#define MUTATES ROUTE_MUTATES
#define LONG    ROUTE_LONG
#define HIJACK  ROUTE_HIJACK
#define REFUSED ROUTE_REFUSED
#define ROUTE(method, pattern, operation, handler, flags, body)                                    \
    {SLICE_INIT(#method), pattern, operation, flags, body},
const struct route routes[] = {
#include "proxy/docker/routes.def"
};
#undef ROUTE
const size_t routes_count = sizeof(routes) / sizeof(routes[0]);

enum route_verdict routes_parse(struct route_match *match, struct slice raw, struct arena *arena,
                                struct failure *failure)
{
    struct target target;
    struct slice version;
    *match = (struct route_match){0};
    if (target_parse(&target, arena, raw, failure) != 0)
        return ROUTE_BAD;
    match->query = target.query;
    match->path = path_cut_version(target.path, &version);
    match->location = target.redirect;
    if (target.redirect.at)
        return ROUTE_MOVED;
    if (!version.at)
        return ROUTE_FOUND;
    match->version = api_version_parse(version);
    if (match->version > 0)
        return ROUTE_FOUND;
    failure_set(failure, FAILURE_INVALID,
                "\"" SLICE_FMT "\" is not an API version: use one such as 1.41",
                SLICE_ARG(version));
    return ROUTE_BAD;
}

/* "{x}" with text behind it that holds another "{y}": the name ends at the last place where the
 * text between them stands. */
static bool match_two(struct route_match *match, struct slice path, struct slice middle)
{
    for (size_t at = path.length; at-- > 0;) {
        if (!slice_equal(slice_cut(path, at, middle.length), middle))
            continue;
        match->names[0] = slice_cut(path, 0, at);
        match->names[1] = slice_from(path, at + middle.length);
        return match->names[0].length > 0 && match->names[1].length > 0;
    }
    return false;
}

static bool match_pattern(struct route_match *match, const char *pattern, struct slice path)
{
    size_t i = 0;
    while (pattern[i] && pattern[i] != '{') {
        if (i >= path.length || path.at[i] != pattern[i])
            return false;
        i++;
    }
    if (!pattern[i])
        return i == path.length;
    const char *behind = strchr(pattern + i, '}') + 1;
    const char *second = strchr(behind, '{');
    struct slice rest = slice_from(path, i);
    if (second)
        return match_two(match, rest, slice_make(behind, (size_t)(second - behind)));
    size_t suffix = strlen(behind);
    if (rest.length <= suffix || !slice_ends(rest, behind))
        return false;
    match->names[0] = slice_cut(rest, 0, rest.length - suffix);
    return true;
}

enum route_verdict routes_match(struct route_match *match, struct slice method, struct slice target,
                                struct arena *arena, struct failure *failure)
{
    enum route_verdict verdict = routes_parse(match, target, arena, failure);
    if (verdict != ROUTE_FOUND)
        return verdict;
    /* Most rows fall by one letter: this runs for every call. */
    char first = match->path.length > 1 ? match->path.at[1] : '\0';
    for (size_t i = 0; i < routes_count; i++) {
        char letter = routes[i].pattern[1];
        if ((letter != first && letter != '{') || !slice_equal(routes[i].method, method))
            continue;
        match->names[0] = match->names[1] = SLICE_NONE;
        if (match_pattern(match, routes[i].pattern, match->path)) {
            match->route = &routes[i];
            return ROUTE_FOUND;
        }
    }
    return ROUTE_UNKNOWN;
}
