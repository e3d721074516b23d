/* Status text: the words of the STATUS column, as dockerd makes them, for rows that are answered
 * from the cache: an age is true only at the moment it is printed. */
#include "proxy/engine/decode.h"

#include <inttypes.h>

/* An age in words, as all Docker tools say it: seconds, minutes, then coarser. */
static void write_age(struct buffer *out, int64_t ns)
{
    int64_t seconds = ns > 0 ? ns / 1000000000 : 0;
    int64_t minutes = seconds / 60;
    int64_t hours = (seconds + 1800) / 3600; /* rounded */

    if (seconds < 1)
        buffer_text(out, "Less than a second");
    else if (seconds == 1)
        buffer_text(out, "1 second");
    else if (seconds < 60)
        buffer_printf(out, "%" PRId64 " seconds", seconds);
    else if (minutes == 1)
        buffer_text(out, "About a minute");
    else if (minutes < 60)
        buffer_printf(out, "%" PRId64 " minutes", minutes);
    else if (hours == 1)
        buffer_text(out, "About an hour");
    else if (hours < 48)
        buffer_printf(out, "%" PRId64 " hours", hours);
    else if (hours < 24 * 7 * 2)
        buffer_printf(out, "%" PRId64 " days", hours / 24);
    else if (hours < 24 * 30 * 2)
        buffer_printf(out, "%" PRId64 " weeks", hours / 24 / 7);
    else if (hours < 24 * 365 * 2)
        buffer_printf(out, "%" PRId64 " months", hours / 24 / 30);
    else
        buffer_printf(out, "%" PRId64 " years", seconds / 3600 / 24 / 365);
}

static void write_running(struct buffer *out, const struct container_facts *facts, int64_t now_ns)
{
    buffer_text(out, "Up ");
    write_age(out, now_ns - facts->started_ns);
    if (facts->model.state == CONTAINER_PAUSED)
        buffer_text(out, " (Paused)");
    else if (slice_is(facts->health, "starting"))
        buffer_text(out, " (health: starting)");
    else if (facts->health.length > 0)
        buffer_printf(out, " (" SLICE_FMT ")", SLICE_ARG(facts->health));
}

void container_status_text(struct buffer *out, const struct container_facts *facts, int64_t now_ns)
{
    switch (facts->model.state) {
    case CONTAINER_RUNNING:
    case CONTAINER_PAUSED:
        write_running(out, facts, now_ns);
        break;
    case CONTAINER_RESTARTING:
        buffer_printf(out, "Restarting (%" PRId64 ") ", facts->exit_code);
        write_age(out, now_ns - facts->finished_ns);
        buffer_text(out, " ago");
        break;
    case CONTAINER_REMOVING:
        buffer_text(out, "Removal In Progress");
        break;
    case CONTAINER_DEAD:
        buffer_text(out, "Dead");
        break;
    case CONTAINER_PENDING:
        buffer_text(out, "pending");
        break;
    case CONTAINER_CREATED:
    case CONTAINER_EXITED:
        if (facts->started_ns == 0 && facts->finished_ns == 0) {
            buffer_text(out, "Created");
            break;
        }
        buffer_printf(out, "Exited (%" PRId64 ") ", facts->exit_code);
        write_age(out, now_ns - facts->finished_ns);
        buffer_text(out, " ago");
        break;
    }
}
