"""The user's guide (docs/guide.md) as a script: every command and its visible outcome, in order,
on three engines that declare 1 CPU and 2 GB each."""

import json
import re

from harness import *

GROUP = group(nodes=3, agents={"node-1": ["--constraint", "storage=ssd"],
                               "node-2": ["--constraint", "storage=disk"]})

NO_ROOM = "no resources available to schedule container"


def port_line(c, node):
    return re.compile(r"%s:\d+->6379/tcp" % re.escape(c.lab[node].address))


@quick
def test_first_container(c):
    id = c.docker("run -d -P --name redis redis").ok()
    if not re.match(r"^[0-9a-f]{64}$", id):
        raise AssertionError("run -d prints an id, not %r" % id)
    node = c.lab[c.node_of("redis")]
    line = c.docker("ps").ok().split("\n")[1]
    contains(line, id[:12], "redis", '"redis-server"', "Up ", "%s:" % node.address, "->6379/tcp")
    equal(c.docker("ps --no-trunc --format {{.Names}}").ok(), "redis,%s/redis" % node.name)


@keep
@quick
def test_port_shows_the_nodes_address(c):
    node = c.lab[c.node_of("redis")]
    out = c.docker("port redis").ok()
    match = re.search(r"^6379/tcp -> (\S+):(\d+)$", out, re.MULTILINE)
    if not match or match.group(1) != node.address:
        raise AssertionError("docker port: %r, node is at %s" % (out, node.address))
    with socket.create_connection((match.group(1), int(match.group(2))), 10) as redis:
        redis.sendall(b"PING\r\n")
        equal(redis.recv(100), b"+PONG\r\n")


@keep
@quick
def test_inspect_shows_the_nodes_address(c):
    node = c.lab[c.node_of("redis")]
    row = json.loads(c.docker("inspect redis").ok())[0]
    bindings = row["NetworkSettings"]["Ports"]["6379/tcp"]
    if node.address not in [binding["HostIp"] for binding in bindings]:
        raise AssertionError("inspect says %s, node is at %s" % (bindings, node.address))
    equal(row["Node"]["Name"], node.name)
    equal(c.docker("inspect -f {{.Node.Name}} redis").ok(), node.name)


@keep
@quick
def test_logs(c):
    wait_for("redis is ready", lambda: "The server is now ready to accept connections on port "
             "6379" in c.docker("logs redis").ok(), 20)


@keep
def test_by_node_and_name_and_by_id(c):
    node = c.node_of("redis")
    id = c.docker("inspect -f {{.Id}} redis").ok()
    for name in (node + "/redis", id, id[:12], id[:5], node + "/" + id[:12]):
        equal(c.docker("inspect -f {{.Id}} " + name).ok(), id, name)


@quick
def test_ten_gigabytes_are_refused(c):
    said = c.docker("run -d -P -m 10g redis").fails(NO_ROOM)
    contains(said, "Error response from daemon", "memory")
    equal(c.docker("ps -aq").ok(), "")


@quick
def test_one_gigabyte_each_fills_a_node_then_the_next(c):
    ids = [c.docker("run -d -P -m 1g redis").ok() for _ in range(3)]
    nodes = [c.node_of(id) for id in ids]
    equal(nodes[0], nodes[1], "the second goes to the first's node")
    if nodes[2] == nodes[0]:
        raise AssertionError("the third went to the full node: %s" % nodes)
    lines = c.docker("ps").ok().split("\n")[1:]
    equal([line.split()[0] for line in lines], [id[:12] for id in reversed(ids)], "order of ps")
    for line, node in zip(lines, reversed(nodes)):
        contains(line, c.lab[node].address + ":")


@keep
def test_the_cluster_fills_up(c):
    for _ in range(3):
        c.docker("run -d -m 1g redis").ok()
    c.docker("run -d -m 1g redis").fails(NO_ROOM, "memory")
    equal(sorted(len(node.get("/containers/json")) for node in c.nodes), [2, 2, 2])
    # Room that is given back is room again.
    c.docker(["rm", "-f", c.docker("ps -ql").ok()]).ok()
    c.docker("run -d -m 1g redis").ok()


@quick
def test_port_80_three_times_and_no_fourth(c):
    ids = [c.docker("run -d -p 80:80 nginx").ok() for _ in range(3)]
    equal(sorted(c.node_of(id) for id in ids), ["node-1", "node-2", "node-3"])
    said = c.docker("run -d -p 80:80 nginx").fails(NO_ROOM)
    contains(said, "port")
    out = c.docker("ps").ok()
    for node in c.nodes:
        contains(out, "%s:80->80/tcp" % node.address)
        equal(command(["curl", "-s", "--noproxy", "*", "--retry", "5", "--retry-connrefused",
                       "http://%s/" % node.address]).ok(), "<h1>Welcome to nginx!</h1>")


@keep
def test_a_stopped_container_gives_its_port_back(c):
    first = c.docker("ps -q").ok().split()[0]
    node = c.node_of(first)
    c.docker("stop -t 5 " + first).ok()
    equal(c.node_of(c.docker("run -d -p 80:80 nginx").ok()), node)


@quick
def test_constraints(c):
    c.docker("run -d -P -e constraint:storage==ssd --name db mysql").ok()
    c.docker("run -d -P --label constraint:storage==disk --name frontend nginx").ok()
    equal(c.node_of("db"), "node-1")
    equal(c.node_of("frontend"), "node-2")
    out = c.docker("ps").ok()
    contains(out, c.lab["node-1"].address, "->3306/tcp", c.lab["node-2"].address, "->80/tcp")
    # The container does not see how it was placed.
    if "constraint" in c.docker("inspect -f {{.Config.Env}} db").ok():
        raise AssertionError("the constraint is in the container's environment")


def test_constraint_operators(c):
    for expression, nodes in (("storage=ssd", ["node-1"]), ("storage!=ssd", ["node-2", "node-3"]),
                              ("node==node-3", ["node-3"]), ("node==/node-[12]/",
                                                             ["node-1", "node-2"]),
                              ("storage==d*", ["node-2"]),
                              ("storage==~tape", ["node-1", "node-2", "node-3"])):
        for way in (["-e", "constraint:" + expression], ["--label", "constraint:" + expression]):
            id = c.docker(["run", "-d"] + way + ["busybox", "true"]).ok()
            if c.node_of(id) not in nodes:
                raise AssertionError("%s: on %s" % (expression, c.node_of(id)))
    c.docker("run -d -e constraint:storage==tape busybox true").fails(NO_ROOM, "constraint")


def test_standard_tags(c):
    info = c.lab["node-2"].get("/info")
    tags = [("OperatingSystem", info["OperatingSystem"]), ("KernelVersion", info["KernelVersion"]),
            ("Driver", info["Driver"]), ("storagedriver", info["Driver"]),
            ("ostype", info["OSType"]), ("architecture", info["Architecture"]),
            ("node", "node-2"), ("NAME", "node-2"), ("engineversion", info["ServerVersion"])]
    for key, value in tags:
        constraint = "constraint:%s==%s" % (key, value)
        c.docker(["run", "--rm", "-e", constraint, "busybox", "true"]).ok()
        c.docker(["run", "--rm", "-e", "constraint:%s==no such" % key, "busybox", "true"]).fails(
            NO_ROOM)
    c.docker("run --rm -e constraint:executiondriver==* busybox true")


def test_info_shows_the_nodes(c):
    out = c.docker("info").ok()
    for node in c.nodes:
        contains(out, node.name, node.address)
    contains(out, "storage=ssd", "storage=disk", "2 GiB")


def test_plugin_ps_and_run(c):
    plugin = os.path.join(BIN, "docker-berth")
    if not os.path.exists(plugin):
        raise Skip("docker-berth is not built")
    folder = os.path.join(c.folder, "home", ".docker", "cli-plugins")
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(folder + "/docker-berth"):
        os.symlink(plugin, folder + "/docker-berth")
    id = c.docker("berth run -d -P --constraint storage=ssd --name db mysql").ok()
    c.docker("berth run -d -P --constraint storage=disk --name frontend nginx").ok()
    equal(c.node_of("db"), "node-1")
    equal(c.node_of("frontend"), "node-2")
    lines = c.docker("berth ps").ok().split("\n")
    contains(lines[0], "CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NODE",
             "NAMES")
    equal(lines[1].split()[-2:], ["node-2", "frontend"])
    equal(lines[2].split()[-2:], ["node-1", "db"])
    equal(c.docker("berth ps -q").ok().split()[1], id[:12])
