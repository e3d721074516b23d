/* Recover, users: what they may do with a container that waits for room. */
#include "proxy/cluster/recover_private.h"
#include "proxy/json.h"

#include <stdlib.h>

/* The waiting move of a pending container; NULL with failure. */
static struct move *waiting(struct recover *recover, struct slice user_id,
                            struct container_entry **entry, struct failure *failure)
{
    struct move *move = table_find(recover->by_user, user_id);

    *entry = cluster_container(recover->cluster, user_id);
    if (!move || !*entry || (*entry)->node) {
        failure_set(failure, FAILURE_NOT_FOUND, "No such container: " SLICE_FMT,
                    SLICE_ARG(user_id));
        return NULL;
    }
    if (move->step != MOVE_PENDING) {
        failure_set(failure, FAILURE_CONFLICT,
                    "container " SLICE_FMT " is being moved; try again in a moment",
                    SLICE_ARG((*entry)->view.name));
        return NULL;
    }
    return move;
}

int recover_remove(struct recover *recover, struct slice user_id, struct failure *failure)
{
    struct container_entry *entry;
    struct move *move = waiting(recover, user_id, &entry, failure);

    if (!move)
        return -1;
    container_drop(entry);
    store_remove(recover->cluster->store, "pending", slice_of(move->user_id));
    move_free(move);
    return 0;
}

int recover_hold(struct recover *recover, struct slice user_id, bool hold, struct failure *failure)
{
    struct container_entry *entry;
    struct move *move = waiting(recover, user_id, &entry, failure);

    if (!move)
        return -1;
    move->held = hold;
    move->why[0] = '\0';
    pending_set_why(entry, hold ? PENDING_HELD : "");
    move_record(move);
    return 0;
}

/* The name is also in the inspect, from which the container will be made. */
static char *rename_inspect(const char *inspect, struct slice name)
{
    struct arena *arena = arena_new();
    struct value *value = json_parse(arena, slice_of(inspect), NULL);
    char *text;

    must(value); /* it was written by us */
    value_set_text(arena, value, "Name", arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(name)));
    text = xslicedup(json_text(arena, value));
    arena_free(&arena);
    return text;
}

int recover_rename(struct recover *recover, struct slice user_id, struct slice name,
                   struct failure *failure)
{
    struct container_entry *entry;
    struct move *move = waiting(recover, user_id, &entry, failure);
    char *inspect;

    if (!move)
        return -1;
    inspect = rename_inspect(move->inspect, name);
    free(move->inspect);
    move->inspect = inspect;
    free(move->name);
    move->name = xslicedup(name);
    free(entry->own->spec);
    entry->own->spec = xstrdup(inspect);
    cluster_apply_renamed(entry, name);
    move_record(move);
    return 0;
}
