/* Model: the one plain-data header that every layer shares. No functions.
 * A snapshot of the cluster, as the pure decisions of policy/ (and the Lua policy) see it. Text
 * slices belong to whoever made the struct and live at least as long as the decision. */
#pragma once

#include "policy/base/slice.h"

/* ---- tags: key=value pairs ---- */
struct tag {
    struct slice key;
    struct slice value;
};

struct tags {
    const struct tag *list;
    size_t count;
};

/* ---- ports ---- */
enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP };

/* A host port asked for or held. An empty ip, 0.0.0.0 and :: all mean every address.
 * first == last == 0: "any free port" (published-all), which never conflicts. A range that asks for
 * one port out of [first, last] has range = true: it conflicts only when all of it is taken. */
struct port {
    enum protocol protocol;
    struct slice ip;
    uint16_t first, last;
    bool range;
};

struct ports {
    const struct port *list;
    size_t count;
};

/* ---- resources ---- */
struct resources {
    int64_t memory_bytes; /* 0 in a request: nothing asked */
    int64_t nano_cpus;    /* 10^9 = one CPU */
};

/* ---- constraints and affinities, as parsed by constraint.h ---- */
enum constraint_operator { CONSTRAINT_EQUAL, CONSTRAINT_NOT_EQUAL };

struct constraint {
    struct slice key;      /* compared case-insensitively */
    enum constraint_operator operator;
    bool soft;             /* ~: preferred, not demanded */
    struct slice pattern;  /* text, glob, or /regex/ */
    bool affinity;         /* affinity:container==…, affinity:image==…, affinity:label==… */
};

struct constraints {
    const struct constraint *list;
    size_t count;
};

enum reschedule { RESCHEDULE_AUTO, RESCHEDULE_ALWAYS, RESCHEDULE_NEVER };

/* ---- containers on a node ---- */
enum container_state {
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_RESTARTING,
    CONTAINER_EXITED,
    CONTAINER_REMOVING,
    CONTAINER_DEAD,
    CONTAINER_PENDING, /* berth's own: known, placed nowhere */
};

struct container {
    struct slice id;     /* the ID the user knows */
    struct slice name;   /* without leading '/' */
    struct slice image;  /* reference as created */
    enum container_state state;
    struct resources asked;
    struct ports ports;  /* host ports held or wanted at the next start */
    struct tags labels;
    bool would_restart;  /* has a restart policy that starts it with the engine */
    int64_t created_ns;  /* wall clock */
    enum reschedule reschedule;
    bool holds_state;    /* bind mount or named local volume */
    /* Not running any more, but only because its node's engine went down in order (poweroff
     * stops containers before the engine falls silent): counts as running when the node is lost. */
    bool stopped_with_node;
};

/* ---- nodes ---- */
struct port_set;

enum node_state { NODE_JOINING, NODE_READY, NODE_UNREACHABLE, NODE_DOWN };
enum availability { NODE_ACTIVE, NODE_PAUSE, NODE_DRAIN };

struct node {
    struct slice id;      /* engine id */
    struct slice name;
    struct slice address; /* what "Ports" show: IP */
    enum node_state state;
    enum availability availability;
    struct tags tags;          /* declared: --constraint, engine labels, docker node update */
    struct tags standard;      /* operatingsystem kernelversion driver storagedriver … lower-case keys */
    struct tags facts;         /* berth-agent --fact */
    struct resources total;    /* as declared or as the engine says */
    struct resources used;     /* running containers */
    struct resources reserved; /* decisions under way */
    size_t running;            /* running containers (for spread and ties) */
    size_t containers_total;
    const struct container *const *containers; /* containers_total of them */
    struct ports reserved_ports;
    /* Host ports held by `containers`, kept by the caller as they change (policy/ports.h).
     * NULL: not kept, the port filter walks the containers (right, but slower). */
    const struct port_set *held_ports;
    const struct slice *images; /* references and ids held: "busybox:latest", "sha256:…" */
    size_t image_count;
    struct slice pool;
    int64_t joined_ns;
};

struct nodes {
    const struct node *const *list;
    size_t count;
    /* Another number (never 0) whenever list, order, or any name, id, tags, standard or facts
     * changed; sums, states and containers may change freely. Lets the scheduler match a pattern once per
     * distinct value instead of once per node. 0: unknown, nothing is remembered. */
    uint64_t generation;
};

/* ---- what is to be placed ---- */
struct workload {
    struct slice id;    /* of a moved container; empty for a new one */
    struct slice name;
    struct slice image;
    struct resources asked;
    struct ports ports;
    struct constraints constraints;
    struct tags labels;
    enum reschedule reschedule;
    struct slice platform;    /* "linux/arm64", or empty */
    /* Nodes that the container must run on because something it names lives there
     * (network, volume, container:X, links, volumes-from, X-Cluster-Node): node names, ANDed. */
    const struct slice *homes;
    const struct slice *home_reasons; /* "network app_default", same count */
    size_t home_count;
    bool needs_image_present; /* only nodes that hold `image` may take it */
    struct slice owner;       /* tenant, or empty */
};

struct cluster_settings {
    double overcommit; /* 0.05: five percent more than the total may be asked */
};
