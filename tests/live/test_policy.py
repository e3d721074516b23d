"""The operator's policy.lua in a running berthd: it decides, it is reloaded, it fails safely."""

import json

from harness import *

BASE = """policy.api = 1
local FIRST = "%s"
function policy.score(job, node, base)
  return node.name == FIRST and 1000 or base
end
test { "the first is taken", nodes = { { name = "other" }, { name = FIRST } },
       expect = { node = FIRST } }
"""

GROUP = group(nodes=3, agents={"node-1": ["--constraint", "storage=ssd"],
                               "node-2": ["--fact", "gpu=2"]},
              flags=["--policy", "{dir}/policy.lua"], files={"policy.lua": BASE % "node-2"})


def policy(c):
    return c.api("GET", "/_berth/v1/policy")[1]


def generation(c):
    return policy(c)["generation"]


def edit(c, text):
    """Puts a new file in the place of the old one, as editors do, and waits until it serves."""
    before = generation(c)
    replace(c, text)
    wait_for("another policy serves", lambda: generation(c) > before, 20)


def replace(c, text):
    os.rename(c.write("policy.lua.new", text), os.path.join(c.folder, "policy.lua"))


def run(c, name, args=""):
    c.docker("run -d --name %s %s busybox top" % (name, args)).ok()
    return c.node_of(name)


@quick
def test_the_score_chooses_the_node(c):
    equal(run(c, "one"), "node-2")
    equal(run(c, "two"), "node-2")


@quick
def test_an_edit_on_disk_changes_the_next_run(c):
    edit(c, BASE % "node-3")
    equal(run(c, "one"), "node-3")
    edit(c, BASE % "node-1")
    equal(run(c, "two"), "node-1")


@quick
def test_a_broken_edit_does_not_and_says_why(c):
    edit(c, BASE % "node-3")
    before = generation(c)
    for text, why in (("function policy.score( oops", "policy.lua:1: ')' expected near"),
                      ("function policy.scroe() end", "there is no callback policy.scroe"),
                      (BASE % "node-3" + 'test { "wrong", nodes = { { name = "a" } }, '
                       'expect = { node = "b" } }', 'test "wrong" failed: expected node b, got a')):
        replace(c, text)
        wait_for("the log says why", lambda: why in c.berthd.text(), 20)
    contains(c.berthd.text(), "policy not reloaded, the one before stays")
    equal(generation(c), before)
    equal(run(c, "one"), "node-3")
    edit(c, BASE % "node-2")


@quick
def test_a_refusal_names_node_and_reason(c):
    edit(c, """
function policy.filter(job, node)
  if job.labels.gpus and (node.facts.gpu or 0) < tonumber(job.labels.gpus) then
    return false, "not enough GPUs"
  end
end
""")
    equal(run(c, "gpu", "-l gpus=2"), "node-2")
    c.docker("run -d -l gpus=3 busybox top").fails(
        "no resources available to schedule container", "3 of 3 nodes: not enough GPUs")


@quick
def test_admit_edits_and_refuses(c):
    edit(c, """
function policy.admit(req)
  if req.op ~= "container.create" then return end
  if req:get("HostConfig.Privileged") then return deny("no privileged containers") end
  req:default("HostConfig.Memory", 64 * MiB)
  req:label("team", "blue")
end
""")
    c.docker("run -d --name plain busybox top").ok()
    inspected = c.api("GET", "/containers/plain/json")[1]
    equal(inspected["HostConfig"]["Memory"], 64 << 20)
    equal(inspected["Config"]["Labels"]["team"], "blue")
    c.docker("run -d --privileged busybox top").fails("no privileged containers")
    contains(c.berthd.text(), "policy edited a request", "/HostConfig/Memory")


@quick
def test_access_refuses_by_target(c):
    edit(c, """
function policy.access(req)
  if req.op == "container.delete" and req.target.labels.tier == "prod" then
    return deny("prod is frozen")
  end
end
""")
    c.docker("run -d --name frozen -l tier=prod busybox top").ok()
    c.docker("run -d --name other busybox top").ok()
    c.docker("rm -f frozen").fails("prod is frozen")
    c.docker("rm -f other").ok()


@quick
def test_a_policy_that_runs_away_fails_closed_and_berthd_serves(c):
    edit(c, """
function policy.filter(job, node)
  while job.labels.loop do end
end
""")
    c.docker("run -d -l loop=yes busybox top").fails("policy_timeout")
    c.docker("run -d --name fine busybox top").ok()
    failed = policy(c)["callbacks"]["filter"]["failures"]
    if failed < 1:
        raise AssertionError("no failure was counted: %s" % policy(c))
    contains(c.api("GET", "/_berth/v1/metrics")[1], "berth_policy_timeouts_total")


@quick
def test_replaced_and_rolled_back_over_the_api(c):
    edit(c, BASE % "node-2")
    call = local(c)
    status, answer = call("PUT", "/_berth/v1/policy", BASE % "node-3")
    equal(status, 200, answer)
    contains(answer["report"], "1 passed, 0 failed")
    equal(run(c, "one"), "node-3")
    status, answer = call("PUT", "/_berth/v1/policy", "local x = y")
    equal(status, 400, answer)
    contains(answer["message"], 'policy.lua:1: unknown global "y"')
    status, answer = call("POST", "/_berth/v1/policy/rollback")
    equal(status, 200, answer)
    equal(run(c, "two"), "node-2")
    contains(policy(c)["text"], 'local FIRST = "node-2"')


def local(c):
    """Calls over berthd's unix socket: without rules only this machine may change the policy."""
    def call(method, path, body=None):
        connection = UnixConnection(c.socket)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()
    return call


@quick
def test_explains_where_a_container_is_and_would_go(c):
    edit(c, BASE % "node-3")
    run(c, "web", "-e constraint:storage!=ssd")
    status, answer = c.api("GET", "/_berth/v1/explain/web")
    equal(status, 200, answer)
    equal(answer["node"], "node-3")
    equal(answer["policy_generation"], generation(c))
    rows = {row["name"]: row for row in answer["nodes"]}
    equal(rows["node-3"]["rank"], 1)
    equal(rows["node-3"]["score"], 1000)
    equal(rows["node-1"]["filter"], "constraint")
    contains(rows["node-1"]["reason"], "storage!=ssd")
    status, answer = c.api("POST", "/_berth/v1/explain",
                           {"Image": "busybox", "HostConfig": {"Memory": 10 << 30}})
    equal(status, 200, answer)
    equal(answer["node"], None)
    contains(answer["nodes"][0]["reason"], "not enough memory (10 GiB asked")
    equal(c.api("GET", "/_berth/v1/explain/nothing")[0], 404)


@quick
def test_check_passes_and_fails(c):
    berthd = os.path.join(BIN, "berthd")
    good = command([berthd, "--check", c.write("good.lua", BASE % "n")])
    equal(good.ok().splitlines()[-1], "1 passed, 0 failed")
    bad = command([berthd, "--check", c.write("bad.lua", "\nlocal a = os.time()")])
    contains(bad.out, "bad.lua:2: unknown global", "0 passed, 1 failed")
    equal(bad.rc, 1)
    none = command([berthd, "--check", "/nowhere.lua"])
    none.fails("policy /nowhere.lua: No such file or directory")


@quick
def test_explain_command(c):
    edit(c, BASE % "node-2")
    berthd = os.path.join(BIN, "berthd")
    body = c.write("body.json", json.dumps({"Image": "busybox", "HostConfig": {"Privileged": True}}))
    said = command([berthd, "explain", "POST /containers/create", "--body", body, "-H", c.host]).ok()
    contains(said, "node      node-2: score 1000, rank 1", "result    node-2")
    body = c.write("body.json", json.dumps({"Image": "busybox", "HostConfig": {"Memory": 10 << 30}}))
    said = command([berthd, "explain", "POST /containers/create", "--body", body, "-H", c.host])
    equal(said.rc, 3)
    contains(said.out, "filter resource: not enough memory", "result    no")
    command([berthd, "explain", "GET /info", "--body", body]).fails("only 'POST /containers/create'")


@quick
def test_admit_speaks_about_builds(c):
    edit(c, """
policy.api = 1
function policy.admit(req)
  if req.op == "build.create" then
    if req:get("networkmode") == "none" then return deny("builds need the network") end
    req:set("labels", '{"built":"here"}')
  end
end
""")
    c.docker("build -t made -", input="FROM busybox\n").ok()
    contains(c.docker("image inspect -f {{.Config.Labels}} made").ok(), "built:here")
    c.docker("build --network none -", input="FROM busybox\n").fails("builds need the network")
