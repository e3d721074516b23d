/* Store thread: takes all that waits, writes it in one transaction, reports to the loop. */
#include "proxy/store/store_private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RETRY_S    1
#define LAST_TRIES 5 /* when closing: seconds after which unwritten records are given up */

static void free_job(struct store_job *job)
{
    free(job->kind_key);
    free(job->text);
    free(job);
}

/* On the loop. */
static void report(void *context)
{
    struct store_job *job = context;

    if (job->on_got)
        job->on_got(job->text ? slice_make(job->text, job->text_length) : SLICE_NONE, job->context);
    else if (job->on_done)
        job->on_done(job->context);
    free_job(job);
}

static int bind_and_step(sqlite3 *database, const char *sql, struct store_job *job, bool with_text)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);

    if (result != SQLITE_OK)
        return result;
    sqlite3_bind_text(statement, 1, job->kind_key, (int)job->kind_length, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, job->kind_key + job->kind_length + 1,
                      (int)(job->length - job->kind_length - 1), SQLITE_STATIC);
    if (with_text)
        sqlite3_bind_text(statement, 3, job->text, (int)job->text_length, SQLITE_STATIC);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW && job->action == STORE_GET && !job->text) {
        job->text_length = (size_t)sqlite3_column_bytes(statement, 0);
        job->text = xslicedup(
            slice_make((const char *)sqlite3_column_text(statement, 0), job->text_length));
    }
    sqlite3_finalize(statement);
    return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

static int do_job(sqlite3 *database, struct store_job *job)
{
    switch (job->action) {
    case STORE_PUT:
        return bind_and_step(database, "INSERT OR REPLACE INTO record VALUES(?,?,?)", job, true);
    case STORE_REMOVE:
        return bind_and_step(database, "DELETE FROM record WHERE kind=? AND key=?", job, false);
    case STORE_GET:
        return bind_and_step(database, "SELECT text FROM record WHERE kind=? AND key=?", job,
                             false);
    case STORE_BARRIER:
        return SQLITE_OK;
    }
    return SQLITE_ERROR;
}

static int write_all(sqlite3 *database, struct list *jobs)
{
    int result = sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    LIST_EACH(link, jobs)
    {
        if (result == SQLITE_OK)
            result = do_job(database, LIST_ENTRY(link, struct store_job, link));
    }
    if (result == SQLITE_OK)
        result = sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
    if (result != SQLITE_OK)
        sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* Moves the queue to `jobs`; false when there is nothing and the store closes. */
static bool take_queue(struct store *store, struct list *jobs)
{
    bool some;

    pthread_mutex_lock(&store->mutex);
    while (list_empty(&store->queue) && !store->closing)
        pthread_cond_wait(&store->wake, &store->mutex);
    some = !list_empty(&store->queue);
    LIST_EACH(link, &store->queue)
    {
        struct store_job *job = LIST_ENTRY(link, struct store_job, link);
        struct slice key = slice_make(job->kind_key, job->length);

        list_remove(link);
        list_append(jobs, link);
        if (table_find(store->waiting, key) == job)
            table_remove(store->waiting, key);
    }
    pthread_mutex_unlock(&store->mutex);
    return some;
}

static void set_trouble(struct store *store, const char *why)
{
    pthread_mutex_lock(&store->mutex);
    snprintf(store->trouble, sizeof store->trouble, "%s", why);
    pthread_mutex_unlock(&store->mutex);
}

static bool is_closing(struct store *store)
{
    bool closing;

    pthread_mutex_lock(&store->mutex);
    closing = store->closing;
    pthread_mutex_unlock(&store->mutex);
    return closing;
}

/* Nobody is to wait for a disk that is full. */
static void release_barriers(struct store *store, struct list *jobs)
{
    LIST_EACH(link, jobs)
    {
        struct store_job *job = LIST_ENTRY(link, struct store_job, link);

        if (job->action != STORE_BARRIER)
            continue;
        list_remove(link);
        pthread_mutex_lock(&store->mutex);
        store->count--;
        pthread_mutex_unlock(&store->mutex);
        loop_post(store->loop, report, job);
    }
}

/* The same for those that have queued up meanwhile; the caller holds the mutex. */
static void release_barriers_queued(struct store *store)
{
    LIST_EACH(link, &store->queue)
    {
        struct store_job *job = LIST_ENTRY(link, struct store_job, link);

        if (job->action != STORE_BARRIER)
            continue;
        list_remove(link);
        store->count--;
        loop_post(store->loop, report, job);
    }
}

/* Until it is written, or the store closes and can't. */
static bool write_with_patience(struct store *store, struct list *jobs)
{
    unsigned last_tries = 0;

    while (write_all(store->database, jobs) != SQLITE_OK) {
        struct timespec pause = {RETRY_S, 0};

        set_trouble(store, sqlite3_errmsg(store->database));
        release_barriers(store, jobs);
        pthread_mutex_lock(&store->mutex);
        release_barriers_queued(store);
        pthread_mutex_unlock(&store->mutex);
        if (is_closing(store) && ++last_tries > LAST_TRIES)
            return false;
        nanosleep(&pause, NULL);
    }
    set_trouble(store, "");
    return true;
}

void *store_thread(void *context)
{
    struct store *store = context;
    struct list jobs;
    sigset_t all;

    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    list_init(&jobs);
    while (take_queue(store, &jobs)) {
        bool written = write_with_patience(store, &jobs);

        LIST_EACH(link, &jobs)
        {
            struct store_job *job = LIST_ENTRY(link, struct store_job, link);

            list_remove(link);
            pthread_mutex_lock(&store->mutex);
            store->count--;
            pthread_mutex_unlock(&store->mutex);
            if (written && (job->on_done || job->on_got))
                loop_post(store->loop, report, job);
            else
                free_job(job);
        }
    }
    return NULL;
}
