"""docker-berth, as a plug-in of the stock client: finds the daemon as the client does, speaks of nodes."""

import json

from harness import *

GROUP = group(nodes=3, agents={"node-1": ["--constraint", "storage=ssd"],
                               "node-2": ["--constraint", "storage=disk"]})


def install(c):
    folder = os.path.join(c.folder, "home", ".docker", "cli-plugins")
    os.makedirs(folder, exist_ok=True)
    if not os.path.lexists(folder + "/docker-berth"):
        os.symlink(os.path.join(BIN, "docker-berth"), folder + "/docker-berth")


def plugin(c, args, **more):
    install(c)
    return c.docker(["berth"] + (shlex.split(args) if isinstance(args, str) else args), **more)


@quick
def test_client_knows_it(c):
    install(c)
    contains(c.docker("--help").ok(), "berth*", "One DOCKER_HOST for many engines")
    contains(c.docker("info").ok(), "docker-berth")
    contains(plugin(c, "").ok(), "Commands:", "nodes", "ps", "run")
    said = plugin(c, "frobnicate").fails()
    contains(said, "unknown command: docker berth frobnicate")


@quick
def test_run_hands_every_flag_on(c):
    out = plugin(c, ["run", "--rm", "-i", "--constraint", "storage=disk", "--name", "here", "-e",
                     "A=B C", "busybox", "sh", "-c", "cat; echo $A; exit 4"], input="in\n")
    equal((out.rc, out.out), (4, "in\nB C\n"))
    id = plugin(c, "create --constraint=storage!=disk --constraint node!=node-3 busybox").ok()
    equal(c.node_of(id), "node-1")
    plugin(c, "run --constraint storage=tape busybox").fails(
        "no resources available to schedule container")
    plugin(c, "run --constraint storage busybox").fails("invalid constraint")
    # Behind the image, words are the container's own.
    equal(plugin(c, "run --rm busybox echo --constraint a=b").ok(), "--constraint a=b")


@quick
def test_ps_prints_as_docker_ps(c):
    c.docker("run -d -p 81-83:81-83 -p 90:80 --name web nginx").ok()
    c.docker("run -d --name second busybox sleep 1000").ok()
    c.docker("create --name third busybox").ok()
    for flags in ("", "-a", "-q", "-aq", "-n 2", "-l", "-a --no-trunc", "-f name=web", "-as",
                  "-a -f status=created", "-a --format {{.Names}}:{{.Image}}:{{.Ports}}",
                  "--format {{.ID}}\\t{{.Command}}\\t{{.State}}"):
        wanted = c.docker("ps " + flags).ok()
        got = plugin(c, "ps " + flags).ok()
        if "--format" in flags or "q" in flags:
            equal(got, wanted, flags)
            continue
        # The same table with one column more; --no-trunc shows names with the node in docker's.
        head = got.split("\n")[0].split()
        contains(head, "NODE")
        equal(len(got.split("\n")), len(wanted.split("\n")), flags)
        for mine, theirs in zip(got.split("\n")[1:], wanted.split("\n")[1:]):
            equal(mine.split("   ")[:3], theirs.split("   ")[:3], flags)
            contains(mine, c.node_of(theirs.split()[0]))
    plugin(c, "ps -f nonsense=1").fails("Error response from daemon", "nonsense")
    plugin(c, "ps --format {{.Nope}}").fails("no field")
    plugin(c, "ps extra").fails("accepts no arguments")


@quick
def test_nodes_and_info(c):
    c.docker("run -d -m 1g --cpus 0.5 -e constraint:node==node-1 busybox top").ok()
    lines = plugin(c, "nodes").ok().split("\n")
    equal(len(lines), 4)
    row = [line for line in lines if line.startswith("node-1 ")][0]
    contains(row, "ready", "active", c.lab["node-1"].address, "0.5 / 1", "1GiB / 2GiB",
             "storage=ssd")
    equal(plugin(c, "nodes -q").ok().split(), ["node-1", "node-2", "node-3"])
    rows = [json.loads(line) for line in plugin(c, "nodes --format json").ok().split("\n")]
    equal([row["Status"] for row in rows], ["ready"] * 3)
    contains(plugin(c, "info").ok(), "cluster-1", "0.5 / 3", "1GiB / 6GiB")


@quick
def test_explain(c):
    plugin(c, "run -d -m 1g -p 80:80 --constraint storage!=disk --name web nginx").ok()
    here = c.node_of("web")
    lines = plugin(c, "explain web").ok().split("\n")
    rows = {line.split()[0]: line for line in lines[1:]}
    equal(sorted(rows), ["node-1", "node-2", "node-3"])
    contains(rows[here], " * ", "fits")
    contains(rows["node-2"], "constraint", "storage")
    # The decision is kept as it was, whatever happened since.
    c.docker("rename web other").ok()
    equal(plugin(c, ["explain", "--format", "{{.Node}}{{.Chosen}}", "web"]).ok().split()[0],
          here + "*")
    plugin(c, "explain none").fails("none")
    plugin(c, "explain").fails("requires exactly 1 argument")


@quick
def test_rebalance_tells_what_it_would_do(c):
    plugin(c, "rebalance").fails("allowed from this machine only")
    here = {"DOCKER_HOST": "unix://" + c.socket}
    plugin(c, "rebalance --max 0", **here).fails("max must be 1 to 100")
    plugin(c, "rebalance --gap x", **here).fails("invalid argument")
    equal(plugin(c, "rebalance", **here).ok().split(), ["CONTAINER", "ID", "NAME", "FROM", "TO"])


@quick
def test_finds_the_daemon_as_the_client_does(c):
    c.docker("run -d --name web nginx").ok()
    socket_url = "unix://" + c.socket
    install(c)
    for argv, env in ((["berth", "ps"], {"DOCKER_HOST": socket_url}),
                      (["-H", socket_url, "berth", "ps"], {"DOCKER_HOST": "tcp://127.0.0.1:9"}),
                      (["--host=" + c.host, "berth", "ps"], {"DOCKER_HOST": ""})):
        contains(c.docker(argv, **env).ok(), "web")
    c.docker(["context", "create", "cluster", "--docker", "host=" + socket_url],
             DOCKER_HOST="").ok()
    contains(c.docker(["--context", "cluster", "berth", "ps"], DOCKER_HOST="").ok(), "web")
    contains(c.docker(["berth", "ps"], DOCKER_HOST="", DOCKER_CONTEXT="cluster").ok(), "web")
    c.docker("context use cluster", DOCKER_HOST="").ok()
    contains(c.docker("berth ps", DOCKER_HOST="").ok(), "web")
    c.docker("context use default", DOCKER_HOST="").ok()
    c.docker("context rm cluster", DOCKER_HOST="").ok()
    c.docker("berth ps", DOCKER_HOST="tcp://127.0.0.1:9").fails("Cannot connect to the daemon at "
                                                                "tcp://127.0.0.1:9")
    c.docker("--context nowhere berth ps", DOCKER_HOST="").fails("nowhere")


@quick
def test_completion(c):
    install(c)

    def words(*argv):
        out = c.docker(["__completeNoDesc"] + list(argv)).ok()
        return [line.split("\t")[0] for line in out.split("\n") if not line.startswith(":")]
    for word in ("ps", "run", "create", "nodes", "info"):
        contains(words("berth", ""), word)
    equal(words("berth", "no"), ["nodes"])
    contains(words("berth", "ps", "--"), "--all", "--format", "--no-trunc")
    equal(words("berth", "run", "--cons"), ["--constraint"])
    if c.docker("--version").ok().split()[2].startswith("20."):
        return  # its plug-ins complete their own words only
    contains(words("berth", "run", "--rea"), "--read-only")
