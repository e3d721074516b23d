/* Cert command: `berthd cert create|server|client|node|revoke|list`: certificates without a manual.
 */
#pragma once

/* argv[0] is "cert". Prints; returns the exit status: 0, 1 refused, 2 usage. */
int cert_command(int argc, char *const *argv);
