/* Policy service: one host, its file, and who is told of a new generation. */
#include "proxy/policy_service.h"

#include "proxy/cluster/cluster.h"
#include "proxy/log.h"
#include "proxy/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS  150 /* editors write, rename and touch: one reload for all of it */
#define REPORT_MAX (1u << 20)

struct policy_service {
    struct policy_service_options options;
    struct policy_host *host;
    struct policy *serving; /* whose hooks the cluster has */
    struct schedule_policy hooks;
    struct loop_watch *watch;
    int inotify; /* -1: not watching */
    struct timer settle;
    bool started;
};

static int64_t monotonic_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void on_log(struct slice text, void *context)
{
    log_info("policy says", "text=\"" SLICE_FMT "\"", SLICE_ARG(text));
}

static struct policy_settings settings_of(const struct policy_service_options *options)
{
    struct policy_settings settings = {
        .monotonic_ns = monotonic_ns,
        .wall_ns = loop_wall_ns,
        .operations = options->operations,
        .operation_count = options->operation_count,
        .prepare_access = options->prepare_access,
        .on_log = on_log,
        .context = options->context,
    };
    return settings;
}

/* The serving generation's hooks go to the scheduler. */
static void hand_over(struct policy_service *service)
{
    policy_release(&service->serving);
    service->serving = policy_hold(service->host);
    bool places = service->serving && policy_place(service->serving, &service->hooks);
    cluster_set_policy(service->options.cluster, places ? &service->hooks : NULL);
}

/* A generation has been loaded or rolled back to. When its rules can't be taken the one before
 * serves again. */
static int announce(struct policy_service *service, struct failure *failure)
{
    struct failure ignored;
    int result = 0;
    if (service->started && service->options.on_change) {
        result = service->options.on_change(service->options.context, failure);
        if (result != 0 && policy_host_rollback(service->host, &ignored) == 0 &&
            service->options.on_change(service->options.context, &ignored) != 0)
            log_error("access rules could not be put back", "why=\"%s\"", ignored.text);
    }
    hand_over(service);
    struct policy_info info = policy_host_info(service->host);
    metrics.policy_generation = info.generation;
    if (result == 0)
        log_info("policy serves", "generation=%llu files=%zu tests=%zu rules=%zu",
                 (unsigned long long)info.generation, info.files, info.tests, info.rules);
    return result;
}

static int load(struct policy_service *service, const struct policy_source *sources, size_t count,
                struct buffer *report, struct failure *failure)
{
    if (policy_host_load(service->host, sources, count, report, failure) != 0) {
        metrics.policy_refused_total++;
        return -1;
    }
    return announce(service, failure);
}

static int load_path(struct policy_service *service, struct failure *failure)
{
    struct policy_files files;
    if (policy_files_read(service->options.path, &files, failure) != 0)
        return -1;
    int result = load(service, files.list, files.count, NULL, failure);
    policy_files_free(&files);
    return result;
}

struct policy_service *policy_service_new(const struct policy_service_options *options,
                                          struct failure *failure)
{
    struct policy_service *service = xcalloc(1, sizeof(*service));
    struct policy_settings settings = settings_of(options);
    service->options = *options;
    service->inotify = -1;
    service->host = policy_host_new(&settings);
    if (options->path[0] && load_path(service, failure) != 0) {
        failure_prefix(failure, "--policy");
        policy_service_free(&service);
    }
    return service;
}

void policy_service_free(struct policy_service **service)
{
    if (!*service)
        return;
    if ((*service)->options.cluster)
        cluster_set_policy((*service)->options.cluster, NULL);
    if ((*service)->started)
        timer_stop(&(*service)->settle);
    loop_watch_free(&(*service)->watch);
    if ((*service)->inotify >= 0)
        close((*service)->inotify);
    policy_release(&(*service)->serving);
    policy_host_free(&(*service)->host);
    free(*service);
    *service = NULL;
}

struct policy_host *policy_service_host(struct policy_service *service)
{
    return service->host;
}

int policy_service_reload(struct policy_service *service, struct failure *failure)
{
    return service->options.path[0] ? load_path(service, failure) : 0;
}

int policy_service_put(struct policy_service *service, struct slice name, struct slice text,
                       struct buffer *report, struct failure *failure)
{
    struct policy_source source = {name, text};
    return load(service, &source, 1, report, failure);
}

int policy_service_rollback(struct policy_service *service, struct failure *failure)
{
    return policy_host_rollback(service->host, failure) == 0 ? announce(service, failure) : -1;
}

/* ---- watching the file ---- */

/* Is what is on disk what serves? A touched file needs no new generation. */
static bool unchanged(struct policy_service *service, const struct policy_files *files)
{
    struct buffer serving, disk;
    buffer_init(&serving, 2 * POLICY_SOURCE_MAX);
    buffer_init(&disk, 2 * POLICY_SOURCE_MAX);
    policy_host_text(service->host, &serving);
    for (size_t i = 0; i < files->count; i++) {
        buffer_printf(&disk, "-- " SLICE_FMT "\n", SLICE_ARG(files->list[i].name));
        buffer_add(&disk, files->list[i].text);
        if (!slice_ends(files->list[i].text, "\n"))
            buffer_char(&disk, '\n');
    }
    bool same = slice_equal(buffer_slice(&serving), buffer_slice(&disk));
    buffer_deinit(&serving);
    buffer_deinit(&disk);
    return same;
}

static void on_settled(void *context)
{
    struct policy_service *service = context;
    struct policy_files files;
    struct failure failure;
    int result = policy_files_read(service->options.path, &files, &failure);
    if (result == 0) {
        if (!unchanged(service, &files))
            result = load(service, files.list, files.count, NULL, &failure);
        policy_files_free(&files);
    }
    if (result != 0)
        log_error("policy not reloaded, the one before stays", "why=\"%s\"", failure.text);
}

static void on_changed(void *context)
{
    struct policy_service *service = context;
    char events[4096];
    while (read(service->inotify, events, sizeof(events)) > 0) {
    }
    timer_start(&service->settle, SETTLE_MS);
}

/* The folder is watched, not the file: editors put a new file in its place. */
static int watch(struct policy_service *service, struct failure *failure)
{
    struct stat status;
    char *folder = xstrdup(service->options.path);
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode)) {
        char *slash = strrchr(folder, '/');
        if (slash)
            slash[slash == folder] = '\0'; /* "/x" is in "/" */
        else
            snprintf(folder, strlen(folder) + 1, ".");
    }
    service->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int added = service->inotify < 0
                    ? -1
                    : inotify_add_watch(service->inotify, folder,
                                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
    if (added < 0)
        failure_set(failure, FAILURE_INTERNAL, "--policy: %s can't be watched: %s", folder,
                    strerror(errno));
    free(folder);
    if (added < 0)
        return -1;
    service->watch =
        loop_watch_new(service->options.loop, service->inotify, on_changed, NULL, service);
    if (!service->watch)
        return failure_set(failure, FAILURE_INTERNAL,
                           "--policy: no descriptor left to watch with");
    loop_watch_set(service->watch, true, false);
    return 0;
}

int policy_service_start(struct policy_service *service, struct failure *failure)
{
    service->started = true;
    timer_init(&service->settle, service->options.loop, on_settled, service);
    return service->options.path[0] ? watch(service, failure) : 0;
}

/* ---- berthd --check ---- */

int policy_check(const struct policy_service_options *options)
{
    struct policy_settings settings = settings_of(options);
    struct policy_files files;
    struct failure failure;
    struct buffer report;
    if (policy_files_read(options->path, &files, &failure) != 0) {
        fprintf(stderr, "berthd: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    struct policy_host *host = policy_host_new(&settings);
    buffer_init(&report, REPORT_MAX);
    int result = policy_host_load(host, files.list, files.count, &report, &failure);
    fwrite(report.at ? report.at : "", 1, report.length, stdout);
    buffer_deinit(&report);
    policy_host_free(&host);
    policy_files_free(&files);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
