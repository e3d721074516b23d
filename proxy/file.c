/* File: one open, reads to the end, one close. */
#include "proxy/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOCK 4096

static int failed(const char *path, struct failure *failure)
{
    return failure_set(failure, FAILURE_INVALID, "%s: %s", path, strerror(errno));
}

int file_read(const char *path, struct buffer *text, struct failure *failure)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), result = 0;
    ssize_t got = 1;
    if (fd < 0)
        return failed(path, failure);
    while (result == 0 && got != 0) {
        char *room = buffer_reserve(text, BLOCK);
        got = room ? read(fd, room, BLOCK) : 0;
        if (!room)
            result = failure_set(failure, FAILURE_INVALID, "%s: longer than %zu bytes", path,
                                 text->max - BLOCK);
        else if (got < 0 && errno != EINTR)
            result = failed(path, failure);
        else if (got > 0)
            text->length += (size_t)got;
    }
    close(fd);
    if (result == 0 && text->at)
        text->at[text->length] = '\0';
    return result;
}
