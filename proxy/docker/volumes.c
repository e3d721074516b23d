/* Volumes: a local one has a home node; containers that mount it go there. */
#include "proxy/docker/fan.h"
#include "proxy/docker/nouns.h"
#include "proxy/docker/owner.h"
#include "proxy/docker/place_call.h"
#include "proxy/settings.h"

#include <stdlib.h>
#include <sys/random.h>

static const char *const allowed[] = {"dangling", "driver", "label", "name", "node", NULL};

/* ---- list ---- */

static void on_lists(struct call_context *call, struct merge_body *bodies, size_t count,
                     void *context)
{
    struct value *answer = merge_volumes(call->arena, bodies, count);
    struct slice failed = SLICE_NONE;

    if (call->extra)
        failed = headers_find(call->extra, "X-Cluster-Nodes-Failed");
    if (failed.length) {
        struct value *warnings = value_find(answer, "Warnings");

        if (warnings->type != VALUE_LIST)
            warnings = value_set(call->arena, answer, "Warnings", value_list(call->arena));
        value_append(warnings, value_text(call->arena, arena_printf(call->arena,
                                                                    "volumes of " SLICE_FMT
                                                                    " are not shown: no answer",
                                                                    SLICE_ARG(failed))));
    }
    owner_filter_rows(call, value_find(answer, "Volumes"));
    call_reply_json(call, 200, answer);
}

void volume_list(struct call_context *call)
{
    const struct filter *node_filter;
    struct filters filters;
    struct engine_node **nodes;
    struct fan_request request = {
        .method = "GET", .path = SLICE("/volumes"), .deadline_ms = FAN_LIST_MS};

    if (fan_filters(call, allowed, &filters, &node_filter) != 0)
        return;
    nodes = fan_nodes(call, node_filter, &request.count);
    request.count = fan_split_names(call, &filters, nodes, request.count);
    request.nodes = nodes;
    request.plain = call->query->count == 0;
    request.kind = WATCH_VOLUMES;
    fan_merge(call, &request, on_lists, NULL);
}

/* ---- one ---- */

static struct slice path_of(struct call_context *call, const struct place *place)
{
    return arena_printf(call->arena, "/volumes/" SLICE_FMT, SLICE_ARG(place->name));
}

static void on_inspected(struct call_context *call, struct engine_node *node, int status,
                         const struct headers *headers, struct slice body)
{
    struct value *row = json_parse(call->arena, body, NULL);
    struct merge_body owner = {node->view.name, node->view.id, row};

    if (!row || row->type != VALUE_MAP) {
        call_reply_engine(call, node, status, headers, body);
        return;
    }
    if (!slice_is(value_get_text(row, "Scope"), "global"))
        merge_mark_node(call->arena, row, &owner);
    call_mark_node(call, node);
    call_reply_json(call, 200, row);
}

static void inspect(struct call_context *call, const struct place *place, void *context)
{
    struct engine_node *node = place->node;

    fan_try(call, &(struct fan_try){.nodes = &node,
                                    .count = 1,
                                    .path = path_of(call, place),
                                    .deadline_ms = FAN_LIST_MS,
                                    .on_answer = on_inspected});
}

void volume_inspect(struct call_context *call)
{
    place_search(call, &(struct place_search){.kind = WATCH_VOLUMES,
                                              .reference = call->names[0],
                                              .on_found = inspect});
}

static void delete_at(struct call_context *call, const struct place *place, void *context)
{
    if (!place) /* force: as engines, gone is gone */
        call_reply_empty(call, 204);
    else
        fan_change(call, &(struct fan_change){.node = place->node,
                                              .method = "DELETE",
                                              .path = path_of(call, place),
                                              .kind = WATCH_VOLUMES,
                                              .deadline_ms = FAN_SLOW_MS});
}

void volume_delete(struct call_context *call)
{
    place_search(call, &(struct place_search){.kind = WATCH_VOLUMES,
                                              .reference = call->names[0],
                                              .missing_ok = query_bool(call->query, "force", false),
                                              .on_found = delete_at});
}

/* ---- create ---- */

struct claim {
    struct nouns *nouns;
    char *name;
};

static void release_claim(void *context)
{
    struct claim *claim = context;

    nouns_release_name(claim->nouns, WATCH_VOLUMES, slice_of(claim->name));
    free(claim->name);
    free(claim);
}

/* An anonymous volume's name, as engines make them: 64 hex digits. */
static struct slice anonymous_name(struct arena *arena)
{
    unsigned char bytes[32];
    char *text = arena_alloc(arena, 2 * sizeof(bytes) + 1);

    must(getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return slice_make(text, 2 * sizeof(bytes));
}

/* Creating a volume again gives what is there: only its owner may. */
static struct engine_node *own_home(struct call_context *call, const struct place *place)
{
    const struct inventory_item *item = inventory_find(place->node, WATCH_VOLUMES, place->id);

    if (item && owner_sees_item(call, item))
        return place->node;
    call_error(call, 409, "volume name " SLICE_FMT " is already in use", SLICE_ARG(place->name));
    return NULL;
}

/* The node that the volume is on already (creating it again is no error), or a new home; NULL:
 * answered. */
static struct engine_node *choose(struct call_context *call, const struct value *body,
                                  struct slice name, struct engine_node *named)
{
    struct place_wish wish = {
        .name = name,
        .labels = value_find_folded(body, "Labels"),
        .pinned = named ? named->view.name : call->pinned,
        .affinity = call->settings->project_affinity,
    };
    struct engine_node *node = NULL;
    struct failure failure;
    struct place place;

    if (!wish.pinned.length) {
        if (nouns_name_claimed(docker_nouns(call->docker), WATCH_VOLUMES, name, &node) && node)
            return node;
        if (place_find(call->cluster, call->arena, WATCH_VOLUMES, name, &place, &failure) == 0)
            return own_home(call, &place);
        if (failure.kind == FAILURE_CONFLICT) {
            call_fail(call, &failure);
            return NULL;
        }
    }
    if (place_choose(call->cluster, call->arena, &wish, &node, &failure) == 0)
        return node;
    call_fail(call, &failure);
    return NULL;
}

static void create(struct call_context *call, struct value *body)
{
    struct value *map = body ? body : value_map(call->arena);
    struct value *name_value = value_find_folded(map, "Name");
    const struct value *cluster_spec = value_find_folded(map, "ClusterVolumeSpec");
    struct fan_change change = {.method = "POST",
                                .path = SLICE("/volumes/create"),
                                .kind = WATCH_VOLUMES,
                                .deadline_ms = FAN_SLOW_MS};
    struct engine_node *named = NULL;
    struct slice name = SLICE("");
    struct claim *claim;

    if (cluster_spec && cluster_spec->type != VALUE_NULL) {
        call_error(call, 501, "cluster volumes are not available: they need swarm mode");
        return;
    }
    if (name_value && name_value->type == VALUE_TEXT)
        named = place_split(call->cluster, name_value->text, &name);
    if (!name.length)
        name = anonymous_name(call->arena);
    change.node = choose(call, map, name, named);
    if (!change.node)
        return;
    claim = xcalloc(1, sizeof(*claim));
    claim->nouns = docker_nouns(call->docker);
    claim->name = xslicedup(name);
    nouns_claim_name(claim->nouns, WATCH_VOLUMES, name, change.node);
    value_drop(map, "Name");
    value_set_text(call->arena, map, "Name", name);
    owner_stamp(call, map);
    call_mark_node(call, change.node);
    change.body = json_text(call->arena, map);
    change.on_settled = release_claim;
    change.context = claim;
    fan_change(call, &change);
}

void volume_create(struct call_context *call)
{
    call_read_json(call, true, create);
}
