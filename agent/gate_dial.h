/* Gate dial: for a node that managers can't reach: the gate opens the connections itself and keeps
 * some idle ones ready. Each is a POST /_berth/v1/tunnel to the manager, upgraded; from then on the
 * manager asks and the gate answers on it as on an accepted one. */
#pragma once

#include "proxy/http/exchange.h"

struct gate_dial;

struct gate_dial_settings {
    const char *manager;                        /* http://HOST:PORT or https://… */
    const char *node;                           /* name */
    const char *lease;                          /* secret of the last join */
    const char *ca_file, *cert_file, *key_file; /* https; NULL: system CAs, no certificate */
};

struct gate_dial *gate_dial_new(struct loop *loop, struct front *front);
void gate_dial_free(struct gate_dial **dial);
/* Copied. Called again after each join: connections that are open stay. INVALID: no address, no CA.
 */
int gate_dial_set(struct gate_dial *dial, const struct gate_dial_settings *settings,
                  struct failure *failure) MUST_CHECK;
/* A request came in / was answered on one of the connections: how many are to be kept follows from
 * it. */
void gate_dial_busy(struct gate_dial *dial, int change);
