/* Process: the agent's clock and its signals. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds that run on while the machine sleeps, and that steps of the wall clock don't touch.
 */
int64_t process_now_ms(void);
/* Blocks SIGTERM, SIGINT and SIGHUP, ignores SIGPIPE; a signalfd for the three. */
int process_signals_open(void);
/* A signal to end is waiting: for requests under way; whoever reads the signalfd takes it. */
bool process_stop_pending(void);
