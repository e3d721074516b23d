/* Client: libcurl's easy interface, with docker's words for what goes wrong. */
#include "proxy/cli/client.h"

#include "policy/base/value.h"
#include "proxy/json.h"

#include <curl/curl.h>

#define ANSWER_MAX_BYTES (256u << 20) /* a list of 300,000 containers */
#define CONNECT_SECONDS  10L

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *answer = context;
    return buffer_append(answer, bytes, size * count) == 0 ? size * count : 0;
}

struct slice client_escape(struct arena *arena, struct slice text)
{
    struct buffer out;

    buffer_init(&out, text.length * 3 + 1);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        (void)(plain ? buffer_char(&out, (char)c) : buffer_printf(&out, "%%%02X", c));
    }
    struct slice escaped = arena_copy(arena, buffer_slice(&out));
    buffer_deinit(&out);
    return escaped;
}

struct slice client_query(struct arena *arena, struct slice path, const char *key,
                          struct slice value)
{
    return arena_printf(arena, SLICE_FMT "%c%s=" SLICE_FMT, SLICE_ARG(path),
                        slice_find(path, '?') < 0 ? '?' : '&', key,
                        SLICE_ARG(client_escape(arena, value)));
}

static void set_transport(CURL *curl, const struct target *target)
{
    if (target->unix_path.length > 0)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, target->unix_path.at);
    if (!target->tls)
        return;
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, target->skip_verify ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, target->skip_verify ? 0L : 2L);
    if (target->ca.length > 0)
        curl_easy_setopt(curl, CURLOPT_CAINFO, target->ca.at);
    if (target->cert.length > 0)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, target->cert.at);
    if (target->key.length > 0)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, target->key.at);
}

static struct curl_slist *set_headers(CURL *curl, const struct target *target, struct slice body)
{
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < target->header_count; i++)
        list = curl_slist_append(list, target->headers[i].at);
    if (body.length > 0) {
        list = curl_slist_append(list, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.length);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    return list;
}

static struct value *refuse(struct arena *arena, long status, struct slice text,
                            struct failure *failure)
{
    struct failure ignored;
    struct value *answer = json_parse(arena, text, &ignored);
    struct slice message = value_get_text(answer, "message");
    enum failure_kind kind = status == 404   ? FAILURE_NOT_FOUND
                             : status == 409 ? FAILURE_CONFLICT
                             : status == 503 ? FAILURE_UNREACHABLE
                             : status >= 500 ? FAILURE_INTERNAL
                                             : FAILURE_INVALID;
    if (message.length == 0)
        message = slice_trim(slice_cut(text, 0, 500));
    (void)failure_set(failure, kind, "Error response from daemon: " SLICE_FMT "%s",
                      SLICE_ARG(message), message.length > 0 ? "" : "(no message)");
    return NULL;
}

static struct value *understand(const struct target *target, struct arena *arena, CURLcode code,
                                long status, struct slice text, struct failure *failure)
{
    if (code == CURLE_WRITE_ERROR) {
        (void)failure_set(failure, FAILURE_TOO_LARGE, "the answer is larger than %u MiB",
                          ANSWER_MAX_BYTES >> 20);
        return NULL;
    }
    if (code != CURLE_OK) {
        (void)failure_set(failure, FAILURE_UNREACHABLE,
                          "Cannot connect to the daemon at " SLICE_FMT ": %s. Is berthd running?",
                          SLICE_ARG(target->host), curl_easy_strerror(code));
        return NULL;
    }
    if (status >= 400)
        return refuse(arena, status, text, failure);
    if (slice_trim(text).length == 0)
        return value_null(arena);
    struct value *answer = json_parse(arena, text, failure);
    if (!answer)
        (void)failure_prefix(failure, "the daemon's answer");
    return answer;
}

struct value *client_call(const struct target *target, struct arena *arena, const char *method,
                          struct slice path, struct slice body, struct failure *failure)
{
    CURL *curl = curl_easy_init();
    struct buffer text;
    long status = 0;

    must(curl != NULL);
    buffer_init(&text, ANSWER_MAX_BYTES);
    curl_easy_setopt(curl, CURLOPT_URL, arena_printf(arena, SLICE_FMT SLICE_FMT,
                                                     SLICE_ARG(target->url), SLICE_ARG(path)).at);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "docker-berth");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    set_transport(curl, target);
    struct curl_slist *headers = set_headers(curl, target, body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    struct value *answer =
        understand(target, arena, code, status, buffer_slice(&text), failure);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    buffer_deinit(&text);
    return answer;
}
