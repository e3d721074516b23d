/* Head: strict HTTP/1.1 heads (RFC 9112): parse into slices, write from parts. Pure.
 * What is checked is what is sent: heads are always rebuilt from the parse. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <sys/types.h>

#define HEAD_MAX_BYTES   (1024 * 1024) /* X-Registry-Config can be large */
#define HEAD_MAX_HEADERS 128

struct header {
    struct slice name;
    struct slice value;
};

struct headers {
    size_t count;
    struct header list[HEAD_MAX_HEADERS]; /* only the first `count` are set */
};

enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_UNTIL_CLOSE };

struct request_head {
    struct slice method;
    struct slice target;   /* as received: path?query (origin form only; absolute form is cut) */
    int minor_version;     /* 0 or 1 */
    enum framing framing;
    uint64_t content_length; /* FRAMING_LENGTH */
    bool keep_alive;
    bool expect_continue;
    struct slice upgrade;  /* value of Upgrade when Connection names it, else SLICE_NONE */
    struct headers headers;
};

struct response_head {
    int status;
    struct slice reason;
    int minor_version;
    struct headers headers;
    enum framing framing;
    uint64_t content_length;
    bool keep_alive;
};

/* Parses a head at the start of `bytes`; slices point into `bytes`.
 * > 0: length of the head including the empty line; 0: incomplete; -1: bad (failure INVALID, or
 * TOO_LARGE when over the limits). Refuses: CL with TE, differing or repeated CL, TE other than
 * exactly "chunked", obs-fold, spaces before the colon, control bytes, HTTP/1.0 with TE,
 * a missing or repeated Host on 1.1 (an empty Host is allowed). */
ssize_t request_head_parse(struct request_head *head, struct slice bytes, struct failure *failure)
    MUST_CHECK;
/* As above; `request_method` decides the framing (HEAD, CONNECT), as do 1xx, 204 and 304. */
ssize_t response_head_parse(struct response_head *head, struct slice bytes,
                            struct slice request_method, struct failure *failure) MUST_CHECK;

/* Whether the empty line that ends a head is in `bytes`, of which the first `seen` were looked at
 * before. Cheap; parse the first bytes (to refuse rubbish early) and then only once this holds, or
 * a head that comes byte by byte costs quadratic time. */
bool head_complete(struct slice bytes, size_t seen);

/* An empty list in the arena; the rows of a list are 4 KiB, so they are not zeroed for nothing. */
struct headers *headers_new(struct arena *arena);
/* Copies the rows there are (slices, not what they point to). */
void headers_copy(struct headers *to, const struct headers *from);
/* First header of that name (ASCII case-insensitive), SLICE_NONE if absent. */
struct slice headers_find(const struct headers *headers, const char *name);
/* Removes all of that name. Adds (slices are not copied). -1 when full. */
void headers_drop(struct headers *headers, const char *name);
int headers_add(struct headers *headers, struct slice name, struct slice value);
/* Drops Connection and what it names, Keep-Alive, Proxy-Connection, TE, Trailer,
 * Transfer-Encoding, Upgrade, Content-Length: the hop-by-hop ones that the writer sets anew. */
void headers_drop_hop_by_hop(struct headers *headers);

/* Appends "METHOD target HTTP/1.1", headers, empty line (framing headers must be among them). */
void request_head_write(struct buffer *out, struct slice method, struct slice target,
                        const struct headers *headers);
void response_head_write(struct buffer *out, int status, struct slice reason,
                         const struct headers *headers);
const char *http_reason(int status);
