/* Transport: contexts made from settings, one for the listeners and one for each engine's host. */
#include "proxy/transport.h"

#include "policy/base/table.h"

#include <stdlib.h>

struct transport {
    const struct settings *settings;
    struct tls_context *server; /* NULL: no TLS asked for */
    struct table *nodes;        /* host -> struct tls_context */
};

static const char *optional(const char *text)
{
    return *text ? text : NULL;
}

static int check_flags(const struct settings *settings, struct failure *failure)
{
    bool files = *settings->tlscacert || *settings->tlscert || *settings->tlskey;
    bool tls = settings->tls || settings->tlsverify;
    if (files && !tls && !*settings->node_tlscert && !settings->node_tls)
        return failure_set(
            failure, FAILURE_INVALID,
            "--tlscacert, --tlscert and --tlskey need --tlsverify (clients must have "
            "a certificate) or --tls");
    if (tls && (!*settings->tlscert || !*settings->tlskey))
        return failure_set(failure, FAILURE_INVALID,
                           "--tls needs --tlscert and --tlskey; `berthd cert create` makes them");
    if (settings->tlsverify && !*settings->tlscacert)
        return failure_set(failure, FAILURE_INVALID,
                           "--tlsverify needs --tlscacert, the CA of the clients");
    if (*settings->tlscrl && !*settings->tlscacert)
        return failure_set(failure, FAILURE_INVALID, "--tlscrl needs --tlscacert");
    return 0;
}

static struct tls_context *make_server(const struct settings *settings, struct failure *failure)
{
    struct tls_settings wish = {
        .server = true,
        .verify = settings->tlsverify    ? TLS_VERIFY_REQUIRED
                  : *settings->tlscacert ? TLS_VERIFY_OPTIONAL
                                         : TLS_VERIFY_NONE,
        .ca_file = optional(settings->tlscacert),
        .certificate_file = optional(settings->tlscert),
        .key_file = optional(settings->tlskey),
        .crl_file = optional(settings->tlscrl),
    };
    return tls_context_new(&wish, failure);
}

struct transport *transport_new(const struct settings *settings, struct failure *failure)
{
    if (check_flags(settings, failure))
        return NULL;
    struct transport *transport = xcalloc(1, sizeof *transport);
    transport->settings = settings;
    transport->nodes = table_new();
    if (settings->tls || settings->tlsverify) {
        transport->server = make_server(settings, failure);
        if (!transport->server)
            transport_free(&transport);
    }
    return transport;
}

void transport_free(struct transport **transport_pointer)
{
    struct transport *transport = *transport_pointer;
    if (!transport)
        return;
    *transport_pointer = NULL;
    size_t cursor = 0;
    struct slice host;
    void *context;
    while (table_each(transport->nodes, &cursor, &host, &context)) {
        struct tls_context *node = context;
        tls_context_free(&node);
    }
    table_free(&transport->nodes);
    tls_context_free(&transport->server);
    free(transport);
}

int transport_reload(struct transport *transport, struct failure *failure)
{
    int result = 0;
    size_t cursor = 0;
    struct slice host;
    void *context;
    if (transport->server && tls_context_reload(transport->server, failure))
        result = -1;
    while (table_each(transport->nodes, &cursor, &host, &context)) {
        if (tls_context_reload(context, failure))
            result = failure_prefix(failure, "node at " SLICE_FMT, SLICE_ARG(host));
    }
    return result;
}

int transport_listen(const struct transport *transport, const struct endpoint *endpoint,
                     struct tls_context **tls, struct failure *failure)
{
    *tls = endpoint->address.ss_family != AF_UNIX ? transport->server : NULL;
    if (endpoint->wants_tls && !*tls)
        return failure_set(failure, FAILURE_INVALID, "https:// needs --tls or --tlsverify");
    if (*tls || endpoint_is_local(endpoint) || transport->settings->insecure_tcp)
        return 0;
    return failure_set(failure, FAILURE_INVALID,
                       "would serve the Docker API, which is root on every node, unencrypted to "
                       "other machines: use --tlsverify (`berthd cert create` makes the "
                       "certificates), or --insecure-tcp where the network is trusted");
}

static struct tls_context *make_node(const struct settings *settings,
                                     const struct endpoint *endpoint, struct failure *failure)
{
    const char *ca = *settings->node_tlscacert ? settings->node_tlscacert : settings->tlscacert;
    const char *certificate = *settings->node_tlscert ? settings->node_tlscert : settings->tlscert;
    const char *key = *settings->node_tlscert ? settings->node_tlskey : settings->tlskey;
    if (!*ca) {
        failure_set(failure, FAILURE_INVALID,
                    "an engine over TLS needs --node-tlscacert (or --tlscacert), the CA of its "
                    "certificate");
        return NULL;
    }
    struct tls_settings wish = {
        .verify = TLS_VERIFY_REQUIRED,
        .ca_file = ca,
        .certificate_file = optional(certificate),
        .key_file = optional(key),
        .name = endpoint->host,
    };
    return tls_context_new(&wish, failure);
}

int transport_node(const struct endpoint *endpoint, struct tls_context **tls, void *context,
                   struct failure *failure)
{
    struct transport *transport = context;
    bool wanted = endpoint->wants_tls || transport->settings->node_tls;
    *tls = NULL;
    if (endpoint->kind != ENDPOINT_TCP || !wanted)
        return 0;
    struct slice host = slice_of(endpoint->host);
    *tls = table_find(transport->nodes, host);
    if (!*tls) {
        *tls = make_node(transport->settings, endpoint, failure);
        if (!*tls)
            return -1;
        table_put(transport->nodes, host, *tls);
    }
    return 0;
}
