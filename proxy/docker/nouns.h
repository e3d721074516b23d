/* Nouns: what the handlers remember between calls: which node a client's missing image was meant
 * for, names of networks and volumes being made, which node a build session is bound to, and the
 * queue of disk usage calls. One per process, hangs on struct docker. */
#pragma once

#include "proxy/docker/handler.h"

struct df_queue;
struct nouns;
struct nouns *nouns_new(struct cluster *cluster);
void nouns_free(struct nouns **nouns);
/* docker.c keeps it. */
struct nouns *docker_nouns(const struct docker *docker);

/* Who calls, for memory of one client between connections: the identity's name, else the peer's
 * address without port, else the unix peer's uid. In the arena. */
struct slice nouns_client(struct call_context *call);

/* A create was decided for `node` and refused there with 404 "No such image": the pull that the
 * client sends next goes to that node. Kept ten minutes, at most 10,000. */
void nouns_remember_pull(struct nouns *nouns, struct slice client, struct slice image,
                         const struct engine_node *node);
/* Takes it out: the node, or NULL (nothing remembered, too old, node gone). */
struct engine_node *nouns_take_pull(struct nouns *nouns, struct slice client, struct slice image);

/* A name that is being created on `node`. `kind` is WATCH_NETWORKS or WATCH_VOLUMES. May be claimed
 * several times (for the same node): released as often. */
void nouns_claim_name(struct nouns *nouns, enum watch_kind kind, struct slice name,
                      const struct engine_node *node);
void nouns_release_name(struct nouns *nouns, enum watch_kind kind, struct slice name);
/* Whether somebody is creating that name; *node: where (NULL when that node has gone). */
bool nouns_name_claimed(struct nouns *nouns, enum watch_kind kind, struct slice name,
                        struct engine_node **node);

/* Sessions and builds: keys "session:…" and "build:…" to node names; kept an hour, at most 10,000.
 */
void nouns_bind(struct nouns *nouns, struct slice key, const struct engine_node *node);
struct engine_node *nouns_bound(struct nouns *nouns, struct slice key);

/* The node that builds of a client run on: kept ten minutes from the last use, so that one build's
 * many connections meet on one node even while nodes are drained or added. */
void nouns_pin_builds(struct nouns *nouns, struct slice client, const struct engine_node *node);
struct engine_node *nouns_build_node(struct nouns *nouns, struct slice client);

/* The queue of disk usage calls: df.h. */
struct df_queue *nouns_df(struct nouns *nouns);
