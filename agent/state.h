/* State: what an agent keeps in its --state directory: the node's key. */
#pragma once

#include "policy/base/failure.h"

/* The key in DIR/node.key; made (directory 0700, file 0600) when there is none. Heap; NULL with
 * INVALID that names the file and what to do. */
char *state_key(const char *directory, struct failure *failure) MUST_CHECK;

/* Where the fence keeps its lists: `directory` (--state), or without one /run/berth-agent/ENGINE-ID,
 * which lasts as long as the containers that it tells of. Heap; NULL when it can't be made. */
char *state_fence_directory(const char *directory, const char *engine_id);
