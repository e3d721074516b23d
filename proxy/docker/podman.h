/* Podman: its error answers turned into what dockerd would have said, so that clients see one
 * kind of engine. Pure. */
#pragma once

#include "policy/base/memory.h"

/* Rewrites an error answer (status >= 400) in place: {"cause","message","response"} becomes
 * {"message"}; 500 becomes the code that dockerd gives for that cause; text/plain "Not Found" of an
 * unknown route becomes JSON. New texts live in `arena`. */
void podman_error(struct arena *arena, int *status, struct slice *body, struct slice *type);
