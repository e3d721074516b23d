/* Fake engine: enough of a Docker Engine on a loopback port for the cluster's tests: version, info,
 * lists, inspect, create, start, stop, remove, event stream. Driven by the test. */
#pragma once

#include "policy/base/memory.h"
#include "proxy/net/stream.h"

#define FAKE_CONNECTIONS 64
#define FAKE_CONTAINERS  128

struct fake_container {
    char id[65], name[64], state[16];
    long long memory, created_ns;
    int host_port; /* 0: none */
    bool used;
};

struct fake_engine;

struct fake_connection {
    struct fake_engine *engine;
    struct stream *stream;
    struct buffer got, queue, sending;
    bool events; /* an open event stream */
    bool held;   /* answers are kept back */
};

struct fake_engine {
    struct loop *loop;
    struct listener *listener;
    struct endpoint endpoint;
    char name[32], id[32];
    long long memory;
    int cpus;
    struct fake_connection connections[FAKE_CONNECTIONS];
    struct fake_container containers[FAKE_CONTAINERS];
    char images[512];             /* JSON array text */
    int made;                     /* containers created so far */
    long long clock_ns;           /* of events */
    bool drop_create;             /* takes the create, then cuts the connection without an answer */
    bool die_on_create;     /* carries out the create, then loses its power */
    bool refuse_create;           /* 404 No such image */
    bool refuse_start;            /* start answers 500 */
    bool hold_inspect;            /* inspect answers wait for fake_release */
    int creates, inspects, lists; /* requests seen */
};

void fake_engine_start(struct fake_engine *engine, struct loop *loop, const char *name);
/* Power-off: no listener, all connections reset. */
void fake_engine_kill(struct fake_engine *engine);
/* Listens again on the same port. */
void fake_engine_return(struct fake_engine *engine);
void fake_engine_free(struct fake_engine *engine);
struct fake_container *fake_engine_add(struct fake_engine *engine, const char *name,
                                       const char *state);
struct fake_container *fake_engine_find(struct fake_engine *engine, const char *reference);
void fake_engine_event(struct fake_engine *engine, const struct fake_container *container,
                       const char *action);
/* State change with its event, as an engine makes it. */
void fake_engine_set(struct fake_engine *engine, struct fake_container *container,
                     const char *state, const char *action);
/* Cuts only the event streams. */
void fake_engine_cut_events(struct fake_engine *engine);
void fake_release(struct fake_engine *engine);

#define until(loop, condition)                                                                     \
    do {                                                                                           \
        int64_t until_end = loop_wall_ns() + 20000000000LL;                                        \
        while (!(condition)) {                                                                     \
            cr_assert(loop_wall_ns() < until_end, "still waiting for: %s", #condition);            \
            loop_turn(loop, 20);                                                                   \
        }                                                                                          \
    } while (0)
