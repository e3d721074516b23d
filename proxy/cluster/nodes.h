/* Nodes: the registry of engines. A node is on the list of its state; node_set_state is the only
 * writer of states and publishes each change (changes.h). Names and engine ids are unique. */
#pragma once

#include "policy/base/list.h"
#include "proxy/cluster/cluster.h"
#include "proxy/http/upstream.h"

struct engine_node {
    struct node view;             /* what the scheduler sees: kept up to date in place */
    struct cluster *cluster;
    struct upstream *upstream;    /* NULL only after removal */
    struct watch *watch;
    struct endpoint endpoint;
    struct tls_context *tls;      /* as its upstream was made with; borrowed */
    bool passive;                 /* the same */
    char swarm_id[26];            /* 25 characters a-z0-9 made from the engine id: docker node ls */
    struct slice engine_version;  /* "20.10.24" */
    int api_min, api_max;         /* API_VERSION(); 0: not known yet. Remembered while down */
    bool podman, experimental;
    bool in_sync;                 /* event stream is up and drained: the cache answers for it */
    uint64_t touched_ms;          /* loop_now() of the last call of ours that may change it; 0: none */
    bool joined;                  /* by an agent (has a lease), not --node */
    bool removed;                 /* no longer in the registry, only held */
    uint64_t lease_until;         /* loop_now() ms; joined nodes only */
    bool lease_over;              /* no heartbeat for the lease */
    int64_t changed_ns;           /* last change of state, availability or labels; wall clock */
    uint64_t version_index;       /* grows with each update of availability and labels */
    char why[256];                /* why it is not ready: for info and node inspect */
    struct slice info_text;       /* last GET /info, JSON text; empty before the first */
    struct slice version_text;    /* last GET /version */
    struct tags labels;           /* set by docker node update; part of view.tags */
    struct resources declared;    /* agent's --memory, --cpus; 0: the engine's own */
    size_t paused;                /* containers paused (running ones: view.running) */
    struct list state_link;       /* on the list of its state */
    struct node_private *own;     /* nodes.c */
    size_t holds;
};

struct node_options {
    struct slice name;            /* empty: the engine's hostname */
    struct slice engine_id;       /* as the agent says; empty: not known yet */
    struct endpoint endpoint;
    struct tls_context *tls;      /* borrowed; NULL: plain */
    /* upstream_settings.sign: for an engine behind its agent's gate. */
    void (*sign)(struct headers *headers, struct upstream_signing *signing, void *context);
    void *sign_context;
    bool passive;                 /* its agent dials in: upstream_offer */
    struct slice address;         /* IP that "Ports" show; empty: the endpoint's host */
    struct tags tags;             /* --constraint */
    struct tags facts;
    struct resources declared;
    struct slice pool;
    bool joined;
};

/* Adds a node and starts watching it. CONFLICT when the name or engine id belongs to another
 * live node (the text says what to do). A joined node that is there already (same name and
 * engine id, or same name while that one is down) is updated and its lease renewed. */
struct engine_node *cluster_node_add(struct cluster *cluster, const struct node_options *options,
                                     struct failure *failure) MUST_CHECK;
/* Heartbeat: the lease runs lease_ms from now. */
void cluster_node_renew(struct engine_node *node);
/* Its agent goes in order. Without containers the node goes, too; with some it stays, watched and
 * without a lease, so that they are moved when the engine falls silent. */
void cluster_node_leave(struct engine_node *node);
/* Takes it out: its containers leave the cache, its connections are cut. */
void cluster_node_remove(struct engine_node *node);
/* By name, engine id, or swarm id (or a unique prefix of an id of 4 and more); NULL. */
struct engine_node *cluster_node_find(struct cluster *cluster, struct slice reference);
/* Exact name only. */
struct engine_node *cluster_node_named(struct cluster *cluster, struct slice name);
/* All nodes in the order of their names; valid until a node is added or removed. */
size_t cluster_node_count(const struct cluster *cluster);
struct engine_node *cluster_node_at(const struct cluster *cluster, size_t index);
/* The same for the scheduler. */
struct nodes cluster_node_views(const struct cluster *cluster);

/* The one writer of view.state. `why` for people; "" when ready. */
void node_set_state(struct engine_node *node, enum node_state state, const char *why);
/* docker node update: availability and labels (copied). */
void node_set_availability(struct engine_node *node, enum availability availability);
void node_set_labels(struct engine_node *node, struct tags labels);
/* Can be asked now: READY (or JOINING with a connection). Else *failure UNREACHABLE
 * "node-2 is down: …" */
int node_usable(const struct engine_node *node, struct failure *failure) MUST_CHECK;
/* A call that may change the engine goes out or has been answered. */
void node_touch(struct engine_node *node);
/* What the cache says of it is what it would answer: in sync, and nothing of ours has touched it
 * for a second, in which all events of that have long come. */
#define NODE_QUIET_MS 1000
bool node_quiet(const struct engine_node *node);
/* The version to speak to it: clamp(wanted, api_min, api_max); wanted 0: the cluster's. */
int node_api_version(const struct engine_node *node, int wanted);
/* What the cluster speaks: the lowest api_max, the highest api_min of nodes known (remembered
 * while down); 1041 with none. */
int cluster_api_max(const struct cluster *cluster);
int cluster_api_min(const struct cluster *cluster);

/* Keeps the memory (not the registration) across callbacks. */
struct engine_node *node_hold(struct engine_node *node);
void node_release(struct engine_node *node);

const char *node_state_name(enum node_state state);             /* "ready", "unreachable"… */
const char *availability_name(enum availability availability);  /* "active", "pause", "drain" */
int availability_parse(struct slice word, enum availability *result);
