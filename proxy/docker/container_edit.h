/* Container edit: what the manager changes in an engine's answer about one container: the node it
 * is on, the user's ID, and addresses that are right for a client elsewhere. Pure. */
#pragma once

#include "policy/base/value.h"

struct engine_node;

/* GET /containers/x/json: adds classic Swarm's Node object; host addresses "every address" become
 * the node's; Id becomes `user_id`. */
void container_edit_inspect(struct arena *arena, struct value *container,
                            const struct engine_node *node, struct slice user_id);
/* One row of GET /containers/json, asked live: Id, Ports[].IP, and Names with node/name.
 * `unique`: the plain name too. */
void container_edit_row(struct arena *arena, struct value *row, const struct engine_node *node,
                        struct slice user_id, bool unique);
