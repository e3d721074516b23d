/* Policy service: the operator's policy.lua in a running berthd: read at start, at SIGHUP, when it
 * changes on disk, or sent over the admin API; handed to the scheduler and to the guard. A policy
 * that is refused leaves the one before in force, and the log says why. */
#pragma once

#include "lua/policy.h"
#include "proxy/net/loop.h"

struct policy_service;
struct cluster;

struct policy_service_options {
    struct loop *loop;
    struct cluster *cluster; /* its placement settings; gets the hooks */
    const char *path;        /* FILE or FOLDER; "": nothing at start */
    const char *const *operations;
    size_t operation_count;
    /* The rules that the script's own are added to: those of --access and --preset. */
    int (*prepare_access)(struct access_builder *builder, void *context, struct failure *failure);
    /* Another generation serves: its rules are to be taken. May be NULL. -1: they can't be. */
    int (*on_change)(void *context, struct failure *failure);
    void *context;
};

/* Loads `path`; a policy that is not good is a failure: berthd must not start without it. */
struct policy_service *policy_service_new(const struct policy_service_options *options,
                                          struct failure *failure) MUST_CHECK;
void policy_service_free(struct policy_service **service);
/* From now on generations are announced by on_change (the guard is there), and the path is watched.
 */
int policy_service_start(struct policy_service *service, struct failure *failure) MUST_CHECK;
/* Reads the path again (SIGHUP). Without a path: nothing to do. */
int policy_service_reload(struct policy_service *service, struct failure *failure) MUST_CHECK;
/* Serves `text` until the file changes, or until a restart. `report` may be NULL. */
int policy_service_put(struct policy_service *service, struct slice name, struct slice text,
                       struct buffer *report, struct failure *failure) MUST_CHECK;
int policy_service_rollback(struct policy_service *service, struct failure *failure) MUST_CHECK;
struct policy_host *policy_service_host(struct policy_service *service);

/* `berthd --check PATH`: prints the findings to stdout, last "N passed, N failed"; 0 when good, 1.
 */
int policy_check(const struct policy_service_options *options);
