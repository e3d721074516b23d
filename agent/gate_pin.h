/* Gate pin: a single-use token ends in the hash of the CA that signs for gates; by it a joining
 * agent knows that it speaks to the manager and not to somebody between. */
#pragma once

#include "policy/base/failure.h"

/* "berth-ID-SECRET.PIN": cuts the pin off `token` (in place) and gives it, or NULL when there is
 * none. */
char *gate_pin_cut(char *token);
/* The PEM certificate `ca` has the key that `pin` names; `pin` NULL: any. DENIED when not. */
int gate_pin_check(const char *pin, struct slice ca, struct failure *failure) MUST_CHECK;
