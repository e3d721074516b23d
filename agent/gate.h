/* Gate: the agent's second process: the engine's API over mutual TLS, for the manager alone. It
 * speaks to the local socket, so that the engine needs no port of its own. Each request must come
 * on a connection whose certificate is the manager's, with a verdict (proxy/cert/verdict.h) for
 * just this request, used once. Creates of callers who may not bind host paths freely are looked at
 * once more here, where links can be seen.
 *
 * A process of its own: it shares nothing with the part that joins and fences but the files in
 * --state. */
#pragma once

#include "policy/base/failure.h"

struct gate_options {
    const char *listen; /* tcp://ADDRESS:PORT */
    const char *engine; /* unix:///PATH or tcp://HOST:PORT */
    const char *state;  /* directory with gate.pem gate-key.pem gate-ca.pem gate.json */
};

/* Runs the gate until SIGTERM; SIGHUP reads the certificate anew. Exit status. The parent's death
 * ends it. */
int gate_run(const struct gate_options *options);
