"""A cluster of Docker 20.10 and Debian's podman 4.3: one is like the other to a client."""

import json

from harness import *

GROUP = group(nodes=2, podman=1, static=True, memory=None, cpus=None)

PODMAN = "node-2"


def on(c, node, args, **more):
    return c.docker(["run", "-e", "constraint:node==" + node] + shlex.split(args), **more)


def test_both_are_nodes(c):
    equal(c.node_states(), {"node-1": "ready", "node-2": "ready"})
    contains(c.docker("info").ok(), "node-1", "node-2", "4.3.1")
    on(c, "node-1", "-d --name one busybox top").ok()
    on(c, PODMAN, "-d --name two busybox top").ok()
    equal((c.node_of("one"), c.node_of("two")), ("node-1", "node-2"))
    equal(sorted(c.docker("ps --format {{.Names}}").ok().split()), ["one", "two"])
    equal(c.docker("inspect -f {{.Node.Name}} two").ok(), "node-2")


@keep
def test_daily_work(c):
    equal(c.docker("exec two echo hello").ok(), "hello")
    equal(c.docker("exec -i two cat", input="in\n").ok(), "in")
    equal(c.docker("exec two sh -c 'exit 3'").rc, 3)
    c.docker("stop -t 0 two").ok()
    wait_for("ps shows it", lambda: "Exited" in c.docker("ps -a -f name=two").ok(), 10)
    c.docker("start two").ok()
    contains(c.docker("top two").ok(), "top")
    c.docker("rename two three").ok()
    equal(c.docker("inspect -f {{.Name}} three").ok(), "/three")
    c.docker("rm -f three").ok()
    c.docker("inspect three").fails("No such object: three")
    equal(c.docker("ps -a --format {{.Names}}").ok(), "one")


def test_foreground_run(c):
    equal(on(c, PODMAN, "-i --rm busybox cat", input="hello\n").ok(), "hello")
    # Not with --rm: podman 4.3 alone answers 0 then, too.
    result = on(c, PODMAN, "busybox sh -c 'echo out; echo err >&2; exit 7'")
    equal((result.rc, result.out, result.err), (7, "out\n", "err\n"))
    on(c, PODMAN, "-d --name talk busybox sh -c 'echo line; sleep 1; exit 5'").ok()
    equal(c.docker("logs -f talk", timeout=30).ok(), "line")
    equal(c.docker("wait talk").ok(), "5")


def test_errors_are_dockers(c):
    on(c, PODMAN, "-d --name one busybox top").ok()
    # A name is taken in the whole cluster, whichever engine has it.
    c.docker("create -e constraint:node==node-1 --name one busybox").fails("is already in use")
    equal(c.api("POST", "/containers/create?name=one", {"Image": "busybox"})[0], 409)
    equal(c.api("DELETE", "/containers/one")[0], 409, "rm of a running one")
    c.docker("stop -t 0 one").ok()
    equal(c.api("POST", "/containers/one/kill")[0], 409, "kill of a stopped one")
    status, answer = c.api("POST", "/containers/one/exec", {"Cmd": ["true"]})
    equal(status, 409, answer)
    equal(c.api("GET", "/containers/none/json")[0], 404)


def test_lists_and_events(c):
    events = c.docker_start("events --format {{.Action}} --filter type=container")
    wait_for("events are followed", lambda: c.berthd.running(), 1)
    on(c, PODMAN, "--name one busybox true").ok()
    c.docker("rm one").ok()
    seen = []
    while "destroy" not in seen:
        line = events.stdout.readline().decode().strip()
        if not line:
            raise AssertionError("events ended after %s" % seen)
        seen.append(line)
    for action in ("create", "start", "die", "destroy"):
        contains(seen, action)
    events.kill()
    # One image on both engines is one row.
    out = c.docker("images --format {{.Repository}}:{{.Tag}}").ok().split()
    equal(len([name for name in out if name.endswith("busybox:latest")]) >= 1, True, out)
