/* Spec: what an inspect says beyond the wish (ids, addresses, times) is left out; the rest goes
 * back untouched, so that fields we do not know survive a move. */
#include "proxy/cluster/spec.h"

#include "proxy/engine/decode.h"
#include "proxy/json.h"

bool spec_network_is_predefined(struct slice mode)
{
    return mode.length == 0 || slice_is(mode, "default") || slice_is(mode, "bridge") ||
           slice_is(mode, "host") || slice_is(mode, "none") || slice_is(mode, "podman") ||
           slice_starts(mode, "container:");
}

/* Of an endpoint only what a user sets; addresses were given by the old node. */
static struct value *endpoint_wish(struct arena *arena, const struct value *endpoint)
{
    static const char *const kept[] = {"IPAMConfig", "Links",      "Aliases",
                                       "DriverOpts", "GwPriority", NULL};
    struct value *wish = value_map(arena);

    for (int i = 0; kept[i]; i++) {
        const struct value *part = value_find(endpoint, kept[i]);

        if (part && part->type != VALUE_NULL)
            value_set(arena, wish, kept[i], value_copy(arena, part));
    }
    return wish;
}

static void set_networks(struct spec *spec, struct arena *arena, const struct value *inspect,
                         struct slice mode)
{
    const struct value *networks = value_path(inspect, "NetworkSettings.Networks");
    struct value *rest = value_map(arena), *config;

    spec->networks = rest;
    if (spec_network_is_predefined(mode))
        return;
    spec->first_network = mode;
    config =
        value_submap(arena, value_submap(arena, spec->body, "NetworkingConfig"), "EndpointsConfig");
    VALUE_EACH(endpoint, networks)
    {
        /* Engines before API 1.44 take one network in a create; the others follow. */
        struct value *target = slice_equal(endpoint->key, mode) ? config : rest;

        value_set_slice(arena, target, endpoint->key, endpoint_wish(arena, endpoint));
    }
}

static int add_list(struct spec *spec, struct arena *arena, enum constraint_list_label kind,
                    struct slice text, struct failure *failure)
{
    const struct value *list = json_parse(arena, text, failure);

    VALUE_EACH(item, list)
    {
        int result = kind == CONSTRAINT_LABEL_RESCHEDULE
                         ? constraint_set_reschedule(&spec->constraints, item->text, failure)
                         : constraint_set_add(&spec->constraints, item->text,
                                              kind == CONSTRAINT_LABEL_AFFINITIES, failure);

        if (result != 0)
            return -1;
    }
    return list ? 0 : -1;
}

/* Constraints were kept as labels when the container was created. */
static int read_constraints(struct spec *spec, struct arena *arena, struct failure *failure)
{
    struct tags labels = spec->workload.labels;

    for (size_t i = 0; i < labels.count; i++) {
        const struct tag *label = &labels.list[i];
        enum constraint_list_label kind = constraint_label_is_list(label->key);
        bool taken;
        int result = kind == CONSTRAINT_LABEL_OTHER
                         ? constraint_set_add_label(&spec->constraints, arena, label->key,
                                                    label->value, &taken, failure)
                         : add_list(spec, arena, kind, label->value, failure);

        if (result != 0)
            return -1;
    }
    spec->workload.constraints = constraint_set_view(&spec->constraints);
    if (spec->constraints.reschedule_given)
        spec->workload.reschedule = spec->constraints.reschedule;
    return 0;
}

int spec_read(struct spec *spec, struct arena *arena, const struct value *inspect,
              struct slice user_id, struct failure *failure)
{
    const struct value *config = value_find(inspect, "Config");
    const struct value *host = value_find(inspect, "HostConfig");
    struct slice name = value_get_text(inspect, "Name"), mode;

    memset(spec, 0, sizeof *spec);
    if (!config || config->type != VALUE_MAP || !host || host->type != VALUE_MAP)
        return failure_set(failure, FAILURE_INVALID,
                           "nothing is known of how the container was created");
    spec->body = value_copy(arena, config);
    value_set(arena, spec->body, "HostConfig", value_copy(arena, host));
    mode = value_get_text(host, "NetworkMode");
    if (slice_is(mode, "host") || slice_starts(mode, "container:")) {
        /* The engine filled these in from elsewhere and would refuse them now. */
        value_drop(spec->body, "Hostname");
        value_drop(spec->body, "Domainname");
    }
    set_networks(spec, arena, inspect, mode);
    if (slice_starts(name, "/"))
        name = slice_from(name, 1);
    if (decode_workload(arena, spec->body, name, &spec->workload, failure) != 0)
        return -1;
    spec->workload.id = user_id;
    spec->runs = slice_is(value_get_text(value_find(inspect, "State"), "Status"), "running");
    return read_constraints(spec, arena, failure);
}

struct value *spec_network(struct arena *arena, const struct value *row)
{
    static const char *const kept[] = {"Name",       "Driver",  "EnableIPv6", "IPAM", "Internal",
                                       "Attachable", "Options", "Labels",     NULL};
    struct value *body = value_map(arena);

    for (int i = 0; kept[i]; i++) {
        const struct value *part = value_find(row, kept[i]);

        if (part && part->type != VALUE_NULL)
            value_set(arena, body, kept[i], value_copy(arena, part));
    }
    value_set_bool(arena, body, "CheckDuplicate", true);
    return body;
}
