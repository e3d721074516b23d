/* Nouns: small memories with an age and a maximum: texts to node names. */
#include "proxy/docker/nouns.h"

#include "policy/access.h"
#include "policy/base/table.h"
#include "proxy/docker/df.h"
#include "proxy/docker/image_copy.h"

#include <stdlib.h>

#define MEMORY_MAX      10000
#define PULL_KEPT_MS    (10u * 60 * 1000)
#define BUILDER_KEPT_MS (10u * 60 * 1000)
#define BINDING_KEPT_MS (60u * 60 * 1000)

/* Entries in order of age: the oldest goes first when there are too many. */
struct memory {
    struct table *by_key;
    struct list order;
    uint64_t kept_ms;
};

struct remembered {
    struct list link;
    char *key;
    char *node_name;
    uint64_t since;
};

struct claimed {
    char *node_name;
    size_t count;
};

struct nouns {
    struct cluster *cluster;
    struct memory pulls, bindings, builders;
    struct table *names; /* being created */
    struct df_queue *df;
    struct image_copier *copier;
};

/* ---- one memory ---- */

static void memory_init(struct memory *memory, uint64_t kept_ms)
{
    memory->by_key = table_new();
    memory->kept_ms = kept_ms;
    list_init(&memory->order);
}

static void forget(struct memory *memory, struct remembered *entry)
{
    table_remove(memory->by_key, slice_of(entry->key));
    list_remove(&entry->link);
    free(entry->key);
    free(entry->node_name);
    free(entry);
}

static void memory_deinit(struct memory *memory)
{
    LIST_EACH(link, &memory->order)
    forget(memory, LIST_ENTRY(link, struct remembered, link));
    table_free(&memory->by_key);
}

static struct remembered *recall(struct memory *memory, struct slice key, uint64_t now)
{
    struct remembered *entry = table_find(memory->by_key, key);

    if (entry && now - entry->since > memory->kept_ms) {
        forget(memory, entry);
        return NULL;
    }
    return entry;
}

static struct remembered *remember(struct memory *memory, struct slice key,
                                   const struct engine_node *node, uint64_t now)
{
    struct remembered *entry = table_find(memory->by_key, key);

    if (entry)
        forget(memory, entry);
    if (table_count(memory->by_key) >= MEMORY_MAX)
        forget(memory, LIST_ENTRY(memory->order.next, struct remembered, link));
    entry = xcalloc(1, sizeof(*entry));
    entry->key = xslicedup(key);
    entry->node_name = xslicedup(node->view.name);
    entry->since = now;
    list_append(&memory->order, &entry->link);
    table_put(memory->by_key, key, entry);
    return entry;
}

static uint64_t now_of(const struct nouns *nouns)
{
    return loop_now(cluster_loop(nouns->cluster));
}

/* ---- life ---- */

struct nouns *nouns_new(struct cluster *cluster)
{
    struct nouns *nouns = xcalloc(1, sizeof(*nouns));

    nouns->cluster = cluster;
    nouns->names = table_new();
    nouns->df = df_queue_new(cluster);
    nouns->copier = image_copier_new(cluster);
    memory_init(&nouns->pulls, PULL_KEPT_MS);
    memory_init(&nouns->bindings, BINDING_KEPT_MS);
    memory_init(&nouns->builders, BUILDER_KEPT_MS);
    return nouns;
}

void nouns_free(struct nouns **nouns)
{
    struct nouns *old = *nouns;
    struct slice key;
    void *claimed;
    size_t cursor = 0;

    *nouns = NULL;
    if (!old)
        return;
    df_queue_free(&old->df);
    image_copier_free(&old->copier);
    memory_deinit(&old->pulls);
    memory_deinit(&old->bindings);
    memory_deinit(&old->builders);
    while (table_each(old->names, &cursor, &key, &claimed)) {
        free(((struct claimed *)claimed)->node_name);
        free(claimed);
    }
    table_free(&old->names);
    free(old);
}

struct slice nouns_client(struct call_context *call)
{
    struct stream *stream = exchange_stream_of(call->exchange);
    struct slice peer = slice_of(stream_peer(stream));
    uid_t uid;
    gid_t gid;
    pid_t pid;

    if (call->identity && call->identity->name.length &&
        !slice_is(call->identity->name, "anonymous"))
        return call->identity->name;
    if (stream_credentials(stream, &uid, &gid, &pid) == 0)
        return arena_printf(call->arena, "uid:%u", (unsigned)uid);
    if (slice_find_last(peer, ':') > 0)
        peer = slice_cut(peer, 0, (size_t)slice_find_last(peer, ':'));
    return arena_copy(call->arena, peer);
}

/* ---- pulls ---- */

static char *pull_key(struct slice client, struct slice image)
{
    return xprintf(SLICE_FMT "\n" SLICE_FMT, SLICE_ARG(client), SLICE_ARG(image));
}

void nouns_remember_pull(struct nouns *nouns, struct slice client, struct slice image,
                         const struct engine_node *node)
{
    char *key = pull_key(client, image);

    (void)remember(&nouns->pulls, slice_of(key), node, now_of(nouns));
    free(key);
}

struct engine_node *nouns_take_pull(struct nouns *nouns, struct slice client, struct slice image)
{
    char *key = pull_key(client, image);
    struct remembered *entry = recall(&nouns->pulls, slice_of(key), now_of(nouns));
    struct engine_node *node = NULL;

    if (entry) {
        node = cluster_node_named(nouns->cluster, slice_of(entry->node_name));
        forget(&nouns->pulls, entry);
    }
    free(key);
    return node;
}

/* ---- names being created ---- */

static char *name_key(enum watch_kind kind, struct slice name)
{
    return xprintf("%d\n" SLICE_FMT, (int)kind, SLICE_ARG(name));
}

void nouns_claim_name(struct nouns *nouns, enum watch_kind kind, struct slice name,
                      const struct engine_node *node)
{
    char *key = name_key(kind, name);
    struct claimed *claimed = table_find(nouns->names, slice_of(key));

    if (!claimed) {
        claimed = xcalloc(1, sizeof(*claimed));
        claimed->node_name = xslicedup(node->view.name);
        table_put(nouns->names, slice_of(key), claimed);
    }
    claimed->count++;
    free(key);
}

void nouns_release_name(struct nouns *nouns, enum watch_kind kind, struct slice name)
{
    char *key = name_key(kind, name);
    struct claimed *claimed = table_find(nouns->names, slice_of(key));

    must(claimed != NULL);
    if (--claimed->count == 0) {
        table_remove(nouns->names, slice_of(key));
        free(claimed->node_name);
        free(claimed);
    }
    free(key);
}

bool nouns_name_claimed(struct nouns *nouns, enum watch_kind kind, struct slice name,
                        struct engine_node **node)
{
    char *key = name_key(kind, name);
    const struct claimed *claimed = table_find(nouns->names, slice_of(key));

    free(key);
    *node = claimed ? cluster_node_named(nouns->cluster, slice_of(claimed->node_name)) : NULL;
    return claimed != NULL;
}

/* ---- sessions and builds ---- */

void nouns_bind(struct nouns *nouns, struct slice key, const struct engine_node *node)
{
    (void)remember(&nouns->bindings, key, node, now_of(nouns));
}

struct engine_node *nouns_bound(struct nouns *nouns, struct slice key)
{
    struct remembered *entry = recall(&nouns->bindings, key, now_of(nouns));

    return entry ? cluster_node_named(nouns->cluster, slice_of(entry->node_name)) : NULL;
}

void nouns_pin_builds(struct nouns *nouns, struct slice client, const struct engine_node *node)
{
    (void)remember(&nouns->builders, client, node, now_of(nouns));
}

struct engine_node *nouns_build_node(struct nouns *nouns, struct slice client)
{
    struct remembered *entry = recall(&nouns->builders, client, now_of(nouns));

    return entry ? cluster_node_named(nouns->cluster, slice_of(entry->node_name)) : NULL;
}

struct df_queue *nouns_df(struct nouns *nouns)
{
    return nouns->df;
}
