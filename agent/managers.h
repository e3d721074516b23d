/* Managers: which of several managers is asked: the one that answered last, then each other one. */
#pragma once

#include "agent/fence.h"
#include "agent/options.h"

struct managers {
    const struct agent_list *urls; /* at least one */
    size_t current;                /* answered last */
    struct client *client;
    struct fence *fence; /* told when every manager refuses the connection */
};

const char *managers_current(const struct managers *managers);
/* Sends `request` (method, path, bearer, body, timeout_ms of one attempt). 0: one has answered;
 * *body is the caller's in any case. Each attempt is cut short so that all are asked before the
 * fence is due. */
int managers_ask(struct managers *managers, struct client_request *request, int *status,
                 struct buffer *body, struct failure *failure) MUST_CHECK;
