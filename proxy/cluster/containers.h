/* Containers: the cache of every container of every node, with indexes by id, name and prefix.
 * Written by the watch (nodes.c), by launch and by the cluster_apply_* calls only.
 *
 * A container has the ID its user knows (view.id) and the ID its engine knows (engine_id); they
 * differ for moved ones. Every lookup accepts both; what goes to an engine uses engine_id, what
 * goes to a client view.id. */
#pragma once

#include "proxy/cluster/cluster.h"
#include "proxy/engine/decode.h"

struct container_entry {
    struct container view;       /* as the scheduler sees it; id is the user's */
    struct slice engine_id;      /* empty while pending */
    struct engine_node *node;    /* NULL while pending */
    struct container_facts facts;/* slices live with the entry */
    struct slice row;            /* list row as the engine gave it (JSON object, Id = engine's) */
    struct slice image_id;
    uint64_t generation;         /* grows with each change of this entry */
    bool moved;                  /* view.id != engine_id */
    bool superseded;             /* an old copy of a moved one: in no list, never resolved */
    char *pending_why;           /* why it is pending; NULL else */
    int64_t pending_since_ns;
    struct container_private *own;
};

/* Resolves what a user typed, in this order: full id, plain name, node/name,
 * literal alias, unique prefix. Only what the cache knows.
 * NOT_FOUND `No such container: x`; INVALID `multiple IDs found with provided prefix: x`;
 * CONFLICT `container name "x" exists on node-1 and node-2; use node-1/x`.
 * An entry of a node that is down resolves: ask node_usable. */
int cluster_find_container(struct cluster *cluster, struct slice reference,
                           struct container_entry **entry, struct failure *failure) MUST_CHECK;
/* As above; when not found asks all nodes in sync once (containers made behind our back), takes
 * what they have into the cache. on_done runs once, never before the call returns. */
typedef void (*resolve_fn)(struct container_entry *entry, const struct failure *failure,
                           void *context);
struct resolve;
/* NULL when the answer is known at once: then *entry or *failure is set and on_done not run. */
struct resolve *cluster_resolve(struct cluster *cluster, struct slice reference,
                                struct container_entry **entry, struct failure *failure,
                                resolve_fn on_done, void *context);
void resolve_cancel(struct resolve **resolve);
/* By either id, exactly; NULL. */
struct container_entry *cluster_container(struct cluster *cluster, struct slice id);
struct container_entry *cluster_container_on(struct engine_node *node, struct slice engine_id);
/* Engine id -> the user's id (itself when not moved or not known). */
struct slice cluster_user_id(struct cluster *cluster, struct slice engine_id);

/* Whether an engine's container is the old copy of one that was moved: not to be shown. */
bool cluster_is_superseded(struct cluster *cluster, struct slice engine_id);

/* All entries but old copies, newest first (created, then node, then id); valid until the next change. */
struct container_entry *const *cluster_containers(struct cluster *cluster, size_t *count);
/* Appends the row as a client sees it: Id the user's, Names with node/name, Ports with the node's
 * address, Status as of now_ns ("Up 5 minutes"; "Host Down (node-2)"). */
void container_row_write(struct buffer *out, struct container_entry *entry, int64_t now_ns);
/* Moved here, created and not started yet: shown as pending. */
bool container_arriving(const struct container_entry *entry);
/* Is the plain name unique in the cluster (else lists show only node/name). */
bool container_name_unique(struct container_entry *entry);

/* The last inspect of a pending container, as its lost engine said it (JSON text). */
struct slice cluster_pending_inspect(const struct container_entry *entry);

/* Own mutations, made visible before they are answered. Fetches the container from its engine
 * now, takes it into the cache, then calls on_done (also when that failed: entry NULL = gone or
 * not reachable). */
typedef void (*refreshed_fn)(struct container_entry *entry, void *context);
void cluster_refresh(struct cluster *cluster, struct engine_node *node, struct slice engine_id,
                     refreshed_fn on_done, void *context);
/* An engine has answered 204 to DELETE: out of the cache at once. */
/* A user has asked to stop or kill it: it is not to be started elsewhere when its node is lost. */
void cluster_note_stop(struct container_entry *entry);
/* The engine has answered a user's stop (true) or start (false): what the user wants from now on,
 * whatever a move under way was about to do. */
void cluster_note_wish(struct container_entry *entry, bool stopped);
/* Its user's last word was stop. */
bool cluster_stop_wanted(const struct container_entry *entry);
void cluster_apply_removed(struct container_entry *entry);
void cluster_apply_renamed(struct container_entry *entry, struct slice name);
