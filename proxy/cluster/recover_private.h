/* Recover internals: what recover.c (deciding), recover_move.c (one move) and recover_retire.c (old
 * copies) share. */
#pragma once

#include "proxy/cluster/recover.h"
#include "proxy/cluster/spec.h"
#include "proxy/cluster/state.h"

#define PENDING_HELD "stopped by its user; docker start lets it go on"

enum move_step {
    MOVE_LOST,    /* shown exited on its lost node */
    MOVE_READ,    /* its spec is read from the store */
    MOVE_PENDING, /* waits for room */
    MOVE_LAUNCH,  /* chosen, prepared, created */
    MOVE_CONNECT, /* to further networks */
    MOVE_START,
    MOVE_UNDO, /* created but not startable: taken away again */
};

struct move {
    struct list link; /* in recover->all */
    struct recover *recover;
    char *user_id, *name, *from; /* from: node name */
    char *old_engine_id;
    char *inspect; /* JSON text; NULL before READ */
    enum move_step step;
    bool live;           /* the old copy still runs (drain, rebalance) */
    bool loaded;         /* a restart interrupted it: nodes must have been heard first */
    bool held;           /* its user has stopped it */
    char *to;            /* rebalance: the node it must go to; NULL: any */
    uint64_t ready_at;   /* not before (loop_now) */
    struct arena *arena; /* of one try */
    struct spec spec;
    const struct value *next_network;
    struct engine_node *node; /* held: where it was created */
    char *engine_id;          /* there */
    char why[300];
    void (*prepared)(const struct failure *failure, void *context);
    void *prepared_context;
};

struct recover {
    struct cluster *cluster;
    struct recover_settings settings;
    struct timer tick;
    struct change_listener *listener;
    struct list all;
    struct table *by_user;
    size_t active;
    char guard[200];
    bool changed; /* something happened that may have made room */
    uint64_t retried, tidied, started;
    bool closing;
};

/* recover_move.c */
struct move *move_new(struct recover *recover, const struct container_entry *entry);
void move_free(struct move *move);
void move_run(struct move *move);
/* The spec is known, the old copy is given up: pending. */
int move_detach(struct move *move);
/* Its node is lost (again): the container is exited, the move begins anew. */
void move_relose(struct move *move, struct container_entry *entry);
void move_record(struct move *move);
/* recover_start.c */
void move_end_try(struct move *move);
void move_launch(struct move *move);
void move_fail(struct move *move, const char *why);
void move_done(struct move *move);
/* recover_retire.c */
void retire_node(struct recover *recover, struct engine_node *node);
/* Its old node is back and nothing else has it: it goes on there, and the move is over. */
bool retire_revives(struct move *move);
void retire_tidy(struct recover *recover);
