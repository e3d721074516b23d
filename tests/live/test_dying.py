"""A node dies or hangs in the middle of what many nodes do together: the others answer, the failed one
is named, nothing hangs. (One container's calls: test_nodes.py.)"""

import os

from harness import *

GROUP = group(nodes=3)


def on(c, node, *words):
    return c.docker(["run", "-d", "-e", "constraint:node==" + node] + list(words)).ok()


def settle(c):
    for node in c.nodes:
        if node.engine_pid():
            node.cont()
        else:
            node.start()
            node.wait_ready()
        if not c.agents[node.name].running():
            seen = len(c.agents[node.name].text())
            agent = c.start_agent(node)
            wait_for("the agent joins", lambda: "joined" in agent.text()[seen:], 30)
    c.wait_nodes(3, 60)


def away(c, name):
    wait_for(name + " is known to be away", lambda: c.node_states()[name] != "ready", 60)


@seconds(90)
def test_a_build_on_a_dying_node(c):
    folder = os.path.join(c.folder, "dying")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "Dockerfile"), "w") as out:
        out.write("FROM busybox\nRUN echo started; sleep 600\n")
    child = c.docker_start(["build", "--build-arg", "constraint:node==node-2", folder])
    try:
        wait_for("the step runs", lambda: any(
            "sleep 600" in row["Command"] for row in c.lab["node-2"].get("/containers/json")), 30)
        c.lab["node-2"].kill()
        _, err = child.communicate(timeout=60)
        equal(child.returncode != 0, True)
        contains(err.decode(), "node-2")
    finally:
        settle(c)


@seconds(120)
def test_lists_while_an_engine_hangs(c):
    on(c, "node-1", "--name", "alive", "busybox", "top")
    c.lab["node-3"].stop()
    try:
        equal(c.api("GET", "/networks", timeout=60)[0], 200)  # from the cache, or without node-3
        away(c, "node-3")
        for path in ("/images/json", "/networks", "/volumes", "/system/df",
                     "/images/json?filters={%22reference%22:[%22busybox%22]}"):
            status, headers, _ = c.api("GET", path, timeout=60, raw=True)
            equal((path, status), (path, 200))
            contains(headers.get("X-Cluster-Nodes-Failed", ""), "node-3")
        status, row = c.api("GET", "/volumes", timeout=60)
        contains(" ".join(row["Warnings"]), "node-3")
        contains(c.docker("images", timeout=90).ok(), "busybox")
        contains(c.docker("system df", timeout=90).ok(), "Images")
    finally:
        settle(c)


@seconds(120)
def test_changes_while_a_node_is_away(c):
    c.docker("network create node-2/far-net").ok()
    c.docker("volume create node-2/far-vol").ok()
    for node in ("node-1", "node-2"):
        c.docker(["create", "--name", "stale-" + node, "-e", "constraint:node==" + node,
                  "busybox"]).ok()
    c.lab["node-2"].kill()
    try:
        away(c, "node-2")
        c.docker("network rm far-net").fails("node-2")
        c.docker("volume rm far-vol").fails("node-2")
        c.docker("volume inspect far-vol").fails("node-2")
        c.docker("run -d --network far-net busybox top").fails("no resources available")
        status, headers, body = c.api("POST", "/containers/prune", raw=True, timeout=60)
        equal(status, 200)
        contains(headers["X-Cluster-Nodes-Failed"], "node-2")
        equal(len(json.loads(body)["ContainersDeleted"]), 1)
        c.docker("network create near").ok()
        c.docker("network create far-net").fails("already exists")
        c.docker("tag busybox dying:1").ok()
        c.docker("rmi dying:1").ok()
    finally:
        settle(c)
    equal(c.docker("network inspect -f {{.Name}} far-net").ok(), "far-net")
    c.docker("network rm far-net").ok()


@seconds(120)
def test_an_image_that_only_a_dead_node_has(c):
    c.lab["node-2"].call("POST", "/images/busybox/tag?repo=only-far&tag=1")
    wait_for("it is shown", lambda: "only-far" in c.docker("images").ok(), 20)
    c.lab["node-2"].kill()
    try:
        away(c, "node-2")
        contains(c.docker("images").ok(), "only-far")
        status, row = c.api("GET", "/images/only-far:1/json")
        equal(status, 503)
        contains(row["message"], "only-far:1")
    finally:
        settle(c)
    c.docker("rmi only-far:1").ok()


@seconds(120)
def test_events_tell_of_nodes(c):
    events = c.docker_start("events --filter type=node --format "
                            "{{.Action}}:{{.Actor.Attributes.name}}")
    try:
        c.lab["node-3"].kill()
        line = events.stdout.readline().decode()
        contains(line, ":node-3")
        settle(c)
        while "ready:node-3" not in line:
            line = events.stdout.readline().decode()
    finally:
        events.kill()
        settle(c)
