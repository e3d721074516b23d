/* Gate: certificate, verdict, nonce, binds, relay: in that order, and the first that is not right
 * ends it. */
#include "agent/gate.h"

#include "agent/gate_binds.h"
#include "agent/gate_dial.h"
#include "policy/base/table.h"
#include "proxy/admin/gates.h"
#include "proxy/cert/cert_store.h"
#include "proxy/cert/verdict.h"
#include "proxy/docker/routes.h"
#include "proxy/http/exchange.h"
#include "proxy/http/relay.h"
#include "proxy/json.h"
#include "proxy/log.h"
#include "proxy/net/tls.h"
#include "proxy/version.h"
#include "proxy/file.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

#define NONCE_MAX  100000
#define CREATE_MAX (8u << 20)
#define DRAIN_MS   10000
#define SWEEP_MS   30000

/* When a nonce may be forgotten. */
struct nonce {
    int64_t until_ms;
};

struct gate {
    const struct gate_options *options;
    struct loop *loop;
    struct tls_context *tls;
    struct verdict_key *key;
    char *node; /* engine id, as verdicts name it */
    struct front *front;
    struct gate_dial *dial; /* NULL: it listens */
    struct upstream *engine;
    struct table *nonces; /* text -> struct nonce */
    struct timer sweep;
};

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- one request ---- */

/* On a connection that we dialled the manager is who we dialled; else its certificate says so. */
static bool is_manager(const struct gate *gate, const struct exchange *exchange)
{
    struct tls_peer peer;
    if (gate->dial)
        return true;
    if (stream_tls_peer(exchange_stream_of(exchange), &peer) != 0)
        return false;
    for (size_t i = 0; i < peer.names; i++) {
        if (peer.name[i].kind == TLS_NAME_URI && strcmp(peer.name[i].text, GATE_MANAGER_URI) == 0)
            return true;
    }
    return false;
}

/* A verdict is good once. */
static int use_nonce(struct gate *gate, const struct verdict *verdict, struct failure *failure)
{
    struct nonce *nonce;
    if (table_find(gate->nonces, slice_of(verdict->nonce)))
        return failure_set(failure, FAILURE_DENIED, "the verdict has been used before");
    if (table_count(gate->nonces) >= NONCE_MAX)
        return failure_set(failure, FAILURE_TOO_MANY, "more than %d requests within a minute",
                           NONCE_MAX);
    nonce = xcalloc(1, sizeof(*nonce));
    nonce->until_ms = verdict->expires_ms + VERDICT_SKEW_MS;
    table_put(gate->nonces, slice_of(verdict->nonce), nonce);
    return 0;
}

static void on_sweep(void *context)
{
    struct gate *gate = context;
    size_t cursor = 0;
    struct slice key;
    void *value;
    int64_t now = wall_ms();
    while (table_each(gate->nonces, &cursor, &key, &value)) {
        struct nonce *nonce = value;
        if (nonce->until_ms >= now)
            continue;
        table_remove(gate->nonces, key);
        free(nonce);
    }
    timer_start(&gate->sweep, SWEEP_MS);
}

static void refuse(struct exchange *exchange, struct failure *failure)
{
    log_warning("request refused", "peer=%s method=" SLICE_FMT " why=\"%s\"",
                stream_peer(exchange_stream_of(exchange)),
                SLICE_ARG(exchange_head(exchange)->method), failure->text);
    failure_prefix(failure, "gate");
    exchange_reply_failure(exchange, failure);
}

static void pass(struct gate *gate, struct exchange *exchange, struct slice body)
{
    const struct request_head *head = exchange_head(exchange);
    struct arena *arena = exchange_arena(exchange);
    struct headers *headers = headers_new(arena);
    headers_copy(headers, &head->headers);
    headers_drop(headers, VERDICT_HEADER);
    struct route_match match;
    bool two_way = routes_match(&match, head->method, head->target, arena, NULL) == ROUTE_FOUND &&
                   (match.route->flags & ROUTE_HIJACK);
    struct relay_request request = {.method = head->method,
                                    .target = head->target,
                                    .headers = headers,
                                    .body = body,
                                    .upgrade = two_way};
    relay_start(exchange, gate->engine, &request, NULL, NULL);
}

static void on_create(struct exchange *exchange, struct slice body, const struct failure *failure,
                      void *context)
{
    struct failure why;
    if (failure) {
        why = *failure;
        refuse(exchange, &why);
        return;
    }
    struct value *value = json_parse(exchange_arena(exchange), body, &why);
    if (!value || gate_check_binds(exchange_arena(exchange), value, &why) != 0)
        refuse(exchange, &why);
    else
        pass(context, exchange, body);
}

/* "/v1.41/containers/create?name=x": the manager writes targets in one way only. */
static bool is_create(const struct request_head *head)
{
    struct slice target = head->target, path;
    slice_next(&target, '?', &path);
    return slice_is(head->method, "POST") && slice_ends(path, "/containers/create");
}

static void on_request(struct exchange *exchange, void *context)
{
    struct gate *gate = context;
    const struct request_head *head = exchange_head(exchange);
    struct verdict verdict = {
        .method = head->method, .target = head->target, .node = slice_of(gate->node)};
    struct failure failure;
    int result = 0;
    exchange_set_data(exchange, gate, NULL);
    if (gate->dial)
        gate_dial_busy(gate->dial, 1);
    if (!is_manager(gate, exchange))
        result = failure_set(&failure, FAILURE_DENIED, "the certificate is not the manager's");
    if (result == 0)
        result = verdict_check(gate->key, headers_find(&head->headers, VERDICT_HEADER), wall_ms(),
                               &verdict, &failure);
    if (result == 0)
        result = use_nonce(gate, &verdict, &failure);
    if (result != 0)
        refuse(exchange, &failure);
    else if (verdict.strict && is_create(head))
        exchange_read_body(exchange, CREATE_MAX, on_create, gate);
    else
        pass(gate, exchange, SLICE_NONE);
}

static void on_finished(struct exchange *exchange, int status, void *context)
{
    struct gate *gate = context;
    if (gate->dial && exchange_data(exchange))
        gate_dial_busy(gate->dial, -1);
}

/* ---- start and end ---- */

static char *path_of(const struct gate *gate, const char *file)
{
    return xprintf("%s/%s", gate->options->state, file);
}

static int open_tls(struct gate *gate, struct failure *failure)
{
    char *ca = path_of(gate, "gate-ca.pem"), *certificate = path_of(gate, "gate.pem");
    char *key = path_of(gate, "gate-key.pem");
    struct tls_settings settings = {.server = true,
                                    .verify = TLS_VERIFY_REQUIRED,
                                    .ca_file = ca,
                                    .certificate_file = certificate,
                                    .key_file = key};
    gate->tls = tls_context_new(&settings, failure);
    free(ca);
    free(certificate);
    free(key);
    return gate->tls ? 0 : -1;
}

static const char *text_or_null(struct arena *arena, const struct value *map, const char *key)
{
    struct slice text = value_get_text(map, key);
    return text.length ? arena_text(arena, text) : NULL;
}

static int set_dial(struct gate *gate, struct arena *arena, const struct value *about,
                    struct failure *failure)
{
    struct gate_dial_settings settings = {.manager = text_or_null(arena, about, "manager"),
                                          .node = text_or_null(arena, about, "name"),
                                          .lease = text_or_null(arena, about, "lease"),
                                          .ca_file = text_or_null(arena, about, "ca_file"),
                                          .cert_file = text_or_null(arena, about, "cert_file"),
                                          .key_file = text_or_null(arena, about, "key_file")};
    if (!settings.manager || !settings.node || !settings.lease)
        return failure_set(failure, FAILURE_INVALID, "no manager to dial");
    return gate_dial_set(gate->dial, &settings, failure);
}

/* Whose word counts; once. */
static int set_verdicts(struct gate *gate, const struct value *about, struct failure *failure)
{
    if (gate->key)
        return 0;
    gate->node = xslicedup(value_get_text(about, "node"));
    gate->key = verdict_key_from_public(value_get_text(about, "verdict_key"), failure);
    return gate->key ? 0 : -1;
}

/* gate.json: who we are, whose word counts, whom to dial: as the manager said at the last join. */
static int read_about(struct gate *gate, struct failure *failure)
{
    char *path = path_of(gate, "gate.json");
    struct arena *arena = arena_new();
    struct buffer text;
    buffer_init(&text, 1u << 16);
    int result = file_read(path, &text, failure);
    const struct value *about =
        result == 0 ? json_parse(arena, buffer_slice(&text), failure) : NULL;
    if (!about || set_verdicts(gate, about, failure) != 0 ||
        (gate->dial && set_dial(gate, arena, about, failure) != 0))
        result = failure_prefix(failure, "%s", path);
    buffer_deinit(&text);
    arena_free(&arena);
    free(path);
    return result;
}

static void on_drained(void *context)
{
    struct gate *gate = context;
    loop_stop(gate->loop);
}

static void on_terminate(void *context)
{
    struct gate *gate = context;
    front_drain(gate->front, DRAIN_MS, on_drained, gate);
}

static void on_hangup(void *context)
{
    struct gate *gate = context;
    struct failure failure;
    if ((gate->tls && tls_context_reload(gate->tls, &failure) != 0) ||
        read_about(gate, &failure) != 0)
        log_error("not reloaded, the old certificate and manager stay", "why=\"%s\"", failure.text);
    else
        log_say(LOG_LEVEL_INFO, "certificate renewed");
}

static int listen_on(struct gate *gate, struct failure *failure)
{
    struct listener_options options = {.max_streams = 10000, .handshake_timeout_ms = 10000};
    struct endpoint listen;
    if (open_tls(gate, failure) != 0 ||
        endpoint_parse(&listen, slice_of(gate->options->listen), 2376, failure) != 0)
        return -1;
    options.tls = gate->tls;
    return front_listen(gate->front, &listen, &options, failure);
}

static int open_front(struct gate *gate, struct failure *failure)
{
    struct front_settings settings = {.head_timeout_ms = 30000,
                                      .idle_timeout_ms = 180000,
                                      .linger_ms = 5000,
                                      .server = "berth-gate/" BERTH_VERSION,
                                      .on_finished = on_finished,
                                      .context = gate};
    struct upstream_settings upstream = {
        .connect_timeout_ms = 5000, .idle_timeout_ms = 60000, .max_idle = 32};
    struct endpoint engine;
    if (endpoint_parse(&engine, slice_of(gate->options->engine), 2375, failure) != 0)
        return -1;
    gate->engine = upstream_new(gate->loop, &engine, &upstream);
    gate->front = front_new(gate->loop, &settings, on_request, gate);
    if (strcmp(gate->options->listen, GATE_DIALS) != 0)
        return listen_on(gate, failure);
    gate->dial = gate_dial_new(gate->loop, gate->front);
    return 0;
}

static void take_down(struct gate *gate)
{
    size_t cursor = 0;
    struct slice key;
    void *value;
    gate_dial_free(&gate->dial);
    if (gate->front)
        front_free(&gate->front);
    if (gate->engine)
        upstream_free(&gate->engine);
    timer_stop(&gate->sweep);
    while (table_each(gate->nonces, &cursor, &key, &value))
        free(value);
    table_free(&gate->nonces);
    tls_context_free(&gate->tls);
    verdict_key_free(&gate->key);
    free(gate->node);
    loop_free(&gate->loop);
}

int gate_run(const struct gate_options *options)
{
    struct gate gate = {.options = options, .loop = loop_new()};
    struct failure failure;
    uint64_t keys[2];
    int status = EXIT_SUCCESS;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    must(getrandom(keys, sizeof(keys), 0) == (ssize_t)sizeof(keys));
    table_seed(keys[0], keys[1]);
    gate.nonces = table_new();
    timer_init(&gate.sweep, gate.loop, on_sweep, &gate);
    if (open_front(&gate, &failure) != 0 || read_about(&gate, &failure) != 0) {
        log_error("the gate can't open", "why=\"%s\"", failure.text);
        status = EXIT_FAILURE;
    } else {
        timer_start(&gate.sweep, SWEEP_MS);
        loop_on_signal(gate.loop, SIGTERM, on_terminate, &gate);
        loop_on_signal(gate.loop, SIGINT, on_terminate, &gate);
        loop_on_signal(gate.loop, SIGHUP, on_hangup, &gate);
        log_info("gate open", "address=%s engine=%s", options->listen, options->engine);
        loop_run(gate.loop);
    }
    take_down(&gate);
    return status;
}
