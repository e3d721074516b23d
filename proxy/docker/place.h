/* Place: where networks and volumes live, and where new ones go.
 * A local network or volume has one home node; what uses it must run there. Names are looked up in
 * the inventory of all nodes: exact name or id, node/name, then (networks) a unique id prefix. */
#pragma once

#include "proxy/cluster/inventory.h"

struct place {
    struct engine_node *node; /* home; of what exists everywhere: one node that has it, or NULL */
    bool everywhere;          /* predefined, or of global or swarm scope */
    struct slice id;          /* what engines are given: id, or the name of a predefined network */
    struct slice name;        /* plain */
};

/* `kind` is WATCH_NETWORKS or WATCH_VOLUMES. NOT_FOUND with dockerd's text; INVALID (network) or
 * CONFLICT (volume) when the name means several; the text names them. Slices live in `arena`. */
int place_find(struct cluster *cluster, struct arena *arena, enum watch_kind kind,
               struct slice reference, struct place *place, struct failure *failure) MUST_CHECK;
/* The failure that place_find gives for what is not there; returns -1. */
int place_not_found(enum watch_kind kind, struct slice reference, struct failure *failure);

/* Cuts "node/name": the node when the first segment names one, *name = the rest; else NULL and
 * *name = text. */
struct engine_node *place_split(struct cluster *cluster, struct slice text, struct slice *name);

/* Where a new network, volume or build goes: launch_choose with the constraint: labels among
 * `labels` (a map, may be NULL), or the node that is `pinned`, or, with `affinity`, the home of
 * the compose project that the labels name. */
struct place_wish {
    struct slice name;
    const struct value *labels;
    struct slice pinned; /* node name, or SLICE_NONE */
    bool affinity;
};
int place_choose(struct cluster *cluster, struct arena *arena, const struct place_wish *wish,
                 struct engine_node **node, struct failure *failure) MUST_CHECK;
