/* Relay fixture: a client, the front with a handler that relays everything, and a fake engine. */
#pragma once

#include "peer.h"

#include "proxy/http/relay.h"

struct relay_fixture {
    struct loop *loop;
    struct fake fake;
    struct upstream *upstream;
    struct front *front;
    struct peer client;
    struct peer *engine;             /* the last connection */
    const struct relay_hooks *hooks; /* context: the fixture */
    struct relay *relay;
    struct slice own_body;
    uint64_t head_deadline_ms;
    bool no_upgrade;
    bool answers_itself; /* reads the body, then answers with a doubtful header */
    struct upstream *second; /* failover */
    int requests, gone, done, failed, broken, heads;
    int status;
    bool sent;
    struct failure failure;
    char body[200], header[200];
};

/* The client is one end of a socket pair. */
void relay_set_up(struct relay_fixture *f, const struct relay_hooks *hooks);
/* As above, for clients that take too long over a head. */
void relay_set_up_impatient(struct relay_fixture *f, uint64_t head_timeout_ms);
void relay_tear_down(struct relay_fixture *f);
/* A client of its own connection more. */
void relay_client(struct relay_fixture *f, struct peer *client);
/* Sends `text` as client and waits until the engine has got `marker`. */
void relay_ask(struct relay_fixture *f, const char *text, const char *marker);
/* As the handler does: relays to `upstream`. */
void relay_pass(struct relay_fixture *f, struct exchange *exchange, struct upstream *upstream);

#define GET_X "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
