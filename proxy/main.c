/* Main: berthd: reads the settings, wires the parts together in order, runs the loop, and takes
 * everything down in reverse. */
#include "policy/base/table.h"
#include "proxy/admin/explain_command.h"
#include "proxy/admin/token_command.h"
#include "proxy/berthd.h"
#include "proxy/cert/cert_command.h"
#include "proxy/cluster/nodes.h"
#include "proxy/http/exchange.h"
#include "proxy/log.h"
#include "proxy/metrics.h"
#include "proxy/store/state_command.h"
#include "proxy/token.h"
#include "proxy/transport.h"
#include "proxy/version.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define DEFAULT_HOST "unix:///run/berth.sock"
#define EXIT_USAGE   2

/* ---- signals ---- */

static void on_drained(void *context)
{
    struct berthd *berthd = context;
    loop_stop(berthd->loop);
}

static void on_terminate(void *context)
{
    struct berthd *berthd = context;
    if (berthd->draining) {
        log_say(LOG_LEVEL_WARNING, "second signal: stopping at once");
        loop_stop(berthd->loop);
        return;
    }
    berthd->draining = true;
    log_info("draining", "connections=%zu deadline_ms=%lld", front_connections(berthd->front),
             (long long)berthd->settings.drain_timeout_ms);
    front_drain(berthd->front, (uint64_t)berthd->settings.drain_timeout_ms, on_drained, berthd);
}

/* Takes the join token anew; without one (and none needed) agents can't join. */
static int load_token(const struct settings *settings, char **token, struct failure *failure)
{
    failure_clear(failure);
    *token = token_load(settings->token_file, getenv("BERTH_TOKEN"), failure);
    return *token || failure->kind == FAILURE_NONE ? 0 : -1;
}

static void reload_token(struct berthd *berthd)
{
    struct failure failure;
    char *token = NULL;
    if (load_token(&berthd->settings, &token, &failure) != 0 ||
        admin_set_token(berthd->admin, token, &failure) != 0)
        log_error("join token not reloaded, the old one stays", "why=\"%s\"", failure.text);
    free(token);
}

static void apply_log_level(struct berthd *berthd)
{
    enum log_level level;
    if (log_level_parse(&level, berthd->settings.log_level) == 0)
        log_set_level(level);
}

static void on_hangup(void *context)
{
    struct berthd *berthd = context;
    struct failure failure;
    if (settings_reload(&berthd->settings, berthd->argc, berthd->argv, getenv, &failure) != 0) {
        log_error("reload refused, the old settings stay", "why=\"%s\"", failure.text);
        return;
    }
    apply_log_level(berthd);
    reload_token(berthd);
    reload_access(berthd);
    reload_policy(berthd);
    if (transport_reload(berthd->transport, &failure) != 0)
        log_error("certificates not reloaded, the old ones stay", "why=\"%s\"", failure.text);
    metrics.reloads_total++;
    log_say(LOG_LEVEL_INFO, "settings reloaded");
}

/* ---- parts, in the order they are made ---- */

static int check_settings(const struct settings *settings, struct failure *failure)
{
    enum log_level level;
    uint64_t nodes = 0;
    if (log_level_parse(&level, settings->log_level) != 0)
        return failure_set(failure, FAILURE_INVALID,
                           "--log-level: \"%s\" is none of error, warning, info, debug",
                           settings->log_level);
    if (strcmp(settings->api_version, "min") != 0 && strcmp(settings->api_version, "max") != 0 &&
        api_version_parse(slice_of(settings->api_version)) <= 0)
        return failure_set(failure, FAILURE_INVALID,
                           "--api-version: \"%s\" is none of min, max, or a version such as 1.41",
                           settings->api_version);
    if (strcmp(settings->strategy, "binpack") != 0 && strcmp(settings->strategy, "spread") != 0 &&
        strcmp(settings->strategy, "random") != 0)
        return failure_set(failure, FAILURE_INVALID,
                           "--strategy: \"%s\" is none of binpack, spread, random",
                           settings->strategy);
    if (strcmp(settings->pull_policy, "all") != 0 && strcmp(settings->pull_policy, "one") != 0 &&
        (slice_to_u64(slice_of(settings->pull_policy), &nodes) != 0 || nodes == 0))
        return failure_set(failure, FAILURE_INVALID,
                           "--pull-policy: \"%s\" is none of all, one, or a number of nodes",
                           settings->pull_policy);
    return 0;
}

/* "[NAME=]ADDRESS". */
static int add_node(struct berthd *berthd, const char *text, struct failure *failure)
{
    struct node_options options = {0};
    struct slice address = slice_of(text);
    ptrdiff_t equals = slice_find(address, '=');
    if (equals > 0) {
        options.name = slice_cut(address, 0, (size_t)equals);
        address = slice_from(address, (size_t)equals + 1);
    }
    if (endpoint_parse(&options.endpoint, address, 0, failure) != 0 ||
        !cluster_node_add(berthd->cluster, &options, failure))
        return failure_prefix(failure, "--node %s", text);
    return 0;
}

static int make_cluster(struct berthd *berthd, struct failure *failure)
{
    const struct settings *settings = &berthd->settings;
    struct cluster_options options = cluster_default_options();
    options.name = settings->manage_cluster;
    options.strategy = settings->strategy;
    options.placement.overcommit = settings->overcommit;
    options.lease_ms = (uint64_t)settings->lease_ms;
    options.upstream.connect_timeout_ms = (uint64_t)settings->connect_timeout_ms;
    options.tls_of = transport_node;
    options.tls_context = berthd->transport;
    berthd->cluster = cluster_new(berthd->loop, &options);
    if (start_state(berthd, failure) != 0)
        return -1;
    for (size_t i = 0; i < settings->nodes.count; i++) {
        if (add_node(berthd, settings->nodes.list[i], failure) != 0)
            return -1;
    }
    return start_recover(berthd, failure);
}

static void on_finished(struct exchange *exchange, int status, void *context)
{
    const struct request_head *head = exchange_head(exchange);
    guarded_finished(exchange, status, context);
    metrics.requests_failed_total += status >= 500;
    metrics.bytes_out_total += exchange_bytes_out(exchange);
    log_debug("request", "method=" SLICE_FMT " target=\"" SLICE_FMT "\" status=%d bytes=%llu",
              SLICE_ARG(head->method), SLICE_ARG(slice_cut(head->target, 0, 300)), status,
              (unsigned long long)exchange_bytes_out(exchange));
}

static int find_group(const char *name, gid_t *group, struct failure *failure)
{
    *group = (gid_t)-1;
    if (!*name)
        return 0;
    errno = 0;
    struct group *found = getgrnam(name);
    if (!found)
        return failure_set(failure, FAILURE_INVALID, "--group: there is no group \"%s\"", name);
    *group = found->gr_gid;
    return 0;
}

static int listen_on(struct berthd *berthd, const char *text, gid_t group, struct failure *failure)
{
    struct endpoint endpoint;
    struct listener_options options = {
        .max_streams = (size_t)berthd->settings.max_connections,
        .unix_mode = 0660,
        .unix_group = group,
    };
    if (endpoint_parse(&endpoint, slice_of(text), 0, failure) != 0 ||
        transport_listen(berthd->transport, &endpoint, &options.tls, failure) != 0 ||
        front_listen(berthd->front, &endpoint, &options, failure) != 0)
        return failure_prefix(failure, "-H %s", text);
    log_info("listening", "address=%s tls=%s", text, options.tls ? "yes" : "no");
    return 0;
}

/* Can another machine reach one of the addresses? */
static bool listens_openly(const struct settings *settings)
{
    for (size_t i = 0; i < settings->hosts.count; i++) {
        struct endpoint endpoint;
        struct failure failure;
        if (endpoint_parse(&endpoint, slice_of(settings->hosts.list[i]), 0, &failure) == 0 &&
            !endpoint_is_local(&endpoint))
            return true;
    }
    return false;
}

static int make_admin(struct berthd *berthd, struct failure *failure)
{
    char *token;
    if (load_token(&berthd->settings, &token, failure) != 0)
        return failure_prefix(failure, "--token-file");
    struct admin_options options = {
        .cluster = berthd->cluster,
        .recover = berthd->recover,
        .token = token,
        .open = listens_openly(&berthd->settings),
        .state = berthd->settings.state,
        .policy = berthd->policy,
        .may = guarded_admin_may,
        .may_context = &berthd->gate,
        .fence_within_ms =
            berthd->settings.fence ? (uint64_t)berthd->settings.grace_ms : 0,
    };
    berthd->admin = admin_new(&options, failure);
    free(token);
    return berthd->admin ? 0 : -1;
}

static int make_front(struct berthd *berthd, struct failure *failure)
{
    const struct settings *settings = &berthd->settings;
    struct docker_options options = {
        .loop = berthd->loop,
        .cluster = berthd->cluster,
        .recover = berthd->recover,
        .settings = settings,
        .on_admin = admin_serve,
        .admin_context = berthd->admin,
        .may = guarded_may,
        .may_context = &berthd->gate,
    };
    berthd->docker = docker_new(&options);
    struct front_settings front = {
        .head_timeout_ms = 30000,
        .idle_timeout_ms = 180000,
        .linger_ms = 5000,
        .server = "berth/" BERTH_VERSION " (linux)",
        .add_headers = docker_add_headers,
        .on_finished = on_finished,
        .context = berthd->docker,
    };
    berthd->front = front_new(berthd->loop, &front, docker_serve, berthd->docker);
    gid_t group;
    if (find_group(settings->group, &group, failure) != 0)
        return -1;
    for (size_t i = 0; i < settings->hosts.count; i++) {
        if (listen_on(berthd, settings->hosts.list[i], group, failure) != 0)
            return -1;
    }
    return settings->hosts.count ? 0 : listen_on(berthd, DEFAULT_HOST, group, failure);
}

static void take_down(struct berthd *berthd)
{
    if (berthd->front)
        front_free(&berthd->front);
    if (berthd->docker)
        docker_free(&berthd->docker);
    admin_free(&berthd->admin);
    stop_access(berthd);
    stop_recover(berthd);
    stop_policy(berthd);
    if (berthd->cluster)
        cluster_free(&berthd->cluster);
    stop_state(berthd);
    transport_free(&berthd->transport);
    loop_free(&berthd->loop);
    settings_deinit(&berthd->settings);
}

static void seed_tables(void)
{
    uint64_t keys[2];
    must(getrandom(keys, sizeof(keys), 0) == (ssize_t)sizeof(keys));
    table_seed(keys[0], keys[1]);
}

static int run(struct berthd *berthd)
{
    struct failure failure;
    int status = EXIT_SUCCESS;
    seed_tables();
    signal(SIGPIPE, SIG_IGN);
    apply_log_level(berthd);
    berthd->loop = loop_new();
    berthd->transport = transport_new(&berthd->settings, &failure);
    if (!berthd->transport || make_cluster(berthd, &failure) != 0 ||
        start_policy(berthd, &failure) != 0 || start_access(berthd, &failure) != 0 ||
        watch_policy(berthd, &failure) != 0 ||
        make_admin(berthd, &failure) != 0 || make_front(berthd, &failure) != 0) {
        fprintf(stderr, "berthd: %s\n", failure.text);
        status = EXIT_FAILURE;
    } else {
        loop_on_signal(berthd->loop, SIGTERM, on_terminate, berthd);
        loop_on_signal(berthd->loop, SIGINT, on_terminate, berthd);
        loop_on_signal(berthd->loop, SIGHUP, on_hangup, berthd);
        log_info("serving", "cluster=%s nodes=%zu version=" BERTH_VERSION,
                 berthd->settings.manage_cluster, cluster_node_count(berthd->cluster));
        loop_run(berthd->loop);
        log_say(LOG_LEVEL_INFO, "stopped");
    }
    take_down(berthd);
    return status;
}

/* --help, --version, --settings-page: true when one was asked for and printed. */
static bool print_pages(const struct settings *settings)
{
    struct buffer out;
    buffer_init(&out, 1u << 20);
    if (settings->help)
        settings_help(&out);
    else if (settings->version)
        buffer_text(&out, "berthd " BERTH_VERSION "\n");
    else if (settings->print_docs)
        settings_page(&out);
    if (out.length)
        fwrite(out.at, 1, out.length, stdout);
    bool printed = out.length > 0;
    buffer_deinit(&out);
    return printed;
}

int main(int argc, char **argv)
{
    struct berthd berthd = {.argc = argc, .argv = argv};
    struct failure failure;
    if (argc > 1 && strcmp(argv[1], "token") == 0)
        return token_command(argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "explain") == 0 || strcmp(argv[1], "--explain") == 0))
        return explain_command(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "state") == 0)
        return state_command(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "cert") == 0)
        return cert_command(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "learn") == 0)
        return run_learn(argc, argv);
    if (settings_load(&berthd.settings, argc, argv, getenv, &failure) != 0) {
        fprintf(stderr, "berthd: %s\n", failure.text);
        return EXIT_USAGE;
    }
    if (print_pages(&berthd.settings)) {
        settings_deinit(&berthd.settings);
        return EXIT_SUCCESS;
    }
    if (check_settings(&berthd.settings, &failure) != 0) {
        fprintf(stderr, "berthd: %s\n", failure.text);
        settings_deinit(&berthd.settings);
        return EXIT_USAGE;
    }
    return berthd.settings.check[0] ? run_check(&berthd) : run(&berthd);
}
