/* Spec: from what an engine said of a container (inspect) back to what makes the same one again:
 * a create body, the networks it is on, the workload for the scheduler. Pure. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"
#include "policy/constraint.h"
#include "policy/model.h"

struct spec {
    struct value *body;       /* of POST /containers/create */
    struct workload workload; /* constraints, homes none; name and id set */
    struct constraint_set constraints;
    /* Networks besides the first, to be connected after the create: name -> endpoint settings. */
    const struct value *networks; /* map as in NetworkSettings.Networks */
    struct slice first_network;   /* the one in the body; empty: a predefined one */
    bool runs;                    /* was running when last seen */
};

/* `inspect` and all results live in `arena`. INVALID when it lacks what a create needs. */
int spec_read(struct spec *spec, struct arena *arena, const struct value *inspect,
              struct slice user_id, struct failure *failure) MUST_CHECK;
/* A network's row in a list -> body of POST /networks/create. */
struct value *spec_network(struct arena *arena, const struct value *row);
/* bridge, host, none, default, container:X: exist on every node or are no networks. */
bool spec_network_is_predefined(struct slice mode);
