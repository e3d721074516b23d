"""Nodes die and return, managers die: the guide's "Rebalancing", and what must not go wrong."""

import json
import time

from harness import *

GROUP = group(nodes=3, flags=["--state", "{dir}/state", "--connect-timeout", "2s"])


def rows(c):
    return c.api("GET", "/containers/json?all=1")[1]


def row(c, name):
    found = [row for row in rows(c) if "/" + name in row["Names"]]
    return found[0] if found else None


def node_name(c, name):
    """Where berthd says it is; None while it is pending."""
    here = row(c, name)
    for text in here["Names"] if here else ():
        if text.endswith("/" + name) and text.count("/") == 2:
            return text.split("/")[1]
    return None


def admin(c, method, path, body=None):
    """berth's own API as an operator on the manager's machine: (status, value)."""
    connection = UnixConnection(c.socket, 30)
    connection.request(method, "/_berth/v1" + path, json.dumps(body) if body else None,
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


def on(c, node, *args, pinned=False):
    """A container that starts on the node; it may run elsewhere later, unless pinned."""
    wish = "constraint:node==%s%s" % ("" if pinned else "~", node)
    id = c.docker(["run", "-d", "-e", wish] + list(args)).ok().strip()
    equal(c.node_of(id), node)
    return id


def power_off(c, name):
    node = c.lab[name]
    node.kill()
    c.agents[name].kill()
    return time.monotonic()


def power_on(c, name):
    node = c.lab[name]
    node.start()
    node.wait_ready()
    c.start_agent(node)
    wait_for(name + " is ready", lambda: c.node_states().get(name) == "ready", 40)


def runs_off(c, name, node, deadline_s=40):
    """Waits until the container runs on another node; the name of that."""
    def moved():
        here = row(c, name)
        return here and here["State"] == "running" and node_name(c, name) != node
    wait_for("%s runs elsewhere" % name, moved, deadline_s)
    return node_name(c, name)


def containers_on(c, node):
    return {row["Names"][0].lstrip("/"): row
            for row in c.lab[node].call("GET", "/containers/json?all=1")[1]}


@seconds(150)
def test_guide_rebalancing(c):
    """The transcript of the guide: exited, pending, running elsewhere; one id for ever."""
    id = on(c, "node-1", "-P", "--name", "stoic_albattani", "redis:2.8")
    before = row(c, "stoic_albattani")
    began = power_off(c, "node-1")
    seen, lines = [], {}
    while not (seen and seen[-1] == "running" and node_name(c, "stoic_albattani") != "node-1"):
        if time.monotonic() - began > 60:
            raise AssertionError("not moved after a minute; seen %s\n%s" % (seen, rows(c)))
        here = row(c, "stoic_albattani")
        state = here["State"] if here else "(missing)"
        if not seen or seen[-1] != state:
            seen.append(state)
            lines[state] = here
        time.sleep(0.05)
    print("moved %.1f s after power-off, seen %s" % (time.monotonic() - began, seen))
    equal(seen[-3:], ["exited", "pending", "running"])
    contains(json.dumps(lines["exited"]["Names"]), "node-1")
    equal(lines["pending"]["Ports"], [])
    equal(lines["pending"]["Names"], ["/stoic_albattani"])
    now = row(c, "stoic_albattani")
    equal(now["Id"], id)
    equal(now["Id"], before["Id"])
    for reference in (id, id[:12], "stoic_albattani", node_name(c, "stoic_albattani") + "/stoic_albattani"):
        equal(json.loads(c.docker(["inspect", reference]).ok())[0]["Id"], id)
    contains(c.docker(["port", id[:12]]).ok(), "6379/tcp")
    equal(c.docker(["exec", id[:12], "echo", "alive"]).ok().strip(), "alive")
    c.docker(["logs", id]).ok()
    power_on(c, "node-1")


@keep
@seconds(120)
def test_old_copy_is_stopped_and_renamed(c):
    wait_for("the old copy is renamed", lambda: any(
        ".superseded-" in name and row["State"] != "running"
        for name, row in containers_on(c, "node-1").items()), 40)
    equal([row["Names"][0] for row in rows(c)], ["/stoic_albattani"])
    c.docker(["rm", "-f", "stoic_albattani"]).ok()
    equal(rows(c), [])


@seconds(150)
def test_what_stays_and_what_moves(c):
    never = on(c, "node-2", "-e", "constraint:reschedule==never", "--name", "never", "busybox", "top")
    on(c, "node-2", "-v", "data:/data", "--name", "stateful", "busybox", "top")
    on(c, "node-2", "--name", "pinned", "busybox", "top", pinned=True)
    on(c, "node-2", "--name", "halted", "busybox", "top")
    c.docker(["stop", "-t", "0", "halted"]).ok()
    power_off(c, "node-2")
    wait_for("node-2 is down", lambda: c.node_states()["node-2"] == "down", 40)
    # Its own constraint keeps it there: nothing fits, and it says so.
    wait_for("pinned waits", lambda: row(c, "pinned")["Status"].startswith("pending: no res"), 20)
    contains(json.loads(c.docker(["inspect", "pinned"]).ok())[0]["State"]["Error"],
             "constraint node==node-2 not met")
    equal(row(c, "never")["State"], "exited")
    equal(row(c, "stateful")["State"], "exited")
    c.docker(["logs", "pinned"]).fails("pending")
    c.docker(["exec", "never", "true"]).fails("node-2 is down")
    c.docker(["run", "-d", "--name", "pinned", "busybox", "top"]).fails("Conflict")
    power_on(c, "node-2")
    for name in ("never", "stateful", "pinned"):
        wait_for(name + " is back with its node",
                 lambda: row(c, name) and row(c, name)["State"] == "running", 40)
        equal(node_name(c, name), "node-2")
    equal(row(c, "never")["Id"], never)
    equal(row(c, "halted")["State"], "exited")


@seconds(150)
def test_networks_ports_and_resources_go_along(c):
    c.docker(["network", "create", "--label", "a=b", "app"]).ok()
    home = [node["Name"] for node in [json.loads(c.docker(["network", "inspect", "app"]).ok())[0].get(
        "Node", {"Name": ""})]][0]
    id = c.docker(["run", "-d", "--network", "app", "--network-alias", "front", "-p", "8080:80",
                   "-m", "300m", "--label", "x=y", "--name", "web", "busybox", "top"]).ok().strip()
    node = node_name(c, "web")
    if home:
        equal(node, home)
    power_off(c, node)
    target = runs_off(c, "web", node)
    there = json.loads(c.docker(["inspect", "web"]).ok())[0]
    equal(there["Id"], id)
    contains(json.dumps(there["NetworkSettings"]["Networks"]["app"]["Aliases"]), "front")
    equal(there["HostConfig"]["Memory"], 300 * 1024 * 1024)
    equal(there["Config"]["Labels"]["x"], "y")
    equal(there["Config"]["Hostname"], id[:12])
    equal(there["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"], "8080")
    contains(json.dumps(c.lab[target].call("GET", "/networks/app")[1]), '"a": "b"')
    power_on(c, node)
    c.docker(["rm", "-f", "web"]).ok()


@seconds(180)
def test_pending_until_there_is_room(c):
    for node in ("node-2", "node-3"):
        on(c, node, "-m", "1900m", "--name", "big-" + node, "busybox", "top")
    c.docker(["run", "-d", "-m", "1500m", "--name", "homeless", "busybox", "top"]).ok()
    c.docker(["run", "-d", "-m", "400m", "--name", "unwanted", "busybox", "top"]).ok()
    c.docker(["run", "-d", "-m", "100m", "--name", "asleep", "busybox", "top"]).ok()
    equal(node_name(c, "homeless"), "node-1")
    power_off(c, "node-1")
    wait_for("homeless waits", lambda: row(c, "homeless")["Status"].startswith("pending: no res"), 40)
    contains(c.docker(["ps", "-a"]).ok(), "pending")
    c.docker(["rename", "homeless", "settler"]).ok()
    wait_for("unwanted waits", lambda: row(c, "unwanted")["Status"].startswith("pending:"), 10)
    c.docker(["rm", "-f", "unwanted"]).ok()
    equal(row(c, "unwanted"), None)
    c.docker(["rm", "-f", "big-node-3"]).ok()
    wait_for("settler has found room", lambda: row(c, "settler")["State"] == "running", 30)
    equal(node_name(c, "settler"), "node-3")
    power_on(c, "node-1")


@seconds(150)
def test_manager_killed_while_it_moves(c):
    ids = {}
    for index in range(4):
        name = "job-%d" % index
        ids[name] = on(c, "node-3", "--name", name, "busybox", "top")
        # The pin would keep it there: what is tested is the move.
    free = c.docker(["run", "-d", "--name", "free", "busybox", "top"]).ok().strip()
    home = node_name(c, "free")
    power_off(c, home)
    wait_for("its node is down", lambda: c.node_states()[home] == "down", 40)
    c.berthd.kill()
    c.start_berthd()
    wait_for("the other nodes are back", lambda: sum(
        state == "ready" for state in c.node_states().values()) >= 2, 40)
    runs_off(c, "free", home)
    equal(row(c, "free")["Id"], free)
    power_on(c, home)
    names = sorted(row["Names"][0] for row in rows(c))
    equal(names, sorted(["/free"] + ["/" + name for name in ids]))
    for name, id in ids.items():
        equal(row(c, name)["Id"], id)


@seconds(120)
def test_drain(c):
    node = "node-2"
    ids = [on(c, node, "--name", name, "busybox", "top") for name in ("one", "two")]
    c.docker(["node", "update", "--availability", "drain", node]).ok()
    for name in ("one", "two"):
        runs_off(c, name, node)
    equal([row(c, "one")["Id"], row(c, "two")["Id"]], ids)
    c.docker(["node", "update", "--availability", "active", node]).ok()
    equal(sorted(row["Names"][0] for row in rows(c)), ["/one", "/two"])


@seconds(120)
def test_cut_off_manager_moves_nothing(c):
    on(c, "node-1", "--name", "calm", "busybox", "top")
    for name in ("node-1", "node-2"):
        c.lab[name].cut()
    try:
        wait_for("the guard is up", lambda: admin(c, "GET", "/health")[0] == 503, 40)
        contains(c.docker(["info"]).err, "quorum guard")
        equal(node_name(c, "calm"), "node-1")
    finally:
        for name in ("node-1", "node-2"):
            c.lab[name].heal()
    wait_for("all is well again", lambda: admin(c, "GET", "/health")[0] == 200, 60)
    wait_for("calm runs", lambda: row(c, "calm")["State"] == "running", 30)


def test_dry_rebalance(c):
    for index in range(3):
        on(c, "node-1", "-m", "300m", "--name", "load-%d" % index, "busybox", "top")
    status, plan = admin(c, "POST", "/rebalance", {"dry_run": True, "max": 5, "gap": 0.1})
    equal(status, 200)
    if not plan["moves"]:
        raise AssertionError("nothing to move? %s" % plan)
    equal(plan["moves"][0]["from"], "node-1")
    equal([node_name(c, "load-%d" % index) for index in range(3)], ["node-1"] * 3)
    equal(admin(c, "POST", "/rebalance", {"max": 0})[0], 400)


@seconds(120)
def test_poweroff_in_order(c):
    """Agent and engine end in order; the engine stops its containers before it falls silent."""
    id = on(c, "node-3", "--name", "orderly", "busybox", "top")
    on(c, "node-3", "--name", "resting", "busybox", "top")
    c.docker(["stop", "-t", "0", "resting"]).ok()
    c.agents["node-3"].end()
    c.lab["node-3"].shutdown()
    runs_off(c, "orderly", "node-3")
    equal(row(c, "orderly")["Id"], id)
    equal(row(c, "resting")["State"], "exited")
    power_on(c, "node-3")
    equal(sorted(row["Names"][0] for row in rows(c)), ["/orderly", "/resting"])


def test_decisions_outlive_the_manager(c):
    id = on(c, "node-2", "--name", "why", "busybox", "top")
    before = admin(c, "GET", "/explain/why")[1]
    equal(before["node"], "node-2")
    # An answer is written a moment after the create's; a later record's answer comes behind it.
    c.docker("run --rm --name later busybox true").ok()
    wait_for("the journal has both", lambda: [row["container"] for row in admin(
        c, "GET", "/journal?limit=2")[1]["decisions"]] == ["later", "why"], 10)
    c.berthd.end()
    c.start_berthd()
    c.wait_nodes(3, 60)
    after = admin(c, "GET", "/explain/" + id[:12])[1]
    equal((after["node"], after["decided_ms"]), ("node-2", before["decided_ms"]))
