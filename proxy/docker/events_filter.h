/* Events filter: which event messages a client asked for. Pure. */
#pragma once

#include "proxy/docker/filters.h"

extern const char *const events_filter_keys[]; /* NULL-terminated, for filters_parse */

/* `event` is a whole message ({"Type","Action","Actor":{"ID","Attributes"},"scope"…}). node= is
 * compared with the node's name and id that berth adds, and with the actor of Type node. */
bool events_filter_matches(const struct filters *filters, const struct value *event);
