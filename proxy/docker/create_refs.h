/* Create refs: what a create body names (containers, networks, volumes) decides where it can run.
 * Names are written as the engine of that node knows them. */
#pragma once

#include "proxy/docker/handler.h"
#include "proxy/docker/create_plan.h"

/* Finds everything the body refers to, adds homes to the plan, rewrites node/x and moved ids in
 * the body. INVALID: a container that is not there (never NOT_FOUND: the CLI would pull), CONFLICT:
 * an ambiguous one. A container, network or volume that the caller may not see is not there. */
int create_refs_resolve(struct create_plan *plan, struct call_context *call,
                        struct failure *failure) MUST_CHECK;
