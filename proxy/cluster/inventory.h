/* Inventory: images, networks and volumes of every node as their lists say, kept by the event
 * stream. For homes of networks and volumes, holders of images, and lists without a round trip. */
#pragma once

#include "proxy/cluster/nodes.h"
#include "proxy/engine/watch.h"

struct inventory_item {
    struct engine_node *node;
    struct slice id;      /* image "sha256:…", network id; volumes: the name */
    struct slice name;    /* network and volume name; image: first tag or empty */
    struct slice driver;  /* network, volume */
    struct slice scope;   /* "local", "global", "swarm" */
    struct slice row;     /* JSON object as in the engine's list */
};

/* Items of one kind (WATCH_IMAGES, WATCH_NETWORKS, WATCH_VOLUMES) of one node; valid until the
 * loop's next turn. */
size_t inventory_count(const struct engine_node *node, enum watch_kind kind);
const struct inventory_item *inventory_at(const struct engine_node *node, enum watch_kind kind,
                                          size_t index);
/* Item of that name or id on this node (images: also "repo", "repo:tag", "repo@digest", short
 * ids of 12 and more); NULL. */
const struct inventory_item *inventory_find(const struct engine_node *node, enum watch_kind kind,
                                            struct slice reference);
/* Nodes that hold it, at most `capacity`, ready ones first; the number of all. */
size_t inventory_holders(struct cluster *cluster, enum watch_kind kind, struct slice reference,
                         struct engine_node **nodes, size_t capacity);
/* After an own mutation: list this kind of this node anew, then call on_done. */
void inventory_refresh(struct engine_node *node, enum watch_kind kind,
                       void (*on_done)(void *context), void *context);
