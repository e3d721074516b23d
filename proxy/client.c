/* Client: libcurl's easy handle, kept for its connections. */
#include "proxy/client_inside.h"

#include <errno.h>
#include <stdlib.h>

struct client {
    CURL *curl;
    struct client_settings settings;
    bool refused;
};

struct client *client_new(const struct client_settings *settings)
{
    struct client *client = xcalloc(1, sizeof(*client));

    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    client->settings = *settings;
    client->curl = curl_easy_init();
    must(client->curl != NULL);
    return client;
}

void client_free(struct client **client)
{
    if (!*client)
        return;
    curl_easy_cleanup((*client)->curl);
    curl_global_cleanup();
    free(*client);
    *client = NULL;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *body = context;

    return buffer_append(body, bytes, size * count) == 0 ? size * count : 0;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct client *client = context;

    return client->settings.stopped && client->settings.stopped();
}

/* Sets where to: engines are named tcp:// and unix:// by Docker's custom. */
static void set_address(CURL *curl, const struct client_request *request)
{
    struct slice base = slice_of(request->base);
    const char *path = request->path;
    char *url;

    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, NULL);
    if (slice_starts(base, "unix://")) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, base.at + 7);
        url = xprintf("http://localhost%s", path);
    } else if (slice_starts(base, "tcp://")) {
        url = xprintf("http://%s%s", base.at + 6, path);
    } else {
        url = xprintf("%s%s", base.at, path);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url); /* copied */
    free(url);
}

static struct curl_slist *make_headers(const struct client_request *request)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    char *line;

    if (request->body.at)
        headers = curl_slist_append(headers, "Content-Type: application/json");
    if (request->bearer) {
        line = xprintf("Authorization: Bearer %s", request->bearer);
        headers = curl_slist_append(headers, line);
        free(line);
    }
    must(headers != NULL);
    return headers;
}

static void set_security(CURL *curl, const struct client_settings *settings)
{
    /* Redirects and proxies would carry the token elsewhere. */
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (settings->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_file);
    if (settings->cert_file)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, settings->cert_file);
    if (settings->key_file)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, settings->key_file);
}

static long os_error(CURL *curl)
{
    long number = 0;

    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    return number;
}

bool client_refused(const struct client *client)
{
    return client->refused;
}

void client_prepare(struct client *client, CURL *curl, const struct client_request *request)
{
    set_address(curl, request);
    set_security(curl, &client->settings);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

int client_send(struct client *client, const struct client_request *request, int *status,
                struct buffer *body, struct failure *failure)
{
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = make_headers(request);
    CURL *curl = client->curl;
    long code = 0;
    CURLcode result;

    buffer_init(body, request->max_answer);
    curl_easy_reset(curl); /* keeps connections */
    client_prepare(client, curl, request);
    if (request->body.at) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->body.length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.at);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    result = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    client->refused = result == CURLE_COULDNT_CONNECT && os_error(curl) == ECONNREFUSED;
    if (result != CURLE_OK)
        return failure_set(failure, FAILURE_UNREACHABLE, "%s: %s", request->base,
                           body->overflow ? "the answer is too long"
                           : error[0]     ? error
                                          : curl_easy_strerror(result));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    *status = (int)code;
    return 0;
}
