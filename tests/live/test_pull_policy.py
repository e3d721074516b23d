"""--pull-policy: how many nodes a pull reaches; and projects that are not kept together."""

import os

from harness import *

GROUP = group(nodes=3, registry=True, flags=["--pull-policy", "2", "--project-affinity=no"])


def holders(c, image):
    return [node.name for node in c.nodes
            if node.get("/images/%s/json" % image, raw=True)[0] == 200]


def test_two_nodes_pull(c):
    c.docker("rmi mysql").ok()
    c.docker("pull mysql").ok()
    equal(len(holders(c, "mysql:latest")), 2)


@keep
def test_a_node_can_be_asked_for(c):
    c.docker("rmi mysql").ok()
    status, _ = c.api("POST", "/images/create?fromImage=mysql&tag=latest",
                      headers={"X-Cluster-Node": "node-3"})
    equal((status, holders(c, "mysql:latest")), (200, ["node-3"]))


@keep
def test_load_reaches_all(c):
    done = c.docker("save mysql", text=False)
    c.docker("rmi mysql").ok()
    loaded = command(["docker", "load"], input=done.out, env=c.env(), text=False)
    contains(loaded.out.decode(), "Loaded image: mysql:latest")
    equal(len(holders(c, "mysql:latest")), 3)


@keep
@seconds(120)
def test_a_node_that_dies_does_not_stop_a_load(c):
    """node-2's engine is killed while it takes the image: the others have it."""
    data = c.docker("save redis nginx busybox", text=False).out
    c.docker("tag busybox spare:1").ok()
    child = c.docker_start("load")
    child.stdin.write(data[:len(data) // 2])
    child.stdin.flush()
    c.lab["node-2"].kill()
    try:
        out, err = child.communicate(data[len(data) // 2:], timeout=60)
        equal(child.returncode, 0, err.decode())
        contains(out.decode(), "Loaded image: redis:latest")
    finally:
        c.lab["node-2"].restart()
        c.lab["node-2"].wait_ready()
        c.agents["node-2"].kill()
        c.start_agent(c.lab["node-2"])
        c.wait_nodes(3)
    c.docker("rmi spare:1").ok()


def test_a_wrong_policy_is_told(c):
    done = command([os.path.join(BIN, "berthd"), "-H", "tcp://127.0.0.1:1", "--pull-policy",
                    "none"])
    done.fails("--pull-policy", "none of all, one, or a number of nodes")
