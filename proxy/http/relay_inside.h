/* Relay inside: the state that relay.c (life and request), answer.c (the engine's answer) and
 * tunnel.c (after an upgrade) share. For these three only. */
#pragma once

#include "proxy/http/connection.h"
#include "proxy/http/framer.h"
#include "proxy/http/link.h"
#include "proxy/http/relay.h"

enum relay_phase {
    RELAY_HEAD,      /* waiting for the answer's final head */
    RELAY_BODY,      /* passing the body through */
    RELAY_COLLECT,   /* collecting the body for on_body */
    RELAY_LAST,      /* the last bytes are being written to the client */
    RELAY_UPGRADING, /* 101 has come; the request's rest or a write must end first */
    RELAY_OVER,      /* nothing more happens; the memory stays until the exchange dies */
};

/* Lives in the exchange's arena. */
struct relay {
    struct exchange *exchange;
    struct loop *loop;
    struct upstream *upstream; /* NULL once it has cut us */
    const struct relay_hooks *hooks;
    void *context;
    enum relay_phase phase;

    struct link *link;
    struct link_wait *wait;
    struct timer timer;      /* head deadline; then the delivery of `failure` */
    struct failure *failure; /* in the arena; set when it can't be told at once */

    /* Request, to the engine */
    struct slice method;
    struct buffer request;   /* head */
    struct slice own_body;   /* .at == NULL: the client's is streamed */
    size_t in_flight;        /* bytes of the client's body being written */
    bool head_written;
    bool sent;               /* some byte may have reached the engine */
    bool body_touched;       /* part of the client's body is gone: no second try */
    bool request_done;
    bool write_failed;       /* the engine takes no more; it may still answer */
    bool retried;
    bool may_upgrade;        /* the caller lets it */
    bool upgrade;            /* and the client asked for one */
    struct timer stalled;    /* runs while parts of the client's body are being written */
    uint64_t head_deadline_ms;

    /* Answer, from the engine */
    struct buffer large;     /* holds an unfinished head when a block can't */
    char *block;             /* bytes read: LOOP_BLOCK_BYTES, or NULL */
    size_t length;           /* of what is in block */
    size_t seen;             /* of an unfinished head */
    size_t informational;
    struct framer framer;
    bool got_answer;         /* some byte of an answer has come */
    bool engine_keeps;
    bool client_keeps;
    bool decode;             /* client of HTTP/1.0: chunk framing is taken off */
    int status;
    struct buffer head_out;  /* head for the client */
    struct headers *headers; /* RELAY_COLLECT: copies in the arena */
    struct buffer collected;
    struct buffer last_words;
};

/* relay.c */
void relay_pump_request(struct relay *relay);
/* The engine is lost or its answer is bad: second try, on_failure or on_broken, whichever fits. */
void relay_lost(struct relay *relay, const struct failure *failure);
void relay_lost_text(struct relay *relay, const char *why);
/* Ends the relay's part: releases what it holds, no hook comes any more. */
void relay_over(struct relay *relay, bool link_reusable);
/* The last byte for the client is written. */
void relay_finish(struct relay *relay);

/* answer.c */
void answer_on_readable(struct stream *stream, void *context);
void answer_write_last_words(struct relay *relay);
/* Goes on after a client write or the request's end made an upgrade possible. */
void answer_upgrade(struct relay *relay);

/* tunnel.c: passes bytes both ways from now on; takes the relay's link and the exchange's
 * stream. `to_client` (head and first bytes) goes to the client first. */
void tunnel_start(struct relay *relay, struct buffer *to_client);
