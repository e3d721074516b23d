/* Docker context: writes one that `docker context use NAME` finds, with its certificates. */
#pragma once

#include "policy/base/failure.h"

/* Into `config` (~/.docker). `host`: "tcp://10.0.0.1:2376". `folder` has ca.pem, cert.pem, key.pem.
 * INVALID: a name that docker does not take; CONFLICT: there is one of that name. */
int docker_context_write(const char *config, const char *name, const char *host, const char *folder,
                         struct failure *failure) MUST_CHECK;
