/* Timer: a binary heap of embedded timers on the monotonic clock. Timers that are pushed out
 * again and again (idle timeouts, one restart a request) keep their slot and move only when the
 * slot comes up. */
#include "proxy/net/inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <time.h>

uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void place(struct loop *loop, size_t index, struct timer_slot slot)
{
    loop->heap[index] = slot;
    slot.timer->heap_index = (int)index;
}

static void sift_up(struct loop *loop, size_t index)
{
    struct timer_slot slot = loop->heap[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (loop->heap[parent].key <= slot.key)
            break;
        place(loop, index, loop->heap[parent]);
        index = parent;
    }
    place(loop, index, slot);
}

static void sift_down(struct loop *loop, size_t index)
{
    struct timer_slot slot = loop->heap[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= loop->timers)
            break;
        if (child + 1 < loop->timers && loop->heap[child + 1].key < loop->heap[child].key)
            child++;
        if (loop->heap[child].key >= slot.key)
            break;
        place(loop, index, loop->heap[child]);
        index = child;
    }
    place(loop, index, slot);
}

static void take_out(struct loop *loop, size_t index)
{
    loop->heap[index].timer->heap_index = -1;
    struct timer_slot last = loop->heap[--loop->timers];
    if (index == loop->timers)
        return;
    place(loop, index, last);
    sift_down(loop, index);
    sift_up(loop, (size_t)last.timer->heap_index);
}

void timer_init(struct timer *timer, struct loop *loop, loop_fn on_fire, void *context)
{
    *timer = (struct timer){.loop = loop, .on_fire = on_fire, .context = context, .heap_index = -1};
}

void timer_start(struct timer *timer, uint64_t delay_ms)
{
    struct loop *loop = timer->loop;
    uint64_t now = loop_clock(loop);
    timer->due = delay_ms > UINT64_MAX - now ? UINT64_MAX : now + delay_ms;
    if (timer->heap_index >= 0) {
        size_t index = (size_t)timer->heap_index;
        if (timer->due < loop->heap[index].key) {
            loop->heap[index].key = timer->due;
            sift_up(loop, index);
        }
        return;
    }
    if (loop->timers == loop->heap_capacity) {
        loop->heap_capacity = loop->heap_capacity ? 2 * loop->heap_capacity : 64;
        loop->heap = xrealloc(loop->heap, loop->heap_capacity * sizeof *loop->heap);
    }
    size_t index = loop->timers++;
    place(loop, index, (struct timer_slot){.key = timer->due, .timer = timer});
    sift_up(loop, index);
}

void timer_stop(struct timer *timer)
{
    if (timer->heap_index >= 0)
        take_out(timer->loop, (size_t)timer->heap_index);
}

bool timer_running(const struct timer *timer)
{
    return timer->heap_index >= 0;
}

int64_t timers_wait(const struct loop *loop)
{
    if (!loop->timers)
        return -1;
    uint64_t key = loop->heap[0].key;
    return key <= loop->now ? 0 : (int64_t)(key - loop->now);
}

void timers_run(struct loop *loop)
{
    /* A timer restarted with delay 0 from its own callback waits for the next turn: only as many
     * are run as there are now. */
    for (size_t budget = loop->timers; budget > 0 && loop->timers; budget--) {
        struct timer_slot *first = &loop->heap[0];
        if (first->key > loop->now)
            return;
        if (first->timer->due > loop->now) {
            first->key = first->timer->due;
            sift_down(loop, 0);
            continue;
        }
        struct timer *timer = first->timer;
        take_out(loop, 0);
        timer->on_fire(timer->context);
    }
}
