/* Recover, one move: from the lost container to the pending one, and what is kept of it. */
#include "proxy/cluster/recover_private.h"
#include "proxy/json.h"
#include "proxy/log.h"

#include <stdio.h>
#include <stdlib.h>

struct move *move_new(struct recover *recover, const struct container_entry *entry)
{
    struct move *move = xcalloc(1, sizeof *move);

    move->recover = recover;
    move->user_id = xslicedup(entry->view.id);
    move->name = xslicedup(entry->view.name);
    move->from = xslicedup(entry->node ? entry->node->view.name : SLICE_NONE);
    move->old_engine_id = xslicedup(entry->engine_id);
    list_append(&recover->all, &move->link);
    table_put(recover->by_user, entry->view.id, move);
    return move;
}

void move_free(struct move *move)
{
    list_remove(&move->link);
    table_remove(move->recover->by_user, slice_of(move->user_id));
    if (move->node)
        node_release(move->node);
    arena_free(&move->arena);
    free(move->user_id);
    free(move->name);
    free(move->from);
    free(move->to);
    free(move->old_engine_id);
    free(move->engine_id);
    free(move->inspect);
    free(move);
}

void move_record(struct move *move)
{
    struct arena *arena = arena_new();
    struct value *value = value_map(arena);
    const struct container_entry *entry =
        cluster_container(move->recover->cluster, slice_of(move->user_id));

    value_set_text(arena, value, "inspect", slice_of(move->inspect));
    value_set_text(arena, value, "from", slice_of(move->from));
    value_set_text(arena, value, "old", slice_of(move->old_engine_id));
    value_set_int(arena, value, "since", entry ? entry->pending_since_ns : loop_wall_ns());
    value_set_bool(arena, value, "held", move->held);
    store_put(move->recover->cluster->store, "pending", slice_of(move->user_id),
              json_text(arena, value), NULL, NULL);
    arena_free(&arena);
}

int move_detach(struct move *move)
{
    struct cluster *cluster = move->recover->cluster;
    struct slice user_id = slice_of(move->user_id);
    struct container_entry *entry;

    if (move->old_engine_id[0]) {
        superseded_set(cluster, slice_of(move->old_engine_id), user_id);
        identity_forget(cluster, user_id);
    }
    entry = pending_new(cluster, user_id, slice_of(move->inspect), move->why);
    if (!entry)
        return -1;
    /* First what is needed to go on after a crash, then what is not needed any more. */
    move_record(move);
    store_remove(cluster->store, "container", slice_of(move->old_engine_id));
    return 0;
}

void move_relose(struct move *move, struct container_entry *entry)
{
    free(move->old_engine_id);
    move->old_engine_id = xslicedup(entry->engine_id);
    free(move->from);
    move->from = xslicedup(entry->node->view.name);
    move->step = MOVE_PENDING;
    if (move_detach(move) != 0)
        move_free(move);
}

/* What the store knows of the container: {"inspect": …}. */
static char *inspect_of_record(struct slice text)
{
    struct arena *arena = arena_new();
    const struct value *inspect = value_find(json_parse(arena, text, NULL), "inspect");
    char *result = inspect ? xslicedup(json_text(arena, inspect)) : NULL;

    arena_free(&arena);
    return result;
}

/* The read may outlive its move: it is found again by its user's id. */
struct reading {
    struct recover *recover;
    char *user_id;
};

static void on_read(struct slice text, void *context)
{
    struct reading *reading = context;
    struct move *move = table_find(reading->recover->by_user, slice_of(reading->user_id));
    const struct container_entry *entry =
        move ? cluster_container(reading->recover->cluster, slice_of(reading->user_id)) : NULL;

    free(reading->user_id);
    free(reading);
    if (!move || move->step != MOVE_READ)
        return;
    move->inspect = text.at ? inspect_of_record(text) : NULL;
    /* Removed by its user meanwhile, or its node is back: nothing to do. */
    if (!entry || !entry->node || (!move->live && entry->node->view.state != NODE_DOWN)) {
        move_free(move);
        return;
    }
    if (!move->inspect) {
        log_warning("container can't be moved", "container=%s reason=\"nothing is known of it\"",
                    move->name);
        move_free(move);
        return;
    }
    move->step = MOVE_PENDING;
    move->ready_at =
        loop_now(move->recover->cluster->loop) + (move->live ? 0 : move->recover->settings.show_ms);
    if (!move->live && move_detach(move) != 0) {
        log_warning("container can't be moved", "container=%s reason=\"its record is damaged\"",
                    move->name);
        move_free(move);
    }
}

static void read_spec(struct move *move)
{
    struct reading *reading = xcalloc(1, sizeof *reading);

    move->step = MOVE_READ;
    reading->recover = move->recover;
    reading->user_id = xstrdup(move->user_id);
    store_get(move->recover->cluster->store, "container", slice_of(move->old_engine_id), on_read,
              reading);
}

void move_run(struct move *move)
{
    switch (move->step) {
    case MOVE_LOST:
        read_spec(move);
        break;
    case MOVE_PENDING:
        move_launch(move);
        break;
    case MOVE_READ:
    case MOVE_LAUNCH:
    case MOVE_CONNECT:
    case MOVE_START:
    case MOVE_UNDO:
        break; /* goes on by itself */
    }
}
