/* Audit: builds each line as JSON and appends it with one write, so that lines never mix. */
#include "proxy/access/audit.h"

#include "proxy/json.h"
#include "proxy/log.h"
#include "proxy/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define PATH_SHOWN     512

struct audit {
    char *path;
    int fd;
    time_t complained; /* when the last lost line was logged */
};

static int open_file(const char *path, struct failure *failure)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return failure_set(failure, FAILURE_INVALID, "audit log %s: %s", path, strerror(errno));
    return fd;
}

struct audit *audit_open(const char *path, struct failure *failure)
{
    int fd = open_file(path, failure);
    if (fd < 0)
        return NULL;
    struct audit *audit = xcalloc(1, sizeof(*audit));
    audit->path = xstrdup(path);
    audit->fd = fd;
    return audit;
}

void audit_close(struct audit **audit)
{
    if (!*audit)
        return;
    close((*audit)->fd);
    free((*audit)->path);
    free(*audit);
    *audit = NULL;
}

int audit_reopen(struct audit *audit, struct failure *failure)
{
    int fd = open_file(audit->path, failure);
    if (fd < 0)
        return -1;
    close(audit->fd);
    audit->fd = fd;
    return 0;
}

static void add_text(struct buffer *out, const char *name, struct slice text)
{
    if (text.length == 0)
        return;
    buffer_printf(out, ",\"%s\":", name);
    json_write_text(out, slice_cut(text, 0, PATH_SHOWN));
}

static const char *proof_name(enum proof proof)
{
    switch (proof) {
    case PROOF_NONE:
        return "none";
    case PROOF_UNIX:
        return "unix";
    case PROOF_TOKEN:
        return "token";
    case PROOF_CERTIFICATE:
        return "certificate";
    }
    return "?";
}

static void add_who(struct buffer *out, const struct identity *identity, const char *roles)
{
    add_text(out, "who", identity->name);
    buffer_printf(out, ",\"proof\":\"%s\"", proof_name(identity->proof));
    add_text(out, "tenant", identity->tenant);
    add_text(out, "roles", slice_of(roles));
    add_text(out, "peer", identity->peer);
    add_text(out, "listener", identity->listener);
}

void audit_line(struct buffer *out, const struct audit_entry *entry, int64_t now_ns)
{
    struct tm parts;
    time_t seconds = (time_t)(now_ns / 1000000000);
    char when[32];
    gmtime_r(&seconds, &parts);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &parts);
    buffer_printf(out, "{\"time\":\"%s.%03dZ\"", when, (int)(now_ns / 1000000 % 1000));
    add_who(out, entry->identity, entry->roles);
    buffer_printf(out, ",\"operation\":\"%s\"", entry->operation);
    add_text(out, "method", entry->method);
    add_text(out, "path", entry->path);
    add_text(out, "target", entry->target);
    add_text(out, "node", entry->node);
    buffer_printf(out, ",\"verdict\":\"%s\"", entry->verdict);
    add_text(out, "rule", slice_of(entry->rule));
    add_text(out, "codes", entry->code);
    if (entry->status)
        buffer_printf(out, ",\"status\":%d", entry->status);
    buffer_printf(out, ",\"ms\":%llu,\"generation\":%llu}\n",
                  (unsigned long long)entry->duration_ms, (unsigned long long)entry->generation);
}

static void complain(struct audit *audit, const char *why)
{
    time_t now = time(NULL);
    metrics.audit_lost_total++;
    if (now - audit->complained < 60)
        return;
    audit->complained = now;
    log_error("audit line lost", "file=%s why=\"%s\"", audit->path, why);
}

void audit_write(struct audit *audit, const struct audit_entry *entry)
{
    struct buffer line;
    if (!audit)
        return;
    buffer_init(&line, LINE_MAX_BYTES);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    audit_line(&line, entry, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    if (line.overflow)
        complain(audit, "the line is too long");
    else if (write(audit->fd, line.at, line.length) != (ssize_t)line.length)
        complain(audit, strerror(errno));
    buffer_deinit(&line);
}
