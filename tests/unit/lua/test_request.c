/* Request: access, admit, visible, agent_join and reschedule: what they see, and what comes of it.
 */
#include "tests/unit/lua/fixture.h"

#include "proxy/json.h"

static struct identity alice = {
    .name = SLICE_INIT("alice"), .tenant = SLICE_INIT("a"), .uid = -1, .gid = -1};

static const struct tag prod = {SLICE_INIT("tier"), SLICE_INIT("prod")};

Test(request, access_sees_who_what_and_where)
{
    struct policy_host *host = host_new();
    struct policy *policy = policy_with(
        host, "function policy.access(req)\n"
              "  assert(req.id.name == 'alice' and req.id.tenant == 'a' and not req.id.roles.dev)\n"
              "  assert(req.target.kind == 'container' and req.target.owner == 'b')\n"
              "  assert(req.query.force == '1')\n"
              "  if req.op == 'container.delete' and req.target.labels.tier == 'prod' then\n"
              "    return deny('prod is frozen')\n"
              "  end\n"
              "  return allow()\n"
              "end\n");
    struct arena *arena = arena_new();
    struct value *query = value_map(arena);
    struct policy_answer answer;
    value_set_text(arena, query, "force", SLICE("1"));
    struct policy_request request = {
        .identity = &alice,
        .operation = SLICE("container.delete"),
        .query = query,
        .target = {.kind = SLICE("container"), .owner = SLICE("b"), .labels = {&prod, 1}}};
    policy_access(policy, &request, &answer);
    expect_int(answer.say, POLICY_DENY);
    expect_int(answer.status, 403);
    expect_text(answer.why, "prod is frozen");
    request.target.labels.count = 0;
    policy_access(policy, &request, &answer);
    expect_int(answer.say, POLICY_ALLOW);
    arena_free(&arena);
    policy_release(&policy);
    policy_host_free(&host);
}

/* Runs `script` as policy.admit over `body`; the body after, as JSON, or "denied: why". */
static void expect_admit(const char *script, const char *body, const char *expected,
                         const char *patch)
{
    struct policy_host *host = host_new();
    struct arena *arena = arena_new();
    struct buffer text;
    struct failure failure = {0};
    struct policy_answer answer;
    buffer_init(&text, 10000);
    buffer_printf(&text, "function policy.admit(req)\n%s\nend", script);
    struct policy *policy = policy_with(host, text.at);
    struct value *value = json_parse(arena, slice_of(body), &failure);
    cr_assert(value, "%s", failure.text);
    struct policy_request request = {.identity = &alice, .operation = SLICE("container.create")};
    static struct body_report report;
    cr_assert_eq(body_check(arena, BODY_CONTAINER_CREATE, value, &report, &failure), 0, "%s",
                 failure.text);
    policy_admit(policy, &request, arena, value, &report, &answer);
    if (answer.say == POLICY_DENY) {
        struct slice denied = arena_printf(arena, "denied: %s", answer.why);
        expect_slice(denied, expected);
    } else {
        expect_slice(json_text(arena, value), expected);
    }
    if (patch) {
        expect_slice(answer.patch ? json_text(arena, answer.patch) : SLICE("none"), patch);
    }
    buffer_deinit(&text);
    arena_free(&arena);
    policy_release(&policy);
    policy_host_free(&host);
}

Test(request, admit_reads)
{
    expect_admit("assert(req:get('HostConfig.Memory') == 5 and req:get('hostconfig.memory') == 5)\n"
                 "assert(req:get('Env[2]') == 'b=2' and req:get('Env[3]') == nil)\n"
                 "assert(req:get('Nothing') == nil and req:get('Nothing', 7) == 7)\n"
                 "assert(req:get('Env')[1] == 'a=1' and req:get('Tty') == true)\n"
                 "assert(req.image.registry == 'reg.local:5000' and req.image.repo == 't/app')\n"
                 "assert(req.image.tag == '1' and req.image.name == 'reg.local:5000/t/app:1')\n",
                 "{\"Image\":\"reg.local:5000/t/app:1\",\"Env\":[\"a=1\",\"b=2\"],\"Tty\":true,"
                 "\"HostConfig\":{\"Memory\":5}}",
                 "{\"Image\":\"reg.local:5000/t/app:1\",\"Env\":[\"a=1\",\"b=2\"],\"Tty\":true,"
                 "\"HostConfig\":{\"Memory\":5}}",
                 "none");
}

Test(request, admit_edits_only_what_it_names_and_keeps_a_patch)
{
    expect_admit("req:default('HostConfig.Memory', 512 * MiB)\n"
                 "req:default('HostConfig.PidsLimit', 256)\n",
                 "{\"Image\":\"x\",\"HostConfig\":{\"PidsLimit\":7,\"CpuShares\":1.50}}",
                 "{\"Image\":\"x\",\"HostConfig\":{\"PidsLimit\":7,\"CpuShares\":1.50,\"Memory\":"
                 "536870912}}",
                 "[{\"op\":\"add\",\"path\":\"/HostConfig/Memory\",\"value\":536870912}]");
    expect_admit("req:set('HostConfig.Memory', 1) req:set('hostconfig.memory', 2)",
                 "{\"Image\":\"x\"}", "{\"Image\":\"x\",\"HostConfig\":{\"Memory\":2}}",
                 "[{\"op\":\"add\",\"path\":\"/HostConfig\",\"value\":{}},"
                 "{\"op\":\"add\",\"path\":\"/HostConfig/Memory\",\"value\":1},"
                 "{\"op\":\"replace\",\"path\":\"/HostConfig/Memory\",\"value\":2}]");
    expect_admit("req:append('HostConfig.SecurityOpt', 'no-new-privileges')\n"
                 "req:append('HostConfig.SecurityOpt', 'no-new-privileges')\n",
                 "{\"HostConfig\":{\"SecurityOpt\":null}}",
                 "{\"HostConfig\":{\"SecurityOpt\":[\"no-new-privileges\"]}}", NULL);
    expect_admit("req:label('berth.team', 'x') req:label('a/b~c', 'y')",
                 "{\"Labels\":{\"k\":\"v\"}}",
                 "{\"Labels\":{\"k\":\"v\",\"berth.team\":\"x\",\"a/b~c\":\"y\"}}",
                 "[{\"op\":\"add\",\"path\":\"/Labels/berth.team\",\"value\":\"x\"},"
                 "{\"op\":\"add\",\"path\":\"/Labels/a~1b~0c\",\"value\":\"y\"}]");
    expect_admit(
        "req:remove('HostConfig.Memory') req:remove('Env[1]') req:remove('Nothing.At.All')",
        "{\"Env\":[\"a=1\",\"b=2\"],\"HostConfig\":{\"Memory\":5}}",
        "{\"Env\":[\"b=2\"],\"HostConfig\":{}}", NULL);
    expect_admit("req:set('Env[2]', 'c=3') req:set('Cmd', { 'sh', '-c', 'true' })",
                 "{\"Env\":[\"a=1\",\"b=2\"],\"Cmd\":null}",
                 "{\"Env\":[\"a=1\",\"c=3\"],\"Cmd\":[\"sh\",\"-c\",\"true\"]}", NULL);
    expect_admit("req:set('Env', {}) req:set('HostConfig.Sysctls', { b = '2', a = '1' })",
                 "{\"Env\":[\"a=1\"]}",
                 "{\"Env\":[],\"HostConfig\":{\"Sysctls\":{\"a\":\"1\",\"b\":\"2\"}}}", NULL);
}

Test(request, admit_fails_closed)
{
    expect_admit("req:set('Image.x', 1)", "{\"Image\":\"x\"}",
                 "denied: policy.admit failed, so nothing is let through: policy.lua:2: Image.x is "
                 "no map or list in the body",
                 NULL);
    expect_admit("req:set('A..b', 1)", "{}",
                 "denied: policy.admit failed, so nothing is let through: policy.lua:2: malformed "
                 "path: write Name.Name or List[1]",
                 "none");
    expect_admit(
        "req:set('A', function() end)", "{}",
        "denied: policy.admit failed, so nothing is let through: policy.lua:2: a body can't "
        "hold a function",
        NULL);
    expect_admit("return deny('no', 400)", "{}", "denied: no", NULL);
    expect_admit(
        "req:waive('nonsense', 'x')", "{}",
        "denied: policy.admit failed, so nothing is let through: policy.lua:2: there is no "
        "violation \"nonsense\"",
        NULL);
    expect_admit("local t = {} t.t = t req:set('A', t)", "{}",
                 "denied: policy.admit failed, so nothing is let through: policy.lua:2: too many "
                 "values or nested too deep for a body",
                 NULL);
}

Test(request, admit_waives_what_c_objects_to)
{
    struct policy_host *host = host_new();
    struct arena *arena = arena_new();
    struct policy_answer answer;
    static struct body_report report;
    struct policy *policy = policy_with(
        host, "function policy.admit(req)\n"
              "  for _, v in ipairs(req.violations) do\n"
              "    if v.code == 'mount.bind' and v.readonly and "
              "path.within(req.mounts[1].source, '/srv') then req:waive(v, 'share') end\n"
              "  end\n"
              "end");
    struct value *body = json_parse(
        arena, SLICE("{\"HostConfig\":{\"Binds\":[\"/srv/a:/d:ro\"],\"Privileged\":true}}"), NULL);
    struct policy_request request = {.identity = &alice, .operation = SLICE("container.create")};
    cr_assert_eq(body_check(arena, BODY_CONTAINER_CREATE, body, &report, NULL), 0);
    policy_admit(policy, &request, arena, body, &report, &answer);
    expect_int(answer.say, POLICY_NOTHING);
    cr_expect_eq(answer.waives, 1ULL << VIOLATION_MOUNT_BIND, "%s", answer.why);
    arena_free(&arena);
    policy_release(&policy);
    policy_host_free(&host);
}

Test(request, visible_falls_back_to_the_owner_and_hides_on_error)
{
    struct policy_host *host = host_new();
    struct policy_object object = {.kind = SLICE("container"), .owner = SLICE("a")};
    struct policy *policy =
        policy_with(host, "function policy.visible(id, obj)\n"
                          "  if obj.name == 'boom' then error('x') end\n"
                          "  if obj.labels.tier == 'prod' then return id.name == 'bob' end\n"
                          "end");
    cr_expect(policy_visible(policy, &alice, &object));
    object.owner = SLICE("b");
    cr_expect_not(policy_visible(policy, &alice, &object));
    object.owner = SLICE("a");
    object.labels = (struct tags){&prod, 1};
    cr_expect_not(policy_visible(policy, &alice, &object));
    object.labels.count = 0;
    object.name = SLICE("boom");
    cr_expect_not(policy_visible(policy, &alice, &object));
    policy_release(&policy);
    policy_host_free(&host);
}

Test(request, agents_are_labelled_or_refused)
{
    struct policy_host *host = host_new();
    struct arena *arena = arena_new();
    struct policy_agent agent = {
        .name = SLICE("r7-node"), .pool = SLICE("prod"), .proof = SLICE("token")};
    struct tags labels;
    struct policy_answer answer;
    struct policy *policy =
        policy_with(host, "function policy.agent_join(agent)\n"
                          "  if agent.pool == 'prod' and agent.proof ~= 'mtls' then\n"
                          "    return deny('prod nodes join with a certificate')\n"
                          "  end\n"
                          "  agent:label('rack', str.capture(agent.name, '^(r%d+)%-') or 'none')\n"
                          "end");
    policy_agent_join(policy, &agent, arena, &labels, &answer);
    expect_text(answer.why, "prod nodes join with a certificate");
    agent.pool = SLICE("test");
    policy_agent_join(policy, &agent, arena, &labels, &answer);
    expect_int(answer.say, POLICY_NOTHING);
    expect_int(labels.count, 1);
    expect_slice(labels.list[0].value, "r7");
    arena_free(&arena);
    policy_release(&policy);
    policy_host_free(&host);
}

Test(request, reschedule_may_say_other_than_c)
{
    struct policy_host *host = host_new();
    struct container container = {.name = SLICE("db"), .holds_state = true};
    struct node node = {.name = SLICE("n1")};
    struct policy *policy =
        policy_with(host, "function policy.reschedule(container, node)\n"
                          "  if container.name == 'db' then return not container.holds_state end\n"
                          "  if container.name == 'bad' then return 5 end\n"
                          "end");
    cr_expect_not(policy_reschedule(policy, &container, &node, true));
    container.name = SLICE("web");
    cr_expect(policy_reschedule(policy, &container, &node, true));
    cr_expect_not(policy_reschedule(policy, &container, &node, false));
    container.name = SLICE("bad");
    cr_expect(policy_reschedule(policy, &container, &node, true));
    expect_int(policy_host_counters(host)->nonsense, 1);
    policy_release(&policy);
    policy_host_free(&host);
}

Test(request, rules_compile_with_their_conditions)
{
    struct policy_host *host = host_new();
    struct policy *policy = policy_with(
        host,
        "role { 'dev', token_group = 'devs' }\n"
        "rule { 'work', roles = { 'dev' }, ops = { 'container.*' }, effect = 'allow' }\n"
        "rule { 'freeze', roles = { 'dev' }, ops = { 'container.delete' }, effect = 'deny',\n"
        "  why = 'frozen', when = function(req) return req.target.labels.tier == 'prod' end }\n"
        "rule { 'broken', roles = { 'dev' }, ops = { 'container.list' }, effect = 'deny',\n"
        "  when = function(req) error('x') end }\n"
        "rule { 'broken2', roles = { 'dev' }, ops = { 'swarm.init' }, effect = 'allow',\n"
        "  when = function(req) error('x') end }\n"
        "test { 'frozen', as = { role = 'dev' }, op = 'container.delete',\n"
        "  target = { labels = { tier = 'prod' } }, expect = { effect = 'deny', rule = 'freeze',\n"
        "  why = 'frozen', status = 403 } }\n"
        "test { 'other', as = { role = 'dev' }, op = 'container.delete', expect = { effect = "
        "'allow' } }\n"
        "test { 'nobody', op = 'container.delete', expect = { effect = 'deny', rule = 'default' } "
        "}\n"
        "test { 'foreign', as = { role = 'dev', tenant = 'a' }, op = 'container.start',\n"
        "  target = { owner = 'b' }, expect = { effect = 'deny', rule = 'owner' } }\n"
        "test { 'deny fails closed', as = { role = 'dev' }, op = 'container.list',\n"
        "  expect = { effect = 'deny', rule = 'broken' } }\n"
        "test { 'allow fails closed', as = { role = 'dev' }, op = 'swarm.init',\n"
        "  expect = { effect = 'deny', rule = 'default' } }\n"
        "test { 'privileged', as = { role = 'dev' }, op = 'container.create',\n"
        "  body = { HostConfig = { Privileged = true } },\n"
        "  expect = { effect = 'deny', code = 'privileged' } }\n");
    struct identity dev = {.group = SLICE("devs"), .token = SLICE("t"), .proof = PROOF_TOKEN};
    access_identify(policy_rules(policy), &dev);
    cr_expect_neq(dev.roles, 0);
    expect_int(policy_host_info(host).tests, 7);
    policy_release(&policy);
    policy_host_free(&host);
}
