/* Framer: a small state machine over the bytes of one body. It counts rather than copies: it says
 * how many of the bytes belong to the message, and refuses chunk framing with any slack in it. */
#include "proxy/http/framer.h"

#define CHUNK_DIGITS_MAX    15
#define CHUNK_EXTENSION_MAX 256
#define TRAILER_MAX         (8 * 1024)

enum {
    AT_DIGITS,        /* chunk size */
    AT_EXTENSION,     /* after ';' to the end of the line */
    AT_SIZE_LF,
    AT_PAYLOAD,
    AT_PAYLOAD_CR,
    AT_PAYLOAD_LF,
    AT_TRAILER_START, /* a trailer, or the empty line */
    AT_TRAILER_NAME,
    AT_TRAILER_VALUE,
    AT_TRAILER_LF,
    AT_LAST_LF,
};

void framer_init(struct framer *framer, enum framing framing, uint64_t content_length)
{
    *framer = (struct framer){.framing = framing, .state = AT_DIGITS};
    framer->left = framing == FRAMING_LENGTH ? content_length : 0;
    framer->done = framing == FRAMING_NONE || (framing == FRAMING_LENGTH && content_length == 0);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A byte allowed in an extension or a trailer's value. */
static bool is_text(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

/* A byte allowed in a trailer's name (RFC 9110 §5.6.2). */
static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c > ' ' && c < 0x7f && strchr("!#$%&'*+-.^_`|~", c));
}

static int step_digits(struct framer *framer, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        framer->left = framer->left * 16 + (uint64_t)digit;
        return ++framer->line <= CHUNK_DIGITS_MAX ? AT_DIGITS : -1;
    }
    if (framer->line == 0) {
        return -1;
    }
    framer->line = 0;
    return c == '\r' ? AT_SIZE_LF : c == ';' ? AT_EXTENSION : -1;
}

/* Bytes of all trailers together are counted, so that they are bounded as a whole. */
static int step_trailer(struct framer *framer, char c)
{
    if (++framer->line > TRAILER_MAX) {
        return -1;
    }
    switch (framer->state) {
    case AT_TRAILER_START:
        return c == '\r' ? AT_LAST_LF : is_token(c) ? AT_TRAILER_NAME : -1;
    case AT_TRAILER_NAME:
        return c == ':' ? AT_TRAILER_VALUE : is_token(c) ? AT_TRAILER_NAME : -1;
    case AT_TRAILER_VALUE:
        return c == '\r' ? AT_TRAILER_LF : is_text(c) ? AT_TRAILER_VALUE : -1;
    default:
        return c == '\n' ? AT_TRAILER_START : -1;
    }
}

/* One byte of chunk framing (not payload): the next state, or -1. */
static int step(struct framer *framer, char c)
{
    switch (framer->state) {
    case AT_DIGITS:
        return step_digits(framer, c);
    case AT_EXTENSION:
        if (c == '\r') {
            return AT_SIZE_LF;
        }
        return is_text(c) && ++framer->line <= CHUNK_EXTENSION_MAX ? AT_EXTENSION : -1;
    case AT_SIZE_LF:
        framer->line = 0;
        return c != '\n' ? -1 : framer->left ? AT_PAYLOAD : AT_TRAILER_START;
    case AT_PAYLOAD_CR:
        return c == '\r' ? AT_PAYLOAD_LF : -1;
    case AT_PAYLOAD_LF:
        return c == '\n' ? AT_DIGITS : -1;
    case AT_LAST_LF:
        framer->done = c == '\n';
        return framer->done ? AT_LAST_LF : -1;
    default:
        return step_trailer(framer, c);
    }
}

/* Takes a run of payload; returns its length. */
static size_t take_payload(struct framer *framer, struct slice bytes,
                           void (*on_payload)(struct slice payload, void *context), void *context)
{
    size_t length = bytes.length < framer->left ? bytes.length : (size_t)framer->left;
    framer->left -= length;
    if (length > 0 && on_payload) {
        on_payload(slice_make(bytes.at, length), context);
    }
    return length;
}

static ssize_t decode_chunked(struct framer *framer, struct slice bytes,
                              void (*on_payload)(struct slice payload, void *context),
                              void *context, struct failure *failure)
{
    size_t used = 0;
    while (used < bytes.length && !framer->done) {
        if (framer->state == AT_PAYLOAD) {
            used += take_payload(framer, slice_from(bytes, used), on_payload, context);
            if (framer->left == 0) {
                framer->state = AT_PAYLOAD_CR;
            }
            continue;
        }
        int next = step(framer, bytes.at[used++]);
        if (next < 0) {
            return failure_set(failure, FAILURE_INVALID, "malformed chunked body");
        }
        framer->state = next;
    }
    return (ssize_t)used;
}

ssize_t framer_decode(struct framer *framer, struct slice bytes,
                      void (*on_payload)(struct slice payload, void *context), void *context,
                      struct failure *failure)
{
    if (framer->done || bytes.length == 0) {
        return 0;
    }
    switch (framer->framing) {
    case FRAMING_NONE:
        return 0;
    case FRAMING_LENGTH: {
        size_t length = take_payload(framer, bytes, on_payload, context);
        framer->done = framer->left == 0;
        return (ssize_t)length;
    }
    case FRAMING_CHUNKED:
        return decode_chunked(framer, bytes, on_payload, context, failure);
    case FRAMING_UNTIL_CLOSE:
        if (on_payload) {
            on_payload(bytes, context);
        }
        return (ssize_t)bytes.length;
    }
    return 0;
}

ssize_t framer_feed(struct framer *framer, struct slice bytes, struct failure *failure)
{
    return framer_decode(framer, bytes, NULL, NULL, failure);
}

int framer_end(struct framer *framer)
{
    if (framer->framing == FRAMING_UNTIL_CLOSE) {
        framer->done = true;
    }
    return framer->done ? 0 : -1;
}

bool framer_between_chunks(const struct framer *framer)
{
    return framer->framing == FRAMING_CHUNKED && framer->state == AT_DIGITS && framer->line == 0 &&
           !framer->done;
}
