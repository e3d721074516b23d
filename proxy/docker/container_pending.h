/* Container pending: calls for a container that is placed nowhere at the moment: its node is lost
 * and no other has room yet. */
#pragma once

#include "proxy/docker/handler.h"

/* Answers the call: inspect, rm, stop, kill, start, rename do what a user expects; all else is 503
 * with the reason why it is pending. */
void container_pending(struct call_context *call, struct container_entry *entry);
