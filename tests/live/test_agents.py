"""Agents: joining with single-use tokens and keys, facts, and the fence of a node that is cut off."""

from harness import *

GROUP = group(nodes=3, flags=["--state", "{dir}/state"])


def token_command(c, *argv):
    return command([os.path.join(BIN, "berthd"), "token"] + list(argv) +
                   ["-H", "unix://" + c.socket], timeout=20, env=c.env())


def agent(c, name, node, *flags, token=None, cluster="cluster-1"):
    argv = [os.path.join(BIN, "berth-agent"), "--join-cluster", cluster, "--manager", c.url,
            "--engine", node.url] + list(flags)
    if token is not None:
        path = os.path.join(c.folder, name + ".token")
        with open(path, "w") as out:
            out.write(token + "\n")
        argv += ["--token-file", path]
    return c.program(name, argv, node)


def row(c, name):
    return {row["name"]: row for row in c.node_rows()}.get(name)


def states_on_engine(node):
    """Name -> state, asked of the engine on its own machine."""
    return {row["Names"][0].lstrip("/"): row["State"]
            for row in node.get("/containers/json?all=1")}


@seconds(90)
def test_single_use_token_then_key(c):
    """A node joins once with a token, comes back by its key, and nobody else can be it."""
    node = c.lab["node-3"]
    c.agents["node-3"].end()
    token = token_command(c, "create", "--pool", "gpu", "--ttl", "5m").ok()
    state = os.path.join(c.folder, "agent-state")
    member = agent(c, "member", node, "--state", state, token=token)
    wait_for("it is ready, in the token's pool", lambda: (row(c, "node-3") or {}).get("state") ==
             "ready" and row(c, "node-3")["pool"] == "gpu", 20)
    contains(token_command(c, "ls").ok(), "used")

    other = agent(c, "second-use", c.lab["node-2"], "--node-name", "node-9", token=token)
    wait_for("it is refused", lambda: not other.running(), 20)
    equal(other.end(), 3)
    contains(other.text(), "was used by node")

    clone = agent(c, "clone", node, "--state", state + "-clone", token=TOKEN)
    wait_for("the clone is refused", lambda: not clone.running(), 20)
    equal(clone.end(), 5)
    contains(clone.text(), "another key")

    equal(member.end(), 0)
    wait_for("it has left", lambda: row(c, "node-3") is None, 20)
    member = agent(c, "member", node, "--state", state, token="not-a-token")
    wait_for("its key is enough", lambda: (row(c, "node-3") or {}).get("state") == "ready", 20)
    equal(row(c, "node-3")["pool"], "gpu")
    for text in (c.berthd.text(), member.text(), other.text()):
        if token in text or token[15:] in text:
            raise AssertionError("the token is in a log")

    equal(member.end(), 0)
    status, answer = c.api("DELETE", "/_berth/v1/nodes/node-3")
    equal(status, 403, answer)  # not from another machine
    equal(command(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", c.socket,
                   "-X", "DELETE", "http://berth/_berth/v1/nodes/node-3"]).ok(), "204")
    c.start_agent(node)
    c.wait_nodes(3)


def test_token_commands_say_what_is_wrong(c):
    contains(token_command(c, "create", "--ttl", "soon").fails(rc=2), "--ttl")
    contains(token_command(c, "create", "--ttl", "400d").fails(rc=1), "30d")
    contains(token_command(c, "rm", "00000000").fails(rc=1), "00000000")
    contains(token_command(c, "make").fails(rc=2), "make")
    contains(command([os.path.join(BIN, "berthd"), "token", "create", "-H", c.host], timeout=20,
                     env=c.env()).fails(rc=1), "this machine only")
    contains(command([os.path.join(BIN, "berthd"), "token", "ls", "-H",
                      "unix:///nonexistent/berth.sock"], timeout=20, env=c.env()).fails(rc=1),
             "/nonexistent/berth.sock")


@seconds(60)
def test_facts(c):
    """Facts given by flag and by command; the command's are told anew when they change."""
    node = c.lab["node-3"]
    source = os.path.join(c.folder, "load")
    with open(source, "w") as out:
        out.write("load=low\n")
    c.agents["node-3"].end()
    program = agent(c, "facts", node, "--fact", "rack=r7", "--fact-command", "cat " + source,
                    "--fact-interval", "1s", token=TOKEN)
    wait_for("both are known", lambda: (row(c, "node-3") or {}).get("facts") ==
             {"rack": "r7", "load": "low"}, 20)
    with open(source + ".new", "w") as out:
        out.write("load=high\n")
    os.rename(source + ".new", source)
    wait_for("the change is known", lambda: row(c, "node-3")["facts"]["load"] == "high", 20)
    equal(program.end(), 0)
    c.start_agent(node)
    c.wait_nodes(3)


@seconds(120)
def test_fence(c):
    """Cut off, a node stops what could move, keeps what could not, and starts it again after."""
    node = c.lab["node-1"]
    for name, flags in (("moves", ""), ("stays", "-v /tmp:/data"),
                        ("never", "-e constraint:reschedule==never")):
        c.docker("run -d --name %s %s -e constraint:node==node-1 busybox sh -c "
                 "'trap exit TERM; while :; do sleep 1; done'" % (name, flags)).ok()
    time.sleep(2.5)  # a renewal tells the agent: nothing outside shows it
    node.cut()
    try:
        wait_for("the movable one is stopped", lambda: states_on_engine(node)["moves"] == "exited",
                 20)
        wait_for("the agent says so", lambda: "fenced" in c.agents["node-1"].text(), 20)
        equal(states_on_engine(node), {"moves": "exited", "stays": "running", "never": "running"})
    finally:
        node.heal()
    c.wait_nodes(3, 60)
    wait_for("it runs again", lambda: states_on_engine(node)["moves"] == "running", 30)
    equal(c.docker("inspect -f {{.State.Status}} moves").ok(), "running")


@seconds(60)
def test_no_fence_when_no_manager_runs(c):
    """A manager that is down moves nothing: its refused connections are no reason to stop."""
    c.docker("run -d --name runs-on busybox top").ok()
    node = c.lab[c.node_of("runs-on")]
    time.sleep(2.5)
    c.berthd.kill()
    time.sleep(8)  # longer than the lease and the fence
    equal(states_on_engine(node)["runs-on"], "running")
    c.start_berthd()
    c.wait_nodes(3)
    c.baseline_fds = c.berthd.fds()
    equal(c.docker("inspect -f {{.State.Status}} runs-on").ok(), "running")


@seconds(120)
def test_the_old_copy_ends_before_the_new_one_starts(c):
    """What moves runs at most once at any time that can be seen from outside."""
    node = c.lab["node-1"]
    c.docker("run -d --name rolls -e constraint:node==~node-1 busybox top").ok()
    equal(c.node_of("rolls"), "node-1")
    others = [other for other in c.nodes if other.name != "node-1"]
    time.sleep(2.5)
    node.cut()
    try:
        def moved():
            if not any(states_on_engine(other).get("rolls") == "running" for other in others):
                return False
            equal(states_on_engine(node).get("rolls"), "exited", "the old copy")
            return True
        wait_for("it runs elsewhere", moved, 40)
    finally:
        node.heal()
    c.wait_nodes(3, 60)
    contains(c.docker("ps --filter name=rolls --format {{.Status}}").ok(), "Up")
    time.sleep(4)  # two renewals: the agent must not start the old copy again
    equal([state for state in states_on_engine(node).values() if state == "running"], [])


def forget(c, name):
    equal(command(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", c.socket,
                   "-X", "DELETE", "http://berth/_berth/v1/nodes/%s?force=1" % name]).ok(), "204")


@seconds(90)
def test_a_token_names_the_managers_authority(c):
    """Who poses as the manager has another CA than the one that the token names: no join."""
    node = c.lab["node-2"]
    c.agents["node-2"].end()
    state = os.path.join(c.folder, "pin-state")
    gate = ["--gate", "tcp://%s:2376" % node.address, "--state", state]
    token, pin = token_command(c, "create").ok().split(".")
    posing = agent(c, "posing", node, *gate, token=token + "." + pin[::-1])
    wait_for("it ends", lambda: not posing.running(), 20)
    equal(posing.end(), 1)
    contains(posing.text(), "stands between")
    forget(c, "node-2")
    token = token_command(c, "create").ok()
    right = agent(c, "right", node, *gate, token=token)
    wait_for("it is ready", lambda: (row(c, "node-2") or {}).get("state") == "ready", 20)
    equal(right.end(), 0)
    forget(c, "node-2")
    c.start_agent(node)
    c.wait_nodes(3)


@seconds(90)
def test_a_paused_agent_asks_before_it_fences(c):
    """Stopped for longer than lease and grace, with its engine well: nothing is lost, nothing stops."""
    c.docker("run -d --name quiet busybox top").ok()
    node = c.lab[c.node_of("quiet")]
    started = node.get("/containers/quiet/json")["State"]["StartedAt"]
    time.sleep(2.5)
    before = len(c.agents[node.name].text())
    # The agent runs below the lab's `exec`: the whole session is stopped.
    group = c.agents[node.name].pid
    os.killpg(group, signal.SIGSTOP)
    try:
        time.sleep(9)
    finally:
        os.killpg(group, signal.SIGCONT)
    time.sleep(4)
    equal(node.get("/containers/quiet/json")["State"]["StartedAt"], started)
    equal(states_on_engine(node)["quiet"], "running")
    said = c.agents[node.name].text()[before:]
    if "stopping those that can move" in said:
        raise AssertionError("it fenced:\n" + said)


@seconds(90)
def test_a_paused_manager_forgives_the_pause(c):
    """Stopped for two seconds, a manager does not count them as anybody's silence."""
    c.docker("run -d --name calm busybox top").ok()
    node = c.lab[c.node_of("calm")]
    started = node.get("/containers/calm/json")["State"]["StartedAt"]
    os.kill(c.berthd.pid, signal.SIGSTOP)
    time.sleep(2)
    os.kill(c.berthd.pid, signal.SIGCONT)
    wait_for("it says so", lambda: "was stopped for a while" in c.berthd.text(), 20)
    c.wait_nodes(3)
    time.sleep(3)
    equal(node.get("/containers/calm/json")["State"]["StartedAt"], started)


@seconds(120)
def test_what_a_dead_agent_fenced_is_started_by_the_next(c):
    """All nodes are cut off (so nothing moves), all fence; an agent dies before the network heals."""
    c.docker("run -d --name sleeper busybox top").ok()
    node = c.lab[c.node_of("sleeper")]
    time.sleep(2.5)
    for each in c.nodes:
        each.cut()
    try:
        wait_for("it is fenced", lambda: states_on_engine(node)["sleeper"] == "exited", 30)
        wait_for("the agent says so", lambda: "fenced stopped" in c.agents[node.name].text(), 20)
        c.agents[node.name].kill()
    finally:
        for each in c.nodes:
            each.heal()
    c.start_agent(node)
    c.wait_nodes(3, 60)
    wait_for("it runs again", lambda: states_on_engine(node)["sleeper"] == "running", 30)
