/* Gates: nodes whose agent stands before their engine. The manager has an authority of its own for
 * them (not the one of `berthd cert`): it signs each node's key at join, pinned to the engine's id,
 * has a certificate itself that gates know the manager by, and a key to sign verdicts with. All of
 * it lives in DIR/gates of --state. */
#pragma once

#include "proxy/admin/join_request.h"
#include "proxy/cluster/nodes.h"

#define GATE_MANAGER_URI   "berth://manager" /* in the manager's certificate, in no other */
#define GATE_DIALS         "dial" /* as the gate's address: it opens the connections (admin/tunnel.c) */
#define GATE_CERTIFICATE_S (24 * 3600) /* an agent renews at two thirds of it */

struct gates;

/* Reads what is in `state`, or makes it. INVALID names the file. */
struct gates *gates_open(const char *state, struct failure *failure) MUST_CHECK;
void gates_free(struct gates **gates);

/* The authority's pin (authority_pin), in the arena: join tokens carry it. */
struct slice gates_pin(const struct gates *gates, struct arena *arena);

/* A join with a gate: signs the agent's key, fills options' endpoint, tls and signer, and adds
 * "certificate", "ca", "verdict_key", "gate_node" and "certificate_s" to `answer`. INVALID: no
 * address, or no fit request to sign. */
int gates_admit(struct gates *gates, struct arena *arena, const struct join_request *request,
                struct slice peer_address, struct node_options *options, struct value *answer,
                struct failure *failure) MUST_CHECK;

/* The DNS name in a node's certificate: the engine's id in lower case with '-' for ':', in the
 * arena. */
struct slice gate_node_name(struct arena *arena, struct slice engine_id);
