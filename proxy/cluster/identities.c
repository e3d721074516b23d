/* Identities: moved containers keep the id their users know. Maps engine ids to users' ids, and
 * knows which container of a returned node is only the old copy of one that runs elsewhere now. */
#include "proxy/cluster/state.h"

#include <stdlib.h>

void container_identify(struct container_entry *entry)
{
    struct container_private *own = entry->own;
    struct cluster *cluster = own->cluster;
    const struct moved_identity *here = table_find(cluster->moved, entry->engine_id);

    free(own->user_id);
    own->user_id = xslicedup(here ? slice_of(here->user_id) : entry->engine_id);
    entry->view.id = entry->facts.model.id = slice_of(own->user_id);
    entry->moved = here != NULL;
    entry->superseded =
        entry->engine_id.length > 0 && table_find(cluster->superseded, entry->engine_id);
}

static void identity_free(struct moved_identity *identity)
{
    free(identity->user_id);
    free(identity->engine_id);
    free(identity);
}

/* Entries that are here already under another id are taken out of the indexes and put back. */
static void reidentify(struct cluster *cluster, struct slice engine_id)
{
    for (size_t i = 0; i < cluster->node_count; i++) {
        struct container_entry *entry = cluster_container_on(cluster->nodes[i], engine_id);

        if (!entry)
            continue;
        container_unindex(entry);
        container_identify(entry);
        container_index(entry);
        entry->generation++;
    }
}

void identity_forget(struct cluster *cluster, struct slice user_id)
{
    struct moved_identity *identity = table_remove(cluster->moved_users, user_id);

    if (!identity)
        return;
    table_remove(cluster->moved, slice_of(identity->engine_id));
    record_identity(cluster, user_id, SLICE_NONE);
    reidentify(cluster, slice_of(identity->engine_id));
    reidentify(cluster, slice_of(identity->user_id));
    identity_free(identity);
}

void identity_set(struct cluster *cluster, struct slice user_id, struct slice engine_id)
{
    struct moved_identity *identity = table_find(cluster->moved_users, user_id);

    if (identity && slice_equal(slice_of(identity->engine_id), engine_id))
        return;
    identity_forget(cluster, user_id);
    identity = xcalloc(1, sizeof *identity);
    identity->user_id = xslicedup(user_id);
    identity->engine_id = xslicedup(engine_id);
    table_put(cluster->moved_users, user_id, identity);
    table_put(cluster->moved, engine_id, identity);
    record_identity(cluster, user_id, engine_id);
    /* The old copy first, so that the index is free for the one that counts. */
    reidentify(cluster, slice_of(identity->user_id));
    reidentify(cluster, slice_of(identity->engine_id));
}

void superseded_set(struct cluster *cluster, struct slice engine_id, struct slice user_id)
{
    char *old;

    if (table_find(cluster->superseded, engine_id))
        return;
    old = table_put(cluster->superseded, engine_id, xslicedup(user_id));
    must(!old);
    record_superseded(cluster, engine_id, user_id);
    reidentify(cluster, engine_id);
}

void superseded_forget(struct cluster *cluster, struct slice engine_id)
{
    char *user_id = table_remove(cluster->superseded, engine_id);

    if (!user_id)
        return;
    free(user_id);
    record_superseded(cluster, engine_id, SLICE_NONE);
    reidentify(cluster, engine_id);
}

bool cluster_is_superseded(struct cluster *cluster, struct slice engine_id)
{
    return table_find(cluster->superseded, engine_id) != NULL;
}

void identities_deinit(struct cluster *cluster)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    while (table_each(cluster->moved_users, &cursor, &key, &value)) {
        identity_free(value);
    }
    cursor = 0;
    while (table_each(cluster->superseded, &cursor, &key, &value))
        free(value);
}

struct slice cluster_user_id(struct cluster *cluster, struct slice engine_id)
{
    const struct moved_identity *identity = table_find(cluster->moved, engine_id);

    return identity ? slice_of(identity->user_id) : engine_id;
}
