/* Inside: the fields of front, connection and exchange, shared by the files that implement
 * exchange.h and connection.h.
 *
 * A connection lives as long as its stream, and at least as long as its exchange. It has at most
 * one exchange at a time. Both die by loop_defer, so a stale callback of the same turn finds them.
 */
#pragma once

#include "proxy/http/connection.h"
#include "proxy/http/framer.h"

/* Unread body that is read and dropped behind an answer, to keep the connection. */
#define DRAIN_MAX_BYTES ((uint64_t)1024 * 1024)
/* A queue of an answer above this is a producer's fault; the answer is cut. */
#define QUEUE_MAX_BYTES ((size_t)1 << 30)
/* Output buffers above this are given back when empty. */
#define QUEUE_KEPT_BYTES ((size_t)1024)

enum connection_state {
    CONNECTION_IDLE,  /* no byte of a request yet */
    CONNECTION_HEAD,  /* an incomplete head */
    CONNECTION_BUSY,  /* an exchange */
    CONNECTION_DRAIN, /* answered; dropping the rest of the body */
    CONNECTION_TAKEN, /* the stream is a tunnel's */
    CONNECTION_DEAD,
};

/* Received bytes [start, end). A pooled block; a bigger one of its own while a head needs it. */
struct input {
    char *at;
    size_t start, end, capacity;
};

enum body_mode { BODY_UNASKED, BODY_RAW, BODY_WHOLE, BODY_PIECES };

struct connection {
    struct front *front;
    struct loop *loop;
    struct list link;
    struct stream *stream;
    const char *listener; /* the text of its address, or "" */
    enum connection_state state;
    bool served_one;
    bool ended; /* the client has half-closed */
    bool kicked;
    bool freed; /* will go at the end of the turn */
    struct timer timer;
    uint64_t expires; /* when the state's deadline is over; 0: it has none */
    struct input input;
    size_t scanned; /* of the input, for the end of a head */
    struct exchange *exchange;
    struct framer framer; /* of the exchange's body; outlives it for CONNECTION_DRAIN */
    struct buffer queue, writing;
};

struct exchange {
    struct connection *connection;
    struct stream *stream;
    struct arena *arena;
    void *data;
    exchange_fn on_free;
    exchange_fn on_gone;
    void *gone_context;
    exchange_fn hook;
    void *hook_context;

    uint64_t started_ms, bytes_out;
    int status;    /* of the answer, 0: none yet */
    bool answered; /* reply, begin, or a relay's head */
    bool gone, over;
    bool keep_decided, keep;
    bool body_broken;

    /* Answer. */
    bool chunked, bodyless, end_wanted, flush_wanted;
    exchange_fn on_drained;
    void *drained_context;
    exchange_fn on_written; /* of a raw write under way */
    void *written_context;
    struct iovec raw[8]; /* a raw write that waits for the queue */
    size_t raw_count;
    size_t raw_bytes;

    /* Body. */
    enum body_mode body_mode;
    size_t body_fed; /* BODY_RAW: bytes at the input's start that are body, not yet consumed */
    bool body_told, body_paused, more_wanted, sent_continue;
    size_t body_max;
    struct buffer body;
    exchange_fn on_more;
    exchange_body_fn on_body;
    exchange_piece_fn on_piece;
    void *body_context;

    struct request_head head; /* last: its rows are not zeroed for each request */
};

/* A listener of the front. It is kept, closed, until the front goes: connections point to its text.
 */
struct door {
    struct list link;
    struct front *front;
    struct listener *listener;
    char text[256];
};

struct front {
    struct loop *loop;
    struct front_settings settings;
    exchange_fn on_request;
    void *context;
    struct list doors;
    struct list connections;
    size_t count;
    size_t peak; /* most connections since memory was last given back */
    bool draining, drained;
    char date[40]; /* of the second `date_s` */
    int64_t date_s;
    struct timer deadline;
    loop_fn on_drained;
    void *drained_context;
};

/* connection.c */
struct connection *connection_new(struct front *front, struct stream *stream);
/* The client is lost: tells the exchange, closes. */
void connection_lost(struct connection *connection);
/* Runs connection_step at the end of this turn. */
void connection_kick(struct connection *connection);
void connection_update_read(struct connection *connection);
void connection_set_deadline(struct connection *connection, uint64_t delay_ms); /* 0: none */
/* Closes, whatever it is doing (front is going). */
void connection_shut(struct connection *connection);
void input_consume(struct connection *connection, size_t length);
static inline struct slice input_slice(const struct connection *connection)
{
    const struct input *input = &connection->input;
    return slice_make(input->at + input->start, input->end - input->start);
}

/* exchange.c */
struct exchange *exchange_new(struct connection *connection);
/* Gives what there is in the queue to the stream, or ends the exchange when all is out. */
void exchange_flush(struct exchange *exchange);
/* front.c */
void front_forget(struct front *front, struct connection *connection);
/* exchange_body.c: passes on what has arrived, according to the mode. */
void exchange_body_step(struct exchange *exchange);
/* exchange_reply.c: the head of an answer into the queue. */
void exchange_head_write(struct exchange *exchange, int status, const char *content_type,
                         const struct headers *headers, bool has_length, uint64_t length);
