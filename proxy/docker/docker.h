/* Docker: the Docker Engine API as one service over the cluster: takes exchanges from a front,
 * finds the route, asks who may do it, calls the handler. One per process. */
#pragma once

#include "proxy/cluster/cluster.h"
#include "proxy/http/exchange.h"
#include "proxy/settings.h"

struct call_context;
struct recover;
struct docker;

struct docker_options {
    struct loop *loop;
    struct cluster *cluster;
    struct recover *recover; /* for pending containers; NULL: nothing is moved */
    const struct settings *settings;
    /* berth's own API: paths that start with /_berth/. NULL: 404. */
    exchange_fn on_admin;
    void *admin_context;
    /* Who may do what: true lets the call on; false means it was answered (403…). Runs after the
     * route is known and before anything is read or asked. NULL: everybody may do everything. */
    bool (*may)(struct call_context *call, void *context);
    void *may_context;
};

struct docker *docker_new(const struct docker_options *options);
void docker_free(struct docker **docker);
/* info.c's: what many nodes have in common, as JSON text; heap, freed with the docker. */
struct info_cache {
    char *text;
    uint64_t until; /* loop_now() */
};
struct info_cache *docker_info_cache(struct docker *docker);
const struct docker_options *docker_options(const struct docker *docker);
/* exchange_fn for front_new; context is the struct docker. */
void docker_serve(struct exchange *exchange, void *docker);
/* front_settings.add_headers: Api-Version, Docker-Experimental, Ostype, Server. */
void docker_add_headers(struct headers *headers, struct exchange *exchange, void *docker);
/* The version told to clients: settings' min | max | X.Y, capped by what berth speaks. */
int docker_api_version(const struct docker *docker);
