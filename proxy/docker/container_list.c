/* Container list: GET /containers/json. Nodes in sync are answered for by the cache; engines are
 * asked for what only they know (sizes, image parents), and when their cache is not in sync; rows
 * of a node that is down are its last ones, marked. */
#include "proxy/docker/handler.h"

#include "proxy/cluster/gather.h"
#include "proxy/docker/container_edit.h"
#include "proxy/docker/container_filter.h"
#include "proxy/docker/owner.h"
#include "proxy/json.h"

#include <stdlib.h>

#define LIST_DEADLINE_MS 10000
#define SIZE_DEADLINE_MS 600000
#define LIST_MAX_BYTES   (256u << 20)

/* One row to come: from the cache, or as an engine has just said. */
struct row {
    int64_t created_ns;
    struct container_entry *entry; /* NULL: the cache does not know it yet */
    struct value *live;            /* NULL: from the cache */
    struct engine_node *node;
};

struct listing {
    struct container_filter filter;
    struct row *rows;
    size_t count;
};

static int newest_first(const void *a, const void *b)
{
    const struct row *row_a = a, *row_b = b;
    return row_a->created_ns < row_b->created_ns   ? 1
           : row_a->created_ns > row_b->created_ns ? -1
                                                   : 0;
}

/* A row asked live, with sizes and our names, addresses and ids. */
static void write_live(struct call_context *call, struct buffer *out, const struct row *row)
{
    struct slice id = cluster_user_id(call->cluster, value_get_text(row->live, "Id"));
    bool unique = !row->entry || container_name_unique(row->entry);
    container_edit_row(call->arena, row->live, row->node, arena_copy(call->arena, id), unique);
    if (row->entry && container_arriving(row->entry)) {
        value_set_text(call->arena, row->live, "State", SLICE("pending"));
        value_set_text(call->arena, row->live, "Status", SLICE("pending"));
    }
    json_write(out, row->live);
}

static void reply_rows(struct call_context *call, struct listing *listing)
{
    struct buffer out;
    int64_t now = loop_wall_ns();
    size_t count = listing->count;
    if (listing->filter.limit && (uint64_t)listing->filter.limit < count)
        count = (size_t)listing->filter.limit;
    buffer_init(&out, LIST_MAX_BYTES);
    buffer_char(&out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_char(&out, ',');
        if (listing->rows[i].live)
            write_live(call, &out, &listing->rows[i]);
        else
            container_row_write(&out, listing->rows[i].entry, now);
    }
    buffer_text(&out, "]\n");
    if (out.overflow)
        call_error(call, 500, "the list is larger than %u MiB", LIST_MAX_BYTES >> 20);
    else
        call_reply(call, 200, "application/json", buffer_slice(&out));
    buffer_deinit(&out);
}

/* An `id` filter that fits several containers shows none, as on one engine. */
static void drop_ambiguous(struct listing *listing)
{
    if (filters_find(&listing->filter.filters, "id") && listing->count > 1)
        listing->count = 0;
}

static bool answered_live(struct engine_node *const *nodes, size_t count,
                          const struct engine_node *node)
{
    for (size_t i = 0; i < count; i++) {
        if (nodes[i] == node)
            return true;
    }
    return false;
}

/* Entries of all nodes but those in `except`. With a filter that only engines can evaluate, what
 * has not been asked is not shown. */
static void add_cached(struct call_context *call, struct listing *listing,
                       struct engine_node *const *except, size_t except_count)
{
    size_t count;
    struct container_entry *const *entries = cluster_containers(call->cluster, &count);
    for (size_t i = 0; i < count && !listing->filter.live; i++) {
        struct container_entry *entry = entries[i];
        if (answered_live(except, except_count, entry->node) ||
            !owner_sees_container(call, entry) ||
            !container_filter_shows(&listing->filter, entry, call->arena))
            continue;
        listing->rows[listing->count++] =
            (struct row){entry->view.created_ns, entry, NULL, entry->node};
    }
}

/* Old copies of moved containers are not shown, and one that is on its way is shown as pending. */
static bool is_shown_otherwise(struct call_context *call, struct slice engine_id)
{
    const struct container_entry *known =
        cluster_container(call->cluster, cluster_user_id(call->cluster, engine_id));
    return cluster_is_superseded(call->cluster, engine_id) || (known && !known->node);
}

static void add_answer(struct call_context *call, struct listing *listing,
                       const struct gather_answer *answer)
{
    struct failure failure;
    struct value *rows = json_parse(call->arena, answer->body, &failure);
    for (struct value *row = rows ? rows->first : NULL, *next; row; row = next) {
        next = row->next;
        struct container_entry *entry =
            cluster_container_on(answer->node, value_get_text(row, "Id"));
        struct slice id = value_get_text(row, "Id");
        if (is_shown_otherwise(call, id))
            continue;
        int64_t created =
            entry ? entry->view.created_ns : value_get_int(row, "Created", 0) * 1000000000;
        struct container_filter_row about = {row, answer->node, cluster_user_id(call->cluster, id),
                                             created};
        if (!owner_sees_labels(call, value_find(row, "Labels")) ||
            !container_filter_shows_row(&listing->filter, &about, call->arena))
            continue;
        listing->rows[listing->count++] = (struct row){created, entry, row, answer->node};
    }
}

static size_t count_rows(struct call_context *call, const struct gather_result *result)
{
    size_t count;
    cluster_containers(call->cluster, &count);
    /* Each row of an answer starts with an object: no more rows than opening braces. */
    for (size_t i = 0; i < result->count; i++) {
        for (size_t k = 0; k < result->list[i].body.length; k++)
            count += result->list[i].body.at[k] == '{';
    }
    return count;
}

static void mark_failed(struct call_context *call)
{
    struct slice names = SLICE("");
    for (size_t i = 0; i < cluster_node_count(call->cluster); i++) {
        const struct engine_node *node = cluster_node_at(call->cluster, i);
        if (node->view.state == NODE_READY)
            continue;
        names = arena_printf(call->arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(names),
                             names.length ? ", " : "", SLICE_ARG(node->view.name));
    }
    if (names.length)
        call_add_header(call, "X-Cluster-Nodes-Failed", names);
}

static void on_gathered(const struct gather_result *result, void *context)
{
    struct call_context *call = context;
    struct listing *listing = call->own;
    struct failure failure;
    int status;
    call->gather = NULL;
    gather_explain(result, &status, &failure);
    if (result->answered == 0 && result->count > 0 && status >= 400) {
        call_error(call, status, "%s", failure.text);
        return;
    }
    struct engine_node **live = arena_alloc(call->arena, (result->count + 1) * sizeof(*live));
    size_t live_count = 0;
    listing->rows = arena_alloc(call->arena, (count_rows(call, result) + 1) * sizeof(struct row));
    for (size_t i = 0; i < result->count; i++) {
        if (result->list[i].status < 200 || result->list[i].status > 299)
            continue;
        live[live_count++] = result->list[i].node;
        add_answer(call, listing, &result->list[i]);
    }
    add_cached(call, listing, live, live_count);
    drop_ambiguous(listing);
    qsort(listing->rows, listing->count, sizeof(struct row), newest_first);
    mark_failed(call);
    reply_rows(call, listing);
}

/* The nodes that must be asked: all of them when only engines can tell, else those whose cache is
 * not in sync although they answer. */
static size_t nodes_to_ask(struct call_context *call, const struct listing *listing,
                           struct engine_node **nodes)
{
    size_t count = 0;
    bool all = listing->filter.live || listing->filter.size;
    for (size_t i = 0; i < cluster_node_count(call->cluster); i++) {
        struct engine_node *node = cluster_node_at(call->cluster, i);
        struct failure ignored;
        if (node_usable(node, &ignored) != 0 || (!all && node->in_sync))
            continue;
        if (!listing->filter.node ||
            filters_node(listing->filter.node, node->view.name, node->view.id))
            nodes[count++] = node;
    }
    return count;
}

static void ask(struct call_context *call, struct listing *listing, struct engine_node **nodes,
                size_t count)
{
    struct query query;
    struct slice filters = container_filter_for_engine(&listing->filter, call->arena);
    query_init(&query, call->arena);
    query_add(&query, "all", listing->filter.all ? SLICE("1") : SLICE("0"));
    if (listing->filter.size)
        query_add(&query, "size", SLICE("1"));
    if (filters.length)
        query_add(&query, "filters", filters);
    struct gather_request request = {
        .method = SLICE("GET"),
        .target =
            arena_printf(call->arena, "/containers/json?" SLICE_FMT, SLICE_ARG(query_text(&query))),
        .api_version = call->version,
        .deadline_ms = listing->filter.size ? SIZE_DEADLINE_MS : LIST_DEADLINE_MS,
    };
    call->gather = gather_start(call->cluster, &request, nodes, count, on_gathered, call);
}

/* before= and since= must not tell of containers that the caller may not see. */
static int check_named(struct call_context *call, const struct container_filter *filter,
                       struct failure *failure)
{
    const struct container_entry *named[] = {filter->before, filter->since};
    struct filters asked;
    static const char *const keys[] = {"before", "since"};
    for (size_t i = 0; i < 2; i++) {
        if (!named[i] || owner_sees_container(call, named[i]))
            continue;
        if (filters_parse(&asked, call->arena, query_get(call->query, "filters"), NULL, failure) !=
            0)
            return -1;
        return failure_set(failure, FAILURE_NOT_FOUND, "No such container: " SLICE_FMT,
                           SLICE_ARG(filters_get(&asked, keys[i])));
    }
    return 0;
}

void container_list(struct call_context *call)
{
    struct listing *listing = arena_alloc(call->arena, sizeof(*listing));
    struct failure failure;
    size_t entries;
    call->own = listing;
    if (container_filter_read(&listing->filter, call->cluster, call->query, call->arena,
                              &failure) != 0 ||
        check_named(call, &listing->filter, &failure) != 0) {
        call_fail(call, &failure);
        return;
    }
    size_t nodes = cluster_node_count(call->cluster);
    struct engine_node **asked = arena_alloc(call->arena, (nodes + 1) * sizeof(*asked));
    size_t count = nodes_to_ask(call, listing, asked);
    if (count > 0) {
        ask(call, listing, asked, count);
        return;
    }
    cluster_containers(call->cluster, &entries);
    listing->rows = arena_alloc(call->arena, (entries + 1) * sizeof(struct row));
    add_cached(call, listing, NULL, 0);
    drop_ambiguous(listing);
    mark_failed(call);
    reply_rows(call, listing);
}
