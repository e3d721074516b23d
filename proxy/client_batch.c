/* Client batch: many small requests at once over libcurl's multi handle. Declared in client.h. */
#include "proxy/client.h"

#include "proxy/client_inside.h"

#include <time.h>

#define CHUNK 256 /* handles that exist at once */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t drop_bytes(char *bytes, size_t size, size_t count, void *context)
{
    return size * count;
}

static CURL *make(struct client *client, const char *base, struct client_post *post)
{
    struct client_request request = {.method = "POST", .base = base, .path = post->path};
    CURL *curl = curl_easy_init();

    must(curl != NULL);
    post->status = -1;
    client_prepare(client, curl, &request);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_bytes);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, post);
    return curl;
}

static void take_answers(CURLM *multi)
{
    CURLMsg *message;
    int queued;

    while ((message = curl_multi_info_read(multi, &queued)) != NULL) {
        char *private = NULL;
        long code = 0;

        if (message->msg != CURLMSG_DONE || message->data.result != CURLE_OK)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &code);
        ((struct client_post *)(void *)private)->status = (int)code;
    }
}

static void run(CURLM *multi, int64_t deadline_ms)
{
    int running = 1;

    while (running) {
        int64_t left = deadline_ms - now_ms();

        must(curl_multi_perform(multi, &running) == CURLM_OK);
        take_answers(multi);
        if (left <= 0)
            return;
        if (running)
            curl_multi_poll(multi, NULL, 0, left < 1000 ? (int)left : 1000, NULL);
    }
}

static void post_chunk(struct client *client, const char *base, struct client_post *posts,
                       size_t count, int64_t deadline_ms)
{
    CURLM *multi = curl_multi_init();
    CURL *handles[CHUNK];

    must(multi != NULL);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CLIENT_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        handles[i] = make(client, base, &posts[i]);
        curl_multi_add_handle(multi, handles[i]);
    }
    run(multi, deadline_ms);
    for (size_t i = 0; i < count; i++) {
        curl_multi_remove_handle(multi, handles[i]);
        curl_easy_cleanup(handles[i]);
    }
    curl_multi_cleanup(multi);
}

void client_post_all(struct client *client, const char *base, struct client_post *posts,
                     size_t count, int64_t limit_ms)
{
    int64_t deadline_ms = now_ms() + limit_ms;

    for (size_t i = 0; i < count; i++)
        posts[i].status = -1;
    for (size_t at = 0; at < count && now_ms() < deadline_ms; at += CHUNK)
        post_chunk(client, base, posts + at, count - at < CHUNK ? count - at : CHUNK, deadline_ms);
}
