/* Client, inside: what client.c and client_batch.c share. */
#pragma once

#include "proxy/client.h"

#include <curl/curl.h>

/* Method, address and security of a request; nothing of its body or answer. */
void client_prepare(struct client *client, CURL *curl, const struct client_request *request);
