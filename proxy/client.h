/* Client: one HTTP request after another over libcurl: agents to managers and engines, `berthd token`
 * to a running berthd. Blocks
 * at most for the deadline. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

struct client;

struct client_settings {
    bool (*stopped)(void); /* asked while waiting: true ends the request at once; may be NULL */
    const char *ca_file, *cert_file, *key_file; /* NULL: system CAs, no certificate; borrowed */
};

struct client_request {
    const char *method;
    const char *base;    /* "http://host:port", "tcp://host:port" or "unix:///path" */
    const char *path;    /* "/info" */
    const char *bearer;  /* token, or NULL */
    struct slice body;   /* sent as application/json when .at != NULL */
    long timeout_ms;     /* of the whole */
    size_t max_answer;   /* bytes of body taken; more is a failure */
};

struct client *client_new(const struct client_settings *settings);
void client_free(struct client **client);
/* 0: an answer came; *status and *body (the caller deinits it in every case) are set. -1 with
 * UNREACHABLE and the reason. */
int client_send(struct client *client, const struct client_request *request, int *status,
                struct buffer *body, struct failure *failure) MUST_CHECK;
/* The last client_send failed because the connection was refused: the machine answers, but nothing
 * listens on that port. */
bool client_refused(const struct client *client);

/* One POST without a body among several. */
struct client_post {
    const char *path;
    int status; /* of the answer; -1: none came in time */
};
/* Sends all of them, CLIENT_AT_ONCE at the same time, and waits at most `limit_ms` for all together. */
#define CLIENT_AT_ONCE 32
void client_post_all(struct client *client, const char *base, struct client_post *posts,
                     size_t count, int64_t limit_ms);
