/* Tests of policy/body: every code, from every place it can hide. */
#include "policy/body.h"
#include "proxy/json.h"
#include "tests/unit/test.h"

#include <stdio.h>

struct row {
    const char *body;
    const char *codes; /* in order found, separated by spaces; "" none; "!" malformed */
};

static void check_row(enum body_kind kind, const struct row *row)
{
    struct arena *arena = arena_new();
    struct failure failure;
    struct body_report report;
    struct buffer found;
    struct value *body;

    failure_clear(&failure);
    body = json_parse(arena, slice_of(row->body), &failure);
    cr_assert(body, "%s: %s", row->body, failure.text);
    buffer_init(&found, 4096);
    if (body_check(arena, kind, body, &report, &failure) != 0) {
        cr_expect_eq(failure.kind, FAILURE_INVALID);
        cr_expect(failure.text[0]);
        buffer_text(&found, "!");
    } else
        for (size_t i = 0; i < report.violation_count; i++)
            buffer_printf(&found, "%s%s", i ? " " : "", violation_name(report.violations[i].code));
    cr_expect_str_eq(found.at ? found.at : "", row->codes, "%s: \"%s\", not \"%s\" (%s)", row->body,
                     found.at ? found.at : "", row->codes, failure.text);
    buffer_deinit(&found);
    arena_free(&arena);
}

#define CHECK_ROWS(kind, rows)                                                                     \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                                     \
    check_row(kind, &(rows)[i])

Test(body, create_host_powers)
{
    static const struct row rows[] = {
        {"{\"Image\":\"busybox\",\"Cmd\":[\"sh\"]}", ""},
        {"{\"HostConfig\":{\"Privileged\":true}}", "privileged"},
        {"{\"hostconfig\":{\"PRIVILEGED\":true}}", "privileged"},
        {"{\"Ho\\u017ftConfig\":{\"Privileged\":true}}", "privileged"},
        {"{\"HostConfig\":{\"Privileged\":false}}", ""},
        {"{\"HostConfig\":{\"Privileged\":null}}", ""},
        {"{\"HostConfig\":{\"Privileged\":\"true\"}}", "!"},
        {"{\"HostConfig\":{\"Privileged\":false,\"privileged\":true}}", "!"},
        {"{\"HostConfig\":{},\"hostConfig\":{\"Privileged\":true}}", "!"},
        {"{\"HostConfig\":{\"CapAdd\":[\"SYS_ADMIN\"]}}", "capability.add"},
        {"{\"HostConfig\":{\"CapAdd\":[\"ALL\"]}}", "capability.add"},
        {"{\"HostConfig\":{\"CapAdd\":\"sys_ptrace\"}}", "capability.add"},
        {"{\"HostConfig\":{\"CapAdd\":[\"CAP_CHOWN\",\"net_raw\"]}}", ""},
        {"{\"HostConfig\":{\"CapAdd\":[\"\"]}}", "capability.add"},
        {"{\"HostConfig\":{\"Capabilities\":[\"SYS_ADMIN\"]}}", "capability.add"},
        {"{\"HostConfig\":{\"CapDrop\":[\"ALL\"]}}", ""},
        {"{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/dev/sda\"}]}}", "device"},
        {"{\"HostConfig\":{\"Devices\":[]}}", ""},
        {"{\"HostConfig\":{\"DeviceCgroupRules\":[\"a *:* rwm\"]}}", "device.cgroup"},
        {"{\"HostConfig\":{\"DeviceRequests\":[{\"Count\":-1}]}}", "device.request"},
        {"{\"HostConfig\":{\"SecurityOpt\":[\"seccomp=unconfined\"]}}", "security.option"},
        {"{\"HostConfig\":{\"SecurityOpt\":[\"systempaths=unconfined\"]}}", "security.option"},
        {"{\"HostConfig\":{\"SecurityOpt\":[\"no-new-privileges\"]}}", ""},
        {"{\"HostConfig\":{\"SecurityOpt\":[\"no-new-privileges:false\"]}}", "security.option"},
        {"{\"HostConfig\":{\"MaskedPaths\":[]}}", "path.unmasked"},
        {"{\"HostConfig\":{\"ReadonlyPaths\":[]}}", "path.unmasked"},
        {"{\"HostConfig\":{\"MaskedPaths\":null}}", ""},
        {"{\"HostConfig\":{\"NetworkMode\":\"host\"}}", "network.host"},
        {"{\"HostConfig\":{\"NetworkMode\":\"ns:/proc/1/ns/net\"}}", "network.host"},
        {"{\"NetworkingConfig\":{\"EndpointsConfig\":{\"host\":{}}}}", "network.host"},
        {"{\"HostConfig\":{\"PidMode\":\"host\",\"IpcMode\":\"host\"}}", "pid.host ipc.host"},
        {"{\"HostConfig\":{\"UTSMode\":\"host\",\"UsernsMode\":\"host\"}}", "uts.host userns.host"},
        {"{\"HostConfig\":{\"CgroupnsMode\":\"host\"}}", "cgroupns.host"},
        {"{\"HostConfig\":{\"CgroupnsMode\":\"private\",\"IpcMode\":\"shareable\"}}", ""},
        {"{\"HostConfig\":{\"CgroupParent\":\"/system.slice\"}}", "cgroup.parent"},
        {"{\"HostConfig\":{\"Cgroup\":\"container:x\"}}", "cgroup.join"},
        {"{\"HostConfig\":{\"Runtime\":\"runc\"}}", ""},
        {"{\"HostConfig\":{\"Runtime\":\"io.containerd.evil.v1\"}}", "runtime"},
        {"{\"HostConfig\":{\"Sysctls\":{\"kernel.core_pattern\":\"|/x\"}}}", "sysctl"},
        {"{\"HostConfig\":{\"Sysctls\":{\"net.ipv4.ip_unprivileged_port_start\":\"0\"}}}", ""},
        {"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"syslog\"}}}", "log.driver"},
        {"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"json-file\"}}}", ""},
        {"{\"HostConfig\":{\"OomScoreAdj\":-500}}", "oom"},
        {"{\"HostConfig\":{\"OomKillDisable\":true}}", "oom"},
        {"{\"HostConfig\":{\"CpuRealtimeRuntime\":950000}}", "cpu.realtime"},
        {"{\"HostConfig\":{\"StorageOpt\":{\"size\":\"1G\"}}}", "storage.option"},
        {"{\"HostConfig\":{\"Annotations\":{\"run.oci.hooks\":\"x\"}}}", "annotation"},
        {"{\"Labels\":{\"berth.owner\":\"other\"}}", "label.reserved"},
        {"{\"Labels\":{\"BERTH.owner\":\"other\",\"team\":\"a\"}}", "label.reserved"},
        {"{\"Surprise\":1}", "field.unknown"},
        {"{\"HostConfig\":{\"Surprise\":1}}", "field.unknown"},
        {"[]", "!"},
    };

    CHECK_ROWS(BODY_CONTAINER_CREATE, rows);
}

Test(body, create_mounts_from_every_place)
{
    static const struct row rows[] = {
        {"{\"HostConfig\":{\"Binds\":[\"/srv/a:/a\"]}}", "mount.bind"},
        {"{\"HostConfig\":{\"Binds\":[\"/srv/a:/a:ro\"]}}", "mount.bind"},
        {"{\"HostConfig\":{\"Binds\":[\"data:/a\",\"/anonymous\"]}}", ""},
        {"{\"HostConfig\":{\"Binds\":[\"../etc:/a\"]}}", "mount.engine"},
        {"{\"HostConfig\":{\"Binds\":[\"/:/a\"]}}", "mount.engine"},
        {"{\"HostConfig\":{\"Binds\":[\"/var/run/docker.sock:/s\"]}}", "mount.engine"},
        {"{\"HostConfig\":{\"Binds\":[\"/srv/../var//run/:/s\"]}}", "mount.engine"},
        {"{\"HostConfig\":{\"Binds\":[\"/runner:/s\"]}}", "mount.bind"},
        {"{\"HostConfig\":{\"Binds\":[\"/a:/b:rshared\"]}}", "mount.propagation mount.bind"},
        {"{\"HostConfig\":{\"Binds\":[\"data:/b:Z\"]}}", "mount.relabel"},
        {"{\"HostConfig\":{\"Binds\":[\"/a:/b:ro:x\"]}}", "!"},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/srv\",\"Target\":\"/"
         "x\"}]}}",
         "mount.bind"},
        {"{\"HostConfig\":{\"Mounts\":[{\"type\":\"bind\",\"SOURCE\":\"/proc\",\"Target\":\"/"
         "x\"}]}}",
         "mount.engine"},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/x\"}]}}",
         ""},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/x\"}]}}", ""},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"npipe\",\"Source\":\"x\",\"Target\":\"/x\"}]}}",
         "mount.type"},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"volume\",\"VolumeOptions\":{\"DriverConfig\":{"
         "\"Name\":\"local\",\"Options\":{\"type\":\"none\",\"o\":\"bind\",\"device\":\"/"
         "srv\"}}}}]}}",
         "mount.bind volume.option"},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"volume\",\"VolumeOptions\":{\"DriverConfig\":{"
         "\"Name\":\"nfs\"}}}]}}",
         "volume.driver"},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"BindOptions\":{"
         "\"Propagation\":\"rshared\"}}]}}",
         "mount.propagation mount.bind"},
        {"{\"Volumes\":{\"/data\":{}}}", ""},
        {"{\"Volumes\":{\"/srv:/data\":{}}}", "mount.bind"},
        {"{\"HostConfig\":{\"Tmpfs\":{\"/run\":\"size=1m\"}}}", ""},
        {"{\"HostConfig\":{\"VolumeDriver\":\"evil\"}}", "volume.driver"},
    };

    CHECK_ROWS(BODY_CONTAINER_CREATE, rows);
}

Test(body, other_bodies)
{
    static const struct row update[] = {
        {"{\"Memory\":1,\"RestartPolicy\":{\"Name\":\"always\"}}", ""},
        {"{\"Devices\":[{}]}", "device"},
        {"{\"CgroupParent\":\"x\"}", "cgroup.parent"},
        {"{\"Privileged\":true}", "field.unknown"},
    };
    static const struct row exec[] = {
        {"{\"Cmd\":[\"sh\"],\"AttachStdout\":true}", ""},
        {"{\"Privileged\":true}", "exec.privileged"},
        {"{\"privileged\":true,\"Privileged\":false}", "!"},
    };
    static const struct row volume[] = {
        {"{\"Name\":\"v\",\"Driver\":\"local\"}", ""},
        {"{\"Driver\":\"rexray\"}", "volume.driver"},
        {"{\"DriverOpts\":{\"type\":\"none\",\"o\":\"bind,ro\",\"device\":\"/var/lib/docker\"}}",
         "mount.engine volume.option"},
        {"{\"DriverOpts\":{\"type\":\"nfs\",\"o\":\"addr=10.0.0.1\",\"device\":\":/x\"}}",
         "volume.option"},
        {"{\"ClusterVolumeSpec\":{}}", "volume.driver"},
    };
    static const struct row network[] = {
        {"{\"Name\":\"n\",\"Driver\":\"bridge\",\"IPAM\":{\"Driver\":\"default\"}}", ""},
        {"{\"Name\":\"n\",\"Driver\":\"macvlan\"}", "network.driver"},
        {"{\"Name\":\"n\",\"Options\":{\"com.docker.network.bridge.name\":\"br0\"}}",
         "network.option"},
        {"{\"Name\":\"n\",\"IPAM\":{\"Driver\":\"x\"}}", "network.ipam"},
        {"{\"Name\":\"n\",\"Labels\":{\"berth.owner\":\"x\"}}", "label.reserved"},
    };
    static const struct row connect[] = {
        {"{\"Container\":\"c\",\"EndpointConfig\":{\"Aliases\":[\"a\"]}}", ""},
        {"{\"Container\":\"c\",\"EndpointConfig\":{\"DriverOpts\":{\"x\":\"y\"}}}",
         "network.option"},
    };

    CHECK_ROWS(BODY_CONTAINER_UPDATE, update);
    CHECK_ROWS(BODY_EXEC_CREATE, exec);
    CHECK_ROWS(BODY_VOLUME_CREATE, volume);
    CHECK_ROWS(BODY_NETWORK_CREATE, network);
    CHECK_ROWS(BODY_NETWORK_CONNECT, connect);
}

Test(body, names_every_object_it_leans_on)
{
    struct arena *arena = arena_new();
    struct failure failure;
    struct body_report report;
    struct value *body = json_parse(
        arena,
        SLICE("{\"Image\":\"i\",\"HostConfig\":{\"NetworkMode\":\"container:a\",\"PidMode\":"
              "\"container:b\","
              "\"Links\":[\"c:alias\"],\"VolumesFrom\":[\"d:ro\"],\"Binds\":[\"v:/v\"]},"
              "\"NetworkingConfig\":{\"EndpointsConfig\":{\"n\":{\"Links\":[\"e:x\"]}}}}"),
        &failure);
    static const struct {
        enum reference_kind kind;
        const char *name;
    } expected[] = {
        {REFERENCE_IMAGE, "i"},     {REFERENCE_CONTAINER, "a"}, {REFERENCE_CONTAINER, "b"},
        {REFERENCE_CONTAINER, "c"}, {REFERENCE_CONTAINER, "d"}, {REFERENCE_VOLUME, "v"},
        {REFERENCE_NETWORK, "n"},   {REFERENCE_CONTAINER, "e"},
    };

    cr_assert(body);
    cr_assert_eq(body_check(arena, BODY_CONTAINER_CREATE, body, &report, &failure), 0);
    cr_assert_eq(report.reference_count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < report.reference_count; i++) {
        cr_expect_eq(report.references[i].kind, expected[i].kind, "%zu", i);
        cr_expect(slice_is(report.references[i].name, expected[i].name), "%zu", i);
    }
    cr_expect_eq(report.mount_count, 1);
    cr_expect_eq(report.violation_count, 0);
    arena_free(&arena);
}

Test(body, build_query)
{
    static const struct {
        const char *key, *value, *codes;
    } rows[] = {
        {"t", "x:1", ""},
        {"networkmode", "default", ""},
        {"networkmode", "host", "network.host"},
        {"remote", "http://10.0.0.1/x", "build.remote"},
        {"remote", "client-session", ""},
        {"version", "1", ""},
        {"version", "2", "build.tunnel"},
        {"cgroupparent", "x", "cgroup.parent"},
        {"securityopt", "[\"seccomp=unconfined\"]", "security.option"},
        {"securityopt", "null", ""},
        {"outputs", "[{\"Type\":\"local\"}]", "build.output"},
        {"surprise", "1", "field.unknown"},
    };
    struct arena *arena = arena_new();
    struct body_report report;
    struct failure failure;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tag tag = {slice_of(rows[i].key), slice_of(rows[i].value)};
        struct tags query = {&tag, 1};
        const char *found = "";

        cr_assert_eq(body_check_build(arena, &query, &report, &failure), 0);
        if (report.violation_count)
            found = violation_name(report.violations[0].code);
        cr_expect_str_eq(found, rows[i].codes, "%s=%s: %s", rows[i].key, rows[i].value, found);
    }
    arena_free(&arena);
}

Test(body, too_many_findings_are_refused)
{
    struct arena *arena = arena_new();
    struct body_report report;
    struct failure failure;
    struct value *body = value_map(arena);

    for (int i = 0; i <= BODY_MAX_FINDINGS; i++) {
        char key[16];

        snprintf(key, sizeof key, "x%d", i);
        value_set(arena, body, key, value_null(arena));
    }
    cr_expect_eq(body_check(arena, BODY_EXEC_CREATE, body, &report, &failure), -1);
    cr_expect_eq(failure.kind, FAILURE_INVALID);
    arena_free(&arena);
}

Test(body, codes_have_names_both_ways)
{
    for (int i = 0; i < VIOLATION_COUNT; i++) {
        cr_expect_eq((int)violation_find(slice_of(violation_name((enum violation_code)i))), i);
        cr_expect(violation_help((enum violation_code)i)[0]);
    }
    cr_expect_eq(violation_find(SLICE("nonsense")), VIOLATION_COUNT);
    cr_expect_eq(violation_of_operation(SLICE("image.tag")), VIOLATION_IMAGE_TAG);
    cr_expect_eq(violation_of_operation(SLICE("container.list")), VIOLATION_COUNT);
}
