/* Body: walks a request body by closed tables of members and reports what would reach beyond a
 * container. */
#include "policy/body.h"
#include "policy/body_internal.h"

static const struct {
    const char *name;
    const char *help;
} codes[VIOLATION_COUNT] = {
#define CODE(symbol, text, words) [VIOLATION_##symbol] = {text, words},
#include "policy/violations.def"
#undef CODE
};

const char *violation_name(enum violation_code code)
{
    return code < VIOLATION_COUNT ? codes[code].name : "?";
}

const char *violation_help(enum violation_code code)
{
    return code < VIOLATION_COUNT ? codes[code].help : "";
}

enum violation_code violation_find(struct slice name)
{
    for (int i = 0; i < VIOLATION_COUNT; i++)
        if (slice_is(name, codes[i].name))
            return (enum violation_code)i;
    return VIOLATION_COUNT;
}

enum violation_code violation_of_operation(struct slice operation)
{
    static const struct {
        const char *operation;
        enum violation_code code;
    } rows[] = {
        {"image.tag", VIOLATION_IMAGE_TAG},       {"container.commit", VIOLATION_IMAGE_COMMIT},
        {"build.create", VIOLATION_IMAGE_BUILD}, {"image.load", VIOLATION_IMAGE_LOAD},
        {"image.import", VIOLATION_IMAGE_IMPORT}, {"image.build", VIOLATION_IMAGE_BUILD},
        {"build.tunnel", VIOLATION_BUILD_TUNNEL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (slice_is(operation, rows[i].operation))
            return rows[i].code;
    return VIOLATION_COUNT;
}

static int full(struct body_walk *walk)
{
    return failure_set(walk->failure, FAILURE_INVALID,
                       "the body asks for more than %d things that need a check",
                       BODY_MAX_FINDINGS);
}

int body_found(struct body_walk *walk, enum violation_code code, struct slice path,
               struct slice detail)
{
    struct body_report *report = walk->report;

    if (report->violation_count == BODY_MAX_FINDINGS)
        return full(walk);
    report->violations[report->violation_count++] =
        (struct violation){code, path, slice_cut(detail, 0, 200), false};
    return 0;
}

int body_refers(struct body_walk *walk, enum reference_kind kind, struct slice name,
                struct slice path)
{
    struct body_report *report = walk->report;

    if (report->reference_count == BODY_MAX_FINDINGS)
        return full(walk);
    report->references[report->reference_count++] = (struct body_reference){kind, name, path};
    return 0;
}

int body_mounts(struct body_walk *walk, const struct mount *mount, struct slice path)
{
    struct body_report *report = walk->report;

    if (report->mount_count == BODY_MAX_FINDINGS)
        return full(walk);
    report->mounts[report->mount_count++] = *mount;
    return 0;
}

int body_expect(struct body_walk *walk, const struct value *member, enum value_type type,
                struct slice path)
{
    static const char *const names[] = {
        [VALUE_NULL] = "null", [VALUE_BOOL] = "true or false", [VALUE_NUMBER] = "a number",
        [VALUE_TEXT] = "text", [VALUE_LIST] = "a list",        [VALUE_MAP] = "a map",
    };

    if (member->type == type)
        return 0;
    return failure_set(walk->failure, FAILURE_INVALID, SLICE_FMT " must be %s", SLICE_ARG(path),
                       names[type]);
}

struct slice body_path(struct body_walk *walk, struct slice path, struct slice name)
{
    if (path.length == 0)
        return name;
    return arena_printf(walk->arena, SLICE_FMT "." SLICE_FMT, SLICE_ARG(path), SLICE_ARG(name));
}

struct slice body_index(struct body_walk *walk, struct slice path, size_t index)
{
    return arena_printf(walk->arena, SLICE_FMT "[%zu]", SLICE_ARG(path), index);
}

/* A key given twice, in any spelling: the engine would take one of the two, we can't know that it
 * is the one that we looked at. */
static int refuse_twins(struct body_walk *walk, const struct value *map, struct slice path,
                        const struct body_field *field)
{
    size_t seen = 0;

    VALUE_EACH(member, map)
    {
        if (value_key_matches(member->key, field->name) && ++seen > 1) {
            struct slice whole = body_path(walk, path, slice_of(field->name));

            return failure_set(walk->failure, FAILURE_INVALID, SLICE_FMT " is given twice",
                               SLICE_ARG(whole));
        }
    }
    return 0;
}

static const struct body_field *find_field(const struct body_field *fields, struct slice key)
{
    for (; fields->name; fields++)
        if (value_key_matches(key, fields->name))
            return fields;
    return NULL;
}

int body_walk_fields(struct body_walk *walk, const struct value *map, struct slice path,
                     const struct body_field *fields)
{
    if (body_expect(walk, map, VALUE_MAP, path.length ? path : SLICE("the body")) != 0)
        return -1;
    VALUE_EACH(member, map)
    {
        const struct body_field *field = find_field(fields, member->key);

        if (!field) {
            if (body_found(walk, VIOLATION_FIELD_UNKNOWN, body_path(walk, path, member->key),
                           SLICE_NONE) != 0)
                return -1;
            continue;
        }
        if (refuse_twins(walk, map, path, field) != 0)
            return -1;
        if (field->check && member->type != VALUE_NULL &&
            field->check(walk, member, body_path(walk, path, slice_of(field->name))) != 0)
            return -1;
    }
    return 0;
}

int body_check_labels(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    VALUE_EACH(label, member)
    {
        if (label->key.length >= 6 && slice_is_nocase(slice_cut(label->key, 0, 6), "berth.") &&
            body_found(walk, VIOLATION_LABEL_RESERVED, path, label->key) != 0)
            return -1;
    }
    return 0;
}

static int check_image(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_TEXT, path) != 0)
        return -1;
    return member->text.length ? body_refers(walk, REFERENCE_IMAGE, member->text, path) : 0;
}

static int check_driver_opts(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    return member->first ? body_found(walk, VIOLATION_NETWORK_OPTION, path, member->first->key) : 0;
}

static int check_links(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_LIST, path) != 0)
        return -1;
    VALUE_EACH(entry, member)
    {
        struct slice rest, name;

        if (body_expect(walk, entry, VALUE_TEXT, path) != 0)
            return -1;
        rest = entry->text;
        if (slice_next(&rest, ':', &name) &&
            body_refers(walk, REFERENCE_CONTAINER, name, path) != 0)
            return -1;
    }
    return 0;
}

int body_check_endpoint(struct body_walk *walk, const struct value *member, struct slice path)
{
    static const struct body_field fields[] = {
        {"IPAMConfig", NULL},  {"Links", check_links},
        {"Aliases", NULL},     {"NetworkID", NULL},
        {"EndpointID", NULL},  {"Gateway", NULL},
        {"IPAddress", NULL},   {"IPPrefixLen", NULL},
        {"IPv6Gateway", NULL}, {"GlobalIPv6Address", NULL},
        {"MacAddress", NULL},  {"GlobalIPv6PrefixLen", NULL},
        {"DNSNames", NULL},    {"DriverOpts", check_driver_opts},
        {"GwPriority", NULL},  {NULL, NULL},
    };

    return body_walk_fields(walk, member, path, fields);
}

/* EndpointsConfig: a map from network to endpoint. */
int body_check_endpoints(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    VALUE_EACH(endpoint, member)
    {
        struct slice place = body_path(walk, path, endpoint->key);

        if (slice_is(endpoint->key, "host") &&
            body_found(walk, VIOLATION_NETWORK_HOST, place, endpoint->key) != 0)
            return -1;
        if (body_refers(walk, REFERENCE_NETWORK, endpoint->key, place) != 0)
            return -1;
        if (endpoint->type != VALUE_NULL && body_check_endpoint(walk, endpoint, place) != 0)
            return -1;
    }
    return 0;
}

static int check_networking(struct body_walk *walk, const struct value *member, struct slice path)
{
    static const struct body_field fields[] = {
        {"EndpointsConfig", body_check_endpoints},
        {NULL, NULL},
    };

    return body_walk_fields(walk, member, path, fields);
}

static int check_exec_privileged(struct body_walk *walk, const struct value *member,
                                 struct slice path)
{
    if (body_expect(walk, member, VALUE_BOOL, path) != 0)
        return -1;
    return member->truth ? body_found(walk, VIOLATION_EXEC_PRIVILEGED, path, SLICE("true")) : 0;
}

static int check_volume_driver(struct body_walk *walk, const struct value *member,
                               struct slice path)
{
    if (body_expect(walk, member, VALUE_TEXT, path) != 0)
        return -1;
    if (member->text.length == 0 || slice_is(member->text, "local"))
        return 0;
    return body_found(walk, VIOLATION_VOLUME_DRIVER, path, member->text);
}

static int check_volume_opts(struct body_walk *walk, const struct value *member, struct slice path)
{
    return body_check_driver_options(walk, member, path, "DriverOpts");
}

static int check_cluster_volume(struct body_walk *walk, const struct value *member,
                                struct slice path)
{
    return body_found(walk, VIOLATION_VOLUME_DRIVER, path, SLICE_NONE);
}

static int check_network_driver(struct body_walk *walk, const struct value *member,
                                struct slice path)
{
    if (body_expect(walk, member, VALUE_TEXT, path) != 0)
        return -1;
    if (member->text.length == 0 || slice_is(member->text, "bridge"))
        return 0;
    return body_found(walk, VIOLATION_NETWORK_DRIVER, path, member->text);
}

/* Options that only shape the network itself. com.docker.network.bridge.name would take over a
 * bridge of the host. */
static int check_network_options(struct body_walk *walk, const struct value *member,
                                 struct slice path)
{
    static const char *const harmless[] = {
        "com.docker.network.bridge.enable_icc", "com.docker.network.bridge.enable_ip_masquerade",
        "com.docker.network.driver.mtu", "com.docker.network.bridge.host_binding_ipv4", NULL};

    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    VALUE_EACH(option, member)
    {
        bool known = false;

        for (size_t i = 0; harmless[i]; i++)
            known |= slice_is(option->key, harmless[i]);
        if (!known && body_found(walk, VIOLATION_NETWORK_OPTION, path, option->key) != 0)
            return -1;
    }
    return 0;
}

static int check_ipam(struct body_walk *walk, const struct value *member, struct slice path)
{
    const struct value *driver;

    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    driver = value_find_folded(member, "Driver");
    if (!driver || driver->type != VALUE_TEXT || driver->text.length == 0 ||
        slice_is(driver->text, "default"))
        return 0;
    return body_found(walk, VIOLATION_NETWORK_IPAM, path, driver->text);
}

static int check_container_ref(struct body_walk *walk, const struct value *member,
                               struct slice path)
{
    if (body_expect(walk, member, VALUE_TEXT, path) != 0)
        return -1;
    return body_refers(walk, REFERENCE_CONTAINER, member->text, path);
}

/* clang-format off */
#define CONFIG_FIELDS                                                                              \
    {"Hostname", NULL}, {"Domainname", NULL}, {"User", NULL}, {"AttachStdin", NULL},               \
    {"AttachStdout", NULL}, {"AttachStderr", NULL}, {"ExposedPorts", NULL}, {"PortSpecs", NULL},   \
    {"Tty", NULL}, {"OpenStdin", NULL}, {"StdinOnce", NULL}, {"Env", NULL}, {"Cmd", NULL},         \
    {"Healthcheck", NULL}, {"ArgsEscaped", NULL}, {"Image", check_image},                          \
    {"Volumes", body_check_volumes}, {"WorkingDir", NULL}, {"Entrypoint", NULL},                   \
    {"NetworkDisabled", NULL}, {"MacAddress", NULL}, {"OnBuild", NULL},                            \
    {"Labels", body_check_labels}, {"StopSignal", NULL}, {"StopTimeout", NULL}, {"Shell", NULL}
/* clang-format on */

static const struct body_field create_fields[] = {
    CONFIG_FIELDS,
    {"HostConfig", body_check_host_config},
    {"NetworkingConfig", check_networking},
    /* docker-py and old CLIs send these at the top as well; engines read them as part of nothing.
     */
    {"Memory", NULL},
    {"MemorySwap", NULL},
    {"CpuShares", NULL},
    {"Cpuset", NULL},
    {"VolumeDriver", check_volume_driver},
    {"Name", NULL},
    {NULL, NULL},
};
static const struct body_field commit_fields[] = {CONFIG_FIELDS, {NULL, NULL}};
static const struct body_field exec_fields[] = {
    {"User", NULL},         {"Privileged", check_exec_privileged},
    {"Tty", NULL},          {"ConsoleSize", NULL},
    {"AttachStdin", NULL},  {"AttachStderr", NULL},
    {"AttachStdout", NULL}, {"Detach", NULL},
    {"DetachKeys", NULL},   {"Env", NULL},
    {"WorkingDir", NULL},   {"Cmd", NULL},
    {"Container", NULL},    {"ExecIDs", NULL},
    {NULL, NULL},
};
static const struct body_field volume_fields[] = {
    {"Name", NULL},
    {"Driver", check_volume_driver},
    {"DriverOpts", check_volume_opts},
    {"Labels", body_check_labels},
    {"ClusterVolumeSpec", check_cluster_volume},
    {NULL, NULL},
};
static const struct body_field network_fields[] = {
    {"Name", NULL},
    {"CheckDuplicate", NULL},
    {"Driver", check_network_driver},
    {"Scope", NULL},
    {"EnableIPv4", NULL},
    {"EnableIPv6", NULL},
    {"IPAM", check_ipam},
    {"Internal", NULL},
    {"Attachable", NULL},
    {"Ingress", NULL},
    {"ConfigOnly", NULL},
    {"ConfigFrom", NULL},
    {"Labels", body_check_labels},
    {"Options", check_network_options},
    {NULL, NULL},
};
static const struct body_field connect_fields[] = {
    {"Container", check_container_ref},
    {"EndpointConfig", body_check_endpoint},
    {"Force", NULL},
    {NULL, NULL},
};

static int check_update(struct body_walk *walk, const struct value *body)
{
    enum { RESOURCE = 34 };
    struct body_field fields[RESOURCE];
    size_t count = 0;

    for (; body_resource_fields[count].name; count++) {
        must(count < RESOURCE - 2);
        fields[count] = body_resource_fields[count];
    }
    fields[count++] = (struct body_field){"RestartPolicy", NULL};
    fields[count] = (struct body_field){NULL, NULL};
    return body_walk_fields(walk, body, SLICE_NONE, fields);
}

int body_check(struct arena *arena, enum body_kind kind, const struct value *body,
               struct body_report *report, struct failure *failure)
{
    struct body_walk walk = {arena, report, failure};

    memset(report, 0, sizeof *report);
    if (!body || body->type == VALUE_NULL)
        return 0;
    switch (kind) {
    case BODY_CONTAINER_CREATE:
        return body_walk_fields(&walk, body, SLICE_NONE, create_fields);
    case BODY_CONTAINER_UPDATE:
        return check_update(&walk, body);
    case BODY_EXEC_CREATE:
        return body_walk_fields(&walk, body, SLICE_NONE, exec_fields);
    case BODY_VOLUME_CREATE:
        return body_walk_fields(&walk, body, SLICE_NONE, volume_fields);
    case BODY_NETWORK_CREATE:
        return body_walk_fields(&walk, body, SLICE_NONE, network_fields);
    case BODY_NETWORK_CONNECT:
        return body_walk_fields(&walk, body, SLICE_NONE, connect_fields);
    case BODY_COMMIT:
        return body_walk_fields(&walk, body, SLICE_NONE, commit_fields);
    }
    return failure_set(failure, FAILURE_INTERNAL, "no such body");
}
