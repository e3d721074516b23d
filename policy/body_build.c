/* Body, build: POST /build asks by its query, not by its body. Same report, same closed table. */
#include "policy/body_internal.h"

/* Parameters that shape only the image. */
static const char *const harmless[] = {
    "dockerfile", "t",        "extrahosts", "q",       "nocache",   "cachefrom",  "pull",
    "rm",         "forcerm",  "memory",     "memswap", "cpushares", "cpusetcpus", "cpusetmems",
    "cpuperiod",  "cpuquota", "buildargs",  "shmsize", "squash",    "labels",     "platform",
    "target",     "version",  "session",    "buildid", "ulimits",   "isolation",  NULL,
};

static bool is_harmless(struct slice key)
{
    for (size_t i = 0; harmless[i]; i++)
        if (slice_is(key, harmless[i]))
            return true;
    return false;
}

static int check_network(struct body_walk *walk, struct slice mode)
{
    if (slice_is(mode, "host"))
        return body_found(walk, VIOLATION_NETWORK_HOST, SLICE("networkmode"), mode);
    if (slice_starts(mode, "container:"))
        return body_refers(walk, REFERENCE_CONTAINER, slice_from(mode, 10), SLICE("networkmode"));
    if (mode.length == 0 || slice_is(mode, "default") || slice_is(mode, "bridge") ||
        slice_is(mode, "none"))
        return 0;
    return body_refers(walk, REFERENCE_NETWORK, mode, SLICE("networkmode"));
}

static int check_parameter(struct body_walk *walk, struct slice key, struct slice value)
{
    if (is_harmless(key))
        return slice_is(key, "version") && slice_is(value, "2")
                   ? body_found(walk, VIOLATION_BUILD_TUNNEL, key, value)
                   : 0;
    if (value.length == 0)
        return 0;
    if (slice_is(key, "networkmode"))
        return check_network(walk, value);
    if (slice_is(key, "remote"))
        return slice_is(value, "client-session")
                   ? 0
                   : body_found(walk, VIOLATION_BUILD_REMOTE, key, value);
    if (slice_is(key, "cgroupparent"))
        return body_found(walk, VIOLATION_CGROUP_PARENT, key, value);
    if (slice_is(key, "securityopt"))
        return slice_is(value, "null") || slice_is(value, "[]")
                   ? 0
                   : body_found(walk, VIOLATION_SECURITY_OPTION, key, value);
    if (slice_is(key, "outputs"))
        return slice_is(value, "null") || slice_is(value, "[]")
                   ? 0
                   : body_found(walk, VIOLATION_BUILD_OUTPUT, key, value);
    return body_found(walk, VIOLATION_FIELD_UNKNOWN, key, value);
}

int body_check_build(struct arena *arena, const struct tags *query, struct body_report *report,
                     struct failure *failure)
{
    struct body_walk walk = {arena, report, failure};

    memset(report, 0, sizeof *report);
    for (size_t i = 0; i < query->count; i++)
        if (check_parameter(&walk, query->list[i].key, query->list[i].value) != 0)
            return -1;
    return 0;
}
