/* Transport: which TLS the settings ask for: towards clients, towards engines; and whether an
 * address may be listened on without any. */
#pragma once

#include "proxy/net/tls.h"
#include "proxy/settings.h"

struct transport;

/* Reads the certificate files of the server side. INVALID names the flag. `settings` is borrowed.
 */
struct transport *transport_new(const struct settings *settings,
                                struct failure *failure) MUST_CHECK;
void transport_free(struct transport **transport);
/* Reads all files again, for new connections; those whose files are bad keep the old ones. */
int transport_reload(struct transport *transport, struct failure *failure) MUST_CHECK;

/* What clients of `endpoint` are served with: *tls is NULL for unix sockets and for plain TCP,
 * which beyond loopback must have been asked for (--insecure-tcp), else INVALID. */
int transport_listen(const struct transport *transport, const struct endpoint *endpoint,
                     struct tls_context **tls, struct failure *failure) MUST_CHECK;
/* What an engine is spoken to with: TLS for https:// and, with --node-tls, tcp://. One context a
 * host, since the engine must prove to be that host. `transport` is a void pointer for
 * cluster_options.tls_of. */
int transport_node(const struct endpoint *endpoint, struct tls_context **tls, void *transport,
                   struct failure *failure) MUST_CHECK;
