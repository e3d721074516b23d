/* Framer: tells which bytes of a buffer belong to the current message body. Pure, zero copy.
 * Bytes may be passed on as they are (chunked framing kept) or as payload only. */
#pragma once

#include "proxy/http/head.h"

struct framer {
    enum framing framing;
    uint64_t left;      /* of the length or of the current chunk */
    int state;
    uint32_t line;      /* bytes of the current chunk line or trailer */
    bool done;
};

void framer_init(struct framer *framer, enum framing framing, uint64_t content_length);
/* Looks at `bytes`, the next bytes received. Returns how many of them are used by this message
 * (the rest is the next message); -1 when the framing is broken (strict: CRLF only, at most 15
 * hex digits, chunk extensions up to 256 bytes, trailers up to 8 KiB). Sets framer->done. */
ssize_t framer_feed(struct framer *framer, struct slice bytes, struct failure *failure) MUST_CHECK;
/* As feed, and calls on_payload for each run of payload in it (chunk framing removed). */
ssize_t framer_decode(struct framer *framer, struct slice bytes,
                      void (*on_payload)(struct slice payload, void *context), void *context,
                      struct failure *failure) MUST_CHECK;
/* The peer ended: 0 if the message may end here (until-close), else -1. */
int framer_end(struct framer *framer);
/* Chunked: is the next byte the start of a chunk's size? There the body can be ended by others. */
bool framer_between_chunks(const struct framer *framer);
