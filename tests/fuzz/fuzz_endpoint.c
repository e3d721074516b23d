/* Endpoint texts: what passes has an address or a host, and a text within its bounds. */
#include "proxy/net/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct endpoint endpoint;
    struct failure failure;
    uint16_t default_port = size % 2 ? 2375 : 0;
    if (endpoint_split(&endpoint, slice_make((const char *)data, size), default_port, &failure))
        must(failure.kind == FAILURE_INVALID && failure.text[0]);
    else if (endpoint.kind == ENDPOINT_TCP)
        must(endpoint.host[0] && strlen(endpoint.text) == size);
    else if (endpoint.kind == ENDPOINT_UNIX)
        must(endpoint.address_length > sizeof(sa_family_t));
    else
        must(endpoint.fd >= 3);
    return 0;
}
