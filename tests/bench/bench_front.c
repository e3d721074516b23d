/* Bench front: the HTTP path alone, every request relayed to one engine: what berthd costs before
 * routes, rules and logs. Usage: bench_front LISTEN-ENDPOINT ENGINE-ENDPOINT */
#include "proxy/http/relay.h"

#include <stdio.h>

static void on_request(struct exchange *exchange, void *context)
{
    struct upstream *upstream = context;
    const struct request_head *head = exchange_head(exchange);
    struct relay_request request = {
        .method = head->method, .target = head->target, .headers = &head->headers, .upgrade = true};
    relay_start(exchange, upstream, &request, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct endpoint here, there;
    struct failure failure;
    if (argc != 3 || endpoint_parse(&here, slice_of(argv[1]), 0, &failure) < 0 ||
        endpoint_parse(&there, slice_of(argv[2]), 0, &failure) < 0) {
        fprintf(stderr, "usage: bench_front LISTEN-ENDPOINT ENGINE-ENDPOINT\n");
        return 2;
    }
    struct loop *loop = loop_new();
    struct upstream_settings upstream_settings = {
        .connect_timeout_ms = 5000, .idle_timeout_ms = 60000, .max_idle = 256};
    struct upstream *upstream = upstream_new(loop, &there, &upstream_settings);
    struct front_settings front_settings = {
        .head_timeout_ms = 30000, .idle_timeout_ms = 180000, .linger_ms = 5000};
    struct front *front = front_new(loop, &front_settings, on_request, upstream);
    struct listener_options options = {.unix_group = (gid_t)-1, .unix_mode = 0660};
    if (front_listen(front, &here, &options, &failure) < 0) {
        fprintf(stderr, "%s\n", failure.text);
        return 1;
    }
    loop_run(loop);
    return 0;
}
