/* System: what the manager's own answers share. */
#pragma once

#include "proxy/cluster/nodes.h"

/* The node with the lowest engine version (dockerd before podman): what we claim to be, so that
 * clients do not count on more than all nodes can. NULL while no node is known. */
const struct engine_node *system_lowest(const struct cluster *cluster);
