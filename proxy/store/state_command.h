/* State command: `berthd state backup|restore --state DIR FILE`. */
#pragma once

/* argv[0] is "state". Prints; returns the exit status: 0, 1 failed, 2 usage. */
int state_command(int argc, char *const *argv);
