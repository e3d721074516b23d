/* Peer: the other end of a connection under test: notes what it gets, sends what it is told; and a
 * fake engine, a listener whose connections are peers driven by the test's script. */
#pragma once

#include "policy/base/memory.h"
#include "proxy/net/stream.h"

#define PEERS_MAX 32

struct peer {
    struct stream *stream; /* NULL once closed by us */
    struct buffer got;
    struct buffer queue, sending;
    bool ended;            /* has seen EOF */
    bool broken;           /* or an error */
    bool close_after;      /* close when the queue is written */
    bool half_close_after;
    bool deaf;             /* does not read */
    size_t taken;          /* bytes of `got` the script has dealt with */
    int answered;          /* for scripts */
    void (*on_bytes)(struct peer *peer, void *context); /* also at the end */
    void *context;
};

void peer_init(struct peer *peer, struct stream *stream,
               void (*on_bytes)(struct peer *peer, void *context), void *context);
void peer_send(struct peer *peer, const char *text);
void peer_send_bytes(struct peer *peer, const void *bytes, size_t length);
void peer_deaf(struct peer *peer, bool deaf);
void peer_half_close(struct peer *peer); /* after what is queued */
void peer_close(struct peer *peer);      /* now, also what is queued is lost */
void peer_close_after(struct peer *peer);
void peer_reset(struct peer *peer);
bool peer_got(const struct peer *peer, const char *text); /* contains */
/* What the peer got, without Date headers (which can't be foretold). */
const char *peer_text(struct peer *peer);
void peer_deinit(struct peer *peer);

struct fake {
    struct loop *loop;
    struct listener *listener;
    struct endpoint endpoint;
    struct peer peers[PEERS_MAX];
    size_t count;
    void (*script)(struct peer *peer, void *context);
    void *context;
};

/* Listens on a loopback port. `script` runs whenever a connection has got something. */
void fake_init(struct fake *fake, struct loop *loop,
               void (*script)(struct peer *peer, void *context), void *context);
void fake_deinit(struct fake *fake);
/* Stops listening: connects are refused from now on. */
void fake_stop(struct fake *fake);

/* Is there one more request in what the peer got (head with its Content-Length or chunked body)?
 * Marks it taken and gives its bytes. */
bool peer_next_request(struct peer *peer, struct slice *request);

/* Turns the loop until `condition` holds; gives up after 20 s, which no test comes near. */
#define until(loop, condition)                                                                     \
    do {                                                                                           \
        int64_t until_end = loop_wall_ns() + 20000000000LL;                                        \
        while (!(condition)) {                                                                     \
            cr_assert(loop_wall_ns() < until_end, "still waiting for: %s", #condition);            \
            loop_turn(loop, 20);                                                                   \
        }                                                                                          \
    } while (0)
/* A few turns in which whatever is to happen at once happens. */
void settle(struct loop *loop);
/* After everything has been torn down. */
void expect_no_leaks(void);
