"""Builds over three engines: the legacy builder is scheduled, BuildKit stays on one node, and what was built is
found by the next run."""

import os
import textwrap

from harness import *

GROUP = group(nodes=3, agents={"node-1": ["--constraint", "storage=ssd"],
                               "node-2": ["--constraint", "storage=disk"]})
CLIENT = "/usr/bin/docker"  # has BuildKit built in; newer ones need buildx


def context(c, name, dockerfile, **files):
    folder = os.path.join(c.folder, name)
    os.makedirs(folder, exist_ok=True)
    for path, text in dict(files, Dockerfile=textwrap.dedent(dockerfile)).items():
        with open(os.path.join(folder, path), "w") as out:
            out.write(text)
    return folder


def holders(c, image):
    return [node.name for node in c.nodes
            if node.get("/images/%s/json" % image, raw=True)[0] == 200]


def buildkit(c, args, **more):
    if not os.path.exists(CLIENT):
        raise Skip("no client with BuildKit at " + CLIENT)
    return c.docker(["build"] + args, client=CLIENT, DOCKER_BUILDKIT="1", timeout=120, **more)


def test_a_build_arg_says_where(c):
    folder = context(c, "where", """
        FROM busybox
        ARG WHO=nobody
        RUN echo $WHO > /who
        CMD ["cat", "/who"]
    """)
    for tag, node in (("ssd", "node-1"), ("disk", "node-2")):
        c.docker(["build", "-t", "where:" + tag, "--build-arg", "constraint:storage==" + tag,
                  "--build-arg", "WHO=" + tag, folder]).ok()
        equal(holders(c, "where:" + tag), [node])
        equal(c.docker("run --rm where:" + tag).ok(), tag)
    c.docker(["build", "--build-arg", "constraint:storage==tape", folder]).fails(
        "no resources available to schedule container")
    c.docker("rmi where:ssd where:disk").ok()


@keep
def test_what_was_built_runs_where_it_was_built(c):
    folder = context(c, "here", "FROM busybox\nRUN echo here > /where\n")
    for number in range(3):
        image = "here:%d" % number
        c.docker(["build", "-q", "--no-cache", "-t", image, folder]).ok()
        equal(c.docker(["run", "--rm", image, "cat", "/where"]).ok(), "here")
        c.docker(["rmi", image]).ok()


@keep
def test_a_large_context(c):
    folder = context(c, "large", "FROM busybox\nCOPY blob /blob\nRUN wc -c < /blob > /size\n")
    with open(os.path.join(folder, "blob"), "wb") as out:
        out.write(os.urandom(1 << 20) * 40)
    c.docker(["build", "-t", "large:1", folder], timeout=120).ok()
    equal(c.docker("run --rm large:1 cat /size").ok(), str(40 << 20))
    c.docker("rmi large:1").ok()


@keep
@seconds(120)
def test_buildkit(c):
    folder = context(c, "kit", "FROM busybox\nCOPY note /note\nRUN cat /note > /copied\n",
                     note="by BuildKit\n")
    done = buildkit(c, ["-t", "kit:1", folder])
    done.ok()
    contains(done.err, "naming to docker.io/library/kit:1")
    equal(len(holders(c, "kit:1")), 1)
    equal(c.docker("run --rm kit:1 cat /copied").ok(), "by BuildKit")


@keep
@seconds(120)
def test_buildkit_from_standard_input(c):
    done = c.docker(["build", "-t", "kit:2", "-"], input="FROM busybox\nRUN echo piped > /p\n",
                    client=CLIENT, DOCKER_BUILDKIT="1", timeout=120)
    done.ok()
    equal(c.docker("run --rm kit:2 cat /p").ok(), "piped")


@keep
@seconds(120)
def test_buildkit_finds_its_cache_again(c):
    folder = os.path.join(c.folder, "kit")
    contains(buildkit(c, ["-t", "kit:3", folder]).err, "CACHED")


@keep
@seconds(120)
def test_a_failed_buildkit_step(c):
    folder = context(c, "kitfail", "FROM busybox\nRUN exit 9\n")
    buildkit(c, [folder]).fails("exit code: 9")


@keep
@seconds(120)
def test_builds_at_the_same_time(c):
    folders = [context(c, "many%d" % number, "FROM busybox\nRUN echo %d > /n\n" % number)
               for number in range(4)]
    in_parallel([lambda number=number: buildkit(
        c, ["-t", "many:%d" % number, folders[number]]).ok() for number in range(4)])
    for number in range(4):
        equal(c.docker("run --rm many:%d cat /n" % number).ok(), str(number))


@keep
@seconds(120)
def test_an_interrupted_build_ends_on_the_engine(c):
    folder = context(c, "slow", "FROM busybox\nRUN sleep 3333\n")
    child = c.docker_start(["build", folder])

    def sleepers():
        return sum("sleep 3333" in " ".join(process)
                   for node in c.nodes for row in node.get("/containers/json")
                   for process in node.get("/containers/%s/top" % row["Id"]).get(
                       "Processes") or [])
    wait_for("the step runs", lambda: sleepers() == 1, 30)
    child.terminate()
    child.wait(20)
    wait_for("the step has ended", lambda: sleepers() == 0, 30)


@keep
def test_builder_prune(c):
    contains(c.docker("builder prune -af").ok(), "Total")
    c.docker("rmi kit:1 kit:2 kit:3 many:0 many:1 many:2 many:3").ok()
