/* Facts: one child process at a time, its output bounded, its time too. */
#include "agent/facts.h"

#include "agent/messages.h"
#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_OUTPUT (64 * 1024)
#define MAX_RUN_MS 30000

struct facts {
    const char *command;
    int64_t interval_ms, limit_ms;
    int64_t due_ms; /* next start */
    int64_t started_ms;
    pid_t pid; /* 0: not running */
    int fd;
    struct buffer output;
    struct arena *arena; /* of tags and text */
    struct slice text;
    struct tags tags;
};

struct facts *facts_new(const char *command, int64_t interval_ms)
{
    struct facts *facts = xcalloc(1, sizeof(*facts));

    facts->command = command;
    facts->interval_ms = interval_ms;
    facts->limit_ms = interval_ms < MAX_RUN_MS ? interval_ms : MAX_RUN_MS;
    facts->fd = -1;
    facts->arena = arena_new();
    facts->text = SLICE("");
    buffer_init(&facts->output, MAX_OUTPUT);
    return facts;
}

static int end_command(struct facts *facts, bool kill_it)
{
    int status = 0;

    if (kill_it)
        kill(-facts->pid, SIGKILL);
    close(facts->fd);
    facts->fd = -1;
    while (waitpid(facts->pid, &status, 0) < 0 && errno == EINTR)
        ;
    facts->pid = 0;
    return status;
}

void facts_free(struct facts **facts)
{
    if (!*facts)
        return;
    if ((*facts)->pid)
        end_command(*facts, true);
    buffer_deinit(&(*facts)->output);
    arena_free(&(*facts)->arena);
    free(*facts);
    *facts = NULL;
}

static void start(struct facts *facts)
{
    sigset_t none;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        log_warning("fact command not started", "why=\"%s\"", strerror(errno));
        return;
    }
    facts->pid = fork();
    if (facts->pid == 0) {
        setpgid(0, 0);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(ends[1], STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", facts->command, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    if (facts->pid < 0) {
        log_warning("fact command not started", "why=\"%s\"", strerror(errno));
        facts->pid = 0;
        close(ends[0]);
        return;
    }
    setpgid(facts->pid, facts->pid); /* also here: whoever comes first */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    facts->fd = ends[0];
    buffer_clear(&facts->output);
}

void facts_tick(struct facts *facts, int64_t now_ms)
{
    if (!facts->command)
        return;
    if (facts->pid && now_ms - facts->started_ms >= facts->limit_ms) {
        log_warning("fact command ended, it took too long", "limit_ms=%lld",
                    (long long)facts->limit_ms);
        end_command(facts, true);
    }
    if (!facts->pid && now_ms >= facts->due_ms) {
        facts->started_ms = now_ms;
        facts->due_ms = now_ms + facts->interval_ms;
        start(facts);
    }
}

int64_t facts_next_ms(const struct facts *facts)
{
    if (!facts->command)
        return INT64_MAX;
    return facts->pid ? facts->started_ms + facts->limit_ms : facts->due_ms;
}

int facts_fd(const struct facts *facts)
{
    return facts->fd;
}

static bool take_output(struct facts *facts)
{
    struct slice text = buffer_slice(&facts->output);
    size_t bad;

    if (slice_equal(text, facts->text))
        return false;
    arena_reset(facts->arena);
    facts->text = arena_copy(facts->arena, text);
    facts->tags = fact_lines(facts->arena, facts->text, &bad);
    if (bad)
        log_warning("fact command printed lines that are no KEY=VALUE or too many", "lines=%zu",
                    bad);
    return true;
}

bool facts_read(struct facts *facts)
{
    char bytes[4096];
    ssize_t got;
    int status;

    while ((got = read(facts->fd, bytes, sizeof(bytes))) > 0)
        buffer_append(&facts->output, bytes, (size_t)got);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    status = end_command(facts, false);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || facts->output.overflow) {
        log_warning("fact command failed, earlier facts stay", "status=%d%s",
                    WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                    facts->output.overflow ? " why=\"more than 64 KiB printed\"" : "");
        return false;
    }
    return take_output(facts);
}

struct tags facts_tags(const struct facts *facts)
{
    return facts->tags;
}
