/* Image copy: two streamed calls tied together: what the holder saves is what the other loads.
 * Nothing is kept but a bounded queue. */
#include "proxy/docker/image_copy.h"

#include "proxy/cluster/changes.h"
#include "proxy/cluster/inventory.h"
#include "proxy/docker/path.h"
#include "proxy/docker/reference.h"
#include "proxy/json.h"
#include "proxy/log.h"

#include <stdlib.h>

#define COPY_MAX_QUEUE   (256 * 1024)
#define COPY_MAX_HOLDERS 16
#define COPY_MAX_LINE    (256 * 1024)

struct copy_waiter {
    struct list link;
    image_copied_fn on_done;
    void *context;
};

struct copy {
    struct list link;
    struct image_copier *copier;
    char *image;                   /* familiar, with tag */
    struct engine_node *from, *to; /* held */
    struct call *download, *upload;
    struct json_splitter *splitter; /* of the load's answer */
    struct list waiters;
    struct failure failure;
    uint64_t bytes;
    int loaded_status;
    bool over;
};

struct image_copier {
    struct cluster *cluster;
    struct list running;
};

/* ---- the end ---- */

static void tell_waiters(void *context)
{
    struct copy *copy = context;
    const struct failure *failure = copy->failure.kind ? &copy->failure : NULL;

    list_remove(&copy->link);
    LIST_EACH(link, &copy->waiters)
    {
        struct copy_waiter *waiter = LIST_ENTRY(link, struct copy_waiter, link);

        list_remove(&waiter->link);
        waiter->on_done(failure, waiter->context);
        free(waiter);
    }
    json_splitter_free(&copy->splitter);
    node_release(copy->from);
    node_release(copy->to);
    free(copy->image);
    free(copy);
}

static void publish(const struct copy *copy)
{
    struct tag attributes[] = {{SLICE("name"), slice_of(copy->image)},
                               {SLICE("from"), copy->from->view.name},
                               {SLICE("to"), copy->to->view.name}};

    cluster_publish(copy->copier->cluster, SLICE("image"), SLICE("copy"), slice_of(copy->image),
                    (struct tags){attributes, 3}, copy->to);
}

static void finish(struct copy *copy, const struct failure *failure)
{
    if (copy->over)
        return;
    copy->over = true;
    call_cancel(&copy->download);
    call_cancel(&copy->upload);
    if (failure) {
        copy->failure = *failure;
        log_warning("image not copied", "image=%s from=" SLICE_FMT " to=" SLICE_FMT " why=\"%s\"",
                    copy->image, SLICE_ARG(copy->from->view.name), SLICE_ARG(copy->to->view.name),
                    failure->text);
        loop_defer(cluster_loop(copy->copier->cluster), tell_waiters, copy);
        return;
    }
    log_info("image copied", "image=%s from=" SLICE_FMT " to=" SLICE_FMT " bytes=%llu", copy->image,
             SLICE_ARG(copy->from->view.name), SLICE_ARG(copy->to->view.name),
             (unsigned long long)copy->bytes);
    publish(copy);
    inventory_refresh(copy->to, WATCH_IMAGES, tell_waiters, copy);
}

static void fail(struct copy *copy, const char *what, const char *why)
{
    struct failure failure;

    failure_set(&failure, FAILURE_UNREACHABLE,
                "image %s could not be copied from " SLICE_FMT " to " SLICE_FMT ": %s%s",
                copy->image, SLICE_ARG(copy->from->view.name), SLICE_ARG(copy->to->view.name), what,
                why);
    finish(copy, &failure);
}

/* ---- the loading side ---- */

static bool on_line(struct slice line, void *context)
{
    struct copy *copy = context;
    struct arena *arena = arena_new();
    struct slice error = value_get_text(json_parse(arena, line, NULL), "error");

    if (error.length && !copy->failure.kind)
        failure_set(&copy->failure, FAILURE_INTERNAL, SLICE_FMT, SLICE_ARG(error));
    arena_free(&arena);
    return true;
}

static void on_load_head(struct call *call, const struct response_head *head, void *context)
{
    ((struct copy *)context)->loaded_status = head->status;
}

static void on_load_data(struct call *call, struct slice payload, void *context)
{
    struct copy *copy = context;

    if (copy->splitter && json_splitter_feed(copy->splitter, payload, on_line, copy) != 0)
        json_splitter_free(&copy->splitter);
}

static void on_load_end(struct call *call, const struct failure *failure, void *context)
{
    struct copy *copy = context;

    copy->upload = NULL;
    if (failure)
        fail(copy, "", failure->text);
    else if (copy->failure.kind)
        fail(copy, "the load failed: ", copy->failure.text);
    else if (copy->loaded_status != 200)
        fail(copy, "the load was refused", "");
    else if (copy->download)
        fail(copy, "the load ended before the image did", "");
    else
        finish(copy, NULL);
}

static const struct call_handlers load_handlers = {
    .on_head = on_load_head, .on_data = on_load_data, .on_end = on_load_end};

static void on_load_drained(struct call *call, void *context)
{
    struct copy *copy = context;

    if (copy->download)
        call_resume(copy->download);
}

static char *versioned(const struct engine_node *node, const char *path)
{
    char version[16];

    return xprintf("/v%s%s", api_version_text(node_api_version(node, 0), version), path);
}

static void start_load(struct copy *copy)
{
    char *target = versioned(copy->to, "/images/load?quiet=1");
    struct call_request request = {
        .method = SLICE("POST"), .target = slice_of(target), .content_type = "application/x-tar"};

    node_touch(copy->to);
    copy->upload = call_upload(copy->to->upstream, &request, &load_handlers, copy);
    call_on_drained(copy->upload, on_load_drained, copy);
    free(target);
}

/* ---- the saving side ---- */

static void on_save_head(struct call *call, const struct response_head *head, void *context)
{
    struct copy *copy = context;

    if (head->status == 200)
        start_load(copy);
}

static void on_save_data(struct call *call, struct slice payload, void *context)
{
    struct copy *copy = context;

    if (!copy->upload)
        return;
    copy->bytes += payload.length;
    if (call_send(copy->upload, payload) > COPY_MAX_QUEUE)
        call_pause(copy->download);
}

static void on_save_end(struct call *call, const struct failure *failure, void *context)
{
    struct copy *copy = context;

    copy->download = NULL;
    if (failure)
        fail(copy, "", failure->text);
    else if (!copy->upload)
        fail(copy, "the save was refused", "");
    else
        call_send_end(copy->upload);
}

static const struct call_handlers save_handlers = {
    .on_head = on_save_head, .on_data = on_save_data, .on_end = on_save_end};

static void start_save(struct copy *copy)
{
    struct arena *arena = arena_new();
    struct slice path = path_encode(arena, arena_printf(arena, "/images/%s/get", copy->image));
    char *target = versioned(copy->from, path.at);
    struct call_request request = {.method = SLICE("GET"), .target = slice_of(target)};

    log_info("image copy starts", "image=%s from=" SLICE_FMT " to=" SLICE_FMT, copy->image,
             SLICE_ARG(copy->from->view.name), SLICE_ARG(copy->to->view.name));
    copy->download = call_stream(copy->from->upstream, &request, &save_handlers, copy);
    free(target);
    arena_free(&arena);
}

/* ---- asking ---- */

static struct engine_node *choose_holder(struct cluster *cluster, struct slice image,
                                         const struct engine_node *to)
{
    struct engine_node *holders[COPY_MAX_HOLDERS];
    size_t count = inventory_holders(cluster, WATCH_IMAGES, image, holders, COPY_MAX_HOLDERS);
    struct failure why;

    for (size_t i = 0; i < count && i < COPY_MAX_HOLDERS; i++)
        if (holders[i] != to && node_usable(holders[i], &why) == 0)
            return holders[i];
    return NULL;
}

static struct copy *find_running(struct image_copier *copier, struct slice image,
                                 const struct engine_node *to)
{
    LIST_EACH(link, &copier->running)
    {
        struct copy *copy = LIST_ENTRY(link, struct copy, link);

        if (copy->to == to && !copy->over && slice_is(image, copy->image))
            return copy;
    }
    return NULL;
}

static struct copy *start_copy(struct image_copier *copier, struct slice image,
                               struct engine_node *to)
{
    struct engine_node *from = choose_holder(copier->cluster, image, to);
    struct copy *copy = xcalloc(1, sizeof(*copy));

    copy->copier = copier;
    copy->image = xslicedup(image);
    copy->from = node_hold(from ? from : to);
    copy->to = node_hold(to);
    copy->splitter = json_splitter_new(COPY_MAX_LINE);
    list_init(&copy->waiters);
    list_append(&copier->running, &copy->link);
    if (from)
        start_save(copy);
    else
        fail(copy, "no node that can be asked holds it", "");
    return copy;
}

void image_copy(struct cluster *cluster, struct slice image, struct engine_node *to,
                image_copied_fn on_done, void *done_context, void *context)
{
    struct image_copier *copier = context;
    struct copy_waiter *waiter = xcalloc(1, sizeof(*waiter));
    struct arena *arena = arena_new();
    struct slice name = reference_normal(arena, image);
    struct copy *copy = find_running(copier, name, to);

    if (!copy)
        copy = start_copy(copier, name, to);
    waiter->on_done = on_done;
    waiter->context = done_context;
    list_append(&copy->waiters, &waiter->link);
    arena_free(&arena);
}

struct image_copier *image_copier_new(struct cluster *cluster)
{
    struct image_copier *copier = xcalloc(1, sizeof(*copier));

    copier->cluster = cluster;
    list_init(&copier->running);
    cluster_set_image_copy(cluster, image_copy, copier);
    return copier;
}

void image_copier_free(struct image_copier **pointer)
{
    struct image_copier *copier = *pointer;

    *pointer = NULL;
    if (!copier)
        return;
    cluster_set_image_copy(copier->cluster, NULL, NULL);
    LIST_EACH(link, &copier->running)
    {
        struct copy *copy = LIST_ENTRY(link, struct copy, link);

        list_remove(&copy->link);
        if (copy->over)
            continue; /* its last callback is on the way and needs the copier no more */
        copy->over = true;
        call_cancel(&copy->download);
        call_cancel(&copy->upload);
        failure_set(&copy->failure, FAILURE_UNREACHABLE, "the manager is stopping");
        tell_waiters(copy);
    }
    free(copier);
}
