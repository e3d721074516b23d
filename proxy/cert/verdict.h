/* Verdict: the manager's signed word that it has allowed one request, which an agent's gate demands
 * before the engine hears of it. Ed25519 over method, target, node, expiry, a nonce and flags; good
 * for VERDICT_LIFE_MS, once. So whoever can reach the gate, or even has a node certificate, can
 * still do nothing. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#define VERDICT_HEADER    "Berth-Verdict"
#define VERDICT_LIFE_MS   30000
#define VERDICT_SKEW_MS   30000 /* how far the two clocks may be apart */
#define VERDICT_MAX_BYTES 256

struct verdict_key; /* private (signs) or public (checks) */

struct verdict {
    struct slice method, target; /* the request line's */
    struct slice node;           /* engine id */
    int64_t expires_ms;          /* wall clock, ms since 1970 */
    char nonce[33];              /* hex */
    bool strict; /* the caller may not bind host paths freely: the gate looks at links */
};

/* A fresh private key; from PEM; as PEM (heap); NULL with a failure. */
struct verdict_key *verdict_key_new(struct failure *failure) MUST_CHECK;
struct verdict_key *verdict_key_load(struct slice pem, struct failure *failure) MUST_CHECK;
char *verdict_key_pem(const struct verdict_key *key);
void verdict_key_free(struct verdict_key **key);
/* The public half as 64 hex digits, and back. */
void verdict_key_public(const struct verdict_key *key, char hex[65]);
struct verdict_key *verdict_key_from_public(struct slice hex, struct failure *failure) MUST_CHECK;

/* The header's value for this request; expiry and nonce are made here. -1 INTERNAL. */
int verdict_sign(const struct verdict_key *key, const struct verdict *verdict, int64_t now_ms,
                 char text[VERDICT_MAX_BYTES], struct failure *failure) MUST_CHECK;
/* `verdict` comes with method, target and node filled; the rest is read from `text`. DENIED that
 * says what is wrong: no verdict, malformed, expired, from the future, not for this request. Use
 * once: the caller keeps the nonces. */
int verdict_check(const struct verdict_key *key, struct slice text, int64_t now_ms,
                  struct verdict *verdict, struct failure *failure) MUST_CHECK;
