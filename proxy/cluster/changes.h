/* Changes: what happens in the cluster, to whoever wants to know. Events are Docker's event
 * messages of all nodes, with node.name, node.id, node.ip attributes and the user's container
 * ids, plus berth's own (Type node). Changes are for our own parts (recover, lists). */
#pragma once

#include "policy/base/value.h"
#include "proxy/cluster/cluster.h"

struct cluster_event {
    int64_t time_ns;
    struct engine_node *node;   /* NULL: the manager's own, or history of a removed node */
    struct slice type, action, actor;
    const struct value *value;  /* whole message; valid during the call */
    struct slice text;          /* the same as JSON text, no newline */
};

struct subscription;
typedef void (*event_fn)(const struct cluster_event *event, void *context);
struct subscription *cluster_subscribe(struct cluster *cluster, event_fn on_event, void *context);
void subscription_cancel(struct subscription **subscription);
/* Own history (10,000 events), oldest first, since_ns <= time <= until_ns. */
void cluster_history(struct cluster *cluster, int64_t since_ns, int64_t until_ns,
                     event_fn on_event, void *context);
/* berth's own event: Type "node" (or another), Action, Actor.ID, attributes as tags. */
void cluster_publish(struct cluster *cluster, struct slice type, struct slice action,
                     struct slice actor, struct tags attributes, struct engine_node *node);

enum change_kind {
    CHANGE_NODE_ADDED,
    CHANGE_NODE_REMOVED,
    CHANGE_NODE_STATE,       /* also lease over, in_sync */
    CHANGE_NODE_CONFIG,      /* availability, labels, size */
    CHANGE_CONTAINER,        /* new, changed */
    CHANGE_CONTAINER_GONE,   /* runs before the entry is freed */
};
struct change {
    enum change_kind kind;
    struct engine_node *node;
    struct container_entry *entry;
};
struct change_listener;
typedef void (*change_fn)(const struct change *change, void *context);
struct change_listener *cluster_listen(struct cluster *cluster, change_fn on_change,
                                       void *context);
void change_listener_cancel(struct change_listener **listener);

/* exec ids: made by POST /containers/x/exec; kept until ten minutes after exec_die, at most
 * 100,000. */
void cluster_exec_add(struct cluster *cluster, struct slice exec_id, struct engine_node *node,
                      struct slice engine_container_id);
/* The node of an exec id, or NULL: ask all nodes once (gather GET /exec/ID/json). */
struct engine_node *cluster_exec_node(struct cluster *cluster, struct slice exec_id);
/* The engine's id of the container the exec belongs to; SLICE_NONE when not known. */
struct slice cluster_exec_container(struct cluster *cluster, struct slice exec_id);
