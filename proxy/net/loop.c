/* Loop: turns of wait, socket events, timers, ready items, posted and deferred calls, on top of
 * h2o's evloop. h2o's own timeouts are not used, because they follow the wall clock. */
#include "proxy/net/inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* Rounds of ready items and deferred calls before the sockets are looked at again. */
#define ROUNDS 32

static void queue_add(struct deferred_queue *queue, loop_fn run, void *context)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity ? 2 * queue->capacity : 16;
        queue->list = xrealloc(queue->list, queue->capacity * sizeof *queue->list);
    }
    queue->list[queue->count++] = (struct deferred){.run = run, .context = context};
}

static void queue_run(const struct deferred_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        queue->list[i].run(queue->list[i].context);
}

static void on_posted(void *context)
{
    struct loop *loop = context;
    uint64_t count;
    if (read(loop->post_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        must(errno == EINTR);
    pthread_mutex_lock(&loop->post_lock);
    struct deferred_queue posted = loop->posted;
    loop->posted = (struct deferred_queue){0};
    pthread_mutex_unlock(&loop->post_lock);
    queue_run(&posted);
    free(posted.list);
}

struct loop *loop_new(void)
{
    /* OpenSSL and curl write to sockets without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    struct loop *loop = xcalloc(1, sizeof *loop);
    loop->evloop = h2o_evloop_create();
    loop->now = monotonic_ms();
    list_init(&loop->ready);
    pthread_mutex_init(&loop->post_lock, NULL);
    loop->signal_fd = -1;
    loop->post_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(loop->post_fd >= 0);
    loop->post_watch = loop_watch_new(loop, loop->post_fd, on_posted, NULL, loop);
    must(loop->post_watch != NULL);
    loop_watch_set(loop->post_watch, true, false);
    return loop;
}

void loop_free(struct loop **loop_pointer)
{
    struct loop *loop = *loop_pointer;
    if (!loop)
        return;
    *loop_pointer = NULL;
    /* What was promised for the end of the turn is memory to be freed. */
    loop_watch_free(&loop->post_watch);
    loop_watch_free(&loop->signal_watch);
    for (int rounds = 0; loop->deferred.count && rounds < 1000; rounds++) {
        struct deferred_queue batch = loop->deferred;
        loop->deferred = (struct deferred_queue){0};
        queue_run(&batch);
        free(batch.list);
    }
    h2o_evloop_run(loop->evloop, 0); /* lets h2o free its closed sockets */
    h2o_evloop_destroy(loop->evloop);
    close(loop->post_fd);
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    pthread_mutex_destroy(&loop->post_lock);
    free(loop->posted.list);
    free(loop->deferred.list);
    free(loop->heap);
    while (loop->block_count)
        free(loop->blocks[--loop->block_count]);
    free(loop);
}

void ready_init(struct ready *ready, loop_fn run, void *context)
{
    list_init(&ready->link);
    ready->run = run;
    ready->context = context;
}

void ready_add(struct loop *loop, struct ready *ready)
{
    if (list_empty(&ready->link))
        list_append(&loop->ready, &ready->link);
}

void ready_remove(struct ready *ready)
{
    list_remove(&ready->link);
}

static void run_ready(struct loop *loop)
{
    /* The list is cut off first: what is added meanwhile belongs to the next round. */
    struct list batch = {.next = loop->ready.next, .previous = loop->ready.previous};
    batch.next->previous = batch.previous->next = &batch;
    list_init(&loop->ready);
    while (!list_empty(&batch)) {
        struct ready *ready = LIST_ENTRY(batch.next, struct ready, link);
        list_remove(&ready->link);
        ready->run(ready->context);
    }
}

static void run_deferred(struct loop *loop)
{
    struct deferred_queue batch = loop->deferred;
    if (!batch.count)
        return;
    loop->deferred = (struct deferred_queue){0};
    queue_run(&batch);
    if (loop->deferred.list) {
        free(batch.list);
    } else { /* keeps the memory for the next turn */
        batch.count = 0;
        loop->deferred = batch;
    }
}

void loop_turn(struct loop *loop, int wait_ms)
{
    loop->now = monotonic_ms();
    int64_t wait = timers_wait(loop);
    if (wait < 0 || wait > wait_ms)
        wait = wait_ms;
    if (!list_empty(&loop->ready) || loop->deferred.count)
        wait = 0;
    /* A signal that interrupts the wait (-1, EINTR) is just a short turn. */
    loop->waiting = true;
    h2o_evloop_run(loop->evloop, (int32_t)wait);
    loop->waiting = false;
    loop->in_turn = true;
    loop->now = monotonic_ms();
    timers_run(loop);
    for (int round = 0; round < ROUNDS; round++) {
        if (!list_empty(&loop->ready))
            run_ready(loop);
        else if (loop->deferred.count)
            run_deferred(loop);
        else
            break;
    }
    loop->in_turn = false;
}

void loop_run(struct loop *loop)
{
    loop->stopping = false;
    while (!loop->stopping)
        loop_turn(loop, 60000);
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

uint64_t loop_clock(struct loop *loop)
{
    if (!loop->in_turn) {
        loop->now = monotonic_ms();
        /* Woken: the time stands until the end of the turn. */
        loop->in_turn = loop->waiting;
    }
    return loop->now;
}

uint64_t loop_now(const struct loop *loop)
{
    return loop->in_turn ? loop->now : monotonic_ms();
}

int64_t loop_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

char *loop_block_get(struct loop *loop)
{
    return loop->block_count ? loop->blocks[--loop->block_count] : xmalloc(LOOP_BLOCK_BYTES);
}

void loop_block_put(struct loop *loop, char *block)
{
    if (loop->block_count < BLOCKS_KEPT)
        loop->blocks[loop->block_count++] = block;
    else
        free(block);
}

void loop_defer(struct loop *loop, loop_fn fn, void *context)
{
    queue_add(&loop->deferred, fn, context);
}

void loop_post(struct loop *loop, loop_fn fn, void *context)
{
    pthread_mutex_lock(&loop->post_lock);
    bool first = loop->posted.count == 0;
    queue_add(&loop->posted, fn, context);
    pthread_mutex_unlock(&loop->post_lock);
    uint64_t one = 1;
    /* The counter can't overflow: it is written once per emptied queue. */
    while (first && write(loop->post_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void on_signal_readable(void *context)
{
    struct loop *loop = context;
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        struct watched_signal *signal_row =
            info.ssi_signo < SIGNALS_MAX ? &loop->signals[info.ssi_signo] : NULL;
        if (signal_row && signal_row->run)
            signal_row->run(signal_row->context);
    }
}

void loop_on_signal(struct loop *loop, int signal_number, loop_fn fn, void *context)
{
    must(signal_number > 0 && signal_number < SIGNALS_MAX);
    loop->signals[signal_number] = (struct watched_signal){.run = fn, .context = context};
    sigset_t set;
    sigemptyset(&set);
    for (int i = 1; i < SIGNALS_MAX; i++) {
        if (loop->signals[i].run)
            sigaddset(&set, i);
    }
    /* Blocked here, and in every thread started later, they arrive by the descriptor only. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    loop->signal_fd = signalfd(loop->signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    must(loop->signal_fd >= 0);
    if (!loop->signal_watch) {
        loop->signal_watch = loop_watch_new(loop, loop->signal_fd, on_signal_readable, NULL, loop);
        must(loop->signal_watch != NULL);
        loop_watch_set(loop->signal_watch, true, false);
    }
}
