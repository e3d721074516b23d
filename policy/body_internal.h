/* Body, inside: what body.c, body_host.c and mounts.c share. */
#pragma once

#include "policy/body.h"

struct body_walk {
    struct arena *arena;
    struct body_report *report;
    struct failure *failure;
};

/* One member of a body. `check` may be NULL: harmless whatever it holds. Null values are never
 * checked: to the engine they are absent. */
typedef int (*body_check_fn)(struct body_walk *walk, const struct value *member, struct slice path);
struct body_field {
    const char *name;
    body_check_fn check;
};

/* Runs each member of `map` through `fields` (ends with a NULL name); unknown ones are
 * field.unknown, keys given twice fail. `path` is the path of map itself, empty at the top. */
int body_walk_fields(struct body_walk *walk, const struct value *map, struct slice path,
                     const struct body_field *fields);
/* Records; -1 with a failure when the report is full. */
int body_found(struct body_walk *walk, enum violation_code code, struct slice path,
               struct slice detail);
int body_refers(struct body_walk *walk, enum reference_kind kind, struct slice name,
                struct slice path);
int body_mounts(struct body_walk *walk, const struct mount *mount, struct slice path);
/* Type checks: -1 with INVALID that names the path. */
int body_expect(struct body_walk *walk, const struct value *member, enum value_type type,
                struct slice path);
/* path.name, path[index] in the arena. */
struct slice body_path(struct body_walk *walk, struct slice path, struct slice name);
struct slice body_index(struct body_walk *walk, struct slice path, size_t index);

/* Field checks that more than one body uses. */
int body_check_labels(struct body_walk *walk, const struct value *member, struct slice path);
int body_check_host_config(struct body_walk *walk, const struct value *member, struct slice path);
int body_check_binds(struct body_walk *walk, const struct value *member, struct slice path);
int body_check_mounts(struct body_walk *walk, const struct value *member, struct slice path);
int body_check_volumes(struct body_walk *walk, const struct value *member, struct slice path);
int body_check_tmpfs(struct body_walk *walk, const struct value *member, struct slice path);
int body_check_driver_options(struct body_walk *walk, const struct value *options,
                              struct slice path, const char *from);
int body_check_endpoints(struct body_walk *walk, const struct value *member, struct slice path);
int body_check_endpoint(struct body_walk *walk, const struct value *member, struct slice path);
/* The rows of container resources (create's HostConfig and update share them). */
extern const struct body_field body_resource_fields[];
