/* Decode container: inspect answers and create bodies -> what a container holds and asks for. */
#include "proxy/engine/decode.h"

static const struct {
    struct slice word;
    enum container_state state;
} state_words[] = {
    {SLICE_INIT("created"), CONTAINER_CREATED},
    {SLICE_INIT("running"), CONTAINER_RUNNING},
    {SLICE_INIT("paused"), CONTAINER_PAUSED},
    {SLICE_INIT("restarting"), CONTAINER_RESTARTING},
    {SLICE_INIT("exited"), CONTAINER_EXITED},
    {SLICE_INIT("removing"), CONTAINER_REMOVING},
    {SLICE_INIT("dead"), CONTAINER_DEAD},
    {SLICE_INIT("pending"), CONTAINER_PENDING},
    {SLICE_INIT("stopped"), CONTAINER_EXITED},      /* podman */
    {SLICE_INIT("configured"), CONTAINER_CREATED},  /* podman */
    {SLICE_INIT("initialized"), CONTAINER_CREATED}, /* podman */
};

enum container_state container_state_parse(struct slice word)
{
    for (size_t i = 0; i < sizeof state_words / sizeof state_words[0]; i++) {
        if (slice_equal(word, state_words[i].word))
            return state_words[i].state;
    }
    return CONTAINER_CREATED;
}

const char *container_state_name(enum container_state state)
{
    for (size_t i = 0; i < sizeof state_words / sizeof state_words[0]; i++) {
        if (state_words[i].state == state)
            return state_words[i].word.at;
    }
    return "unknown";
}

int decode_resources(const struct value *host_config, struct resources *result)
{
    int64_t memory = value_to_int(value_find_folded(host_config, "MemoryReservation"), 0);
    int64_t cpus = value_to_int(value_find_folded(host_config, "NanoCpus"), 0);

    /* The reservation is what the user wants to be sure of; the limit stands in for it. */
    if (memory <= 0)
        memory = value_to_int(value_find_folded(host_config, "Memory"), 0);
    if (cpus <= 0) {
        int64_t quota = value_to_int(value_find_folded(host_config, "CpuQuota"), 0);
        int64_t period = value_to_int(value_find_folded(host_config, "CpuPeriod"), 0);

        if (quota > 0 && quota < INT64_MAX / 1000000000)
            cpus = quota * 1000000000 / (period > 0 ? period : 100000);
    }
    result->memory_bytes = memory > 0 ? memory : 0;
    result->nano_cpus = cpus > 0 ? cpus : 0;
    return 0;
}

/* "8080", "8000-8010", "" (any). */
static int parse_host_port(struct slice text, struct port *port)
{
    struct slice first_text, last_text = text;
    uint64_t first, last;

    if (text.length == 0) {
        port->first = port->last = 0;
        return 0;
    }
    slice_next(&last_text, '-', &first_text);
    if (slice_to_u64(first_text, &first) || first > 65535)
        return -1;
    last = first;
    if (last_text.at && (slice_to_u64(last_text, &last) || last > 65535 || last < first))
        return -1;
    port->first = (uint16_t)first;
    port->last = (uint16_t)last;
    port->range = last > first;
    return 0;
}

/* The protocol of "80/tcp"; "80" is tcp. */
static int parse_protocol(struct slice container_port, enum protocol *protocol)
{
    ptrdiff_t at = slice_find(container_port, '/');
    struct slice word = at < 0 ? SLICE("tcp") : slice_from(container_port, (size_t)at + 1);

    if (slice_is_nocase(word, "tcp"))
        *protocol = PROTOCOL_TCP;
    else if (slice_is_nocase(word, "udp"))
        *protocol = PROTOCOL_UDP;
    else if (slice_is_nocase(word, "sctp"))
        *protocol = PROTOCOL_SCTP;
    else
        return -1;
    return 0;
}

static size_t count_bindings(const struct value *bindings)
{
    size_t count = 0;

    VALUE_EACH(binding, bindings)
    {
        count += binding->count;
    }
    return count;
}

/* {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]} in PortBindings and NetworkSettings.Ports.
 * Bindings to "any free port" hold nothing and are left out. `strict`: bad ones fail. */
static int decode_bindings(struct arena *arena, const struct value *bindings, bool strict,
                           struct ports *result, struct failure *failure)
{
    size_t capacity = count_bindings(bindings);
    struct port *list = capacity ? arena_alloc(arena, capacity * sizeof *list) : NULL;

    result->list = list;
    result->count = 0;
    VALUE_EACH(binding, bindings)
    {
        enum protocol protocol;

        if (parse_protocol(binding->key, &protocol)) {
            if (strict)
                return failure_set(failure, FAILURE_INVALID, "Invalid proto: " SLICE_FMT,
                                   SLICE_ARG(binding->key));
            continue;
        }
        if (binding->type != VALUE_LIST)
            continue;
        VALUE_EACH(host, binding)
        {
            const struct value *port_value = value_find_folded(host, "HostPort");
            const struct value *ip_value = value_find_folded(host, "HostIp");
            struct port port = {.protocol = protocol};

            if (ip_value && ip_value->type == VALUE_TEXT)
                port.ip = ip_value->text;
            if (parse_host_port(port_value ? port_value->text : SLICE_NONE, &port)) {
                if (strict)
                    return failure_set(failure, FAILURE_INVALID,
                                       "invalid port specification: \"" SLICE_FMT "\"",
                                       SLICE_ARG(port_value->text));
                continue;
            }
            if (port.last > 0)
                list[result->count++] = port;
        }
    }
    return 0;
}

int decode_ports(struct arena *arena, const struct value *host_config, struct ports *result,
                 struct failure *failure)
{
    return decode_bindings(arena, value_find_folded(host_config, "PortBindings"), true, result,
                           failure);
}

struct tags decode_labels(struct arena *arena, const struct value *labels)
{
    struct tags tags = {0};
    struct tag *tag;

    if (!labels || labels->type != VALUE_MAP || labels->count == 0)
        return tags;
    tag = arena_alloc(arena, labels->count * sizeof *tag);
    tags.list = tag;
    VALUE_EACH(label, labels)
    {
        *tag++ = (struct tag){label->key, label->text};
        tags.count++;
    }
    return tags;
}

static struct slice label_value(struct tags labels, const char *key)
{
    for (size_t i = 0; i < labels.count; i++) {
        if (slice_is(labels.list[i].key, key))
            return labels.list[i].value;
    }
    return SLICE_NONE;
}

/* The forms under which a reschedule wish is kept: our own label, the label form of a
 * constraint (`--label constraint:reschedule==always` splits at the first '='), and the lists that
 * classic Swarm keeps in labels. */
static enum reschedule decode_reschedule(struct tags labels)
{
    struct slice wish = label_value(labels, "constraint:reschedule");
    struct slice constraints = label_value(labels, "com.docker.swarm.constraints");
    struct slice policies = label_value(labels, "com.docker.swarm.reschedule-policies");

    if (slice_starts(wish, "="))
        wish = slice_from(wish, 1);
    if (wish.length == 0)
        wish = label_value(labels, "berth.reschedule");
    if (slice_is_nocase(wish, "always") || slice_contains(constraints, "reschedule==always") ||
        slice_contains(constraints, "reschedule=always") ||
        slice_contains(policies, "\"on-node-failure\""))
        return RESCHEDULE_ALWAYS;
    if (slice_is_nocase(wish, "never") || slice_contains(constraints, "reschedule==never") ||
        slice_contains(constraints, "reschedule=never") || slice_contains(policies, "\"off\""))
        return RESCHEDULE_NEVER;
    return RESCHEDULE_AUTO;
}

bool decode_holds_state(const struct value *host_config)
{
    const struct value *binds = value_find_folded(host_config, "Binds");
    const struct value *from = value_find_folded(host_config, "VolumesFrom");

    if ((binds && binds->count > 0) || (from && from->count > 0))
        return true;
    VALUE_EACH(mount, value_find_folded(host_config, "Mounts"))
    {
        const struct value *type = value_find_folded(mount, "Type");
        const struct value *source = value_find_folded(mount, "Source");

        if (type && slice_is_nocase(type->text, "bind"))
            return true;
        if (type && slice_is_nocase(type->text, "volume") && source && source->text.length > 0)
            return true;
    }
    return false;
}

static bool decode_restarts(const struct value *host_config)
{
    const struct value *policy = value_find_folded(host_config, "RestartPolicy");
    const struct value *name = value_find_folded(policy, "Name");

    return name && (slice_is(name->text, "always") || slice_is(name->text, "unless-stopped"));
}

static bool holds_ports_now(enum container_state state)
{
    return state == CONTAINER_RUNNING || state == CONTAINER_PAUSED;
}

int decode_container(struct arena *arena, const struct value *inspect,
                     struct container_facts *result, struct failure *failure)
{
    const struct value *config = value_find(inspect, "Config");
    const struct value *host = value_find(inspect, "HostConfig");
    const struct value *state = value_find(inspect, "State");
    const struct value *bound = value_path(inspect, "NetworkSettings.Ports");
    struct container *model = &result->model;

    memset(result, 0, sizeof *result);
    model->id = value_get_text(inspect, "Id");
    if (model->id.length == 0)
        return failure_set(failure, FAILURE_INVALID, "a container without Id");
    model->name = value_get_text(inspect, "Name");
    if (slice_starts(model->name, "/"))
        model->name = slice_from(model->name, 1);
    model->image = value_get_text(config, "Image");
    result->image_id = value_get_text(inspect, "Image");
    model->state = container_state_parse(value_get_text(state, "Status"));
    decode_resources(host, &model->asked);
    model->labels = decode_labels(arena, value_find(config, "Labels"));
    model->would_restart = decode_restarts(host);
    model->created_ns = decode_time(value_get_text(inspect, "Created"));
    model->reschedule = decode_reschedule(model->labels);
    model->holds_state = decode_holds_state(host);
    result->started_ns = decode_time(value_get_text(state, "StartedAt"));
    result->finished_ns = decode_time(value_get_text(state, "FinishedAt"));
    result->exit_code = value_get_int(state, "ExitCode", 0);
    result->health = value_get_text(value_find(state, "Health"), "Status");
    if (slice_is(result->health, "none"))
        result->health = SLICE_NONE;
    result->auto_remove = value_get_bool(host, "AutoRemove", false);
    if (!holds_ports_now(model->state) || !bound || bound->count == 0)
        bound = value_find(host, "PortBindings");
    return decode_bindings(arena, bound, false, &model->ports, failure);
}

int decode_workload(struct arena *arena, const struct value *body, struct slice name,
                    struct workload *result, struct failure *failure)
{
    const struct value *host = value_find_folded(body, "HostConfig");
    const struct value *image = value_find_folded(body, "Image");

    memset(result, 0, sizeof *result);
    result->name = name;
    result->image = image && image->type == VALUE_TEXT ? image->text : SLICE_NONE;
    decode_resources(host, &result->asked);
    result->labels = decode_labels(arena, value_find_folded(body, "Labels"));
    result->reschedule = decode_reschedule(result->labels);
    return decode_ports(arena, host, &result->ports, failure);
}
