/* Cert file: whole files, atomically replaced; keys never readable by others, not even briefly. */
#include "proxy/cert/cert_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *path, struct failure *failure)
{
    return failure_set(failure, FAILURE_INVALID, "%s: %s", path, strerror(errno));
}

int cert_make_folders(const char *path, struct failure *failure)
{
    char *copy = xstrdup(path);
    int result = 0;
    for (char *at = strchr(copy + 1, '/'); at && !result; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0700) && errno != EEXIST)
            result = failed(copy, failure);
        *at = '/';
    }
    free(copy);
    return result;
}

static int write_all(int fd, struct slice text)
{
    while (text.length) {
        ssize_t written = write(fd, text.at, text.length);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0)
            text = slice_from(text, (size_t)written);
    }
    return fsync(fd);
}

int cert_write_file(const char *path, struct slice text, mode_t mode, struct failure *failure)
{
    if (cert_make_folders(path, failure))
        return -1;
    char *fresh = xprintf("%s.new", path);
    (void)unlink(fresh); /* left by a run that was cut */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    int result = fd < 0 ? failed(fresh, failure) : 0;
    if (!result && (write_all(fd, text) || fchmod(fd, mode) || rename(fresh, path)))
        result = failed(path, failure);
    if (fd >= 0)
        close(fd);
    if (result)
        (void)unlink(fresh);
    free(fresh);
    return result;
}
