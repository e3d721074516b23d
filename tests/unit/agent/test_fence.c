/* Fence: when it is due, what it stops, what it starts again. The engine is a child process that
 * answers on a unix socket and writes each request line to a pipe. */
#include "agent/fence.h"
#include "agent/process.h"
#include "proxy/json.h"
#include "proxy/log.h"
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena *arena;
static char folder[64], engine[128];
static struct client *client;
static pid_t child;
static int lines; /* read end of the pipe */

/* Answers 204, but 409 to what names the container "aa": it is not running. */
static void serve(int listener, int out)
{
    for (;;) {
        char bytes[4096];
        int peer = accept(listener, NULL, NULL);
        ssize_t got = 0;

        while (peer >= 0 && (got = read(peer, bytes, sizeof(bytes) - 1)) > 0) {
            const char *answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            char *end;

            bytes[got] = '\0';
            end = strstr(bytes, " HTTP/1.1");
            if (!end || write(out, bytes, (size_t)(end - bytes)) < 0 || write(out, "\n", 1) < 0)
                _exit(1);
            if (strstr(bytes, "/aa/"))
                answer = "HTTP/1.1 409 Conflict\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
            if (write(peer, answer, strlen(answer)) < 0)
                _exit(1);
            break;
        }
        close(peer);
    }
}

static void set_up(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), ends[2];

    log_set_level(LOG_LEVEL_ERROR);
    arena = arena_new();
    memcpy(folder, "/tmp/berth-fence-XXXXXX", 24);
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", folder);
    (void)snprintf(engine, sizeof(engine), "unix://%s/sock", folder);
    cr_assert(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    cr_assert(listen(listener, 5) == 0 && pipe(ends) == 0);
    child = fork();
    if (child == 0)
        serve(listener, ends[1]);
    close(listener);
    close(ends[1]);
    lines = ends[0];
    client = client_new(&(struct client_settings){0});
}

static void tear_down(void)
{
    char *path = xprintf("%s/fence.json", folder);

    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    client_free(&client);
    unlink(engine + 7);
    unlink(path);
    rmdir(folder);
    free(path);
    arena_free(&arena);
}

TestSuite(fence, .init = set_up, .fini = tear_down);

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The requests that the engine saw, one a line, sorted: several come at once. `count` are waited for. */
static const char *seen(size_t count)
{
    struct buffer text;
    char line[256], *list[16];
    size_t length = 0, found = 0;

    while (found < count && read(lines, line + length, 1) == 1) {
        if (line[length++] != '\n')
            continue;
        list[found++] = arena_text(arena, slice_make(line, length));
        length = 0;
    }
    qsort(list, found, sizeof(list[0]), by_text);
    buffer_init(&text, 4096);
    for (size_t i = 0; i < found; i++)
        buffer_text(&text, list[i]);
    list[0] = arena_text(arena, buffer_slice(&text));
    buffer_deinit(&text);
    return list[0];
}

static struct value *value_of(const char *text)
{
    struct failure failure;
    struct value *value = json_parse(arena, slice_of(text), &failure);

    cr_assert_not_null(value, "%s", failure.text);
    return value;
}

#define TOLD                                                                                       \
    "{\"fence\":{\"after_ms\":5000,\"within_ms\":20,\"digest\":\"d1\",\"containers\":[\"aa\","     \
    "\"bb\","                                                                                      \
    "\"../x\",7]}}"

Test(fence, is_due_only_when_told_and_only_behind_the_last_sign_of_life)
{
    struct fence *fence = fence_new(NULL, 1000);

    cr_expect(fence_due_ms(fence) == INT64_MAX);
    expect_slice(fence_digest(fence), "");
    fence_take(fence, value_of(TOLD));
    expect_int(fence_due_ms(fence), 6000);
    expect_slice(fence_digest(fence), "d1");
    fence_safe(fence, 3000);
    expect_int(fence_due_ms(fence), 8000);
    fence_safe(fence, 2000);
    expect_int(fence_due_ms(fence), 8000);
    fence_take(fence, value_of("{\"fence\":{\"after_ms\":6000,\"within_ms\":20}}"));
    expect_int(fence_due_ms(fence), 9000);
    expect_slice(fence_digest(fence), "d1");
    fence_take(fence, value_of("{}"));
    expect_int(fence_due_ms(fence), 9000);
    fence_take(fence, value_of("{\"fence\":{\"after_ms\":0}}"));
    cr_expect(fence_due_ms(fence) == INT64_MAX);
    fence_free(&fence);
    cr_expect_null(fence);
}

Test(fence, stops_what_runs_and_starts_what_it_is_told_to)
{
    struct fence *fence = fence_new(NULL, 0);
    struct value *stopped;

    fence_take(fence, value_of(TOLD));
    fence_run(fence, client, engine, process_now_ms());
    expect_text(seen(4), "POST /containers/aa/kill\n"
                         "POST /containers/aa/kill?signal=TERM\n"
                         "POST /containers/bb/kill\n"
                         "POST /containers/bb/kill?signal=TERM\n");
    cr_expect(fence_due_ms(fence) == INT64_MAX, "once is enough");
    stopped = fence_stopped(fence, arena);
    cr_assert_not_null(stopped);
    expect_int(stopped->count, 1);
    expect_slice(stopped->first->text, "bb");
    fence_settle(fence, value_of("{\"start\":[\"bb\",\"cc\"],\"drop\":[]}"), client, engine,
                 5000);
    expect_text(seen(1), "POST /containers/bb/start\n");
    cr_expect_null(fence_stopped(fence, arena));
    fence_safe(fence, 100);
    expect_int(fence_due_ms(fence), 5100);
    fence_free(&fence);
}

Test(fence, drops_what_runs_elsewhere)
{
    struct fence *fence = fence_new(NULL, 0);

    fence_take(fence, value_of(TOLD));
    fence_run(fence, client, engine, process_now_ms());
    (void)seen(4);
    fence_settle(fence, value_of("{\"drop\":[\"bb\"]}"), client, engine,
                 5000);
    cr_expect_null(fence_stopped(fence, arena));
    fence_free(&fence);
}

Test(fence, is_tried_again_when_the_engine_does_not_answer)
{
    struct fence *fence = fence_new(NULL, 0);

    fence_take(fence, value_of(TOLD));
    fence_run(fence, client, "unix:///nonexistent", process_now_ms());
    expect_int(fence_due_ms(fence), 5000);
    cr_expect_null(fence_stopped(fence, arena));
    fence_free(&fence);
}

Test(fence, remembers_across_a_restart_of_the_agent)
{
    struct fence *fence = fence_new(folder, 0);

    fence_take(fence, value_of(TOLD));
    fence_run(fence, client, engine, process_now_ms());
    fence_free(&fence);
    fence = fence_new(folder, 7000);
    expect_int(fence_due_ms(fence), 12000);
    expect_slice(fence_digest(fence), "");
    expect_slice(fence_stopped(fence, arena)->first->text, "bb");
    fence_free(&fence);
}

Test(fence, a_slow_start_does_not_hold_up_the_heartbeat)
{
    struct fence *fence = fence_new(NULL, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int silent = socket(AF_UNIX, SOCK_STREAM, 0);
    char *name = xprintf("unix://%s/silent", folder);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/silent", folder);
    cr_assert(bind(silent, (struct sockaddr *)&address, sizeof(address)) == 0);
    cr_assert(listen(silent, 5) == 0);
    fence_take(fence, value_of(TOLD));
    fence_run(fence, client, engine, process_now_ms());
    (void)seen(4);
    fence_settle(fence, value_of("{\"start\":[\"bb\"]}"), client, name, 100);
    cr_assert_not_null(fence_stopped(fence, arena), "it is asked for again");
    fence_settle(fence, value_of("{\"start\":[\"bb\"]}"), client, engine, 5000);
    cr_expect_null(fence_stopped(fence, arena));
    close(silent);
    unlink(address.sun_path);
    free(name);
    fence_free(&fence);
}
