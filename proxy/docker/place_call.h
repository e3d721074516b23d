/* Place, for a call: finds the network or volume that a call names, and is sure before it says 404.
 */
#pragma once

#include "proxy/docker/handler.h"
#include "proxy/docker/place.h"

/* Runs on_found with the place, perhaps before this returns; pointers in it are valid during the
 * call. Event streams may lag by a moment, so before a 404 all nodes that can be asked list the
 * kind anew once. Answers failures itself; `missing_ok`: a 404 becomes on_found(NULL). */
typedef void (*place_found_fn)(struct call_context *call, const struct place *place, void *context);
struct place_search {
    enum watch_kind kind; /* WATCH_NETWORKS, WATCH_VOLUMES */
    struct slice reference;
    bool missing_ok;
    place_found_fn on_found;
    void *context; /* in the call's arena */
};
void place_search(struct call_context *call, const struct place_search *search);
