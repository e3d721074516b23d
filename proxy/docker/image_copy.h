/* Image copy: brings an image from a node that holds it to one that needs it, engine to engine
 * (GET /images/x/get | POST /images/load), with the pace of the slower. The hook of launch
 * (cluster_set_image_copy). One copy of an image to a node at a time: later asks join it. */
#pragma once

#include "proxy/cluster/launch.h"

struct image_copier;
/* Sets itself as the cluster's image copy. */
struct image_copier *image_copier_new(struct cluster *cluster);
/* Takes itself out; copies under way end with a failure UNREACHABLE. */
void image_copier_free(struct image_copier **copier);
/* An image_copy_fn; context is the copier. Publishes the event Type image, Action copy. */
void image_copy(struct cluster *cluster, struct slice image, struct engine_node *to,
                image_copied_fn on_done, void *done_context, void *copier);
