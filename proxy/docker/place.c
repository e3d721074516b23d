/* Place: finds what exists once in the cluster but is known by name. */
#include "proxy/docker/place.h"

#include "policy/constraint.h"
#include "proxy/cluster/containers.h"
#include "proxy/cluster/launch.h"
#include "proxy/docker/merge.h"
#include "proxy/json.h"

#define PLACE_SHOWN 4 /* nodes named in a message */

static const char project_label[] = "com.docker.compose.project";

struct engine_node *place_split(struct cluster *cluster, struct slice text, struct slice *name)
{
    ptrdiff_t slash = slice_find(text, '/');
    struct engine_node *node = NULL;

    *name = text;
    if (slash > 0)
        node = cluster_node_find(cluster, slice_cut(text, 0, (size_t)slash));
    if (node)
        *name = slice_from(text, (size_t)slash + 1);
    return node;
}

static void fill(struct arena *arena, const struct inventory_item *item, struct place *place)
{
    bool predefined = network_is_predefined(item->name) && !slice_equal(item->id, item->name);

    place->node = item->node;
    place->everywhere =
        predefined || slice_is(item->scope, "global") || slice_is(item->scope, "swarm");
    place->name = arena_copy(arena, item->name);
    place->id = predefined ? place->name : arena_copy(arena, item->id);
}

int place_not_found(enum watch_kind kind, struct slice reference, struct failure *failure)
{
    if (kind == WATCH_NETWORKS)
        return failure_set(failure, FAILURE_NOT_FOUND, "network " SLICE_FMT " not found",
                           SLICE_ARG(reference));
    return failure_set(failure, FAILURE_NOT_FOUND, "get " SLICE_FMT ": no such volume",
                       SLICE_ARG(reference));
}

static int ambiguous(enum watch_kind kind, struct slice reference, struct engine_node **nodes,
                     size_t count, struct failure *failure)
{
    struct slice first = nodes[0]->view.name, second = nodes[1]->view.name;

    if (kind == WATCH_NETWORKS)
        return failure_set(failure, FAILURE_INVALID,
                           "network " SLICE_FMT
                           " is ambiguous (%zu matches found on name: use " SLICE_FMT "/" SLICE_FMT
                           " or " SLICE_FMT "/" SLICE_FMT ")",
                           SLICE_ARG(reference), count, SLICE_ARG(first), SLICE_ARG(reference),
                           SLICE_ARG(second), SLICE_ARG(reference));
    return failure_set(failure, FAILURE_CONFLICT,
                       "volume name \"" SLICE_FMT "\" exists on " SLICE_FMT " and " SLICE_FMT
                       "%s; use " SLICE_FMT "/" SLICE_FMT,
                       SLICE_ARG(reference), SLICE_ARG(first), SLICE_ARG(second),
                       count > 2 ? " and others" : "", SLICE_ARG(first), SLICE_ARG(reference));
}

/* Networks by the start of their id, over all nodes. */
static int find_prefix(struct cluster *cluster, struct arena *arena, struct slice reference,
                       struct place *place, struct failure *failure)
{
    size_t nodes = cluster_node_count(cluster), matches = 0;

    for (size_t i = 0; reference.length && i < nodes; i++) {
        struct engine_node *node = cluster_node_at(cluster, i);
        size_t count = inventory_count(node, WATCH_NETWORKS);

        for (size_t k = 0; k < count; k++) {
            const struct inventory_item *item = inventory_at(node, WATCH_NETWORKS, k);

            if (!slice_equal(slice_cut(item->id, 0, reference.length), reference))
                continue;
            if (matches && slice_equal(place->id, item->id))
                continue;
            fill(arena, item, place);
            matches++;
        }
    }
    if (matches > 1)
        return failure_set(failure, FAILURE_INVALID,
                           "network " SLICE_FMT
                           " is ambiguous (%zu matches found based on ID prefix)",
                           SLICE_ARG(reference), matches);
    return matches ? 0 : place_not_found(WATCH_NETWORKS, reference, failure);
}

int place_find(struct cluster *cluster, struct arena *arena, enum watch_kind kind,
               struct slice reference, struct place *place, struct failure *failure)
{
    struct engine_node *holders[PLACE_SHOWN], *node;
    const struct inventory_item *item;
    struct slice name;
    size_t count;

    memset(place, 0, sizeof(*place));
    if (kind == WATCH_NETWORKS && network_is_predefined(reference)) {
        place->everywhere = true;
        place->id = place->name = arena_copy(arena, reference);
        return 0;
    }
    count = inventory_holders(cluster, kind, reference, holders, PLACE_SHOWN);
    if (count) {
        fill(arena, inventory_find(holders[0], kind, reference), place);
        return count > 1 && !place->everywhere ? ambiguous(kind, reference, holders, count, failure)
                                               : 0;
    }
    node = place_split(cluster, reference, &name);
    item = node ? inventory_find(node, kind, name) : NULL;
    if (item) {
        fill(arena, item, place);
        return 0;
    }
    return kind == WATCH_NETWORKS ? find_prefix(cluster, arena, reference, place, failure)
                                  : place_not_found(kind, reference, failure);
}

/* ---- compose projects ---- */

static bool holds_project(const struct engine_node *node, enum watch_kind kind, const char *needle)
{
    size_t count = inventory_count(node, kind);

    for (size_t i = 0; i < count; i++)
        if (slice_contains(inventory_at(node, kind, i)->row, needle))
            return true;
    return false;
}

static struct engine_node *project_container_node(struct cluster *cluster, struct slice project)
{
    size_t count;
    struct container_entry *const *entries = cluster_containers(cluster, &count);

    for (size_t i = 0; i < count; i++) {
        struct tags labels = entries[i]->view.labels;

        for (size_t k = 0; entries[i]->node && k < labels.count; k++)
            if (slice_is(labels.list[k].key, project_label) &&
                slice_equal(labels.list[k].value, project))
                return entries[i]->node;
    }
    return NULL;
}

/* The node of a project's networks, volumes or containers; NULL: it has none yet. Rows are the
 * engine's compact JSON, so the label can be looked for as text. */
static struct engine_node *project_home(struct cluster *cluster, struct arena *arena,
                                        struct slice project)
{
    struct slice quoted = json_text(arena, value_text(arena, project));
    struct slice needle =
        arena_printf(arena, "\"%s\":" SLICE_FMT, project_label, SLICE_ARG(quoted));
    size_t nodes = cluster_node_count(cluster);

    for (size_t i = 0; i < nodes; i++) {
        struct engine_node *node = cluster_node_at(cluster, i);

        if (holds_project(node, WATCH_NETWORKS, needle.at) ||
            holds_project(node, WATCH_VOLUMES, needle.at))
            return node;
    }
    return project_container_node(cluster, project);
}

/* ---- choosing ---- */

static int add_constraints(struct arena *arena, const struct value *labels,
                           struct constraint_set *set, struct failure *failure)
{
    VALUE_EACH(label, labels)
    {
        bool taken;

        if (label->type == VALUE_TEXT &&
            constraint_set_add_label(set, arena, label->key, label->text, &taken, failure) != 0)
            return -1;
    }
    return 0;
}

int place_choose(struct cluster *cluster, struct arena *arena, const struct place_wish *wish,
                 struct engine_node **node, struct failure *failure)
{
    struct constraint_set *set = arena_alloc(arena, sizeof(*set));
    struct workload workload = {.name = wish->name};
    struct slice home = wish->pinned, reason = SLICE("node asked for");
    struct slice project = value_get_text(wish->labels, project_label);
    struct engine_node *neighbour = NULL;

    if (add_constraints(arena, wish->labels, set, failure) != 0)
        return -1;
    workload.constraints = constraint_set_view(set);
    if (!home.length && wish->affinity && project.length && !set->count)
        neighbour = project_home(cluster, arena, project);
    if (neighbour) {
        home = neighbour->view.name;
        reason = arena_printf(arena, "compose project " SLICE_FMT, SLICE_ARG(project));
    }
    if (home.length) {
        workload.homes = &home;
        workload.home_reasons = &reason;
        workload.home_count = 1;
    }
    if (launch_choose(cluster, &workload, node, failure) == 0)
        return 0;
    if (!neighbour)
        return -1;
    workload.home_count = 0; /* the project's node takes nothing new: any other */
    return launch_choose(cluster, &workload, node, failure);
}
