/* Gate binds: one openat2 a path. */
#include "agent/gate_binds.h"

#include "policy/body.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

static int check_path(struct arena *arena, struct slice path, struct failure *failure)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, arena_text(arena, path), &how, sizeof(how));
    if (fd >= 0) {
        close((int)fd);
        return 0;
    }
    if (errno == ENOENT)
        return 0;
    if (errno == ELOOP)
        return failure_set(failure, FAILURE_DENIED,
                           "access denied: host path " SLICE_FMT
                           " goes through a symbolic link on this node, which may lead elsewhere "
                           "than the rules allow: name the place itself",
                           SLICE_ARG(path));
    if (errno == ENOSYS)
        return failure_set(failure, FAILURE_UNSUPPORTED,
                           "this node's kernel can't check host paths (openat2, Linux 5.6)");
    return failure_set(failure, FAILURE_DENIED, "access denied: host path " SLICE_FMT ": %s",
                       SLICE_ARG(path), strerror(errno));
}

int gate_check_binds(struct arena *arena, const struct value *body, struct failure *failure)
{
    struct body_report *report = arena_alloc(arena, sizeof(*report));
    if (body_check(arena, BODY_CONTAINER_CREATE, body, report, failure) != 0)
        return -1;
    for (size_t i = 0; i < report->mount_count; i++) {
        if (report->mounts[i].kind == MOUNT_BIND &&
            check_path(arena, report->mounts[i].source, failure) != 0)
            return -1;
    }
    return 0;
}
