/* Berthd: the program's parts in one struct, for main.c and the start_*.c files that make one part
 * each: start_X makes it from the settings, reload_X takes what SIGHUP may change, stop_X ends it.
 * A part not made is NULL, and its stop_X harmless. */
#pragma once

#include "proxy/admin/admin.h"
#include "proxy/cluster/cluster.h"
#include "proxy/docker/docker.h"
#include "proxy/docker/guarded.h"
#include "proxy/policy_service.h"
#include "proxy/settings.h"

struct berthd {
    int argc;
    char *const *argv;
    struct settings settings;
    struct loop *loop;
    struct transport *transport;
    struct store *store;
    struct cluster *cluster;
    struct recover *recover;
    struct admin *admin;
    struct gate gate; /* start_access.c */
    struct policy_service *policy;
    struct docker *docker;
    struct front *front;
    bool draining;
};

/* What survives a restart: before any node is added. Recovery: after the static ones are. */
int start_state(struct berthd *berthd, struct failure *failure) MUST_CHECK;
void stop_state(struct berthd *berthd);
int start_recover(struct berthd *berthd, struct failure *failure) MUST_CHECK;
void stop_recover(struct berthd *berthd);

/* Who may do what: rules, user tokens, audit log. */
int start_access(struct berthd *berthd, struct failure *failure) MUST_CHECK;
/* On failure the old rules and tokens stay, and the log says why. */
void reload_access(struct berthd *berthd);
void stop_access(struct berthd *berthd);
/* `berthd learn FILE`: prints rules; the exit status. */
int run_learn(int argc, char *const *argv);
/* What --access and --preset say, into a builder. */
int access_file_rules(struct access_builder *builder, void *berthd,
                      struct failure *failure) MUST_CHECK;

/* The operator's policy.lua: made before start_access, which takes its rules; then watched. */
int start_policy(struct berthd *berthd, struct failure *failure) MUST_CHECK;
int watch_policy(struct berthd *berthd, struct failure *failure) MUST_CHECK;
void reload_policy(struct berthd *berthd);
void stop_policy(struct berthd *berthd);
/* guard_options.add_rules; context is the berthd. */
int policy_rules_of(struct access_builder *builder, void *berthd,
                    struct failure *failure) MUST_CHECK;
/* `berthd --check PATH`: the exit status. */
int run_check(struct berthd *berthd);
