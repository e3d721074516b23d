/* Pending: containers that are known and placed nowhere: their node is lost and no other has room
 * yet. They have a row, a name and the id their user knows. */
#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdlib.h>

void pending_set_why(struct container_entry *entry, const char *why)
{
    char *text = xstrdup(why);

    free(entry->pending_why);
    entry->pending_why = text;
    entry->generation++;
}

struct container_entry *pending_new(struct cluster *cluster, struct slice user_id,
                                    struct slice inspect_text, const char *why)
{
    struct arena *arena = arena_new();
    const struct value *inspect = json_parse(arena, inspect_text, NULL);
    struct container_facts facts;
    struct container_entry *entry;

    if (!inspect || decode_container(arena, inspect, &facts, NULL) != 0) {
        arena_free(&arena);
        return NULL;
    }
    entry = container_new(cluster, NULL, SLICE(""));
    free(entry->own->user_id);
    entry->own->user_id = xslicedup(user_id);
    entry->view.id = slice_of(entry->own->user_id);
    facts.model.state = CONTAINER_PENDING;
    container_keep_facts(entry, &facts);
    container_set_name(entry, facts.model.name);
    entry->own->detailed = true;
    entry->own->spec = xslicedup(inspect_text);
    entry->pending_since_ns = loop_wall_ns();
    pending_set_why(entry, why);
    container_account(entry);
    container_index(entry);
    arena_free(&arena);
    changes_notify(cluster, CHANGE_CONTAINER, NULL, entry);
    return entry;
}

struct slice cluster_pending_inspect(const struct container_entry *entry)
{
    return slice_of(entry->own->spec);
}
