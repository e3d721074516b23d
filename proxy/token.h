/* Token: secrets that peers show: read from files, made, hashed, compared in constant time. */
#pragma once

#include "policy/base/failure.h"

#define TOKEN_MAX_BYTES 512
#define TOKEN_HEX_BYTES 64 /* token_make's and token_hash's text, without the NUL */

/* The first line of `file` without spaces around it; `file` NULL or "" takes `text` (from the
 * environment; NULL: none). Heap, free() it; NULL with failure kind NONE when there is neither.
 * INVALID: unreadable, empty, longer than TOKEN_MAX_BYTES, control bytes. The token itself is in no message. */
char *token_load(const char *file, const char *text, struct failure *failure) MUST_CHECK;
/* 256 random bits as hex. -1 with INTERNAL when the system gives none. */
int token_make(char hex[TOKEN_HEX_BYTES + 1], struct failure *failure) MUST_CHECK;
/* SHA-256 as hex: what is kept instead of a token. */
void token_hash(struct slice token, char hex[TOKEN_HEX_BYTES + 1]);
/* In time that does not depend on where they differ, nor on their lengths. */
bool token_equal(struct slice a, struct slice b);
/* The token in "Bearer TOKEN", or SLICE_NONE. */
struct slice token_of_header(struct slice authorization);
