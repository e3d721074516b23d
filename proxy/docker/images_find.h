/* Images, found: which nodes hold an image, newest first; used by all calls on one image. */
#pragma once

#include "proxy/docker/fan.h"

#define IMAGE_MAX_HOLDERS 1024 /* that are looked at for one call */

/* Runs on_found with the nodes that hold `reference` and can be asked (X-Cluster-Node, if sent,
 * narrows them): from the inventory, else by asking all nodes once. None: answered 404 in the
 * engine's words, or 503 when only nodes that are down hold it. Pointers are valid during the call.
 */
typedef void (*image_found_fn)(struct call_context *call, struct engine_node **holders,
                               size_t count, void *context);
void image_find(struct call_context *call, struct slice reference, image_found_fn on_found,
                void *context);
/* The same, but a 404 is not answered: on_missing runs instead. */
void image_find_or(struct call_context *call, struct slice reference, image_found_fn on_found,
                   void (*on_missing)(struct call_context *call), void *context);
