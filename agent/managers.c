/* Managers: one after another, with the time that the fence leaves. */
#include "agent/managers.h"

#include "agent/process.h"

#define ATTEMPT_MIN_MS 300
#define MAX_ANSWER     (1u << 20)

const char *managers_current(const struct managers *managers)
{
    return managers->urls->list[managers->current];
}

/* What one manager may take, so that each of those `left` is asked before the fence is due. */
static long attempt_ms(const struct managers *managers, long wanted_ms, size_t left)
{
    int64_t due = fence_due_ms(managers->fence), room;

    if (due == INT64_MAX)
        return wanted_ms;
    room = (due - process_now_ms()) / (int64_t)left;
    if (room < ATTEMPT_MIN_MS)
        room = ATTEMPT_MIN_MS;
    return room < wanted_ms ? (long)room : wanted_ms;
}

int managers_ask(struct managers *managers, struct client_request *request, int *status,
                 struct buffer *body, struct failure *failure)
{
    size_t count = managers->urls->count, refused = 0;
    int64_t begun = process_now_ms();
    long wanted_ms = request->timeout_ms;

    for (size_t tries = 0; tries < count; tries++) {
        request->base = managers_current(managers);
        request->max_answer = MAX_ANSWER;
        request->timeout_ms = attempt_ms(managers, wanted_ms, count - tries);
        if (client_send(managers->client, request, status, body, failure) == 0)
            return 0;
        refused += client_refused(managers->client);
        buffer_deinit(body);
        managers->current = (managers->current + 1) % count;
        if (process_stop_pending())
            break;
    }
    /* Every manager's machine says that none runs there: nobody moves anything. */
    if (refused == count)
        fence_safe(managers->fence, begun);
    buffer_init(body, 0);
    return -1;
}
