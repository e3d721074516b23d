/* Routes: which call of the Docker API a request line asks for. Pure: one strict parse of the
 * path, as dockerd's router does it (decode once, refuse or redirect what is unclean, take the
 * version off, match), and everything later works on the parse, never on the raw bytes. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"
#include "proxy/engine/decode.h"

enum route_flags {
    ROUTE_MUTATES = 1,
    ROUTE_LONG = 2,    /* may stay open without end */
    ROUTE_HIJACK = 4,  /* becomes a two-way stream */
    ROUTE_REFUSED = 8, /* answered here, never by an engine */
};

enum route_body { ROUTE_BODY_NONE, ROUTE_BODY_JSON, ROUTE_BODY_TAR, ROUTE_BODY_ANY };

struct route {
    struct slice method;
    const char *pattern;
    const char *operation; /* "container.create" */
    unsigned flags;        /* enum route_flags */
    enum route_body body;
};

/* All rows in the order they are tried. */
extern const struct route routes[];
extern const size_t routes_count;

/* What berth itself speaks: requests outside are refused with dockerd's texts. */
#define ROUTES_API_MIN API_VERSION(1, 24)
#define ROUTES_API_MAX API_VERSION(1, 51)

enum route_verdict {
    ROUTE_FOUND,
    ROUTE_UNKNOWN, /* 404 page not found */
    ROUTE_MOVED,   /* 301 to match->location: the path was not clean */
    ROUTE_BAD,     /* 400: failure says why */
};

struct route_match {
    const struct route *route;
    int version;           /* API_VERSION of the path, 0 when it has none */
    struct slice path;     /* decoded, without the version */
    struct slice names[2]; /* decoded */
    struct slice query;    /* raw, without '?'; SLICE_NONE when absent */
    struct slice location; /* ROUTE_MOVED */
};

/* Parses `target` (path?query; docker/path.h) and finds its row. Results live in `arena` or in
 * `target`. */
enum route_verdict routes_match(struct route_match *match, struct slice method, struct slice target,
                                struct arena *arena, struct failure *failure);
/* Only the first half: decode, clean, take off the version; fills version, path, query. */
enum route_verdict routes_parse(struct route_match *match, struct slice target, struct arena *arena,
                                struct failure *failure);
