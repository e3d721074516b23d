/* Gate dial: keeps SPARE idle connections beside those in use. */
#include "agent/gate_dial.h"

#include "proxy/log.h"
#include "proxy/net/tls.h"

#include <stdio.h>
#include <stdlib.h>

#define SPARE          4
#define TICK_MS        200
#define RETRY_MS       1000
#define CONNECT_MS     5000
#define ANSWER_MS      10000
#define ANSWER_BYTES   8192
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

struct gate_dial {
    struct loop *loop;
    struct front *front;
    struct endpoint manager;
    struct tls_context *tls;
    char *request;
    struct timer tick;
    struct list attempts;
    size_t attempt_count;
    int busy;
    uint64_t pause_until; /* after a failure */
    bool failing;         /* said so */
};

/* One connection until the front has it. */
struct attempt {
    struct gate_dial *dial;
    struct list link;
    struct stream_connect *connect;
    struct stream *stream;
    struct timer timer;
    struct buffer answer;
};

static void attempt_free(struct attempt *attempt)
{
    list_remove(&attempt->link);
    attempt->dial->attempt_count--;
    timer_stop(&attempt->timer);
    stream_connect_cancel(&attempt->connect);
    if (attempt->stream)
        stream_close(&attempt->stream);
    buffer_deinit(&attempt->answer);
    free(attempt);
}

static void fail(struct attempt *attempt, const char *why)
{
    struct gate_dial *dial = attempt->dial;
    if (!dial->failing)
        log_warning("can't dial the manager, trying on", "manager=%s why=\"%s\"",
                    dial->manager.text, why);
    dial->failing = true;
    dial->pause_until = loop_now(dial->loop) + RETRY_MS;
    attempt_free(attempt);
}

static void on_announced(struct stream *stream, bool ok, void *context)
{
    struct attempt *attempt = context;
    struct gate_dial *dial = attempt->dial;
    if (!ok) {
        fail(attempt, "the connection broke");
        return;
    }
    if (dial->failing)
        log_info("the manager is dialled again", "manager=%s", dial->manager.text);
    dial->failing = false;
    attempt->stream = NULL;
    attempt_free(attempt);
    front_adopt(dial->front, stream);
}

/* The head is there: 101, and nothing behind it, since the manager waits for our newline. */
static void accepted(struct attempt *attempt)
{
    static const char ready[] = "\n";
    struct iovec iov = {(void *)(uintptr_t)ready, 1};
    stream_want_read(attempt->stream, false);
    stream_write(attempt->stream, &iov, 1, on_announced, attempt);
}

static void on_answer(struct stream *stream, void *context)
{
    struct attempt *attempt = context;
    struct response_head *head = xcalloc(1, sizeof(*head));
    struct failure failure;
    char *room = buffer_reserve(&attempt->answer, 1024);
    ssize_t got = room ? stream_read(stream, room, 1024) : STREAM_ERROR;
    ssize_t length = 0;
    if (got > 0) {
        attempt->answer.length += (size_t)got;
        length = response_head_parse(head, buffer_slice(&attempt->answer), SLICE("POST"), &failure);
    }
    if (got == 0 || got == STREAM_ERROR || length < 0)
        fail(attempt, "no answer");
    else if (length > 0 && head->status == 101)
        accepted(attempt);
    else if (length > 0)
        fail(attempt, head->status == 404 ? "the lease is not known there" : "refused");
    free(head);
}

static void on_asked(struct stream *stream, bool ok, void *context)
{
    if (!ok)
        fail(context, "the connection broke");
    else
        stream_want_read(stream, true);
}

static void on_connected(struct stream *stream, const char *why_not, void *context)
{
    struct attempt *attempt = context;
    attempt->connect = NULL;
    attempt->stream = stream;
    if (!stream) {
        fail(attempt, why_not);
        return;
    }
    struct iovec iov = {attempt->dial->request, strlen(attempt->dial->request)};
    stream_set(stream, on_answer, attempt);
    timer_start(&attempt->timer, ANSWER_MS);
    stream_write(stream, &iov, 1, on_asked, attempt);
}

static void on_silence(void *context)
{
    fail(context, "no answer in time");
}

static void begin(struct gate_dial *dial)
{
    struct attempt *attempt = xcalloc(1, sizeof(*attempt));
    attempt->dial = dial;
    list_append(&dial->attempts, &attempt->link);
    dial->attempt_count++;
    buffer_init(&attempt->answer, ANSWER_BYTES);
    timer_init(&attempt->timer, dial->loop, on_silence, attempt);
    attempt->connect = stream_connect_start(dial->loop, &dial->manager, dial->tls, CONNECT_MS,
                                            on_connected, attempt);
}

static void on_tick(void *context)
{
    struct gate_dial *dial = context;
    size_t wanted = (size_t)dial->busy + SPARE;
    if (dial->request && loop_now(dial->loop) >= dial->pause_until) {
        for (size_t have = front_connections(dial->front) + dial->attempt_count; have < wanted;
             have++)
            begin(dial);
    }
    timer_start(&dial->tick, TICK_MS);
}

struct gate_dial *gate_dial_new(struct loop *loop, struct front *front)
{
    struct gate_dial *dial = xcalloc(1, sizeof(*dial));
    dial->loop = loop;
    dial->front = front;
    list_init(&dial->attempts);
    timer_init(&dial->tick, loop, on_tick, dial);
    timer_start(&dial->tick, 0);
    return dial;
}

void gate_dial_free(struct gate_dial **dial)
{
    if (!*dial)
        return;
    LIST_EACH(link, &(*dial)->attempts)
    attempt_free(LIST_ENTRY(link, struct attempt, link));
    timer_stop(&(*dial)->tick);
    tls_context_free(&(*dial)->tls);
    free((*dial)->request);
    free(*dial);
    *dial = NULL;
}

static int make_tls(struct gate_dial *dial, const struct gate_dial_settings *settings,
                    struct failure *failure)
{
    struct tls_settings tls = {.verify = TLS_VERIFY_REQUIRED,
                               .ca_file = settings->ca_file ? settings->ca_file : SYSTEM_CA_FILE,
                               .certificate_file = settings->cert_file,
                               .key_file = settings->key_file,
                               .name = dial->manager.host};
    tls_context_free(&dial->tls);
    if (!slice_starts(slice_of(settings->manager), "https://"))
        return 0;
    dial->tls = tls_context_new(&tls, failure);
    return dial->tls ? 0 : -1;
}

int gate_dial_set(struct gate_dial *dial, const struct gate_dial_settings *settings,
                  struct failure *failure)
{
    struct slice manager = slice_of(settings->manager);
    uint16_t port = slice_starts(manager, "https://") ? 443 : 80;
    if (endpoint_parse(&dial->manager, manager, port, failure) != 0 ||
        make_tls(dial, settings, failure) != 0)
        return -1;
    free(dial->request);
    dial->request = xprintf("POST /_berth/v1/tunnel?node=%s HTTP/1.1\r\nHost: berth\r\n"
                            "Authorization: Bearer %s\r\nConnection: Upgrade\r\n"
                            "Upgrade: berth-tunnel\r\nContent-Length: 0\r\n\r\n",
                            settings->node, settings->lease);
    dial->pause_until = 0;
    return 0;
}

void gate_dial_busy(struct gate_dial *dial, int change)
{
    dial->busy += change;
    must(dial->busy >= 0);
    if (change > 0 && !timer_running(&dial->tick))
        timer_start(&dial->tick, 0);
    else if (change > 0)
        timer_start(&dial->tick, 1);
}
