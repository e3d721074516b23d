/* State: the key is written to a fresh file and linked into place, so that two agents that start at
 * once use the same one and a crash leaves none or a whole one. */
#include "agent/state.h"

#include "policy/base/memory.h"
#include "proxy/log.h"
#include "proxy/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_key(const char *path, struct failure *failure)
{
    char hex[TOKEN_HEX_BYTES + 1];
    char *fresh = xprintf("%s.%ld", path, (long)getpid());
    int fd, result;

    if (token_make(hex, failure) != 0) {
        free(fresh);
        return -1;
    }
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    result =
        fd >= 0 && write(fd, hex, TOKEN_HEX_BYTES) == TOKEN_HEX_BYTES && fsync(fd) == 0 ? 0 : -1;
    if (fd >= 0 && close(fd) != 0)
        result = -1;
    if (result == 0 && link(fresh, path) != 0 && errno != EEXIST)
        result = -1;
    if (result != 0)
        failure_set(failure, FAILURE_INVALID,
                    "can't write %s: %s (--state must be a directory that "
                    "berth-agent may write to)",
                    path, strerror(errno));
    unlink(fresh);
    free(fresh);
    return result;
}

char *state_key(const char *directory, struct failure *failure)
{
    char *path = xprintf("%s/node.key", directory), *key = NULL;
    int result = 0;

    if (access(path, F_OK) != 0) {
        if (mkdir(directory, 0700) != 0 && errno != EEXIST)
            result = failure_set(failure, FAILURE_INVALID, "--state: can't make directory %s: %s",
                                 directory, strerror(errno));
        else
            result = write_key(path, failure);
    }
    if (result == 0)
        key = token_load(path, NULL, failure);
    if (key && strlen(key) < TOKEN_HEX_BYTES) {
        failure_set(
            failure, FAILURE_INVALID,
            "%s is damaged: remove it, and let the node be forgotten by the manager (DELETE "
            "/_berth/v1/nodes/NAME) before it joins again",
            path);
        free(key);
        key = NULL;
    }
    free(path);
    return key;
}

char *state_fence_directory(const char *directory, const char *engine_id)
{
    static const char run[] = "/run/berth-agent";
    char *path;

    if (directory)
        return xstrdup(directory);
    path = xprintf("%s/%s", run, engine_id);
    for (char *at = path + sizeof(run); *at; at++) {
        if (*at == '/' || *at == ':')
            *at = '-';
    }
    if ((mkdir(run, 0700) == 0 || errno == EEXIST) && (mkdir(path, 0700) == 0 || errno == EEXIST))
        return path;
    log_info("what the fence stops is not remembered across restarts of the agent", "why=\"%s: %s\"",
             path, strerror(errno));
    free(path);
    return NULL;
}
