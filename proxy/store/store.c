/* Store: opening with all checks, the queue, and loading. The thread itself is store_thread.c. */
#include "proxy/store/store.h"

#include "proxy/store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS record("
    "kind TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY(kind, key)"
    ") WITHOUT ROWID";

static int run_sql(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL);
}

static int damaged(const char *path, const char *why, struct failure *failure)
{
    return failure_set(failure, FAILURE_INTERNAL,
                       "%s is damaged (%s): move it away and restore a backup with `berthd state "
                       "restore FILE`, or start without it; nodes and containers are then learnt "
                       "anew from the engines, but what was pending or moved is forgotten",
                       path, why);
}

static int check_version(sqlite3 *database, const char *path, struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    int version = -1;

    if (sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    if (version < 0)
        return damaged(path, sqlite3_errmsg(database), failure);
    if (version > STORE_VERSION)
        return failure_set(failure, FAILURE_UNSUPPORTED,
                           "%s was written by a newer berthd (format %d, this one knows %d): use "
                           "that berthd, or restore an older backup",
                           path, version, STORE_VERSION);
    return 0;
}

static int check_content(sqlite3 *database, const char *path, struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    char why[120] = "unreadable";
    bool good = false;

    if (sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        snprintf(why, sizeof why, "%s", (const char *)sqlite3_column_text(statement, 0));
        good = strcmp(why, "ok") == 0;
    } else {
        snprintf(why, sizeof why, "%s", sqlite3_errmsg(database));
    }
    sqlite3_finalize(statement);
    return good ? 0 : damaged(path, why, failure);
}

sqlite3 *store_open_file(const char *path, bool create, struct failure *failure)
{
    sqlite3 *database = NULL;
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    char version[40];

    if (sqlite3_open_v2(path, &database, flags, NULL) != SQLITE_OK) {
        failure_set(failure, FAILURE_INVALID, "%s can't be opened: %s", path,
                    database ? sqlite3_errmsg(database) : "no memory");
        sqlite3_close(database);
        return NULL;
    }
    sqlite3_busy_timeout(database, 5000);
    if (check_version(database, path, failure) != 0 ||
        check_content(database, path, failure) != 0) {
        sqlite3_close(database);
        return NULL;
    }
    snprintf(version, sizeof version, "PRAGMA user_version=%d", STORE_VERSION);
    /* NORMAL: a killed process loses nothing, a power cut at most the last moment, which the
     * engines tell again. */
    if (run_sql(database, "PRAGMA journal_mode=WAL") != SQLITE_OK ||
        run_sql(database, "PRAGMA synchronous=NORMAL") != SQLITE_OK ||
        run_sql(database, schema) != SQLITE_OK || run_sql(database, version) != SQLITE_OK) {
        failure_set(failure, FAILURE_INTERNAL, "%s can't be written: %s", path,
                    sqlite3_errmsg(database));
        sqlite3_close(database);
        return NULL;
    }
    return database;
}

int store_lock(const char *directory, struct failure *failure)
{
    char *path = xprintf("%s/lock", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        failure_set(failure, FAILURE_INVALID, "%s: %s", path, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        failure_set(failure, FAILURE_CONFLICT, "%s is in use by another berthd", directory);
        close(fd);
        fd = -1;
    }
    free(path);
    return fd;
}

static int open_directory(struct store *store, const char *directory, struct failure *failure)
{
    char *path;

    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return failure_set(failure, FAILURE_INVALID, "state directory %s: %s", directory,
                           strerror(errno));
    store->lock_fd = store_lock(directory, failure);
    if (store->lock_fd < 0)
        return -1;
    path = xprintf("%s/%s", directory, STORE_FILE);
    store->database = store_open_file(path, true, failure);
    if (store->database && chmod(path, 0600) != 0 && errno != ENOENT)
        failure_set(failure, FAILURE_INVALID, "%s: %s", path, strerror(errno));
    free(path);
    return store->database ? 0 : -1;
}

struct store *store_open(struct loop *loop, const char *directory, struct failure *failure)
{
    struct store *store = xcalloc(1, sizeof *store);
    int result;

    store->loop = loop;
    store->lock_fd = -1;
    list_init(&store->queue);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->wake, NULL);
    store->waiting = table_new();
    if (directory && directory[0]) {
        result = open_directory(store, directory, failure);
    } else {
        store->database = store_open_file("", true, failure);
        result = store->database ? 0 : -1;
    }
    if (result != 0)
        store_close(&store);
    return store;
}

int store_load(struct store *store, const char *kind, store_each_fn on_record, void *context,
               struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    int step;

    must(!store->started);
    if (sqlite3_prepare_v2(store->database,
                           "SELECT key, text FROM record WHERE kind=? ORDER BY key", -1, &statement,
                           NULL) != SQLITE_OK)
        return failure_set(failure, FAILURE_INTERNAL, "state: %s", sqlite3_errmsg(store->database));
    sqlite3_bind_text(statement, 1, kind, -1, SQLITE_STATIC);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW)
        on_record(slice_make((const char *)sqlite3_column_text(statement, 0),
                             (size_t)sqlite3_column_bytes(statement, 0)),
                  slice_make((const char *)sqlite3_column_text(statement, 1),
                             (size_t)sqlite3_column_bytes(statement, 1)),
                  context);
    sqlite3_finalize(statement);
    if (step != SQLITE_DONE)
        return failure_set(failure, FAILURE_INTERNAL, "state: %s", sqlite3_errmsg(store->database));
    return 0;
}

/* ---- queue ---- */

static struct store_job *make_job(struct store *store, enum store_action action, const char *kind,
                                  struct slice key)
{
    struct store_job *job = xcalloc(1, sizeof *job);

    job->store = store;
    job->action = action;
    job->kind_length = strlen(kind);
    job->length = job->kind_length + 1 + key.length;
    job->kind_key = xmalloc(job->length + 1);
    memcpy(job->kind_key, kind, job->kind_length + 1);
    if (key.length > 0)
        memcpy(job->kind_key + job->kind_length + 1, key.at, key.length);
    job->kind_key[job->length] = '\0';
    return job;
}

/* A write that waits for the same record is replaced: only the newest counts. One that somebody
 * awaits stays, and so does the order. */
static void replace_waiting(struct store *store, struct store_job *job)
{
    struct slice key = slice_make(job->kind_key, job->length);
    struct store_job *old = table_find(store->waiting, key);

    if (old && !old->on_done) {
        list_remove(&old->link);
        store->count--;
        table_remove(store->waiting, key);
        free(old->kind_key);
        free(old->text);
        free(old);
    }
    table_put(store->waiting, key, job);
}

static void enqueue(struct store *store, struct store_job *job)
{
    pthread_mutex_lock(&store->mutex);
    if (!store->started)
        store->started = pthread_create(&store->thread, NULL, store_thread, store) == 0;
    must(store->started);
    if (job->action == STORE_PUT || job->action == STORE_REMOVE)
        replace_waiting(store, job);
    list_append(&store->queue, &job->link);
    store->count++;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->mutex);
}

void store_put(struct store *store, const char *kind, struct slice key, struct slice text,
               loop_fn on_done, void *context)
{
    struct store_job *job = make_job(store, STORE_PUT, kind, key);

    job->text = xslicedup(text);
    job->text_length = text.length;
    job->on_done = on_done;
    job->context = context;
    enqueue(store, job);
}

void store_remove(struct store *store, const char *kind, struct slice key)
{
    enqueue(store, make_job(store, STORE_REMOVE, kind, key));
}

void store_get(struct store *store, const char *kind, struct slice key, store_got_fn on_got,
               void *context)
{
    struct store_job *job = make_job(store, STORE_GET, kind, key);

    job->on_got = on_got;
    job->context = context;
    enqueue(store, job);
}

void store_barrier(struct store *store, loop_fn on_done, void *context)
{
    struct store_job *job = make_job(store, STORE_BARRIER, "", SLICE(""));

    job->on_done = on_done;
    job->context = context;
    enqueue(store, job);
}

bool store_health(const struct store *store, char *why, size_t size)
{
    /* The lock is not part of what const promises. */
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&store->mutex;
    bool healthy;

    pthread_mutex_lock(mutex);
    healthy = store->trouble[0] == '\0';
    if (why)
        snprintf(why, size, "%s", store->trouble);
    pthread_mutex_unlock(mutex);
    return healthy;
}

size_t store_waiting(const struct store *store)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&store->mutex;
    size_t count;

    pthread_mutex_lock(mutex);
    count = store->count;
    pthread_mutex_unlock(mutex);
    return count;
}

void store_close(struct store **pointer)
{
    struct store *store = *pointer;

    *pointer = NULL;
    if (!store)
        return;
    if (store->started) {
        pthread_mutex_lock(&store->mutex);
        store->closing = true;
        pthread_cond_signal(&store->wake);
        pthread_mutex_unlock(&store->mutex);
        pthread_join(store->thread, NULL);
    }
    LIST_EACH(link, &store->queue)
    {
        struct store_job *job = LIST_ENTRY(link, struct store_job, link);

        free(job->kind_key);
        free(job->text);
        free(job);
    }
    table_free(&store->waiting);
    sqlite3_close(store->database);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->wake);
    free(store);
}
