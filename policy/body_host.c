/* Body, host part: HostConfig, the place where a container asks for the host. One row a member, one
 * small check each. */
#include "policy/body_internal.h"

static int check_privileged(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_BOOL, path) != 0)
        return -1;
    return member->truth ? body_found(walk, VIOLATION_PRIVILEGED, path, SLICE("true")) : 0;
}

/* What the engine gives every container; asking for one of these asks for nothing. */
static const char *const default_capabilities[] = {
    "AUDIT_WRITE", "CHOWN",   "DAC_OVERRIDE",     "FOWNER",     "FSETID",
    "KILL",        "MKNOD",   "NET_BIND_SERVICE", "NET_RAW",    "SETFCAP",
    "SETGID",      "SETPCAP", "SETUID",           "SYS_CHROOT", NULL,
};

static bool is_default_capability(struct slice name)
{
    if (name.length > 4 && slice_is_nocase(slice_cut(name, 0, 4), "CAP_"))
        name = slice_from(name, 4);
    for (size_t i = 0; default_capabilities[i]; i++)
        if (slice_is_nocase(name, default_capabilities[i]))
            return true;
    return false;
}

/* A list of text (or one text, which old clients send) where each entry that `harmless` does not
 * know is `code`. */
static int check_texts(struct body_walk *walk, const struct value *member, struct slice path,
                       enum violation_code code, bool (*harmless)(struct slice text))
{
    size_t index = 0;

    if (member->type == VALUE_TEXT)
        return harmless(member->text) ? 0 : body_found(walk, code, path, member->text);
    if (body_expect(walk, member, VALUE_LIST, path) != 0)
        return -1;
    VALUE_EACH(entry, member)
    {
        struct slice place = body_index(walk, path, index++);

        if (body_expect(walk, entry, VALUE_TEXT, place) != 0)
            return -1;
        if (!harmless(entry->text) && body_found(walk, code, place, entry->text) != 0)
            return -1;
    }
    return 0;
}

static int check_cap_add(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_texts(walk, member, path, VIOLATION_CAPABILITY_ADD, is_default_capability);
}

/* Only what makes a container weaker than the default is a violation. "no-new-privileges" in any
 * form but false, and the engine's own profiles, are fine. */
static bool is_harmless_security_option(struct slice option)
{
    return slice_is(option, "no-new-privileges") || slice_is(option, "no-new-privileges:true") ||
           slice_is(option, "no-new-privileges=true") || slice_is(option, "seccomp=builtin") ||
           slice_is(option, "apparmor=docker-default");
}

static int check_security(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_texts(walk, member, path, VIOLATION_SECURITY_OPTION, is_harmless_security_option);
}

/* A namespace mode: "host" is `code`; "container:X" refers to X; the rest is the container's own.
 */
static int check_mode(struct body_walk *walk, const struct value *member, struct slice path,
                      enum violation_code code)
{
    if (body_expect(walk, member, VALUE_TEXT, path) != 0)
        return -1;
    if (slice_is(member->text, "host"))
        return body_found(walk, code, path, member->text);
    if (slice_starts(member->text, "container:"))
        return body_refers(walk, REFERENCE_CONTAINER, slice_from(member->text, 10), path);
    return 0;
}

static int check_network_mode(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (check_mode(walk, member, path, VIOLATION_NETWORK_HOST) != 0)
        return -1;
    if (member->text.length == 0 || slice_is(member->text, "host") ||
        slice_is(member->text, "default") || slice_is(member->text, "bridge") ||
        slice_is(member->text, "none") || slice_starts(member->text, "container:"))
        return 0;
    /* podman's own spellings of the host's network. */
    if (slice_starts(member->text, "ns:") || slice_starts(member->text, "pasta") ||
        slice_starts(member->text, "slirp4netns"))
        return body_found(walk, VIOLATION_NETWORK_HOST, path, member->text);
    return body_refers(walk, REFERENCE_NETWORK, member->text, path);
}

static int check_pid_mode(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_mode(walk, member, path, VIOLATION_PID_HOST);
}

static int check_ipc_mode(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_mode(walk, member, path, VIOLATION_IPC_HOST);
}

static int check_uts_mode(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_mode(walk, member, path, VIOLATION_UTS_HOST);
}

static int check_userns_mode(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_mode(walk, member, path, VIOLATION_USERNS_HOST);
}

static int check_cgroupns_mode(struct body_walk *walk, const struct value *member,
                               struct slice path)
{
    return check_mode(walk, member, path, VIOLATION_CGROUPNS_HOST);
}

/* Any text at all is `code`. */
static int check_any_text(struct body_walk *walk, const struct value *member, struct slice path,
                          enum violation_code code)
{
    if (body_expect(walk, member, VALUE_TEXT, path) != 0)
        return -1;
    return member->text.length ? body_found(walk, code, path, member->text) : 0;
}

static int check_cgroup(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_any_text(walk, member, path, VIOLATION_CGROUP_JOIN);
}

static int check_cgroup_parent(struct body_walk *walk, const struct value *member,
                               struct slice path)
{
    return check_any_text(walk, member, path, VIOLATION_CGROUP_PARENT);
}

static int check_runtime(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (member->type == VALUE_TEXT &&
        (slice_is(member->text, "runc") || slice_is(member->text, "io.containerd.runc.v2")))
        return 0;
    return check_any_text(walk, member, path, VIOLATION_RUNTIME);
}

static int check_volume_driver(struct body_walk *walk, const struct value *member,
                               struct slice path)
{
    if (member->type == VALUE_TEXT && slice_is(member->text, "local"))
        return 0;
    return check_any_text(walk, member, path, VIOLATION_VOLUME_DRIVER);
}

/* Anything with entries is `code`, named by its first. */
static int check_not_empty(struct body_walk *walk, const struct value *member, struct slice path,
                           enum violation_code code)
{
    if (member->type != VALUE_LIST && member->type != VALUE_MAP)
        return failure_set(walk->failure, FAILURE_INVALID, SLICE_FMT " must be a list or a map",
                           SLICE_ARG(path));
    if (!member->first)
        return 0;
    return body_found(walk, code, path,
                      member->type == VALUE_MAP ? member->first->key : member->first->text);
}

static int check_devices(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_not_empty(walk, member, path, VIOLATION_DEVICE);
}

static int check_device_cgroup(struct body_walk *walk, const struct value *member,
                               struct slice path)
{
    return check_not_empty(walk, member, path, VIOLATION_DEVICE_CGROUP);
}

static int check_device_requests(struct body_walk *walk, const struct value *member,
                                 struct slice path)
{
    return check_not_empty(walk, member, path, VIOLATION_DEVICE_REQUEST);
}

static int check_storage(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_not_empty(walk, member, path, VIOLATION_STORAGE_OPTION);
}

static int check_annotations(struct body_walk *walk, const struct value *member, struct slice path)
{
    return check_not_empty(walk, member, path, VIOLATION_ANNOTATION);
}

/* An empty list is the dangerous one here: it unmasks everything. Absent or null keeps the
 * defaults. */
static int check_paths(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_LIST, path) != 0)
        return -1;
    return body_found(walk, VIOLATION_PATH_UNMASKED, path, SLICE_NONE);
}

/* Parameters that stay inside the container's own network namespace and harm nobody. */
static bool is_harmless_sysctl(struct slice name)
{
    return slice_is(name, "net.ipv4.ip_unprivileged_port_start") ||
           slice_is(name, "net.ipv4.ping_group_range") ||
           slice_is(name, "net.ipv6.conf.all.disable_ipv6");
}

static int check_sysctls(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    VALUE_EACH(entry, member)
    {
        if (!is_harmless_sysctl(entry->key) &&
            body_found(walk, VIOLATION_SYSCTL, path, entry->key) != 0)
            return -1;
    }
    return 0;
}

static int check_log_config(struct body_walk *walk, const struct value *member, struct slice path)
{
    const struct value *type;

    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    type = value_find_folded(member, "Type");
    if (!type || type->type == VALUE_NULL)
        return 0;
    if (body_expect(walk, type, VALUE_TEXT, path) != 0)
        return -1;
    if (type->text.length == 0 || slice_is(type->text, "json-file") ||
        slice_is(type->text, "local") || slice_is(type->text, "none"))
        return 0;
    return body_found(walk, VIOLATION_LOG_DRIVER, path, type->text);
}

static int check_oom_score(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_NUMBER, path) != 0)
        return -1;
    return value_to_int(member, 0) < 0 ? body_found(walk, VIOLATION_OOM, path, member->text) : 0;
}

static int check_oom_disable(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_BOOL, path) != 0)
        return -1;
    return member->truth ? body_found(walk, VIOLATION_OOM, path, SLICE("true")) : 0;
}

static int check_realtime(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_NUMBER, path) != 0)
        return -1;
    return value_to_int(member, 0) != 0
               ? body_found(walk, VIOLATION_CPU_REALTIME, path, member->text)
               : 0;
}

/* "name:alias" of Links, "name:ro" of VolumesFrom: the part before the first colon is a container.
 */
static int check_container_list(struct body_walk *walk, const struct value *member,
                                struct slice path)
{
    size_t index = 0;

    if (body_expect(walk, member, VALUE_LIST, path) != 0)
        return -1;
    VALUE_EACH(entry, member)
    {
        struct slice place = body_index(walk, path, index++), rest, name;

        if (body_expect(walk, entry, VALUE_TEXT, place) != 0)
            return -1;
        rest = entry->text;
        if (slice_next(&rest, ':', &name) &&
            body_refers(walk, REFERENCE_CONTAINER, name, place) != 0)
            return -1;
    }
    return 0;
}

const struct body_field body_resource_fields[] = {
    {"CpuShares", NULL},
    {"Memory", NULL},
    {"CgroupParent", check_cgroup_parent},
    {"BlkioWeight", NULL},
    {"BlkioWeightDevice", NULL},
    {"BlkioDeviceReadBps", NULL},
    {"BlkioDeviceWriteBps", NULL},
    {"BlkioDeviceReadIOps", NULL},
    {"BlkioDeviceWriteIOps", NULL},
    {"CpuPeriod", NULL},
    {"CpuQuota", NULL},
    {"CpuRealtimePeriod", check_realtime},
    {"CpuRealtimeRuntime", check_realtime},
    {"CpusetCpus", NULL},
    {"CpusetMems", NULL},
    {"Devices", check_devices},
    {"DeviceCgroupRules", check_device_cgroup},
    {"DeviceRequests", check_device_requests},
    {"KernelMemory", NULL},
    {"KernelMemoryTCP", NULL},
    {"MemoryReservation", NULL},
    {"MemorySwap", NULL},
    {"MemorySwappiness", NULL},
    {"NanoCpus", NULL},
    {"OomKillDisable", check_oom_disable},
    {"Init", NULL},
    {"PidsLimit", NULL},
    {"Ulimits", NULL},
    {"CpuCount", NULL},
    {"CpuPercent", NULL},
    {"IOMaximumIOps", NULL},
    {"IOMaximumBandwidth", NULL},
    {NULL, NULL},
};

static const struct body_field host_fields[] = {
    {"Binds", body_check_binds},
    {"ContainerIDFile", NULL},
    {"LogConfig", check_log_config},
    {"NetworkMode", check_network_mode},
    {"PortBindings", NULL},
    {"RestartPolicy", NULL},
    {"AutoRemove", NULL},
    {"VolumeDriver", check_volume_driver},
    {"VolumesFrom", check_container_list},
    {"Mounts", body_check_mounts},
    {"ConsoleSize", NULL},
    {"Annotations", check_annotations},
    {"CapAdd", check_cap_add},
    {"CapDrop", NULL},
    {"Capabilities", check_cap_add},
    {"CgroupnsMode", check_cgroupns_mode},
    {"Dns", NULL},
    {"DnsOptions", NULL},
    {"DnsSearch", NULL},
    {"ExtraHosts", NULL},
    {"GroupAdd", NULL},
    {"IpcMode", check_ipc_mode},
    {"Cgroup", check_cgroup},
    {"Links", check_container_list},
    {"OomScoreAdj", check_oom_score},
    {"PidMode", check_pid_mode},
    {"Privileged", check_privileged},
    {"PublishAllPorts", NULL},
    {"ReadonlyRootfs", NULL},
    {"SecurityOpt", check_security},
    {"StorageOpt", check_storage},
    {"Tmpfs", body_check_tmpfs},
    {"UTSMode", check_uts_mode},
    {"UsernsMode", check_userns_mode},
    {"ShmSize", NULL},
    {"Sysctls", check_sysctls},
    {"Runtime", check_runtime},
    {"Isolation", NULL},
    {"MaskedPaths", check_paths},
    {"ReadonlyPaths", check_paths},
    {NULL, NULL},
};

/* HostConfig is both tables: a member in neither is unknown. */
int body_check_host_config(struct body_walk *walk, const struct value *member, struct slice path)
{
    enum { HOST = sizeof host_fields / sizeof *host_fields - 1, RESOURCE = 32 };
    struct body_field fields[HOST + RESOURCE + 1];
    size_t count = 0;

    memcpy(fields, host_fields, HOST * sizeof *fields);
    for (count = HOST; body_resource_fields[count - HOST].name; count++) {
        must(count < HOST + RESOURCE);
        fields[count] = body_resource_fields[count - HOST];
    }
    fields[count] = (struct body_field){NULL, NULL};
    return body_walk_fields(walk, member, path, fields);
}
