/* Gate binds: do the host paths of a create body lead where they seem to? The manager has judged
 * their text; whether a link on this host leads elsewhere only this host can tell. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"

/* Looks at every bind of `body` (policy/body.h finds them all) with openat2 and no link followed.
 * What does not exist is fine: the engine makes it, or refuses. DENIED names the path with a link
 * in it; UNSUPPORTED: the kernel has no openat2. */
int gate_check_binds(struct arena *arena, const struct value *body,
                     struct failure *failure) MUST_CHECK;
