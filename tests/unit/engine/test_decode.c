/* Decode: engines' answers as plain structs. */
#include "proxy/engine/decode.h"
#include "proxy/json.h"
#include "tests/unit/test.h"

static struct value *parse(struct arena *arena, const char *text)
{
    struct failure failure;
    struct value *value = json_parse(arena, slice_of(text), &failure);

    cr_assert_not_null(value, "%s", failure.text);
    return value;
}

Test(decode, api_versions)
{
    char text[16];

    expect_int(api_version_parse(SLICE("1.41")), 1041);
    expect_int(api_version_parse(SLICE("1.9")), 1009);
    expect_int(api_version_parse(SLICE("1")), -1);
    expect_int(api_version_parse(SLICE("1.x")), -1);
    expect_int(api_version_parse(SLICE("")), -1);
    expect_text(api_version_text(1041, text), "1.41");
    expect_text(api_version_text(1005, text), "1.5");
    expect_text(api_version_text(12034, text), "12.34");
}

Test(decode, times)
{
    expect_int(decode_time(SLICE("1970-01-01T00:00:01Z")), 1000000000);
    expect_int(decode_time(SLICE("2024-02-29T12:00:00.5+01:00")), 1709204400500000000);
    expect_int(decode_time(SLICE("2021-03-04T05:06:07.000000001Z")), 1614834367000000001);
    expect_int(decode_time(SLICE("0001-01-01T00:00:00Z")), 0);
    expect_int(decode_time(SLICE("2024-13-01T00:00:00Z")), 0);
    expect_int(decode_time(SLICE("1970-01-01T00:00:00+01:00")), 0);
    expect_int(decode_time(SLICE("yesterday")), 0);
    expect_int(decode_time(SLICE("")), 0);
}

Test(decode, info_needs_sizes_and_a_version)
{
    struct arena *arena = arena_new();
    struct engine_info info;
    struct failure failure;
    struct value *version =
        parse(arena, "{\"ApiVersion\":\"1.44\",\"Components\":[{\"Name\":\"Podman Engine\"}]}");

    cr_assert_eq(decode_info(arena,
                             parse(arena, "{\"NCPU\":2,\"MemTotal\":1000,\"Name\":\"n\",\"Labels\":"
                                          "[\"a=b=c\",\"flag\"],\"Architecture\":\"amd64\"}"),
                             version, &info, &failure),
                 0);
    expect_int(info.total.nano_cpus, 2000000000);
    expect_int(info.api_max, 1044);
    cr_expect(info.podman);
    expect_slice(info.labels.list[0].key, "a");
    expect_slice(info.labels.list[0].value, "b=c");
    expect_slice(info.labels.list[1].key, "flag");
    for (size_t i = 0; i < info.standard.count; i++) {
        if (slice_is(info.standard.list[i].key, "architecture"))
            expect_slice(info.standard.list[i].value, "x86_64");
    }
    expect_int(
        decode_info(arena, parse(arena, "{\"NCPU\":0,\"MemTotal\":1}"), version, &info, &failure),
        -1);
    expect_int(decode_info(arena, parse(arena, "[]"), version, &info, &failure), -1);
    arena_free(&arena);
}

static const char inspect_text[] =
    "{\"Id\":\"abc\",\"Name\":\"/web\",\"Created\":\"2024-01-01T00:00:00Z\",\"Image\":\"sha256:1\","
    "\"State\":{\"Status\":\"%s\",\"StartedAt\":\"2024-01-01T00:00:00Z\",\"FinishedAt\":"
    "\"2024-01-01T01:00:00Z\",\"ExitCode\":137,\"Health\":{\"Status\":\"healthy\"}},"
    "\"Config\":{\"Image\":\"nginx\",\"Labels\":{\"constraint:reschedule\":\"=never\"}},"
    "\"HostConfig\":{\"Memory\":100,\"NanoCpus\":5,\"RestartPolicy\":{\"Name\":\"always\"},"
    "\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"80\"}],\"9/udp\":[{\"HostPort\":"
    "\"\"}]}},"
    "\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"80\"}],"
    "\"9/udp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"49153\"}],\"1/tcp\":null}}}";

static struct value *inspect(struct arena *arena, const char *state)
{
    struct slice text = slice_of(inspect_text);
    ptrdiff_t at = slice_find(text, '%');

    return parse(arena,
                 arena_text(arena, arena_printf(arena, SLICE_FMT "%s" SLICE_FMT,
                                                SLICE_ARG(slice_cut(text, 0, (size_t)at)), state,
                                                SLICE_ARG(slice_from(text, (size_t)at + 2)))));
}

Test(decode, running_container_holds_what_is_bound)
{
    struct arena *arena = arena_new();
    struct container_facts facts;

    cr_assert_eq(decode_container(arena, inspect(arena, "running"), &facts, NULL), 0);
    expect_slice(facts.model.name, "web");
    expect_slice(facts.model.image, "nginx");
    expect_int(facts.model.state, CONTAINER_RUNNING);
    expect_int(facts.model.ports.count, 2);
    expect_int(facts.model.ports.list[1].first, 49153);
    expect_int(facts.model.ports.list[1].protocol, PROTOCOL_UDP);
    expect_int(facts.model.asked.memory_bytes, 100);
    expect_int(facts.model.asked.nano_cpus, 5);
    cr_expect(facts.model.would_restart);
    cr_expect_not(facts.model.holds_state);
    expect_int(facts.model.reschedule, RESCHEDULE_NEVER);
    expect_int(facts.exit_code, 137);
    arena_free(&arena);
}

Test(decode, stopped_container_wants_only_fixed_ports)
{
    struct arena *arena = arena_new();
    struct container_facts facts;

    cr_assert_eq(decode_container(arena, inspect(arena, "exited"), &facts, NULL), 0);
    expect_int(facts.model.ports.count, 1);
    expect_int(facts.model.ports.list[0].first, 80);
    expect_int(decode_container(arena, parse(arena, "{}"), &facts, NULL), -1);
    arena_free(&arena);
}

Test(decode, resources)
{
    static const struct {
        const char *host;
        int64_t memory, cpus;
    } rows[] = {
        {"{\"Memory\":10,\"MemoryReservation\":4}", 4, 0},
        {"{\"memory\":10}", 10, 0},
        {"{\"CpuQuota\":50000}", 0, 500000000},
        {"{\"CpuQuota\":50000,\"CpuPeriod\":25000}", 0, 2000000000},
        {"{\"CpuShares\":512}", 0, 0},
        {"{\"Memory\":-1,\"CpuQuota\":-1}", 0, 0},
        {"{}", 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct resources asked;

        decode_resources(parse(arena, rows[i].host), &asked);
        expect_int(asked.memory_bytes, rows[i].memory);
        expect_int(asked.nano_cpus, rows[i].cpus);
        arena_free(&arena);
    }
}

Test(decode, ports_of_a_create_body)
{
    static const struct {
        const char *host;
        int count; /* -1: refused */
    } rows[] = {
        {"{\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"80\"},{\"HostPort\":\"81\"}]}}", 2},
        {"{\"portbindings\":{\"80\":[{\"hostport\":\"8000-8010\"}]}}", 1},
        {"{\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"\"}],\"81/tcp\":null}}", 0},
        {"{\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"70000\"}]}}", -1},
        {"{\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"9-8\"}]}}", -1},
        {"{\"PortBindings\":{\"80/x\":[{\"HostPort\":\"9\"}]}}", -1},
        {"{\"PortBindings\":null}", 0},
        {"{}", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct ports ports;
        struct failure failure;
        int result = decode_ports(arena, parse(arena, rows[i].host), &ports, &failure);

        expect_int(result == 0 ? (int)ports.count : -1, rows[i].count);
        arena_free(&arena);
    }
}

Test(decode, what_ties_a_container_to_its_node)
{
    static const struct {
        const char *host;
        bool state;
    } rows[] = {
        {"{\"Binds\":[\"/srv:/data\"]}", true},
        {"{\"Binds\":[]}", false},
        {"{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"}]}", true},
        {"{\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"db\"}]}", true},
        {"{\"Mounts\":[{\"Type\":\"volume\"}]}", false},
        {"{\"Mounts\":[{\"Type\":\"tmpfs\"}]}", false},
        {"{\"VolumesFrom\":[\"other\"]}", true},
        {"{}", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();

        expect_int(decode_holds_state(parse(arena, rows[i].host)), rows[i].state);
        arena_free(&arena);
    }
}

Test(decode, events_of_dockerd_and_podman)
{
    struct arena *arena = arena_new();
    struct engine_event event;
    struct failure failure;

    cr_assert_eq(decode_event(arena,
                              SLICE("{\"status\":\"remove\",\"Type\":\"container\",\"Action\":"
                                    "\"remove\",\"Actor\":{\"ID\":\"x\"},\"time\":5}"),
                              &event, &failure),
                 0);
    expect_slice(event.action, "destroy");
    expect_slice(value_get_text(event.value, "status"), "destroy");
    expect_int(event.time_ns, 5000000000);
    expect_int(decode_event(arena, SLICE("[]"), &event, &failure), -1);
    expect_int(decode_event(arena, SLICE("{\"Type\":\"x\"}"), &event, &failure), -1);
    expect_int(decode_event(arena, SLICE("{"), &event, &failure), -1);
    arena_free(&arena);
}

Test(decode, status_words)
{
    static const struct {
        enum container_state state;
        int64_t age_s;
        const char *health, *text;
    } rows[] = {
        {CONTAINER_RUNNING, 0, "", "Up Less than a second"},
        {CONTAINER_RUNNING, 1, "", "Up 1 second"},
        {CONTAINER_RUNNING, 59, "", "Up 59 seconds"},
        {CONTAINER_RUNNING, 60, "", "Up About a minute"},
        {CONTAINER_RUNNING, 600, "healthy", "Up 10 minutes (healthy)"},
        {CONTAINER_RUNNING, 3700, "starting", "Up About an hour (health: starting)"},
        {CONTAINER_PAUSED, 7200, "", "Up 2 hours (Paused)"},
        {CONTAINER_EXITED, 86400 * 3, "", "Exited (3) 3 days ago"},
        {CONTAINER_EXITED, 86400 * 30, "", "Exited (3) 4 weeks ago"},
        {CONTAINER_EXITED, 86400 * 300, "", "Exited (3) 10 months ago"},
        {CONTAINER_EXITED, 86400 * 800, "", "Exited (3) 2 years ago"},
        {CONTAINER_RESTARTING, 5, "", "Restarting (3) 5 seconds ago"},
        {CONTAINER_DEAD, 5, "", "Dead"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct container_facts facts = {.model.state = rows[i].state,
                                        .started_ns = 1000000000,
                                        .finished_ns = 1000000000,
                                        .exit_code = 3,
                                        .health = slice_of(rows[i].health)};
        struct buffer text;

        buffer_init(&text, 100);
        container_status_text(&text, &facts, (rows[i].age_s + 1) * 1000000000);
        expect_slice(buffer_slice(&text), rows[i].text);
        buffer_deinit(&text);
    }
}
