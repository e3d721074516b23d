/* Stack: a whole manager in one process: front, docker, cluster, over fake engines. Clients are
 * stream pairs; each request has a connection of its own. */
#pragma once

#include "proxy/docker/docker.h"
#include "tests/unit/cluster/cluster_fixture.h"

#include <stdlib.h>

struct stack {
    struct fixture cluster;
    struct settings settings;
    struct docker *docker;
    struct front *front;
};

struct client {
    struct stream *stream;
    struct buffer sent, got;
    bool ended;
};

void stack_open(struct stack *stack, size_t engines);
void stack_close(struct stack *stack);

/* Sends one request ("Connection: close"); the answer comes in with the loop's turns. */
void client_send(struct stack *stack, struct client *client, const char *method, const char *target,
                 const char *headers, const char *body);
/* Leaves, whatever there is still to come. */
void client_leave(struct client *client);
int client_status(const struct client *client); /* 0: no head yet */
const char *client_body(const struct client *client);

/* Sends and waits for the whole answer; leave the client after. */
void ask(struct stack *stack, struct client *client, const char *method, const char *target,
         const char *body);
/* ask, then compares the status and looks for `text` in the whole answer; leaves. */
void expect_answer(struct stack *stack, const char *method, const char *target, const char *body,
                   int status, const char *text);
