/* Join request: what an agent says of its node, read from JSON and checked. Pure: fuzzed. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"
#include "policy/model.h"

#define JOIN_MAX_TAGS      64
#define JOIN_MAX_KEY       128
#define JOIN_MAX_CSR       16384
#define JOIN_MAX_TAG_VALUE 256

struct join_request {
    struct slice cluster;
    struct slice name; /* node name, e.g. the engine's hostname */
    struct slice engine_id;
    struct slice engine;  /* "tcp://10.0.0.5:2375": how the manager reaches the engine */
    struct slice address; /* IP that "Ports" show; empty: the engine's */
    struct slice pool;
    struct slice key;  /* what the agent keeps in its --state; empty: none */
    struct slice gate; /* where the agent's gate listens; empty: none, `engine` is spoken to */
    struct slice csr;  /* with a gate: PEM request for its certificate */
    struct tags tags, facts;
    struct resources declared; /* 0: the engine's own */
};

/* All slices live in `arena` or point into `body`. INVALID names the field and what is expected. */
int join_request_read(struct join_request *request, struct arena *arena, const struct value *body,
                      struct failure *failure) MUST_CHECK;
/* Letters, digits, '_' '.' '-', the first a letter or digit, at most 63: a node name. */
bool join_name_valid(struct slice name);
/* A map of text to text as tags. INVALID names `field`. */
int join_tags_read(struct tags *tags, struct arena *arena, const struct value *map,
                   const char *field, struct failure *failure) MUST_CHECK;
