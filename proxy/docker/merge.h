/* Merge: makes one answer out of the same answer of several nodes, for all lists but containers:
 * images, networks, volumes, plugins, df, prune results. Pure: values in, a value out.
 *
 * Bodies are the nodes' answers in node order; a body of NULL or of the wrong type counts as empty.
 * Results live in the arena and share members with the bodies, which are taken apart: a body can't
 * be used after. All steps are hashed: cost linear in the rows. */
#pragma once

#include "policy/base/value.h"

struct merge_body {
    struct slice node;    /* name */
    struct slice node_id; /* engine id */
    struct value *body;
};

/* GET /images/json: one row an image id; RepoTags and RepoDigests united, Containers summed (-1 =
 * not counted stays -1), "Nodes" added: the names of the holders. Newest first, then id. */
struct value *merge_images(struct arena *arena, const struct merge_body *bodies, size_t count);

/* GET /networks: the predefined ones (bridge, host, none) and those of global or swarm scope once,
 * with the Containers of all nodes; a local name that two nodes have is shown as node/name in both
 * rows. "Node": {ID, Name} is added to local ones. Sorted by name. */
struct value *merge_networks(struct arena *arena, const struct merge_body *bodies, size_t count);
/* Exists on every engine: bridge, host, none. */
bool network_is_predefined(struct slice name);

/* GET /volumes: {"Volumes":[…],"Warnings":[…]}; names as for networks, scope global once by name.
 * "Node" as above. */
struct value *merge_volumes(struct arena *arena, const struct merge_body *bodies, size_t count);
/* The same for the bare lists inside. */
struct value *merge_volume_rows(struct arena *arena, const struct merge_body *lists, size_t count);

/* GET /plugins: one row a name; Enabled = on all nodes that have it. */
struct value *merge_plugins(struct arena *arena, const struct merge_body *bodies, size_t count);

/* GET /system/df: sizes summed, images merged as above, the other lists joined (volumes as above).
 * Both shapes: lists and LayersSize (< 1.53), *Usage objects (>= 1.52). */
struct value *merge_df(struct arena *arena, const struct merge_body *bodies, size_t count);

/* POST /…/prune and DELETE /images/x (lists): *Deleted lists joined, equal text or rows once;
 * SpaceReclaimed summed. */
struct value *merge_prune(struct arena *arena, const struct merge_body *bodies, size_t count);
/* Joins lists; of rows with equal JSON only the first stays. */
struct value *merge_rows(struct arena *arena, const struct merge_body *bodies, size_t count);

/* Shared by the merge files. */
/* Gives `row` "Node": {"ID", "Name"}. */
void merge_mark_node(struct arena *arena, struct value *row, const struct merge_body *body);
/* Names of local rows that appear more than once become node/name. `rows` pairs with `owners`. */
void merge_name_duplicates(struct arena *arena, struct value *const *rows,
                           const struct merge_body *const *owners, size_t count);
/* Makes a list of `rows`, sorted by "Name". */
struct value *merge_sorted_by_name(struct arena *arena, struct value **rows, size_t count);
/* Rows (or members) of all bodies together: room to reserve. */
size_t merge_count_rows(const struct merge_body *bodies, size_t count);
