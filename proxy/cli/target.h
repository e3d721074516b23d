/* Target: which daemon the user means: flags, environment, contexts, as the docker client decides
 * it (docker/cli: cli/command/cli.go, cli/context). Reads files below the configuration folder. */
#pragma once

#include "policy/base/memory.h"
#include "policy/base/failure.h"
#include "proxy/cli/options.h"

/* The client's global flags, as given before the command. */
struct globals {
    const char *config;  /* --config */
    const char *context; /* -c, --context */
    struct words hosts;  /* -H, --host */
    const char *log_level;
    bool debug;
    bool tls, tls_verify;
    const char *tls_ca, *tls_cert, *tls_key;
    bool version;
};

struct target {
    struct slice host;        /* tcp://HOST:PORT or unix:///PATH, as given, for messages */
    struct slice url;         /* http://… or https://…, no slash at the end */
    struct slice unix_path;   /* of the socket, or SLICE_NONE */
    struct slice ca, cert, key; /* PEM files, or SLICE_NONE */
    bool tls, skip_verify;
    struct slice *headers;    /* "Name: value" to send on every call (config.json, environment) */
    size_t header_count;
};

typedef char *(*lookup_fn)(const char *name); /* getenv; a table in tests */

/* The table of global flags; targets point into `globals`. The list lives in `arena`. */
struct options globals_options(struct arena *arena, struct globals *globals);

/* Everything in `target` lives in `arena`. Failure INVALID: conflicting flags, a context that does
 * not exist, an address we can't speak (ssh://). */
int target_find(struct target *target, struct arena *arena, const struct globals *globals,
                lookup_fn lookup, struct failure *failure) MUST_CHECK;
