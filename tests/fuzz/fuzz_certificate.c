/* Certificates in DER: the names read from one are plain text within their bounds. */
#include "proxy/net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_peer peer;
    struct failure failure;
    if (tls_peer_parse(&peer, slice_make((const char *)data, size), &failure))
        return 0;
    must(peer.names <= TLS_PEER_NAMES && strlen(peer.spki_sha256) == 64);
    for (size_t i = 0; i < peer.names; i++) {
        must(peer.name[i].text[0]);
        for (const char *at = peer.name[i].text; *at; at++)
            must(*at > ' ' && *at < 127);
    }
    return 0;
}
