/* Identify: what an exchange's peer has proved: a client certificate, a bearer token, a unix
 * socket's user, or nothing. The strongest proof counts: a shown token before the certificate of
 * the proxy that carries it, both before the socket's user. */
#pragma once

#include "policy/access.h"
#include "proxy/http/exchange.h"

struct identifier;

struct identifier_options {
    const char *token_file; /* "": no tokens */
    bool common_name;       /* a certificate's CN counts as one of its names */
};

/* The token file has one user a line: NAME:SHA256HEX[:GROUP]; # comments. INVALID names the line.
 */
struct identifier *identifier_new(const struct identifier_options *options,
                                  struct failure *failure) MUST_CHECK;
void identifier_free(struct identifier **identifier);
/* Reads the token file again; on failure the old tokens stay. */
int identifier_reload(struct identifier *identifier, struct failure *failure) MUST_CHECK;
/* Fills everything of `identity` but roles and tenant; text lives as long as the exchange.
 * UNIDENTIFIED when a token was shown and is not known: a wrong key must not pass as no key. */
int identify(const struct identifier *identifier, struct exchange *exchange,
             struct identity *identity, struct failure *failure) MUST_CHECK;

/* The file's text into a table; for the fuzz target. Returns the number of tokens, -1 with a
 * failure. */
int identifier_parse(struct slice text, const char *name, struct failure *failure);
