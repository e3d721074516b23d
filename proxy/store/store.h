/* Store: what must survive a restart, as records (kind, key) -> text. One file, SQLite in WAL mode,
 * used by one thread of its own: the loop never waits for a disk.
 *
 * Writes are queued and written in the order they came, many in one transaction; of several waiting
 * ones for one key only the last is written. When the disk is full or broken the store says so
 * (store_health), keeps what is queued and tries again every second; nothing is lost while the
 * process lives. docs/decisions/010-store.md says why. */
#pragma once

#include "policy/base/failure.h"
#include "proxy/net/loop.h"

struct store;

#define STORE_FILE    "berth.db"
#define STORE_VERSION 1 /* PRAGMA user_version: a file of a newer berthd is refused */

/* Opens DIR/berth.db, makes what is missing (mode 0700, 0600). `directory` NULL or "": a temporary
 * file that is gone with the process. Blocks; start-up only. INVALID: not a directory, no rights;
 * CONFLICT: another berthd uses it; UNSUPPORTED: written by a newer version; INTERNAL: damaged (the
 * text says how to restore). */
struct store *store_open(struct loop *loop, const char *directory,
                         struct failure *failure) MUST_CHECK;
/* Writes what is queued (gives up after five seconds), ends the thread. */
void store_close(struct store **store);

/* All records of a kind, in the order of their keys. Blocks; before the first put. */
typedef void (*store_each_fn)(struct slice key, struct slice text, void *context);
int store_load(struct store *store, const char *kind, store_each_fn on_record, void *context,
               struct failure *failure) MUST_CHECK;

/* on_done (may be NULL) runs on the loop when it is on disk. kind must be a literal. */
void store_put(struct store *store, const char *kind, struct slice key, struct slice text,
               loop_fn on_done, void *context);
void store_remove(struct store *store, const char *kind, struct slice key);
/* Reads one record, after all writes before it. text.at NULL: there is none. Runs on the loop. */
typedef void (*store_got_fn)(struct slice text, void *context);
void store_get(struct store *store, const char *kind, struct slice key, store_got_fn on_got,
               void *context);

/* on_done runs on the loop when all writes queued so far are on disk, or as soon as it turns out
 * that they can't be written now: whoever waits must not wait for a full disk. */
void store_barrier(struct store *store, loop_fn on_done, void *context);

/* True while writing works; else `why` (may be NULL) gets the reason. */
bool store_health(const struct store *store, char *why, size_t size);
size_t store_waiting(const struct store *store); /* writes queued */

/* `berthd state backup|restore`: a whole, consistent copy, also while berthd runs (backup only). */
int store_backup(const char *directory, const char *file, struct failure *failure) MUST_CHECK;
/* The file is checked first; what is there is kept beside as berth.db.before-restore. CONFLICT
 * while a berthd uses the directory. */
int store_restore(const char *directory, const char *file, struct failure *failure) MUST_CHECK;
