/* df: one run of all nodes at a time; a run belongs to no call, calls wait for it with tickets. */
#include "proxy/docker/df.h"

#include "proxy/docker/fan.h"
#include "proxy/docker/nouns.h"
#include "proxy/docker/owner.h"

#include <stdlib.h>

struct df_waiter {
    struct list link;
    struct ticket *ticket;
};

struct df_run {
    struct list link; /* in the queue: the first one is running */
    struct df_queue *queue;
    char *key; /* equal key, equal answer */
    char *target;
    int api_version;
    char **names; /* of nodes */
    size_t count;
    struct gather *gather;
    struct list waiters;
};

struct df_queue {
    struct cluster *cluster;
    struct list runs;
};

struct df_queue *df_queue_new(struct cluster *cluster)
{
    struct df_queue *queue = xcalloc(1, sizeof(*queue));

    queue->cluster = cluster;
    list_init(&queue->runs);
    return queue;
}

static void run_free(struct df_run *run)
{
    if (run->gather)
        gather_cancel(&run->gather);
    LIST_EACH(link, &run->waiters)
    {
        struct df_waiter *waiter = LIST_ENTRY(link, struct df_waiter, link);

        if (waiter->ticket)
            (void)ticket_redeem(&waiter->ticket);
        free(waiter);
    }
    for (size_t i = 0; i < run->count; i++)
        free(run->names[i]);
    list_remove(&run->link);
    free(run->names);
    free(run->key);
    free(run->target);
    free(run);
}

void df_queue_free(struct df_queue **queue)
{
    struct df_queue *old = *queue;

    *queue = NULL;
    if (!old)
        return;
    LIST_EACH(link, &old->runs)
    run_free(LIST_ENTRY(link, struct df_run, link));
    free(old);
}

static void answer(struct call_context *call, const struct gather_result *result)
{
    struct merge_body *bodies;
    struct failure failure = {0};
    size_t count = 0;
    int status = 0;

    if (result->count && !result->answered) {
        gather_explain(result, &status, &failure);
        call_error(call, status ? status : 503, "%s", failure.text);
        return;
    }
    bodies = fan_bodies(call, result, &count);
    struct value *usage = merge_df(call->arena, bodies, count);
    owner_filter_rows(call, value_find(usage, "Containers"));
    owner_filter_rows(call, value_find(usage, "Volumes"));
    call_reply_json(call, 200, usage);
}

static void start_first(struct df_queue *queue);

static void on_gathered(const struct gather_result *result, void *context)
{
    struct df_run *run = context;
    struct df_queue *queue = run->queue;

    run->gather = NULL;
    LIST_EACH(link, &run->waiters)
    {
        struct df_waiter *waiter = LIST_ENTRY(link, struct df_waiter, link);
        struct call_context *call = ticket_redeem(&waiter->ticket);

        if (call)
            answer(call, result);
    }
    run_free(run);
    start_first(queue);
}

static void start_first(struct df_queue *queue)
{
    struct df_run *run;
    struct engine_node **nodes;
    struct gather_request request = {.method = SLICE("GET"), .deadline_ms = FAN_SLOW_MS};
    size_t count = 0;

    if (list_empty(&queue->runs))
        return;
    run = LIST_ENTRY(queue->runs.next, struct df_run, link);
    request.target = slice_of(run->target);
    request.api_version = run->api_version;
    nodes = xcalloc(run->count + 1, sizeof(struct engine_node *));
    for (size_t i = 0; i < run->count; i++) {
        struct engine_node *node = cluster_node_named(queue->cluster, slice_of(run->names[i]));

        if (node)
            nodes[count++] = node;
    }
    run->gather = gather_start(queue->cluster, &request, nodes, count, on_gathered, run);
    free(nodes);
}

static struct df_run *find_run(struct df_queue *queue, const char *key)
{
    LIST_EACH(link, &queue->runs)
    {
        struct df_run *run = LIST_ENTRY(link, struct df_run, link);

        if (!strcmp(run->key, key))
            return run;
    }
    return NULL;
}

static struct df_run *add_run(struct df_queue *queue, struct call_context *call, char *key,
                              struct engine_node **nodes, size_t count)
{
    struct df_run *run = xcalloc(1, sizeof(*run));
    struct slice query = query_text(call->query);
    bool idle = list_empty(&queue->runs);

    run->queue = queue;
    run->key = key;
    run->target = xprintf("/system/df%s" SLICE_FMT, query.length ? "?" : "", SLICE_ARG(query));
    run->api_version = call->version;
    run->names = xcalloc(count + 1, sizeof(char *));
    run->count = count;
    for (size_t i = 0; i < count; i++)
        run->names[i] = xslicedup(nodes[i]->view.name);
    list_init(&run->waiters);
    list_append(&queue->runs, &run->link);
    if (idle)
        start_first(queue);
    return run;
}

static char *key_of(struct call_context *call, struct engine_node **nodes, size_t count)
{
    struct buffer key;
    size_t length;

    buffer_init(&key, 1u << 20);
    buffer_printf(&key, "%d\n", call->version);
    buffer_add(&key, query_text(call->query));
    for (size_t i = 0; i < count; i++) {
        buffer_char(&key, '\n');
        buffer_add(&key, nodes[i]->view.name);
    }
    return buffer_take(&key, &length);
}

void system_df(struct call_context *call)
{
    struct df_queue *queue = nouns_df(docker_nouns(call->docker));
    struct df_waiter *waiter = xcalloc(1, sizeof(*waiter));
    struct df_run *run;
    size_t count;
    struct engine_node **nodes = fan_nodes(call, NULL, &count);
    char *key = key_of(call, nodes, count);

    run = find_run(queue, key);
    if (run)
        free(key);
    else
        run = add_run(queue, call, key, nodes, count);
    waiter->ticket = ticket_new(call);
    list_append(&run->waiters, &waiter->link);
}
