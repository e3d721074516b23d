/* Gate keeper: the agent's half of the gate: its key and request, the files that a join's answer
 * becomes, and the process that serves them (gate.h): started when the first certificate is there,
 * told of each new one, started again when it dies. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"

struct gate_keeper;

/* Makes a key and a request for it. `state` must exist. Texts are borrowed. */
struct gate_keeper *gate_keeper_new(const char *listen, const char *engine, const char *state,
                                    struct failure *failure) MUST_CHECK;
/* Ends the process. */
void gate_keeper_free(struct gate_keeper **keeper);
/* PEM, for the join. */
struct slice gate_keeper_request(const struct gate_keeper *keeper);
/* What a gate that dials must know; texts are borrowed. */
struct gate_manager {
    const char *url, *node, *lease;
    const char *ca_file, *cert_file, *key_file;
};
/* Takes certificate, ca, verdict_key and gate_node from a join's answer. INVALID: not there, or not
 * to be written. */
int gate_keeper_take(struct gate_keeper *keeper, const struct value *answer,
                     const struct gate_manager *manager, int64_t now_ms,
                     struct failure *failure) MUST_CHECK;
/* When the certificate is to be renewed; INT64_MAX before there is one. Same clock as now_ms. */
int64_t gate_keeper_due_ms(const struct gate_keeper *keeper);
/* Looks after the process; call it every second or so. */
void gate_keeper_tick(struct gate_keeper *keeper);
