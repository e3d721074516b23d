#include "proxy/net/loop.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void count(void *context)
{
    ++*(int *)context;
}

struct order {
    char text[32];
    struct timer timer[6];
};

static struct order order;

static void note(void *context)
{
    size_t length = strlen(order.text);
    order.text[length] = *(const char *)context;
}

Test(loop, timers_fire_in_order_of_their_due_time)
{
    struct loop *loop = loop_new();
    static const char *const names[] = {"a", "b", "c", "d"};
    static const uint64_t delays[] = {30, 0, 20, 10};
    for (size_t i = 0; i < 4; i++) {
        timer_init(&order.timer[i], loop, note, (void *)(uintptr_t)names[i]);
        timer_start(&order.timer[i], delays[i]);
    }
    timer_start(&order.timer[2], 40); /* pushed out behind "a" */
    while (timer_running(&order.timer[2]))
        loop_turn(loop, 1000);
    cr_assert_str_eq(order.text, "bdac");
    loop_free(&loop);
}

Test(loop, stopped_timer_does_not_fire_and_brought_forward_one_does)
{
    struct loop *loop = loop_new();
    int fired = 0, stopped = 0;
    struct timer soon, gone;
    timer_init(&soon, loop, count, &fired);
    timer_init(&gone, loop, count, &stopped);
    timer_start(&soon, 1000000);
    timer_start(&gone, 0);
    timer_start(&soon, 1);
    timer_stop(&gone);
    timer_stop(&gone);
    while (!fired)
        loop_turn(loop, 1000);
    loop_turn(loop, 0);
    cr_assert_eq(fired, 1);
    cr_assert_eq(stopped, 0);
    loop_free(&loop);
}

Test(loop, many_timers_keep_heap_order)
{
    enum { COUNT = 500 };
    struct loop *loop = loop_new();
    static struct timer timers[COUNT];
    int fired = 0, expected = 0;
    for (size_t i = 0; i < COUNT; i++) {
        timer_init(&timers[i], loop, count, &fired);
        timer_start(&timers[i], (i * 7919) % 20);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (i % 3 == 0)
            timer_stop(&timers[i]);
        else
            expected++;
    }
    while (fired < expected)
        loop_turn(loop, 1000);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_not(timer_running(&timers[i]));
    cr_assert_eq(fired, expected);
    loop_free(&loop);
}

static struct timer again;
static void restart(void *context)
{
    ++*(int *)context;
    timer_start(&again, 0);
}

Test(loop, timer_restarted_with_no_delay_waits_for_next_turn)
{
    struct loop *loop = loop_new();
    int fired = 0;
    timer_init(&again, loop, restart, &fired);
    timer_start(&again, 0);
    loop_turn(loop, 1000);
    cr_assert_eq(fired, 1);
    loop_turn(loop, 1000);
    cr_assert_eq(fired, 2);
    timer_stop(&again);
    loop_free(&loop);
}

struct posting {
    struct loop *loop;
    int seen, wrong;
    int next[200];
};

static struct posting posting;

static void take(void *context)
{
    int number = *(int *)context;
    if (number != posting.seen)
        posting.wrong++;
    if (++posting.seen == 200)
        loop_stop(posting.loop);
}

static void *post_all(void *context)
{
    for (int i = 0; i < 200; i++) {
        posting.next[i] = i;
        loop_post(posting.loop, take, &posting.next[i]);
    }
    return NULL;
}

Test(loop, posts_of_another_thread_arrive_in_order)
{
    posting.loop = loop_new();
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, post_all, NULL), 0);
    loop_run(posting.loop);
    pthread_join(thread, NULL);
    cr_assert_eq(posting.seen, 200);
    cr_assert_eq(posting.wrong, 0);
    loop_free(&posting.loop);
}

Test(loop, signal_runs_on_the_loop)
{
    struct loop *loop = loop_new();
    int hangups = 0, users = 0;
    loop_on_signal(loop, SIGHUP, count, &hangups);
    loop_on_signal(loop, SIGUSR1, count, &users);
    kill(getpid(), SIGHUP);
    while (!hangups)
        loop_turn(loop, 1000);
    cr_assert_eq(users, 0);
    kill(getpid(), SIGUSR1);
    while (!users)
        loop_turn(loop, 1000);
    loop_free(&loop);
}

Test(loop, deferred_call_runs_once_in_the_turn)
{
    struct loop *loop = loop_new();
    int calls = 0;
    loop_defer(loop, count, &calls);
    cr_assert_eq(calls, 0);
    loop_turn(loop, 1000);
    cr_assert_eq(calls, 1);
    loop_turn(loop, 0);
    cr_assert_eq(calls, 1);
    loop_free(&loop);
}

Test(loop, watch_tells_readable_and_writable)
{
    struct loop *loop = loop_new();
    int fds[2], readable = 0, writable = 0;
    cr_assert_eq(pipe(fds), 0);
    struct loop_watch *reader = loop_watch_new(loop, fds[0], count, NULL, &readable);
    struct loop_watch *writer = loop_watch_new(loop, fds[1], NULL, count, &writable);
    loop_watch_set(reader, true, false);
    loop_watch_set(writer, false, true);
    while (writable < 2) /* level: comes again */
        loop_turn(loop, 1000);
    cr_assert_eq(readable, 0);
    loop_watch_set(writer, false, false);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    while (readable < 2)
        loop_turn(loop, 1000);
    loop_watch_set(reader, false, false);
    loop_turn(loop, 0);
    int before = writable;
    loop_turn(loop, 0);
    cr_assert_eq(writable, before);
    loop_watch_free(&reader);
    loop_watch_free(&writer);
    close(fds[0]);
    close(fds[1]);
    loop_free(&loop);
}

Test(loop, blocks_are_reused)
{
    struct loop *loop = loop_new();
    char *first = loop_block_get(loop);
    first[LOOP_BLOCK_BYTES - 1] = 1;
    loop_block_put(loop, first);
    cr_assert_eq(loop_block_get(loop), first);
    loop_block_put(loop, first);
    loop_free(&loop);
}
