/* Berthd: the program's parts in one struct, for main.c and the start_*.c files that make one part
 * each: start_X makes it from the settings, reload_X takes what SIGHUP may change, stop_X ends it.
 * A part not made is NULL, and its stop_X harmless. */
#pragma once

#include "proxy/admin/admin.h"
#include "proxy/cluster/cluster.h"
#include "proxy/docker/docker.h"
#include "proxy/docker/guarded.h"
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
    struct docker *docker;
    struct front *front;
    bool draining;
};

/* Who may do what: rules, user tokens, audit log. */
int start_access(struct berthd *berthd, struct failure *failure) MUST_CHECK;
/* On failure the old rules and tokens stay, and the log says why. */
void reload_access(struct berthd *berthd);
void stop_access(struct berthd *berthd);
/* `berthd learn FILE`: prints rules; the exit status. */
int run_learn(int argc, char *const *argv);
