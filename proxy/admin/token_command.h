/* Token command: `berthd token create|ls|rm`: asks a running berthd over its admin API. */
#pragma once

/* argv[0] is "token". Prints; returns the exit status: 0, 1 refused or not reachable, 2 usage. */
int token_command(int argc, char *const *argv);
