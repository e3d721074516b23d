/* Create shape: the one spelling of every key of a create body that engines know. The engine
 * matches keys without regard to case, so a body could say a thing twice, once for the checker and
 * once for the engine; after create_shape_fix there is one spelling and one member of each. Pure.
 */
#pragma once

#include "policy/base/value.h"

/* Renames known keys to their canonical spelling, at all known depths; of several spellings of one
 * key the last stays, as the engine has it. Unknown keys are left as they are. */
void create_shape_fix(struct value *body);
