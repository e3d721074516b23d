/* Fence: lists of engine ids, in memory and in DIR/fence.json. */
#include "agent/fence.h"

#include "agent/process.h"
#include "policy/base/table.h"
#include "proxy/json.h"
#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CALL_MS        2000
#define MAX_CONTAINERS 10000
#define MAX_FILE       (4u << 20)

struct ids {
    char **list;
    size_t count;
};

struct fence {
    char *path; /* NULL: memory only */
    int64_t safe_ms;
    int64_t after_ms; /* 0: not told to fence */
    int64_t within_ms;
    char *digest; /* of the list, as the manager names it */
    struct ids movable, stopped;
    bool done; /* since the last fence_safe */
};

/* ---- lists ---- */

static void ids_clear(struct ids *ids)
{
    while (ids->count)
        free(ids->list[--ids->count]);
    free(ids->list);
    ids->list = NULL;
}

static void ids_add(struct ids *ids, struct slice id)
{
    ids->list = xrealloc(ids->list, (ids->count + 1) * sizeof(*ids->list));
    ids->list[ids->count++] = xslicedup(id);
}

static ptrdiff_t ids_find(const struct ids *ids, struct slice id)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (slice_is(id, ids->list[i]))
            return (ptrdiff_t)i;
    }
    return -1;
}

static void ids_remove(struct ids *ids, size_t at)
{
    free(ids->list[at]);
    ids->list[at] = ids->list[--ids->count];
}

/* Ids go into paths of the engine's API: nothing but hex is taken. */
static bool is_id(const struct value *value)
{
    if (value->type != VALUE_TEXT || value->text.length == 0 || value->text.length > 64)
        return false;
    for (size_t i = 0; i < value->text.length; i++) {
        char c = value->text.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static void ids_read(struct ids *ids, const struct value *list)
{
    ids_clear(ids);
    VALUE_EACH(item, list)
    {
        if (is_id(item) && ids->count < MAX_CONTAINERS)
            ids_add(ids, item->text);
    }
}

static struct value *ids_value(const struct ids *ids, struct arena *arena)
{
    struct value *list = value_list(arena);

    for (size_t i = 0; i < ids->count; i++)
        value_append(list, value_text(arena, slice_of(ids->list[i])));
    return list;
}

/* ---- the file ---- */

static int write_file(const char *path, struct slice text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), result;

    if (fd < 0)
        return -1;
    result = write(fd, text.at, text.length) == (ssize_t)text.length && fsync(fd) == 0 ? 0 : -1;
    return close(fd) == 0 ? result : -1;
}

static void save(const struct fence *fence)
{
    struct arena *arena;
    struct value *map;
    char *fresh;

    if (!fence->path)
        return;
    arena = arena_new();
    map = value_map(arena);
    fresh = xprintf("%s.new", fence->path);
    value_set_int(arena, map, "after_ms", fence->after_ms);
    value_set_int(arena, map, "within_ms", fence->within_ms);
    value_set(arena, map, "containers", ids_value(&fence->movable, arena));
    value_set(arena, map, "stopped", ids_value(&fence->stopped, arena));
    if (write_file(fresh, json_text(arena, map)) != 0 || rename(fresh, fence->path) != 0)
        log_warning("can't keep the list of movable containers", "file=%s why=\"%s\"", fence->path,
                    strerror(errno));
    free(fresh);
    arena_free(&arena);
}

static void load(struct fence *fence)
{
    int fd = open(fence->path, O_RDONLY | O_CLOEXEC);
    struct arena *arena = arena_new();
    struct value *map = NULL;
    struct buffer text;
    char *room;
    ssize_t got = 1;

    buffer_init(&text, MAX_FILE);
    while (fd >= 0 && got > 0 && (room = buffer_reserve(&text, 65536)) != NULL) {
        got = read(fd, room, 65536);
        if (got > 0)
            text.length += (size_t)got;
    }
    if (fd >= 0) {
        close(fd);
        map = json_parse(arena, buffer_slice(&text), NULL);
        if (!map)
            log_warning("the list of movable containers is damaged, begun anew", "file=%s",
                        fence->path);
    }
    fence->after_ms = value_get_int(map, "after_ms", 0);
    fence->within_ms = value_get_int(map, "within_ms", 0);
    ids_read(&fence->movable, value_find(map, "containers"));
    ids_read(&fence->stopped, value_find(map, "stopped"));
    buffer_deinit(&text);
    arena_free(&arena);
}

struct fence *fence_new(const char *directory, int64_t now_ms)
{
    struct fence *fence = xcalloc(1, sizeof(*fence));

    fence->safe_ms = now_ms;
    fence->digest = xstrdup("");
    if (directory) {
        fence->path = xprintf("%s/fence.json", directory);
        load(fence);
    }
    return fence;
}

void fence_free(struct fence **fence)
{
    if (!*fence)
        return;
    ids_clear(&(*fence)->movable);
    ids_clear(&(*fence)->stopped);
    free((*fence)->path);
    free((*fence)->digest);
    free(*fence);
    *fence = NULL;
}

/* ---- what managers say ---- */

void fence_safe(struct fence *fence, int64_t at_ms)
{
    if (at_ms > fence->safe_ms)
        fence->safe_ms = at_ms;
    fence->done = false;
}

void fence_take(struct fence *fence, const struct value *answer)
{
    const struct value *told = value_find(answer, "fence"), *list = value_find(told, "containers");
    int64_t after_ms = value_get_int(told, "after_ms", 0);
    struct slice digest = value_get_text(told, "digest");
    bool changed = list != NULL || after_ms != fence->after_ms;

    if (!told)
        return;
    fence->after_ms = after_ms > 0 && after_ms <= 86400000 ? after_ms : 0;
    fence->within_ms = value_get_int(told, "within_ms", 0);
    if (list) {
        ids_read(&fence->movable, list);
        free(fence->digest);
        fence->digest = xslicedup(digest.at ? digest : SLICE(""));
    }
    if (changed)
        save(fence);
}

int64_t fence_due_ms(const struct fence *fence)
{
    if (fence->after_ms == 0 || fence->done || fence->movable.count == 0)
        return INT64_MAX;
    return fence->safe_ms + fence->after_ms;
}

struct slice fence_digest(const struct fence *fence)
{
    return slice_of(fence->digest);
}

struct value *fence_stopped(const struct fence *fence, struct arena *arena)
{
    return fence->stopped.count ? ids_value(&fence->stopped, arena) : NULL;
}

/* ---- stopping and starting ---- */

/* POST /containers/ID/what for each id, many at a time; statuses in the order of `ids`. free() it. */
static struct client_post *post_all(struct client *client, const char *engine,
                                    const struct ids *ids, const char *what, int64_t limit_ms)
{
    struct client_post *posts = xcalloc(ids->count, sizeof(*posts));
    struct arena *arena = arena_new();

    for (size_t i = 0; i < ids->count; i++)
        posts[i].path = arena_printf(arena, "/containers/%s/%s", ids->list[i], what).at;
    client_post_all(client, engine, posts, ids->count, limit_ms);
    for (size_t i = 0; i < ids->count; i++)
        posts[i].path = NULL;
    arena_free(&arena);
    return posts;
}

/* Kills with `what`; those that this stopped are kept to be started again. The number of those that
 * neither took it nor had ended before. */
static size_t kill_all(struct fence *fence, struct client *client, const char *engine,
                       const char *what, int64_t limit_ms, size_t *hit)
{
    struct client_post *posts = post_all(client, engine, &fence->movable, what, limit_ms);
    size_t left = 0;

    *hit = 0;
    for (size_t i = 0; i < fence->movable.count; i++) {
        struct slice id = slice_of(fence->movable.list[i]);
        int status = posts[i].status;

        /* 404: gone; 409: not running. Both are as good as stopped, but not stopped by us. */
        left += status != 204 && status != 404 && status != 409;
        *hit += status == 204;
        if (status == 204 && ids_find(&fence->stopped, id) < 0)
            ids_add(&fence->stopped, id);
    }
    free(posts);
    return left;
}

void fence_run(struct fence *fence, struct client *client, const char *engine, int64_t now_ms)
{
    int64_t half_ms = fence->within_ms > 200 ? fence->within_ms / 2 : 100;
    size_t signalled, killed, left;

    log_warning("no manager answers for so long that containers may start elsewhere: stopping those "
                "that can move",
                "after_ms=%lld containers=%zu", (long long)fence->after_ms, fence->movable.count);
    (void)kill_all(fence, client, engine, "kill?signal=TERM", half_ms, &signalled);
    save(fence); /* before the wait: a restarted agent must know what to start again */
    now_ms = now_ms + half_ms - process_now_ms();
    if (signalled && now_ms > 0)
        (void)poll(NULL, 0, (int)now_ms);
    left = kill_all(fence, client, engine, "kill", half_ms > CALL_MS ? half_ms : CALL_MS, &killed);
    save(fence);
    fence->done = left == 0;
    log_warning(left ? "fenced in part, trying again" : "fenced",
                "stopped=%zu killed=%zu left=%zu", signalled, killed, left);
}

/* The ids of `list` that were stopped here. */
static void stopped_among(const struct fence *fence, const struct value *list, struct ids *found)
{
    VALUE_EACH(id, list)
    {
        if (id->type == VALUE_TEXT && ids_find(&fence->stopped, id->text) >= 0)
            ids_add(found, id->text);
    }
}

static void forget_stopped(struct fence *fence, const char *id)
{
    ptrdiff_t at = ids_find(&fence->stopped, slice_of(id));

    if (at >= 0)
        ids_remove(&fence->stopped, (size_t)at);
}

/* Those that gave no answer in time stay in the list: the manager sees by the next renewal whether
 * they run. */
static void start_all(struct fence *fence, struct client *client, const char *engine,
                      const struct ids *ids, int64_t limit_ms)
{
    struct client_post *posts = post_all(client, engine, ids, "start", limit_ms);

    for (size_t i = 0; i < ids->count; i++) {
        if (posts[i].status < 0)
            continue;
        if (posts[i].status == 204 || posts[i].status == 304)
            log_info("started again after the fence", "container=%.12s", ids->list[i]);
        else
            log_warning("could not be started again after the fence", "container=%.12s status=%d",
                        ids->list[i], posts[i].status);
        forget_stopped(fence, ids->list[i]);
    }
    free(posts);
}

void fence_settle(struct fence *fence, const struct value *answer, struct client *client,
                  const char *engine, int64_t limit_ms)
{
    struct ids start = {0}, drop = {0};

    stopped_among(fence, value_find(answer, "start"), &start);
    stopped_among(fence, value_find(answer, "drop"), &drop);
    for (size_t i = 0; i < drop.count; i++) {
        log_info("no more to be started by the fence", "container=%.12s", drop.list[i]);
        forget_stopped(fence, drop.list[i]);
    }
    if (start.count)
        start_all(fence, client, engine, &start, limit_ms);
    if (start.count + drop.count)
        save(fence);
    ids_clear(&start);
    ids_clear(&drop);
}
