/* Relay: passes one exchange through to one upstream, byte for byte: two pumps with back-pressure,
 * response head at once, 1xx relayed, upgrades (101 any protocol; 200 raw-stream) become tunnels with half-close
 * and linger. Client gone = upstream cancelled. */
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/http/upstream.h"

struct relay;

struct relay_hooks {
    /* The engine's final head has arrived, before it is sent on. May change `head->headers` and
     * `head->status`. Return RELAY_PASS to pass the body through, or RELAY_BUFFER to get the whole body
     * (decoded, up to `max_body`) in on_body, which then answers the exchange itself. NULL: pass. */
    enum relay_verdict { RELAY_PASS, RELAY_BUFFER } (*on_head)(struct exchange *exchange,
                                                              struct response_head *head,
                                                              void *context);
    size_t max_body; /* 0: 64 MiB; larger answers fail 500 with a message */
    /* RELAY_BUFFER only: the whole answer; must answer the exchange (exchange_reply...). */
    void (*on_body)(struct exchange *exchange, int status, const struct headers *headers,
                    struct slice body, void *context);
    /* No connection or no answer: must answer the exchange, or start another relay (failover).
     * `sent`: whether any byte of the request may have reached the engine. NULL: 503 with text. */
    void (*on_failure)(struct exchange *exchange, const struct failure *failure, bool sent,
                       void *context);
    /* The answer broke off after its head was sent on (engine died): may send last bytes with
     * relay_last_words before the exchange is cut. NULL: cut at once. */
    void (*on_broken)(struct exchange *exchange, const struct failure *failure, void *context);
    /* Ended well (status as sent). NULL allowed. Runs before the client sees the last byte when
     * the answer has no body to stream, so that own mutations are visible to it. */
    void (*on_done)(struct exchange *exchange, int status, void *context);
};

struct relay_request {
    struct slice method;           /* usually the client's */
    struct slice target;           /* rebuilt path and query for the engine */
    const struct headers *headers; /* end-to-end headers for the engine; relay adds framing, Host, upgrade */
    /* .at != NULL: send this body instead of the client's (already read with exchange_read_body);
     * else the client's body is streamed. */
    struct slice body;
    bool strict;                   /* for upstream_settings.sign */
    uint64_t head_deadline_ms;     /* time to the answer's head; 0: none */
    /* The client's Upgrade is passed on, and a raw stream may become a tunnel: only for operations
     * that are two-way streams. With any other an upgrade (to HTTP/2, say) would give the client
     * a way to the engine past every rule. */
    bool upgrade;
};

/* `hooks` must be static or live in the exchange's arena. Takes part in on_gone itself: a handler
 * that set one gets it called after the upstream was cancelled. */
struct relay *relay_start(struct exchange *exchange, struct upstream *upstream,
                          const struct relay_request *request, const struct relay_hooks *hooks,
                          void *context);
/* Fails the relay from outside (node down): as if the engine's connection broke. */
void relay_break(struct relay *relay, const char *why);
/* In on_broken: sends `bytes` as a last piece, then ends the message properly. */
void relay_last_words(struct exchange *exchange, struct slice bytes);
