/* Names: container names are unique in the whole cluster. A name is taken by a container (also on
 * a node that is down, also pending) or by a reservation of a create or rename under way. */
#pragma once

#include "proxy/cluster/cluster.h"

struct name_reservation;
/* `name` without leading '/'. INVALID when dockerd would refuse its characters; CONFLICT with
 * dockerd's text: `Conflict. The container name "/x" is already in use by container "ID". You
 * have to remove (or rename) that container to be able to reuse that name.` NULL on failure. */
struct name_reservation *names_reserve(struct cluster *cluster, struct slice name,
                                       struct failure *failure) MUST_CHECK;
/* A fresh name adjective_noun, reserved. */
struct name_reservation *names_generate(struct cluster *cluster);
struct slice names_text(const struct name_reservation *reservation);
/* Gives it back (the container is in the cache now, or the call failed). Takes NULL. */
void names_release(struct name_reservation **reservation);
