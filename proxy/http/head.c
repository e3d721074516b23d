/* Head: one pass over the bytes of an HTTP/1.1 head, refusing whatever two readers could read
 * differently. What passes is rebuilt from the parse, so nothing unchecked is ever sent on. */
#include "proxy/http/head.h"

#define METHOD_MAX            32
#define CONNECTION_TOKENS_MAX 32 /* bounds the work of headers_drop_hop_by_hop */
#define LENGTH_MAX            ((uint64_t)1 << 62)

enum { TOKEN = 1, TEXT = 2, TARGET = 4 };

/* What each byte may be part of: TOKEN a method or header name (RFC 9110 §5.6.2), TEXT a header
 * value (tab, space, visible, 8-bit), TARGET a request target (visible and 8-bit, without '#'). */
/* clang-format off */
#define PLAIN (TEXT | TARGET)
#define NAME  (TOKEN | TEXT | TARGET)
static const unsigned char byte_class[256] = {
    ['\t'] = TEXT, [' '] = TEXT, ['!'] = NAME, ['"'] = PLAIN, ['#'] = TOKEN | TEXT,
    ['$' ... '\''] = NAME, ['(' ... ')'] = PLAIN, ['*' ... '+'] = NAME, [','] = PLAIN,
    ['-' ... '.'] = NAME, ['/'] = PLAIN, ['0' ... '9'] = NAME, [':' ... '@'] = PLAIN,
    ['A' ... 'Z'] = NAME, ['[' ... ']'] = PLAIN, ['^' ... '`'] = NAME, ['a' ... 'z'] = NAME,
    ['{'] = PLAIN, ['|'] = NAME, ['}'] = PLAIN, ['~'] = NAME, [0x80 ... 0xff] = PLAIN,
};
/* clang-format on */

/* A place in the bytes being read. `truncated` tells "not all there yet" from "bad". */
struct cursor {
    const char *at;
    const char *end;
    bool truncated;
};

/* Takes the run of bytes of `wanted` class; stops at the first other byte. */
static struct slice take_run(struct cursor *cursor, unsigned wanted)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && (byte_class[(unsigned char)*cursor->at] & wanted)) {
        cursor->at++;
    }
    cursor->truncated = cursor->at == cursor->end;
    return slice_make(start, (size_t)(cursor->at - start));
}

/* Takes exactly `literal`; -1 when it differs or is not all there (then truncated is set). */
static int take_literal(struct cursor *cursor, const char *literal)
{
    for (; *literal; literal++, cursor->at++) {
        cursor->truncated = cursor->at == cursor->end;
        if (cursor->truncated || *cursor->at != *literal) {
            return -1;
        }
    }
    return 0;
}

/* 0 for incomplete, -1 for bad: what a failed step means. */
static ssize_t stopped(const struct cursor *cursor, struct failure *failure, const char *why)
{
    if (cursor->truncated) {
        return 0;
    }
    return failure_set(failure, FAILURE_INVALID, "malformed HTTP head: %s", why);
}

static ssize_t parse_version(struct cursor *cursor, int *minor, struct failure *failure)
{
    if (take_literal(cursor, "HTTP/1.") < 0) {
        return stopped(cursor, failure, "not HTTP/1");
    }
    cursor->truncated = cursor->at == cursor->end;
    if (cursor->truncated || (*cursor->at != '0' && *cursor->at != '1')) {
        return stopped(cursor, failure, "not HTTP/1.0 or HTTP/1.1");
    }
    *minor = *cursor->at++ - '0';
    return 1;
}

static ssize_t parse_request_line(struct cursor *cursor, struct request_head *head,
                                  struct failure *failure)
{
    head->method = take_run(cursor, TOKEN);
    if (head->method.length > METHOD_MAX) {
        return failure_set(failure, FAILURE_INVALID, "malformed HTTP head: method too long");
    }
    if (slice_is(head->method, "CONNECT")) {
        return failure_set(failure, FAILURE_INVALID, "CONNECT is not supported");
    }
    if (head->method.length == 0 || take_literal(cursor, " ") < 0) {
        return stopped(cursor, failure, "bad method");
    }
    head->target = take_run(cursor, TARGET);
    if (head->target.length == 0 || take_literal(cursor, " ") < 0) {
        return stopped(cursor, failure, "bad request target");
    }
    ssize_t result = parse_version(cursor, &head->minor_version, failure);
    if (result <= 0) {
        return result;
    }
    return take_literal(cursor, "\r\n") < 0 ? stopped(cursor, failure, "bad request line") : 1;
}

static ssize_t parse_status_line(struct cursor *cursor, struct response_head *head,
                                 struct failure *failure)
{
    ssize_t result = parse_version(cursor, &head->minor_version, failure);
    if (result <= 0) {
        return result;
    }
    if (take_literal(cursor, " ") < 0) {
        return stopped(cursor, failure, "bad status line");
    }
    head->status = 0;
    for (int i = 0; i < 3; i++, cursor->at++) {
        cursor->truncated = cursor->at == cursor->end;
        if (cursor->truncated || *cursor->at < '0' || *cursor->at > '9') {
            return stopped(cursor, failure, "bad status");
        }
        head->status = head->status * 10 + (*cursor->at - '0');
    }
    if (head->status < 100 || head->status > 599) {
        return failure_set(failure, FAILURE_INVALID, "malformed HTTP head: status %d",
                           head->status);
    }
    head->reason = slice_make(cursor->at, 0);
    if (cursor->at < cursor->end && *cursor->at == ' ') {
        cursor->at++;
        head->reason = slice_trim(take_run(cursor, TEXT));
    }
    return take_literal(cursor, "\r\n") < 0 ? stopped(cursor, failure, "bad status line") : 1;
}

/* One "name: value" line, or the empty line that ends the head (2). */
static ssize_t parse_header(struct cursor *cursor, struct headers *headers,
                            struct failure *failure)
{
    cursor->truncated = cursor->at == cursor->end;
    if (!cursor->truncated && *cursor->at == '\r') {
        return take_literal(cursor, "\r\n") < 0 ? stopped(cursor, failure, "bare CR") : 2;
    }
    struct header header;
    header.name = take_run(cursor, TOKEN);
    if (header.name.length == 0 || take_literal(cursor, ":") < 0) {
        return stopped(cursor, failure, "bad header name");
    }
    header.value = slice_trim(take_run(cursor, TEXT));
    if (take_literal(cursor, "\r\n") < 0) {
        return stopped(cursor, failure, "bad byte in a header");
    }
    if (headers->count == HEAD_MAX_HEADERS) {
        return failure_set(failure, FAILURE_TOO_LARGE, "more than %d headers", HEAD_MAX_HEADERS);
    }
    headers->list[headers->count++] = header;
    return 1;
}

static ssize_t parse_headers(struct cursor *cursor, struct headers *headers,
                             struct failure *failure)
{
    ssize_t result;
    headers->count = 0;
    do {
        result = parse_header(cursor, headers, failure);
    } while (result == 1);
    return result;
}

/* What the headers say about the connection and the body; both kinds of heads need it. */
struct meaning {
    bool close, keep_alive, upgrade; /* tokens of Connection */
    size_t connection_tokens;
    size_t lengths, encodings, hosts;
    struct slice length, encoding, upgrade_to, expect;
};

static void read_connection(struct slice value, struct meaning *meaning)
{
    struct slice token;
    while (slice_next(&value, ',', &token)) {
        token = slice_trim(token);
        meaning->connection_tokens++;
        if (slice_is_nocase(token, "close")) {
            meaning->close = true;
        } else if (slice_is_nocase(token, "keep-alive")) {
            meaning->keep_alive = true;
        } else if (slice_is_nocase(token, "upgrade")) {
            meaning->upgrade = true;
        }
    }
}

static void read_header(const struct header *header, struct meaning *meaning)
{
    switch (header->name.length) {
    case 4:
        meaning->hosts += slice_is_nocase(header->name, "host");
        break;
    case 6:
        if (slice_is_nocase(header->name, "expect")) {
            meaning->expect = header->value;
        }
        break;
    case 7:
        if (slice_is_nocase(header->name, "upgrade") && !meaning->upgrade_to.at) {
            meaning->upgrade_to = header->value;
        }
        break;
    case 10:
        if (slice_is_nocase(header->name, "connection")) {
            read_connection(header->value, meaning);
        }
        break;
    case 14:
        if (slice_is_nocase(header->name, "content-length")) {
            meaning->lengths++;
            meaning->length = header->value;
        }
        break;
    case 17:
        if (slice_is_nocase(header->name, "transfer-encoding")) {
            meaning->encodings++;
            meaning->encoding = header->value;
        }
        break;
    }
}

static void read_meaning(const struct headers *headers, struct meaning *meaning)
{
    *meaning = (struct meaning){0};
    for (size_t i = 0; i < headers->count; i++) {
        read_header(&headers->list[i], meaning);
    }
}

/* The rules on framing that hold for both directions: at most one of length and encoding, each
 * once, the encoding exactly "chunked" (RFC 9112 §6, made stricter). */
static int read_framing(const struct meaning *meaning, int minor_version, enum framing *framing,
                        uint64_t *length, struct failure *failure)
{
    *framing = FRAMING_NONE;
    *length = 0;
    if (meaning->connection_tokens > CONNECTION_TOKENS_MAX) {
        return failure_set(failure, FAILURE_INVALID, "too many options in Connection");
    }
    if (meaning->encodings + meaning->lengths > 1) {
        return failure_set(failure, FAILURE_INVALID,
                           "more than one of Content-Length and Transfer-Encoding");
    }
    if (meaning->encodings) {
        if (minor_version == 0 || !slice_is_nocase(meaning->encoding, "chunked")) {
            return failure_set(failure, FAILURE_INVALID, "unsupported Transfer-Encoding");
        }
        *framing = FRAMING_CHUNKED;
    }
    if (meaning->lengths) {
        if (slice_to_u64(meaning->length, length) < 0 || *length > LENGTH_MAX) {
            return failure_set(failure, FAILURE_INVALID, "bad Content-Length");
        }
        *framing = FRAMING_LENGTH;
    }
    return 0;
}

/* Absolute form is cut to origin form; a target that is neither is refused ("*" and CONNECT's
 * authority mean nothing here). */
static int cut_target(struct slice *target, struct failure *failure)
{
    if (slice_starts(*target, "http://") || slice_starts(*target, "https://")) {
        struct slice rest = slice_from(*target, target->at[4] == 's' ? 8 : 7);
        ptrdiff_t slash = slice_find(rest, '/');
        ptrdiff_t question = slice_find(rest, '?');
        if (slash < 0 || (question >= 0 && question < slash)) {
            return failure_set(failure, FAILURE_INVALID, "malformed HTTP head: target without path");
        }
        *target = slice_from(rest, (size_t)slash);
    }
    if (target->at[0] != '/') {
        return failure_set(failure, FAILURE_INVALID, "malformed HTTP head: target is not a path");
    }
    return 0;
}

static int read_request_meaning(struct request_head *head, struct failure *failure)
{
    struct meaning meaning;
    read_meaning(&head->headers, &meaning);
    if (read_framing(&meaning, head->minor_version, &head->framing, &head->content_length,
                     failure) < 0) {
        return -1;
    }
    bool modern = head->minor_version == 1;
    if (meaning.hosts > 1 || (modern && meaning.hosts == 0)) {
        return failure_set(failure, FAILURE_INVALID, "%s Host header",
                           meaning.hosts ? "more than one" : "missing");
    }
    if (meaning.expect.length > 0 && modern) {
        if (!slice_is_nocase(meaning.expect, "100-continue")) {
            return failure_set(failure, FAILURE_INVALID, "unsupported Expect header");
        }
        head->expect_continue = head->framing != FRAMING_NONE;
    }
    head->keep_alive = !meaning.close && (modern || meaning.keep_alive);
    if (meaning.upgrade && modern && meaning.upgrade_to.length > 0) {
        head->upgrade = meaning.upgrade_to;
    }
    return cut_target(&head->target, failure);
}

/* Turns "incomplete" into "too large" once the limit is reached. */
static ssize_t within_limit(ssize_t result, struct slice bytes, struct failure *failure)
{
    if (result > HEAD_MAX_BYTES || (result == 0 && bytes.length >= HEAD_MAX_BYTES)) {
        return failure_set(failure, FAILURE_TOO_LARGE, "HTTP head over %d bytes", HEAD_MAX_BYTES);
    }
    return result;
}

ssize_t request_head_parse(struct request_head *head, struct slice bytes, struct failure *failure)
{
    struct cursor cursor = {bytes.at, bytes.at + bytes.length, false};
    /* One empty line before a request is to be ignored (RFC 9112 §2.2). */
    if (bytes.length >= 2 && bytes.at[0] == '\r' && bytes.at[1] == '\n') {
        cursor.at += 2;
    } else if (bytes.length == 1 && bytes.at[0] == '\r') {
        return 0;
    }
    head->expect_continue = false;
    head->upgrade = SLICE_NONE;
    ssize_t result = parse_request_line(&cursor, head, failure);
    if (result > 0) {
        result = parse_headers(&cursor, &head->headers, failure);
    }
    if (result <= 0) {
        return within_limit(result, bytes, failure);
    }
    if (read_request_meaning(head, failure) < 0) {
        return -1;
    }
    return within_limit(cursor.at - bytes.at, bytes, failure);
}

ssize_t response_head_parse(struct response_head *head, struct slice bytes,
                            struct slice request_method, struct failure *failure)
{
    struct cursor cursor = {bytes.at, bytes.at + bytes.length, false};
    ssize_t result = parse_status_line(&cursor, head, failure);
    if (result > 0) {
        result = parse_headers(&cursor, &head->headers, failure);
    }
    if (result <= 0) {
        return within_limit(result, bytes, failure);
    }
    struct meaning meaning;
    read_meaning(&head->headers, &meaning);
    if (read_framing(&meaning, head->minor_version, &head->framing, &head->content_length,
                     failure) < 0) {
        return -1;
    }
    head->keep_alive = !meaning.close && (head->minor_version == 1 || meaning.keep_alive);
    if (head->status < 200 || head->status == 204 || head->status == 304 ||
        slice_is(request_method, "HEAD") ||
        (head->status < 300 && slice_is(request_method, "CONNECT"))) {
        head->framing = FRAMING_NONE;
    } else if (head->framing == FRAMING_NONE) {
        head->framing = FRAMING_UNTIL_CLOSE;
        head->keep_alive = false;
    }
    return within_limit(cursor.at - bytes.at, bytes, failure);
}

bool head_complete(struct slice bytes, size_t seen)
{
    size_t from = seen > 3 ? seen - 3 : 0;
    return bytes.length > from && memmem(bytes.at + from, bytes.length - from, "\r\n\r\n", 4);
}
