/* Body: what a request body asks for that a tenant should not get unasked. Pure; reads a value tree
 * with Go's rules for keys, because the engine will. Every member of a body is in a closed table:
 * what is not there is field.unknown. The caller decides (rules may waive codes by name); nothing
 * is refused here but what is malformed. Source: the Docker API, ContainerCreate and kin. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"
#include "policy/model.h"

enum body_kind {
    BODY_CONTAINER_CREATE,
    BODY_CONTAINER_UPDATE,
    BODY_EXEC_CREATE,
    BODY_VOLUME_CREATE,
    BODY_NETWORK_CREATE,
    BODY_NETWORK_CONNECT,
    BODY_COMMIT, /* a container configuration */
};

enum violation_code {
#define CODE(symbol, name, help) VIOLATION_##symbol,
#include "policy/violations.def"
#undef CODE
    VIOLATION_COUNT
};

struct violation {
    enum violation_code code;
    struct slice path;   /* "HostConfig.Privileged", "HostConfig.Binds[2]" */
    struct slice detail; /* the value that offends, short; may be empty */
    bool readonly;       /* mounts only */
};

enum mount_kind { MOUNT_BIND, MOUNT_VOLUME, MOUNT_TMPFS, MOUNT_IMAGE, MOUNT_OTHER };

/* One mount, from wherever it was hiding. */
struct mount {
    enum mount_kind kind;
    struct slice source; /* host path (cleaned), volume name (empty: anonymous), image */
    struct slice target;
    bool readonly;
    const char *from; /* "Binds", "Mounts", "Volumes", "Tmpfs", "DriverConfig", "DriverOpts" */
};

/* A reference to another object that the body makes: whoever decides must look at that one too. */
enum reference_kind { REFERENCE_CONTAINER, REFERENCE_NETWORK, REFERENCE_VOLUME, REFERENCE_IMAGE };
struct body_reference {
    enum reference_kind kind;
    struct slice name;
    struct slice path;
};

#define BODY_MAX_FINDINGS 64 /* of each kind below; one more is a failure */

struct body_report {
    struct violation violations[BODY_MAX_FINDINGS];
    size_t violation_count;
    struct mount mounts[BODY_MAX_FINDINGS];
    size_t mount_count;
    struct body_reference references[BODY_MAX_FINDINGS];
    size_t reference_count;
};

/* Fills `report` (zeroed first). Text in it lives in `arena` or points into `body`. -1 with INVALID
 * when the body is not a map, holds a key twice (in any spelling), has a member of the wrong type
 * where one is checked, or more findings than BODY_MAX_FINDINGS. body may be NULL (an absent body):
 * nothing found. */
int body_check(struct arena *arena, enum body_kind kind, const struct value *body,
               struct body_report *report, struct failure *failure) MUST_CHECK;

/* Checks the query of POST /build (decoded key=value pairs, repeated keys allowed). */
int body_check_build(struct arena *arena, const struct tags *query, struct body_report *report,
                     struct failure *failure) MUST_CHECK;

/* "privileged"; and back (VIOLATION_COUNT when there is no such code). */
const char *violation_name(enum violation_code code);
const char *violation_help(enum violation_code code);
enum violation_code violation_find(struct slice name);

/* The code that an operation as a whole stands for: image.tag, container.commit, image.load,
 * image.import, image.build; VIOLATION_COUNT for all others. */
enum violation_code violation_of_operation(struct slice operation);
