/* Gate keeper: files first, then the process that reads them. */
#include "agent/gate_keeper.h"

#include "proxy/cert/authority.h"
#include "proxy/cert/cert_store.h"
#include "proxy/json.h"
#include "proxy/log.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct gate_keeper {
    const char *listen, *engine, *state;
    char *request, *key;
    pid_t process; /* 0: none */
    bool ready;    /* the files are there */
    int64_t due_ms;
};

struct gate_keeper *gate_keeper_new(const char *listen, const char *engine, const char *state,
                                    struct failure *failure)
{
    struct gate_keeper *keeper = xcalloc(1, sizeof(*keeper));
    keeper->listen = listen;
    keeper->engine = engine;
    keeper->state = state;
    keeper->due_ms = INT64_MAX;
    if (certificate_request_new("berth-agent", &keeper->request, &keeper->key, failure) != 0)
        gate_keeper_free(&keeper);
    return keeper;
}

static void reap(struct gate_keeper *keeper, int flags)
{
    int status;
    if (!keeper->process || waitpid(keeper->process, &status, flags) != keeper->process)
        return;
    if (flags == WNOHANG)
        log_warning("the gate has ended, starting it again", "status=%d", status);
    keeper->process = 0;
}

void gate_keeper_free(struct gate_keeper **keeper)
{
    if (!*keeper)
        return;
    if ((*keeper)->process) {
        kill((*keeper)->process, SIGTERM);
        reap(*keeper, 0);
    }
    free((*keeper)->request);
    free((*keeper)->key);
    free(*keeper);
    *keeper = NULL;
}

struct slice gate_keeper_request(const struct gate_keeper *keeper)
{
    return slice_of(keeper->request);
}

static int write_file(const struct gate_keeper *keeper, const char *file, struct slice text,
                      struct failure *failure)
{
    char *path = xprintf("%s/%s", keeper->state, file);
    int result = cert_write_file(path, text, 0600, failure);
    free(path);
    return result;
}

static void add_text(struct arena *arena, struct value *map, const char *key, const char *text)
{
    if (text)
        value_set_text(arena, map, key, slice_of(text));
}

static int write_files(struct gate_keeper *keeper, const struct value *answer,
                       const struct gate_manager *manager, struct failure *failure)
{
    struct arena *arena = arena_new();
    struct value *about = value_map(arena);
    value_set_text(arena, about, "node", value_get_text(answer, "gate_node"));
    value_set_text(arena, about, "verdict_key", value_get_text(answer, "verdict_key"));
    add_text(arena, about, "manager", manager->url);
    add_text(arena, about, "name", manager->node);
    add_text(arena, about, "lease", manager->lease);
    add_text(arena, about, "ca_file", manager->ca_file);
    add_text(arena, about, "cert_file", manager->cert_file);
    add_text(arena, about, "key_file", manager->key_file);
    int result = write_file(keeper, "gate-key.pem", slice_of(keeper->key), failure);
    if (result == 0)
        result = write_file(keeper, "gate.pem", value_get_text(answer, "certificate"), failure);
    if (result == 0)
        result = write_file(keeper, "gate-ca.pem", value_get_text(answer, "ca"), failure);
    if (result == 0)
        result = write_file(keeper, "gate.json", json_text(arena, about), failure);
    arena_free(&arena);
    return result;
}

/* The same program again, as `berth-agent gate`. Its signals are its own, whatever we block. */
static void start(struct gate_keeper *keeper)
{
    char name[] = "berth-agent", word[] = "gate";
    char *listen = xstrdup(keeper->listen), *engine = xstrdup(keeper->engine);
    char *state = xstrdup(keeper->state);
    char *argv[] = {name, word, listen, engine, state, NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawn(&keeper->process, "/proc/self/exe", NULL, &attributes, argv, environ);
    if (error) {
        keeper->process = 0;
        log_error("the gate can't be started", "why=\"%s\"", strerror(error));
    }
    posix_spawnattr_destroy(&attributes);
    free(listen);
    free(engine);
    free(state);
}

int gate_keeper_take(struct gate_keeper *keeper, const struct value *answer,
                     const struct gate_manager *manager, int64_t now_ms, struct failure *failure)
{
    int64_t life_s = value_get_int(answer, "certificate_s", 0);
    if (value_get_text(answer, "certificate").length == 0 || life_s <= 0)
        return failure_set(failure, FAILURE_INVALID,
                           "the manager gave no certificate for the gate: is it too old?");
    if (write_files(keeper, answer, manager, failure) != 0)
        return -1;
    keeper->ready = true;
    keeper->due_ms = now_ms + life_s * 1000 / 3 * 2;
    if (keeper->process)
        kill(keeper->process, SIGHUP);
    gate_keeper_tick(keeper);
    return 0;
}

int64_t gate_keeper_due_ms(const struct gate_keeper *keeper)
{
    return keeper->due_ms;
}

void gate_keeper_tick(struct gate_keeper *keeper)
{
    reap(keeper, WNOHANG);
    if (keeper->ready && !keeper->process)
        start(keeper);
}
