/* Create shape: a tree of known keys, walked along with the body. */
#include "proxy/docker/create_shape.h"

enum child_kind { CHILD_ONE, CHILD_EACH }; /* the value itself; or each of its members */

struct shape {
    const char *key;
    enum child_kind kind;
    const struct shape *children; /* ends with key NULL; NULL: nothing known below */
};

/* clang-format off */
#define LEAF(key) {key, CHILD_ONE, NULL}
#define END       {NULL, CHILD_ONE, NULL}

static const struct shape ports[] = {LEAF("HostIp"), LEAF("HostPort"), END};
static const struct shape port_map[] = {{"", CHILD_EACH, ports}, END};
static const struct shape device[] = {
    LEAF("PathOnHost"), LEAF("PathInContainer"), LEAF("CgroupPermissions"), END};
static const struct shape device_request[] = {
    LEAF("Driver"), LEAF("Count"), LEAF("DeviceIDs"), LEAF("Capabilities"), LEAF("Options"), END};
static const struct shape ulimit[] = {LEAF("Name"), LEAF("Soft"), LEAF("Hard"), END};
static const struct shape restart[] = {LEAF("Name"), LEAF("MaximumRetryCount"), END};
static const struct shape log_config[] = {LEAF("Type"), LEAF("Config"), END};
static const struct shape throttle[] = {LEAF("Path"), LEAF("Rate"), END};
static const struct shape weight[] = {LEAF("Path"), LEAF("Weight"), END};
static const struct shape driver_config[] = {LEAF("Name"), LEAF("Options"), END};
static const struct shape bind_options[] = {
    LEAF("Propagation"), LEAF("NonRecursive"), LEAF("CreateMountpoint"),
    LEAF("ReadOnlyNonRecursive"), LEAF("ReadOnlyForceRecursive"), END};
static const struct shape volume_options[] = {
    LEAF("NoCopy"), LEAF("Labels"), {"DriverConfig", CHILD_ONE, driver_config}, LEAF("Subpath"),
    END};
static const struct shape tmpfs_options[] = {
    LEAF("SizeBytes"), LEAF("Mode"), LEAF("Options"), END};
static const struct shape mount[] = {
    LEAF("Type"), LEAF("Source"), LEAF("Target"), LEAF("ReadOnly"), LEAF("Consistency"),
    {"BindOptions", CHILD_ONE, bind_options}, {"VolumeOptions", CHILD_ONE, volume_options},
    {"TmpfsOptions", CHILD_ONE, tmpfs_options}, LEAF("ClusterOptions"), LEAF("ImageOptions"), END};
static const struct shape host_config[] = {
    LEAF("Binds"), LEAF("ContainerIDFile"), {"LogConfig", CHILD_ONE, log_config},
    LEAF("NetworkMode"), {"PortBindings", CHILD_EACH, port_map},
    {"RestartPolicy", CHILD_ONE, restart}, LEAF("AutoRemove"), LEAF("VolumeDriver"),
    LEAF("VolumesFrom"), LEAF("ConsoleSize"), LEAF("Annotations"), LEAF("CapAdd"),
    LEAF("CapDrop"), LEAF("CgroupnsMode"), LEAF("Dns"), LEAF("DnsOptions"), LEAF("DnsSearch"),
    LEAF("ExtraHosts"), LEAF("GroupAdd"), LEAF("IpcMode"), LEAF("Cgroup"), LEAF("Links"),
    LEAF("OomScoreAdj"), LEAF("PidMode"), LEAF("Privileged"), LEAF("PublishAllPorts"),
    LEAF("ReadonlyRootfs"), LEAF("SecurityOpt"), LEAF("StorageOpt"), LEAF("Tmpfs"),
    LEAF("UTSMode"), LEAF("UsernsMode"), LEAF("ShmSize"), LEAF("Sysctls"), LEAF("Runtime"),
    LEAF("Isolation"), LEAF("CpuShares"), LEAF("Memory"), LEAF("NanoCpus"),
    LEAF("CgroupParent"), LEAF("BlkioWeight"), {"BlkioWeightDevice", CHILD_EACH, weight},
    {"BlkioDeviceReadBps", CHILD_EACH, throttle}, {"BlkioDeviceWriteBps", CHILD_EACH, throttle},
    {"BlkioDeviceReadIOps", CHILD_EACH, throttle}, {"BlkioDeviceWriteIOps", CHILD_EACH, throttle},
    LEAF("CpuPeriod"), LEAF("CpuQuota"), LEAF("CpuRealtimePeriod"), LEAF("CpuRealtimeRuntime"),
    LEAF("CpusetCpus"), LEAF("CpusetMems"), {"Devices", CHILD_EACH, device},
    LEAF("DeviceCgroupRules"), {"DeviceRequests", CHILD_EACH, device_request},
    LEAF("KernelMemory"), LEAF("KernelMemoryTCP"), LEAF("MemoryReservation"), LEAF("MemorySwap"),
    LEAF("MemorySwappiness"), LEAF("OomKillDisable"), LEAF("PidsLimit"),
    {"Ulimits", CHILD_EACH, ulimit}, LEAF("CpuCount"), LEAF("CpuPercent"), LEAF("IOMaximumIOps"),
    LEAF("IOMaximumBandwidth"), {"Mounts", CHILD_EACH, mount}, LEAF("MaskedPaths"),
    LEAF("ReadonlyPaths"), LEAF("Init"), END};
static const struct shape ipam[] = {
    LEAF("IPv4Address"), LEAF("IPv6Address"), LEAF("LinkLocalIPs"), END};
static const struct shape endpoint[] = {
    {"IPAMConfig", CHILD_ONE, ipam}, LEAF("Links"), LEAF("Aliases"), LEAF("NetworkID"),
    LEAF("EndpointID"), LEAF("Gateway"), LEAF("IPAddress"), LEAF("IPPrefixLen"),
    LEAF("IPv6Gateway"), LEAF("GlobalIPv6Address"), LEAF("GlobalIPv6PrefixLen"),
    LEAF("MacAddress"), LEAF("DriverOpts"), LEAF("DNSNames"), LEAF("GwPriority"), END};
static const struct shape networking[] = {{"EndpointsConfig", CHILD_EACH, endpoint}, END};
static const struct shape healthcheck[] = {
    LEAF("Test"), LEAF("Interval"), LEAF("Timeout"), LEAF("StartPeriod"), LEAF("StartInterval"),
    LEAF("Retries"), END};
static const struct shape config[] = {
    LEAF("Hostname"), LEAF("Domainname"), LEAF("User"), LEAF("AttachStdin"),
    LEAF("AttachStdout"), LEAF("AttachStderr"), LEAF("ExposedPorts"), LEAF("Tty"),
    LEAF("OpenStdin"), LEAF("StdinOnce"), LEAF("Env"), LEAF("Cmd"),
    {"Healthcheck", CHILD_ONE, healthcheck}, LEAF("ArgsEscaped"), LEAF("Image"),
    LEAF("Volumes"), LEAF("WorkingDir"), LEAF("Entrypoint"), LEAF("NetworkDisabled"),
    LEAF("MacAddress"), LEAF("OnBuild"), LEAF("Labels"), LEAF("StopSignal"),
    LEAF("StopTimeout"), LEAF("Shell"), {"HostConfig", CHILD_ONE, host_config},
    {"NetworkingConfig", CHILD_ONE, networking}, END};
/* clang-format on */

static const struct shape *find_shape(const struct shape *shapes, struct slice key)
{
    for (; shapes->key; shapes++) {
        if (value_key_matches(key, shapes->key))
            return shapes;
    }
    return NULL;
}

static void drop_earlier(struct value *map, struct value *member)
{
    for (struct value *other = map->first, *next; other != member; other = next) {
        next = other->next;
        if (slice_equal(other->key, member->key))
            value_remove(map, other);
    }
}

static void fix(struct value *value, const struct shape *shapes);

/* Below a member: the value itself, each of its members, or (port maps) each of their members. */
static void fix_below(struct value *value, const struct shape *shape)
{
    if (!shape->children)
        return;
    if (shape->kind == CHILD_ONE) {
        fix(value, shape->children);
        return;
    }
    bool nested = shape->children->key && !*shape->children->key;
    VALUE_EACH(member, value)
    {
        if (nested)
            fix_below(member, shape->children);
        else
            fix(member, shape->children);
    }
}

static void fix(struct value *value, const struct shape *shapes)
{
    if (value->type != VALUE_MAP)
        return;
    VALUE_EACH(member, value)
    {
        const struct shape *shape = find_shape(shapes, member->key);
        if (!shape)
            continue;
        member->key = slice_of(shape->key);
        drop_earlier(value, member);
        fix_below(member, shape);
    }
}

void create_shape_fix(struct value *body)
{
    fix(body, config);
}
