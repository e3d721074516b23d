"""Networks and volumes live on a node; what uses them goes there; their names work everywhere."""

import json

from harness import *

GROUP = group(nodes=3, agents={"node-1": ["--constraint", "storage=ssd"],
                               "node-2": ["--constraint", "storage=disk"]})


def lines(text):
    return [line for line in text.split("\n") if line]


def home_of(c, kind, name):
    key = "Volumes" if kind == "volumes" else None
    found = []
    for node in c.nodes:
        rows = node.get("/" + kind)
        rows = rows[key] or [] if key else rows
        if any(row["Name"] == name for row in rows):
            found.append(node.name)
    return found


def test_a_network_has_one_home_and_containers_follow(c):
    c.docker("network create app").ok()
    home = home_of(c, "networks", "app")
    equal(len(home), 1)
    for number in range(3):
        c.docker("run -d --name n%d --network app busybox top" % number).ok()
        equal([c.node_of("n%d" % number)], home)
    status, row = c.api("GET", "/networks/app")
    equal((status, row["Node"]["Name"]), (200, home[0]))


@keep
def test_connect_across_nodes_is_refused_with_a_hint(c):
    home = home_of(c, "networks", "app")[0]
    other = [node.name for node in c.nodes if node.name != home][0]
    c.docker(["run", "-d", "--name", "far", "-e", "constraint:node==" + other, "busybox",
              "top"]).ok()
    c.docker("network connect app far").fails("network app is on " + home, "--network app")


@keep
def test_bridge_of_all_nodes_is_one(c):
    equal(sorted(lines(c.docker("network ls --format {{.Name}}").ok())),
          ["app", "bridge", "host", "none"])
    for node in c.nodes:
        c.docker(["run", "-d", "--name", "b-" + node.name, "-e",
                  "constraint:node==" + node.name, "busybox", "top"]).ok()
    row = json.loads(c.docker("network inspect bridge").ok())[0]
    inside = {entry["Name"] for entry in row["Containers"].values()}
    equal(inside & {"b-node-1", "b-node-2", "b-node-3"}, {"b-node-1", "b-node-2", "b-node-3"})


def test_networks_made_behind_our_back_with_one_name(c):
    for name in ("node-1", "node-2"):
        c.lab[name].call("POST", "/networks/create", {"Name": "twin"})
    wait_for("both are shown", lambda: {"node-1/twin", "node-2/twin"} <= set(lines(
        c.docker("network ls --format {{.Name}}").ok())), 20)
    c.docker("network inspect twin").fails("ambiguous")
    c.docker("run -d --name at-two --network node-2/twin busybox top").ok()
    equal(c.node_of("at-two"), "node-2")
    c.docker("network rm node-1/twin").ok()
    equal(home_of(c, "networks", "twin"), ["node-2"])
    c.docker("network create twin").fails("already exists")


def test_a_network_can_be_put_on_a_node(c):
    c.docker("network create node-3/here").ok()
    equal(home_of(c, "networks", "here"), ["node-3"])
    c.docker(["network", "create", "--label", "constraint:storage==disk", "there"]).ok()
    equal(home_of(c, "networks", "there"), ["node-2"])


def test_a_volume_has_one_home_and_containers_follow(c):
    c.docker("volume create data").ok()
    home = home_of(c, "volumes", "data")
    equal(len(home), 1)
    c.docker("run --rm -v data:/d busybox sh -c 'echo 1 > /d/f'").ok()
    for _ in range(3):
        equal(c.docker("run --rm --mount type=volume,src=data,dst=/d busybox cat /d/f").ok(), "1")
    equal(home_of(c, "volumes", "data"), home)


@keep
def test_two_homes_in_one_container_are_refused(c):
    home = home_of(c, "volumes", "data")[0]
    other = [node.name for node in c.nodes if node.name != home][0]
    c.docker("volume create %s/elsewhere" % other).ok()
    equal(home_of(c, "volumes", "elsewhere"), [other])
    c.docker("run --rm -v data:/a -v elsewhere:/b busybox true").fails(
        "no resources available to schedule container")


@keep
def test_volumes_with_one_name_on_two_nodes(c):
    for name in ("node-1", "node-2"):
        c.lab[name].call("POST", "/volumes/create", {"Name": "both"})
    wait_for("both are shown", lambda: {"node-1/both", "node-2/both"} <= set(lines(
        c.docker("volume ls -q").ok())), 20)
    c.docker("volume rm both").fails("exists on node-1 and node-2")
    c.docker("run -d --name reader -v node-2/both:/d busybox top").ok()
    equal(c.node_of("reader"), "node-2")
    c.docker("rm -f reader").ok()
    c.docker("volume rm node-1/both node-2/both").ok()


def test_what_shares_a_namespace_goes_to_the_same_node(c):
    c.docker(["run", "-d", "--name", "base", "-v", "/shared", "-e", "constraint:storage==ssd",
              "busybox", "top"]).ok()
    for name, flag in (("net", "--network container:base"), ("pid", "--pid container:base"),
                       ("vol", "--volumes-from base"), ("link", "--link base:other")):
        c.docker("run -d --name %s %s busybox top" % (name, flag)).ok()
        equal(c.node_of(name), c.node_of("base"), name)


def test_only_one_of_many_networks_of_a_name_is_made(c):
    done = in_parallel([lambda: c.docker("network create race") for _ in range(12)])
    equal(sum(result.rc == 0 for result in done), 1)
    equal(len(home_of(c, "networks", "race")), 1)


def test_a_volume_made_many_times_is_one(c):
    done = in_parallel([lambda: c.docker("volume create same") for _ in range(12)])
    equal([result.rc for result in done], [0] * 12)
    equal(len(home_of(c, "volumes", "same")), 1)


def test_prune_cleans_all_nodes(c):
    for node in c.nodes:
        c.docker(["create", "--name", "stale-" + node.name, "-e",
                  "constraint:node==" + node.name, "busybox"]).ok()
        c.docker("network create %s/idle-%s" % (node.name, node.name)).ok()
    out = c.docker("system prune -f").ok()
    contains(out, "idle-node-1", "idle-node-2", "idle-node-3", "Deleted Containers")
    equal(c.docker("ps -aq").ok(), "")


def test_volume_prune_spares_named_volumes_of_newer_clients(c):
    c.docker("volume create named").ok()
    c.docker("run --name user -v /anonymous busybox true").ok()
    c.docker("rm user").ok()
    status, row = c.api("POST", "/v1.41/volumes/prune", headers={"Content-Type":
                                                                 "application/json"})
    equal(status, 200)
    contains(row["VolumesDeleted"], "named")
