/* Agent: joins the node to the cluster, keeps its lease by heartbeats, leaves on SIGTERM. One
 * thread, one wait; every wait has a deadline. */
#pragma once

#include "agent/options.h"

/* Runs until SIGTERM or SIGINT, or until a manager refuses the first join for good. Returns the
 * exit status (options.h, --help). Blocks SIGTERM, SIGINT, SIGHUP in the process. */
int agent_run(const struct agent_options *options);
