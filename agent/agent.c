/* Agent: read the engine, join, renew; when a manager is gone try the next, when a lease is not
 * known join again. */
#include "agent/agent.h"

#include "agent/facts.h"
#include "agent/fence.h"
#include "agent/gate_keeper.h"
#include "agent/gate_pin.h"
#include "agent/managers.h"
#include "agent/messages.h"
#include "agent/process.h"
#include "agent/state.h"
#include "proxy/client.h"
#include "proxy/json.h"
#include "proxy/log.h"
#include "proxy/token.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define RETRY_MS        1000
#define REFUSED_MAX_MS  30000
#define ENGINE_WAIT_MS  5000
#define MANAGER_WAIT_MS 5000
#define LEAVE_WAIT_MS   2000

struct agent {
    const struct agent_options *options;
    struct client *client;
    struct facts *facts;
    struct fence *fence;
    struct gate_keeper *gate; /* NULL: none */
    struct engine_facts engine;
    char *advertise, *token, *key; /* token, key: NULL without */
    char *pin;                     /* of the gates' CA, from the token of the start; NULL: none */
    int signals;                   /* signalfd */
    bool stopping;
    struct managers managers;
    bool was_joined; /* at least once */
    char *lease;     /* NULL: not joined */
    int64_t lease_ms;
    bool said_lost;     /* the log line about managers that do not answer was written */
    bool unheard;       /* the managers were asked, and none took the renewal or join */
    int64_t fenced_ms;  /* when the fence ran last; 0: never */
    int64_t refused_ms; /* wait after the last refusal, doubles; 0: not refused */
    bool refreshing;    /* the next join only tells other facts */
    char *state;        /* what the manager said of the node last; NULL: nothing yet */
};

static void forget_lease(struct agent *agent)
{
    free(agent->lease);
    agent->lease = NULL;
}

static const char *node_name(const struct agent *agent)
{
    return agent->options->name ? agent->options->name : agent->engine.host_name;
}

/* SIGHUP: the token file is read anew and the node joined again with it. */
static void reload(struct agent *agent)
{
    struct failure failure;
    char *token = token_load(agent->options->token_file, getenv("BERTH_JOIN_TOKEN"), &failure);

    if (!token && failure.kind != FAILURE_NONE) {
        log_error("reload failed, the old token stays", "why=\"%s\"", failure.text);
        return;
    }
    (void)gate_pin_cut(token); /* the pin of the start goes on */
    free(agent->token);
    agent->token = token;
    forget_lease(agent);
    log_say(LOG_LEVEL_INFO, "reloaded");
}

static void take_signal(struct agent *agent)
{
    struct signalfd_siginfo info;

    if (read(agent->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        reload(agent);
    else
        agent->stopping = true;
}

/* Waits for `until_ms`, a signal, or other facts (then the node is to be joined anew). */
static void wait_until(struct agent *agent, int64_t until_ms)
{
    for (;;) {
        struct pollfd watched[2] = {{.fd = agent->signals, .events = POLLIN}};
        int64_t now = process_now_ms(), next = until_ms;

        facts_tick(agent->facts, now);
        watched[1] = (struct pollfd){.fd = facts_fd(agent->facts), .events = POLLIN};
        if (facts_next_ms(agent->facts) < next)
            next = facts_next_ms(agent->facts);
        if (now >= until_ms && !process_stop_pending())
            return;
        if (poll(watched, 2, next > now ? (int)(next - now) : 0) < 0 && errno != EINTR)
            return;
        if (watched[0].revents) {
            take_signal(agent);
            return;
        }
        if (watched[1].revents && facts_read(agent->facts) && agent->lease) {
            forget_lease(agent); /* a join with other facts is an update */
            agent->refreshing = true;
            return;
        }
    }
}

/* Asks the engine who it is, until it answers. -1: told to stop. */
static int wait_for_engine(struct agent *agent)
{
    bool said = false;

    while (!agent->stopping) {
        struct client_request request = {.method = "GET",
                                         .base = agent->options->engine,
                                         .path = "/info",
                                         .timeout_ms = ENGINE_WAIT_MS,
                                         .max_answer = 1 << 20};
        struct failure failure = {0};
        struct buffer body;
        int status = 0;
        int result = client_send(agent->client, &request, &status, &body, &failure);

        if (result == 0 && status != 200)
            result = failure_set(&failure, FAILURE_UNREACHABLE, "%s: /info gave status %d",
                                 request.base, status);
        if (result == 0)
            result = engine_facts_read(&agent->engine, buffer_slice(&body), &failure);
        buffer_deinit(&body);
        if (result == 0)
            return 0;
        if (!said && !process_stop_pending())
            log_warning("the engine does not answer, trying on", "why=\"%s\"", failure.text);
        said = true;
        wait_until(agent, process_now_ms() + RETRY_MS);
    }
    return -1;
}

/* One log line for a time without managers, however many attempts. */
static void say_lost(struct agent *agent, const struct failure *failure)
{
    if (!agent->said_lost && !process_stop_pending())
        log_warning("no manager answers, trying on", "why=\"%s\"", failure->text);
    agent->said_lost = true;
}

static void on_joined(struct agent *agent)
{
    log_write(agent->refreshing ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "joined",
              "cluster=%s node=%s manager=%s engine=%s lease_ms=%lld", agent->options->cluster,
              node_name(agent), managers_current(&agent->managers), agent->advertise,
              (long long)agent->lease_ms);
    agent->was_joined = true;
    agent->refreshing = false;
    agent->refused_ms = 0;
    agent->unheard = false;
    agent->said_lost = false;
}

/* What to do with a verdict; the exit status, or -1 to go on. A node that was a member before goes
 * on trying: whoever refuses it now may know better soon (a manager restarted with old settings).
 */
static int act_on(struct agent *agent, enum verdict verdict, const struct failure *why)
{
    static const int statuses[] = {
        [VERDICT_REFUSED] = 1, [VERDICT_TOKEN] = 3, [VERDICT_CLUSTER] = 4, [VERDICT_CLASH] = 5};

    if (verdict == VERDICT_JOINED) {
        on_joined(agent);
        return -1;
    }
    if (verdict == VERDICT_LATER || agent->was_joined) {
        if (!agent->refused_ms)
            log_warning("the manager refuses the join, trying on", "node=%s manager=%s why=\"%s\"",
                        node_name(agent), managers_current(&agent->managers), why->text);
        agent->refused_ms = agent->refused_ms ? agent->refused_ms * 2 : RETRY_MS;
        if (agent->refused_ms > REFUSED_MAX_MS)
            agent->refused_ms = REFUSED_MAX_MS;
        return -1;
    }
    log_error("the manager refuses the join", "node=%s manager=%s why=\"%s\"", node_name(agent),
              managers_current(&agent->managers), why->text);
    return statuses[verdict];
}

/* A join's answer has a fresh certificate for the gate. From a CA that is not the token's nothing
 * is taken, and there is no join. */
static enum verdict take_gate(struct agent *agent, const struct value *answer,
                              struct failure *failure)
{
    if (!agent->gate)
        return VERDICT_JOINED;
    if (gate_pin_check(agent->pin, value_get_text(answer, "ca"), failure) != 0) {
        forget_lease(agent);
        return VERDICT_REFUSED;
    }
    struct gate_manager manager = {.url = managers_current(&agent->managers),
                                   .node = node_name(agent),
                                   .lease = agent->lease,
                                   .ca_file = agent->options->ca_file,
                                   .cert_file = agent->options->cert_file,
                                   .key_file = agent->options->key_file};
    if (gate_keeper_take(agent->gate, answer, &manager, process_now_ms(), failure) != 0)
        log_error("the gate has no certificate", "why=\"%s\"", failure->text);
    return VERDICT_JOINED;
}

static int join(struct agent *agent)
{
    struct arena *arena = arena_new();
    struct client_request request = {.method = "POST",
                                     .path = "/_berth/v1/join",
                                     .bearer = agent->token,
                                     .timeout_ms = MANAGER_WAIT_MS};
    struct failure failure = {0};
    int64_t begun = process_now_ms();
    struct buffer body;
    int status, result = -1;

    request.body = join_body(arena, agent->options, &agent->engine, agent->advertise, agent->key,
                             agent->gate ? gate_keeper_request(agent->gate) : SLICE(""),
                             facts_tags(agent->facts));
    if (managers_ask(&agent->managers, &request, &status, &body, &failure) == 0) {
        enum verdict verdict = join_answer_read(status, buffer_slice(&body), &agent->lease,
                                                &agent->lease_ms, &failure);

        if (verdict == VERDICT_JOINED) {
            fence_safe(agent->fence, begun);
            verdict = take_gate(agent, json_parse(arena, buffer_slice(&body), NULL), &failure);
        }
        agent->unheard = true; /* act_on knows better */
        result = act_on(agent, verdict, &failure);
    } else {
        agent->unheard = true;
        say_lost(agent, &failure);
    }
    buffer_deinit(&body);
    arena_free(&arena);
    return result;
}

/* The manager's view of this node, logged when it changes: whoever looks why no container comes
 * here looks into this log. */
static void take_state(struct agent *agent, const struct value *answer)
{
    struct slice state = value_get_text(answer, "state"), why = value_get_text(answer, "why");

    if (!state.length || (agent->state && slice_is(state, agent->state)))
        return;
    if (slice_is(state, "ready"))
        log_info("the manager says that the node is ready", "node=%s", node_name(agent));
    else if (why.length)
        log_warning("the manager can't use the node",
                    "state=" SLICE_FMT " engine=%s why=\"" SLICE_FMT "\"", SLICE_ARG(state),
                    agent->advertise, SLICE_ARG(why));
    else
        return; /* joining: the next answer will tell */
    free(agent->state);
    agent->state = xslicedup(state);
}

static void take_answer(struct agent *agent, const struct value *answer, int64_t sent_ms)
{
    take_state(agent, answer);
    fence_safe(agent->fence, sent_ms);
    fence_take(agent->fence, answer);
    /* Half of the time until the next renewal. */
    fence_settle(agent->fence, answer, agent->client, agent->options->engine, agent->lease_ms / 6);
}

static void renew(struct agent *agent)
{
    int64_t begun = process_now_ms();
    struct client_request request = {.method = "POST",
                                     .path = "/_berth/v1/lease",
                                     .bearer = agent->lease,
                                     .timeout_ms = (long)agent->lease_ms / 3};
    struct arena *arena = arena_new();
    struct value *map = value_map(arena);
    struct failure failure = {0};
    struct buffer body;
    int status;

    value_set_text(arena, map, "node", slice_of(node_name(agent)));
    value_set_text(arena, map, "fence_digest", fence_digest(agent->fence));
    if (fence_stopped(agent->fence, arena))
        value_set(arena, map, "stopped", fence_stopped(agent->fence, arena));
    request.body = json_text(arena, map);
    agent->unheard = true;
    if (managers_ask(&agent->managers, &request, &status, &body, &failure) != 0) {
        say_lost(agent, &failure);
    } else if (status == 200) {
        agent->unheard = false;
        if (agent->said_lost)
            log_info("a manager answers again", "manager=%s", managers_current(&agent->managers));
        agent->said_lost = false;
        take_answer(agent, json_parse(arena, buffer_slice(&body), NULL), begun);
    } else {
        struct slice message = error_message(arena, status, buffer_slice(&body));

        log_info("the lease is not known any more, joining again",
                 "manager=%s why=\"" SLICE_FMT "\"", managers_current(&agent->managers),
                 SLICE_ARG(message));
        forget_lease(agent);
    }
    buffer_deinit(&body);
    arena_free(&arena);
}

/* Not through managers_ask: one try, since nobody waits for it. */
static void leave(struct agent *agent)
{
    struct client_request request = {.method = "DELETE",
                                     .bearer = agent->lease,
                                     .base = managers_current(&agent->managers),
                                     .timeout_ms = LEAVE_WAIT_MS,
                                     .max_answer = 1 << 16};
    struct failure failure = {0};
    struct buffer body;
    char *path;
    int status = 0;

    if (!agent->lease)
        return;
    path = xprintf("/_berth/v1/lease?node=%s", node_name(agent));
    request.path = path;
    if (client_send(agent->client, &request, &status, &body, &failure) == 0 && status == 204)
        log_info("left", "cluster=%s node=%s", agent->options->cluster, node_name(agent));
    else
        log_warning("could not say good-bye", "status=%d why=\"%s\"", status, failure.text);
    buffer_deinit(&body);
    free(path);
}

/* When to fence; one that failed in part is tried again a second later. */
static int64_t fence_at_ms(const struct agent *agent)
{
    int64_t due = fence_due_ms(agent->fence);
    int64_t again = agent->fenced_ms ? agent->fenced_ms + RETRY_MS : 0;

    return due > again ? due : again;
}

/* An agent that was stopped for a while has heard nothing because it did not ask: it asks first. */
static void fence(struct agent *agent, int64_t begun)
{
    if (!agent->unheard || begun < fence_at_ms(agent))
        return;
    fence_run(agent->fence, agent->client, agent->options->engine, begun);
    agent->fenced_ms = process_now_ms();
}

static int run(struct agent *agent)
{
    char *directory;

    if (wait_for_engine(agent) != 0)
        return 0;
    directory = state_fence_directory(agent->options->state, agent->engine.id);
    agent->managers.fence = agent->fence = fence_new(directory, process_now_ms());
    free(directory);
    facts_tick(agent->facts, process_now_ms());
    while (!agent->stopping) {
        int64_t begun = process_now_ms(), wait_ms;

        fence(agent, begun);
        if (agent->gate)
            gate_keeper_tick(agent->gate);
        if (agent->gate && begun >= gate_keeper_due_ms(agent->gate) && agent->lease) {
            forget_lease(agent); /* a join renews the certificate */
            agent->refreshing = true;
        }
        if (!agent->lease) {
            int status = join(agent);

            if (status >= 0)
                return status;
        } else {
            renew(agent);
            if (!agent->lease)
                continue; /* joins at once */
        }
        wait_ms = agent->refused_ms ? agent->refused_ms : RETRY_MS;
        if (agent->lease)
            wait_ms = agent->lease_ms / 3;
        if (fence_at_ms(agent) < begun + wait_ms)
            wait_ms = fence_at_ms(agent) - begun;
        wait_until(agent, begun + wait_ms);
    }
    leave(agent);
    return 0;
}

int agent_run(const struct agent_options *options)
{
    struct client_settings settings = {.stopped = process_stop_pending,
                                       .ca_file = options->ca_file,
                                       .cert_file = options->cert_file,
                                       .key_file = options->key_file};
    struct agent agent = {.options = options, .signals = process_signals_open()};
    struct failure failure = {0};
    int status = 2;

    agent.token = token_load(options->token_file, getenv("BERTH_JOIN_TOKEN"), &failure);
    agent.pin = xstrdup(gate_pin_cut(agent.token));
    if (failure.kind == FAILURE_NONE)
        agent.advertise = advertise_choose(options, &failure);
    if (failure.kind == FAILURE_NONE && options->state)
        agent.key = state_key(options->state, &failure);
    if (failure.kind == FAILURE_NONE && options->gate)
        agent.gate = gate_keeper_new(options->gate, options->engine, options->state, &failure);
    if (failure.kind != FAILURE_NONE) {
        log_error("berth-agent can't start", "why=\"%s\"", failure.text);
    } else {
        agent.client = client_new(&settings);
        agent.facts = facts_new(options->fact_command, options->fact_interval_ms);
        agent.managers = (struct managers){.urls = &options->managers, .client = agent.client};
        status = run(&agent);
    }
    facts_free(&agent.facts);
    fence_free(&agent.fence);
    gate_keeper_free(&agent.gate);
    client_free(&agent.client);
    engine_facts_deinit(&agent.engine);
    forget_lease(&agent);
    free(agent.advertise);
    free(agent.token);
    free(agent.pin);
    free(agent.key);
    free(agent.state);
    close(agent.signals);
    return status;
}
