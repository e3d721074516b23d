/* Store backup: whole copies in and out, for `berthd state backup|restore`. */
#include "proxy/store/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* SQLite's own copy: consistent while another process writes. */
static int copy_database(sqlite3 *from, const char *path, struct failure *failure)
{
    sqlite3 *to = NULL;
    sqlite3_backup *backup = NULL;
    int result = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (result == SQLITE_OK)
        backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup) {
        result = sqlite3_backup_step(backup, -1);
        sqlite3_backup_finish(backup);
    }
    if (!backup || result != SQLITE_DONE) {
        failure_set(failure, FAILURE_INTERNAL, "%s can't be written: %s", path,
                    to ? sqlite3_errmsg(to) : "no memory");
        sqlite3_close(to);
        return -1;
    }
    /* One plain file, without a log beside it. */
    sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    sqlite3_close(to);
    return chmod(path, 0600) == 0
               ? 0
               : failure_set(failure, FAILURE_INTERNAL, "%s: %s", path, strerror(errno));
}

static int must_exist(const char *path, struct failure *failure)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return failure_set(failure, FAILURE_NOT_FOUND, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return failure_set(failure, FAILURE_INVALID, "%s is not a file", path);
    return 0;
}

int store_backup(const char *directory, const char *file, struct failure *failure)
{
    char *path = xprintf("%s/%s", directory, STORE_FILE);
    sqlite3 *database = NULL;
    int result = must_exist(path, failure);

    if (result == 0 && access(file, F_OK) == 0)
        result = failure_set(failure, FAILURE_CONFLICT, "%s is there already", file);
    if (result == 0) {
        database = store_open_file(path, false, failure);
        result = database ? copy_database(database, file, failure) : -1;
    }
    sqlite3_close(database);
    free(path);
    return result;
}

static int replace_file(const char *path, const char *fresh, struct failure *failure)
{
    char *kept = xprintf("%s.before-restore", path), *log = xprintf("%s-wal", path);
    char *shared = xprintf("%s-shm", path);
    int result = 0;

    if (rename(path, kept) != 0 && errno != ENOENT)
        result = failure_set(failure, FAILURE_INTERNAL, "%s: %s", path, strerror(errno));
    /* The old file's log must not be taken for the new one's. */
    if (result == 0) {
        unlink(log);
        unlink(shared);
        if (rename(fresh, path) != 0)
            result = failure_set(failure, FAILURE_INTERNAL, "%s: %s", path, strerror(errno));
    }
    free(kept);
    free(log);
    free(shared);
    return result;
}

int store_restore(const char *directory, const char *file, struct failure *failure)
{
    char *path = xprintf("%s/%s", directory, STORE_FILE), *fresh = xprintf("%s.new", path);
    sqlite3 *database = NULL;
    int lock = -1, result = must_exist(file, failure);

    if (result == 0 && mkdir(directory, 0700) != 0 && errno != EEXIST)
        result = failure_set(failure, FAILURE_INVALID, "%s: %s", directory, strerror(errno));
    if (result == 0) {
        lock = store_lock(directory, failure);
        result = lock < 0 ? -1 : 0;
    }
    if (result == 0) {
        database = store_open_file(file, false, failure);
        unlink(fresh);
        result = database ? copy_database(database, fresh, failure) : -1;
        sqlite3_close(database);
    }
    if (result == 0)
        result = replace_file(path, fresh, failure);
    if (lock >= 0)
        close(lock);
    free(path);
    free(fresh);
    return result;
}
