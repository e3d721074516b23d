/* Journal: one record a slot of the ring; the slot's number is the key. */
#include "proxy/cluster/journal.h"

#include "proxy/cluster/state.h"
#include "proxy/json.h"
#include "proxy/log.h"
#include "proxy/store/store.h"

static void on_record(struct slice key, struct slice text, void *context)
{
    struct cluster *cluster = context;
    struct arena *arena = arena_new();
    struct failure failure;
    uint64_t slot;
    struct value *value = json_parse(arena, text, &failure);
    if (!value || slice_to_u64(key, &slot) != 0 || slot >= DECISIONS_MAX ||
        decisions_restore(cluster->decisions, (size_t)slot, value) != 0)
        log_warning("a record of the journal can't be read", "key=" SLICE_FMT, SLICE_ARG(key));
    arena_free(&arena);
}

int journal_load(struct cluster *cluster, struct store *store, struct failure *failure)
{
    return store_load(store, "journal", on_record, cluster, failure);
}

void journal_keep(struct cluster *cluster)
{
    struct arena *arena;
    struct slice key;
    size_t slot;
    if (!cluster->store)
        return;
    arena = arena_new();
    const struct value *value = decisions_at(cluster->decisions, 0, &slot);
    if (value) {
        key = arena_printf(arena, "%04zu", slot);
        store_put(cluster->store, "journal", key, json_text(arena, value), NULL, NULL);
    }
    arena_free(&arena);
}

struct value *journal_list(const struct cluster *cluster, struct arena *arena, size_t limit)
{
    struct value *list = value_list(arena);
    size_t slot;
    for (size_t i = 0; i < limit; i++) {
        const struct value *value = decisions_at(cluster->decisions, i, &slot);
        if (!value)
            break;
        value_append(list, value_copy(arena, value));
    }
    return list;
}
