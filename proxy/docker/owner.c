/* Owner: guard_sees for every shape in which labels come. */
#include "proxy/docker/owner.h"

#include "proxy/access/guard.h"
#include "proxy/docker/filters.h"
#include "proxy/docker/merge.h"
#include "lua/policy.h"
#include "proxy/json.h"

bool owner_sees(const struct call_context *call, struct slice owner)
{
    return !call->pass || guard_sees(call->pass, owner);
}

bool owner_sees_all(const struct call_context *call)
{
    return !call->pass || call->pass->verdict.any_tenant;
}

/* Only what is shown may be widened by the script: to see a thing must not mean to stop it. */
static bool shows_only(const struct call_context *call)
{
    struct slice operation = slice_of(call->route->operation);
    return slice_ends(operation, ".list") || slice_ends(operation, ".inspect") ||
           slice_is(operation, "system.events");
}

/* The rule of tenancy, and policy.visible's word about it. */
static bool sees(const struct call_context *call, const struct policy_object *object)
{
    bool own = owner_sees(call, object->owner);
    if (!call->policy || !policy_has(call->policy, POLICY_VISIBLE))
        return own;
    bool visible = policy_visible(call->policy, &call->pass->identity, object);
    return visible && (own || shows_only(call));
}

static struct slice owner_of(struct tags labels)
{
    struct slice owner = SLICE_NONE;
    for (size_t i = 0; i < labels.count; i++) {
        if (slice_is(labels.list[i].key, OWNER_LABEL))
            owner = labels.list[i].value;
    }
    return owner;
}

/* "container" of "container.list". */
static struct slice kind_of(const struct call_context *call)
{
    struct slice operation = slice_of(call->route->operation);
    ptrdiff_t dot = slice_find(operation, '.');
    return dot > 0 ? slice_cut(operation, 0, (size_t)dot) : operation;
}

bool owner_sees_tags(const struct call_context *call, struct tags labels)
{
    if (owner_sees_all(call))
        return true;
    if (!call->policy)
        return owner_sees(call, owner_of(labels));
    struct policy_object object = {
        .kind = kind_of(call), .owner = owner_of(labels), .labels = labels};
    return sees(call, &object);
}

bool owner_sees_labels(const struct call_context *call, const struct value *labels)
{
    if (owner_sees_all(call))
        return true;
    if (!call->policy || !labels)
        return owner_sees(call, value_get_text(labels, OWNER_LABEL));
    struct tag *list = arena_alloc(call->arena, (labels->count + 1) * sizeof(*list));
    struct tags tags = {list, 0};
    VALUE_EACH(label, labels)
    {
        list[tags.count++] = (struct tag){label->key, label->text};
    }
    return owner_sees_tags(call, tags);
}

bool owner_sees_container(const struct call_context *call, const struct container_entry *entry)
{
    if (owner_sees_all(call))
        return true;
    struct policy_object object = {.kind = SLICE("container"),
                                   .id = entry->view.id,
                                   .name = entry->view.name,
                                   .owner = owner_of(entry->view.labels),
                                   .node = entry->node ? entry->node->view.name : SLICE_NONE,
                                   .labels = entry->view.labels};
    return sees(call, &object);
}

bool owner_sees_item(const struct call_context *call, const struct inventory_item *item)
{
    struct failure ignored;
    if (owner_sees_all(call) ||
        (network_is_predefined(item->name) && !slice_equal(item->id, item->name)))
        return true;
    struct value *row = json_parse(call->arena, item->row, &ignored);
    return row && owner_sees_labels(call, value_find(row, "Labels"));
}

static bool sees_thing(const struct call_context *call, enum watch_kind kind, struct slice id)
{
    struct engine_node *holder;
    if (inventory_holders(call->cluster, kind, id, &holder, 1) == 0)
        return false;
    const struct inventory_item *item = inventory_find(holder, kind, id);
    return item && owner_sees_item(call, item);
}

bool owner_sees_event(const struct call_context *call, const struct value *event)
{
    if (owner_sees_all(call))
        return true;
    struct slice type = value_get_text(event, "Type");
    struct value *actor = value_find(event, "Actor");
    if (slice_is(type, "container"))
        return owner_sees_labels(call, value_find(actor, "Attributes"));
    if (slice_is(type, "network"))
        return sees_thing(call, WATCH_NETWORKS, value_get_text(actor, "ID"));
    if (slice_is(type, "volume"))
        return sees_thing(call, WATCH_VOLUMES, value_get_text(actor, "ID"));
    return false;
}

int owner_find_place(const struct call_context *call, enum watch_kind kind, struct slice reference,
                     struct place *place, struct failure *failure)
{
    if (place_find(call->cluster, call->arena, kind, reference, place, failure) != 0)
        return -1;
    if (owner_sees_all(call) || (place->everywhere && !place->node))
        return 0;
    const struct inventory_item *item = inventory_find(place->node, kind, place->id);
    if (item && owner_sees_item(call, item))
        return 0;
    return place_not_found(kind, reference, failure);
}

void owner_filter_rows(const struct call_context *call, struct value *rows)
{
    if (owner_sees_all(call))
        return;
    for (struct value *row = rows ? rows->first : NULL, *next; row; row = next) {
        next = row->next;
        bool network = value_find(row, "IPAM") != NULL;
        if (!owner_sees_labels(call, value_find(row, "Labels")) &&
            !(network && network_is_predefined(value_get_text(row, "Name"))))
            value_remove(rows, row);
    }
}

void owner_filter_members(const struct call_context *call, struct value *network)
{
    struct value *members = value_find(network, "Containers");
    if (owner_sees_all(call))
        return;
    for (struct value *member = members ? members->first : NULL, *next; member; member = next) {
        next = member->next;
        struct container_entry *entry = cluster_container(call->cluster, member->key);
        if (!entry || !owner_sees_container(call, entry))
            value_remove(members, member);
    }
}

void owner_hide_name(const struct call_context *call, struct slice name, struct failure *failure)
{
    struct container_entry *entry;
    struct failure ignored;
    if (failure->kind == FAILURE_CONFLICT &&
        cluster_find_container(call->cluster, name, &entry, &ignored) == 0 &&
        !owner_sees_container(call, entry))
        failure_set(failure, FAILURE_CONFLICT,
                    "Conflict. The container name \"/" SLICE_FMT "\" is already in use.",
                    SLICE_ARG(name));
}

static struct slice tenant_of(const struct call_context *call)
{
    return call->pass ? call->pass->identity.tenant : SLICE_NONE;
}

static void stamp_labels(struct call_context *call, struct value *object)
{
    struct value *labels = value_find_folded(object, "Labels");
    struct slice tenant = tenant_of(call);
    if (!labels || labels->type != VALUE_MAP)
        labels = value_map(call->arena);
    else
        labels = value_copy(call->arena, labels);
    value_drop(object, "Labels");
    value_drop(labels, OWNER_LABEL);
    if (tenant.length)
        value_set_text(call->arena, labels, OWNER_LABEL, tenant);
    value_set(call->arena, object, "Labels", labels);
}

void owner_stamp(struct call_context *call, struct value *body)
{
    struct value *labels = value_find_folded(body, "Labels");
    bool said = value_get_text(labels, OWNER_LABEL).length > 0;
    if (owner_sees_all(call) && (said || !tenant_of(call).length))
        return;
    stamp_labels(call, body);
}

/* "vol:/path:ro" -> a Mount with labels. Other modes have no form there: refused. */
static int bind_to_mount(struct call_context *call, struct value *mounts, struct slice text,
                         struct failure *failure)
{
    struct slice source = SLICE_NONE, target = SLICE_NONE, mode = SLICE_NONE;
    slice_next(&text, ':', &source);
    slice_next(&text, ':', &target);
    slice_next(&text, ':', &mode);
    if (mode.length && !slice_is(mode, "ro") && !slice_is(mode, "rw"))
        return failure_set(failure, FAILURE_INVALID,
                           "volume " SLICE_FMT ": only the modes ro and rw are possible here",
                           SLICE_ARG(source));
    struct value *mount = value_map(call->arena);
    value_set_text(call->arena, mount, "Type", SLICE("volume"));
    value_set_text(call->arena, mount, "Source", source);
    value_set_text(call->arena, mount, "Target", target);
    value_set_bool(call->arena, mount, "ReadOnly", slice_is(mode, "ro"));
    value_append(mounts, mount);
    return 0;
}

int owner_stamp_volumes(struct call_context *call, struct value *body, struct failure *failure)
{
    struct value *host_config = value_find(body, "HostConfig");
    struct value *binds = value_find(host_config, "Binds");
    struct value *mounts = value_find(host_config, "Mounts");
    if (owner_sees_all(call) || !host_config || host_config->type != VALUE_MAP)
        return 0;
    if (!mounts || mounts->type != VALUE_LIST)
        mounts = value_list(call->arena);
    else
        mounts = value_copy(call->arena, mounts);
    for (struct value *bind = binds ? binds->first : NULL, *next; bind; bind = next) {
        next = bind->next;
        ptrdiff_t colon = slice_find(bind->text, ':');
        if (colon <= 0 || strchr("/.~", bind->text.at[0]))
            continue;
        if (bind_to_mount(call, mounts, bind->text, failure) != 0)
            return -1;
        value_remove(binds, bind);
    }
    VALUE_EACH(mount, mounts)
    {
        if (mount->type == VALUE_MAP && slice_is(value_get_text(mount, "Type"), "volume"))
            stamp_labels(call, value_submap(call->arena, mount, "VolumeOptions"));
    }
    value_set(call->arena, host_config, "Mounts", mounts);
    return 0;
}

int owner_filter(struct call_context *call, struct failure *failure)
{
    struct filters filters;
    if (owner_sees_all(call))
        return 0;
    if (filters_parse(&filters, call->arena, query_get(call->query, "filters"), NULL, failure) != 0)
        return -1;
    filters_add(&filters, "label",
                arena_printf(call->arena, OWNER_LABEL "=" SLICE_FMT,
                             SLICE_ARG(call->pass->identity.tenant)));
    query_set(call->query, "filters", filters_text(&filters));
    return 0;
}
