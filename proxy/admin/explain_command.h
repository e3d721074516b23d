/* Explain command: `berthd explain`: what would be decided about a create, step by step, asked of a
 * running berthd. */
#pragma once

/* argv[0] is "explain". The exit status: 0 it would be placed, 3 it would not, 1 and 2 as usual. */
int explain_command(int argc, char *const *argv);
