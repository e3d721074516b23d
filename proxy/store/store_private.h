/* Store internals: what opening, the writing thread and backup share. */
#pragma once

#include "policy/base/list.h"
#include "policy/base/memory.h"
#include "policy/base/table.h"
#include "proxy/store/store.h"

#include <pthread.h>
#include <sqlite3.h>

enum store_action { STORE_PUT, STORE_REMOVE, STORE_GET, STORE_BARRIER };

struct store_job {
    struct list link;
    struct store *store;
    enum store_action action;
    char *kind_key; /* kind, NUL, key: for joining writes of one record */
    size_t kind_length, length;
    char *text; /* PUT: what to write; GET: what was read */
    size_t text_length;
    loop_fn on_done;
    store_got_fn on_got;
    void *context;
};

struct store {
    struct loop *loop;
    sqlite3 *database;
    int lock_fd;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t wake;
    struct list queue;
    struct table *waiting; /* kind_key -> queued PUT or REMOVE */
    size_t count;
    bool closing;
    char trouble[200]; /* "": healthy */
};

/* Opens and checks a file; NULL with failure. */
sqlite3 *store_open_file(const char *path, bool create, struct failure *failure) MUST_CHECK;
/* flock on DIR/lock; -1 with CONFLICT. */
int store_lock(const char *directory, struct failure *failure) MUST_CHECK;
void *store_thread(void *store);
