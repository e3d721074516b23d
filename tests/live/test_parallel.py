"""Many clients at once: reservations hold, names stay unique, nothing leaks."""

from harness import *

GROUP = group(nodes=3, memory="64g", cpus="64")


@seconds(120)
@quick
def test_64_times_port_80_gives_three(c):
    def one():
        return c.docker("run -d -p 80:80 nginx", timeout=110)
    results = in_parallel([one] * 64)
    good = [result for result in results if result.rc == 0]
    for result in results:
        if result.rc != 0:
            result.fails("no resources available to schedule container")
    equal(len(good), 3, "containers with port 80")
    equal(sorted(c.node_of(result.ok()) for result in good), ["node-1", "node-2", "node-3"])
    equal(len(c.docker("ps -aq").ok().split()), 3)


@seconds(120)
def test_50_parallel_runs(c):
    def one(number):
        return lambda: c.docker("run --rm busybox echo %d" % number, timeout=110).ok()
    equal(in_parallel([one(number) for number in range(50)]), [str(n) for n in range(50)])
    wait_for("all are removed", lambda: c.docker("ps -aq").ok() == "", 20)


@seconds(120)
def test_one_name_32_times_gives_one(c):
    results = in_parallel([lambda: c.docker("create --name only busybox", timeout=110)] * 32)
    equal(sum(result.rc == 0 for result in results), 1)
    for result in results:
        if result.rc != 0:
            result.fails('Conflict. The container name "/only" is already in use')
    equal(len(c.docker("ps -aq").ok().split()), 1)


@seconds(120)
def test_memory_is_never_given_twice(c):
    """More wish than can: what is granted fits, node by node, and all is given back."""
    total = c.lab["node-1"].get("/info")["MemTotal"]
    wish = total // 4
    results = in_parallel([lambda: c.docker(["create", "-m", str(wish), "busybox", "sleep", "60"],
                                            timeout=110)] * 32)
    ids = [result.ok() for result in results if result.rc == 0]
    results = in_parallel([(lambda id: lambda: c.docker("start " + id, timeout=110))(id)
                           for id in ids])
    in_parallel([(lambda id: lambda: c.docker("rm -f " + id, timeout=110))(id) for id in ids])
    equal(c.docker("ps -aq").ok(), "")
    for row in c.node_rows():
        equal(row["reserved"]["memory_bytes"], 0, "memory reserved on " + row["name"])
