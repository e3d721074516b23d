"""Nodes that fail, hang, are cut off and come back; containers changed behind berthd's back."""

import json

from harness import *

GROUP = group(nodes=3, flags=["--lease", "2s", "--connect-timeout", "2s"])


def states(c, name, *wanted, deadline_s=30):
    wait_for("%s is %s" % (name, " or ".join(wanted)),
             lambda: c.node_states().get(name) in wanted, deadline_s)


def on(c, node, *args):
    return c.docker(["run", "-d", "-e", "constraint:node==" + node] + list(args)).ok()


def row(c, name):
    rows = [row for row in c.api("GET", "/containers/json?all=1")[1] if "/" + name in row["Names"]]
    return rows[0] if rows else None


def settle(c):
    """All engines up, uncut, with agents, and ready."""
    for node in c.nodes:
        node.heal()
        if not node.engine_pid():
            node.start()
            node.wait_ready()
        if not c.agents[node.name].running():
            c.start_agent(node)
    c.wait_nodes(3)


def test_changed_behind_our_back(c):
    id = on(c, "node-1", "--name", "one", "busybox", "top")
    node = c.lab["node-1"]
    node.call("POST", "/containers/one/stop?t=0")
    wait_for("ps sees the stop", lambda: row(c, "one")["State"] == "exited", 5)
    node.call("POST", "/containers/one/rename?name=two")
    wait_for("ps sees the new name", lambda: row(c, "two") and not row(c, "one"), 5)
    node.call("POST", "/containers/two/start")
    wait_for("ps sees the start", lambda: row(c, "two")["State"] == "running", 5)
    node.call("DELETE", "/containers/two?force=1")
    wait_for("ps sees the removal", lambda: c.api("GET", "/containers/json?all=1")[1] == [], 5)
    status, made = node.call("POST", "/containers/create?name=three", {"Image": "busybox"})
    equal(status, 201)
    wait_for("ps sees the new one", lambda: row(c, "three"), 5)
    equal(c.docker("inspect -f {{.Id}} three").ok(), made["Id"])
    c.docker("create --name three busybox").fails("Conflict")
    if id == made["Id"]:
        raise AssertionError("ids repeat")


@seconds(90)
def test_engine_killed_and_restarted(c):
    on(c, "node-2", "--name", "lost", "busybox", "top")
    on(c, "node-1", "--name", "other", "busybox", "top")
    c.lab["node-2"].kill()
    states(c, "node-2", "unreachable", "down")
    began = time.monotonic()
    c.docker("logs lost").fails("node-2")
    if time.monotonic() - began > 15:
        raise AssertionError("the answer took %.1f s" % (time.monotonic() - began))
    equal(c.api("GET", "/containers/lost/json")[0] in (200, 503), True)
    status, answer = c.api("POST", "/containers/lost/stop")
    equal(status, 503, answer)
    contains(answer["message"], "node-2")
    # The rest goes on; the lost row is there, and marked.
    equal(c.docker("inspect -f {{.State.Status}} other").ok(), "running")
    contains(row(c, "lost")["Status"], "node-2")
    contains(c.docker("ps -a").ok(), "lost", "other")
    # Its name is not given away.
    c.docker("create --name lost busybox").fails("Conflict")
    # New containers go elsewhere.
    if c.node_of(c.docker("run -d busybox top").ok()) == "node-2":
        raise AssertionError("placed on a dead node")
    settle(c)
    wait_for("ps is right again", lambda: row(c, "lost")["State"] == "exited", 10)
    c.docker("start lost").ok()
    equal(row(c, "lost")["State"], "running")


@seconds(90)
def test_node_cut_off(c):
    on(c, "node-3", "--name", "far", "busybox", "top")
    c.lab["node-3"].cut()
    try:
        began = time.monotonic()
        status, answer = c.api("POST", "/containers/far/stop", timeout=40)
        equal(status, 503, answer)
        contains(answer["message"], "node-3")
        if time.monotonic() - began > 30:
            raise AssertionError("the answer took %.1f s" % (time.monotonic() - began))
        states(c, "node-3", "unreachable", "down", deadline_s=60)
        began = time.monotonic()
        contains(c.docker("ps").ok(), "far")
        if time.monotonic() - began > 10:
            raise AssertionError("ps took %.1f s" % (time.monotonic() - began))
        c.docker("run --rm busybox true").ok()
    finally:
        c.lab["node-3"].heal()
    c.wait_nodes(3, 60)
    # Its agent had stopped it, since it may have been moved meanwhile, and starts it again.
    wait_for("it runs", lambda: c.docker("inspect -f {{.State.Status}} far").ok() == "running", 30)
    c.docker("stop -t 0 far").ok()


@seconds(90)
def test_engine_hangs(c):
    on(c, "node-1", "--name", "stuck", "busybox", "top")
    c.lab["node-1"].stop()
    try:
        states(c, "node-1", "unreachable", "down", deadline_s=60)
        began = time.monotonic()
        contains(c.docker("ps").ok(), "stuck")
        c.docker("run --rm busybox true").ok()
        if time.monotonic() - began > 20:
            raise AssertionError("ps and run took %.1f s" % (time.monotonic() - began))
    finally:
        c.lab["node-1"].cont()
    c.wait_nodes(3, 60)
    wait_for("it runs", lambda: c.docker("inspect -f {{.State.Status}} stuck").ok() == "running",
             30)


@seconds(90)
def test_node_lost_in_the_middle_of_streams(c):
    on(c, "node-2", "--name", "talker", "busybox", "sh", "-c", "while :; do date; sleep 0.2; done")
    logs = c.docker_start("logs -f talker")
    waiting = c.docker_start("wait talker")
    events = c.docker_start("events")
    logs.stdout.read(20)
    c.lab["node-2"].kill()
    logs.wait(30)
    waiting.wait(30)
    if events.poll() is not None:
        raise AssertionError("events ended with the node")
    events.kill()
    settle(c)


@seconds(90)
def test_manager_restarted(c):
    """Agents come back by themselves; containers are known as before."""
    on(c, "node-1", "--name", "stays", "busybox", "top")
    equal(c.berthd.end(), 0)
    c.start_berthd()
    c.wait_nodes(3)
    c.baseline_fds = c.berthd.fds()
    equal(row(c, "stays")["State"], "running")
    c.docker("rm -f stays").ok()


@seconds(60)
def test_agent_leaves(c):
    equal(c.agents["node-3"].end(), 0)
    wait_for("the node has left", lambda: c.node_states().get("node-3") != "ready", 20)
    for _ in range(4):
        if c.node_of(c.docker("run -d busybox true").ok()) == "node-3":
            raise AssertionError("placed on a node that has left")
    c.start_agent(c.lab["node-3"])
    c.wait_nodes(3)
