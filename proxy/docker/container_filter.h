/* Container filter: which containers of the cache a list shows: state, filters, before/since,
 * node. Matching is dockerd's. */
#pragma once

#include "proxy/cluster/containers.h"
#include "proxy/cluster/nodes.h"
#include "proxy/docker/filters.h"
#include "proxy/docker/query.h"

struct container_filter {
    struct filters filters;
    const struct filter *node;              /* NULL: any */
    bool all;                               /* stopped ones too */
    int64_t before_ns, since_ns;            /* 0: none */
    struct container_entry *before, *since; /* what was named; valid during this callback */
    int64_t limit;                          /* 0: none */
    bool size;                              /* sizes are wanted: engines must be asked */
    bool live;                              /* has a filter that only engines can evaluate */
};

/* Reads the query of GET /containers/json. INVALID for an unknown or malformed filter, NOT_FOUND
 * for a before/since container that is not there. */
int container_filter_read(struct container_filter *filter, struct cluster *cluster,
                          const struct query *query, struct arena *arena,
                          struct failure *failure) MUST_CHECK;
/* Whether the list shows the entry, as far as the cache can tell (limit apart). */
bool container_filter_shows(const struct container_filter *filter, struct container_entry *entry,
                            struct arena *arena);
/* A row as an engine has just given it, matched by the engine's own filters: only what engines do
 * not get (name, id, status, before, since, node) is looked at. */
struct container_filter_row {
    const struct value *value;
    const struct engine_node *node;
    struct slice id; /* the user's */
    int64_t created_ns;
};
bool container_filter_shows_row(const struct container_filter *filter,
                                const struct container_filter_row *row, struct arena *arena);
/* The filters for engines, as JSON text: without what is evaluated here. SLICE_NONE: none. */
struct slice container_filter_for_engine(const struct container_filter *filter,
                                         struct arena *arena);
