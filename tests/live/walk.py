"""The walk: what people type on a day with Docker, one short test each; its second half is in
walk_objects.py. test_walk_one.py runs both over one node, test_walk_three.py over three: it must be
the same Docker.

Most tests go on where the one before them stopped (@keep), so that the walk is fast; a section
begins with a test that finds everything cleared.
"""

import json
import os
import pty
import re
import select

from harness import *




def lines(text):
    return [line for line in text.split("\n") if line]


def names(c, *more):
    return sorted(lines(c.docker(["ps", "-a", "--format", "{{.Names}}"] + list(more)).ok()))


def inspect(c, what, template, *kind):
    return c.docker(list(kind) + ["inspect", "-f", template, what]).ok()


# ---- about the engine ----
def test_version(c):
    out = c.docker("version").ok()
    contains(out, "Client", "Server", "API version")
    row = json.loads(c.docker(["version", "-f", "{{json .Server}}"]).ok())
    if not re.match(r"^\d+\.\d+", row["Version"]):
        raise AssertionError("server version %r" % row["Version"])


@keep
def test_info(c):
    row = json.loads(c.docker(["info", "-f", "{{json .}}"]).ok())
    declared = c.needs.cpus and not c.needs.static
    equal(row["NCPU"], len(c.nodes) if declared else sum(
        node.get("/info")["NCPU"] for node in c.nodes))
    equal(row["Containers"], 0)
    equal(row["Swarm"]["LocalNodeState"], "inactive")
    contains(c.docker("info").ok(), *[node.name for node in c.nodes])


@keep
def test_node_ls(c):
    out = c.docker("node ls --format {{.Hostname}}").ok()
    equal(sorted(lines(out)), sorted(node.name for node in c.nodes))


@keep
def test_swarm_is_off(c):
    c.docker("service ls").fails("This node is not a swarm manager")


# ---- run ----
def test_run_says_what_the_container_says(c):
    equal(c.docker("run --rm busybox echo hello").ok(), "hello")


@keep
def test_run_gives_the_exit_status(c):
    equal(c.docker("run --rm busybox sh -c 'exit 7'").rc, 7)


@keep
def test_run_keeps_output_streams_apart(c):
    done = c.docker("run --rm busybox sh -c 'echo out; echo err >&2'")
    equal((done.rc, done.out, done.err), (0, "out\n", "err\n"))


@keep
def test_run_with_standard_input(c):
    equal(c.docker("run -i --rm busybox cat", input="from outside").ok(), "from outside")


@keep
def test_run_with_environment_and_workdir(c):
    equal(c.docker("run --rm -e A=b -w /tmp busybox sh -c 'echo $A $PWD'").ok(), "b /tmp")


@keep
def test_run_as_user_with_hostname(c):
    equal(c.docker("run --rm -u 65534 -h box busybox sh -c 'id -u; hostname'").ok(),
          "65534\nbox")


@keep
def test_run_on_a_terminal(c):
    master, slave = pty.openpty()
    child = c.docker_start("run -it --rm busybox sh -c 'tty; read x; echo got $x'", stdin=slave,
                           stdout=slave, stderr=slave)
    os.close(slave)
    text = b""

    def read_until(word):
        nonlocal text
        while word not in text:
            if not select.select([master], [], [], 20)[0]:
                raise AssertionError("no %r in %r" % (word, text))
            text += os.read(master, 4096)
    try:
        read_until(b"/dev/pts/")
        os.write(master, b"typed\n")
        read_until(b"got typed")
        equal(child.wait(20), 0)
    finally:
        os.close(master)


@keep
def test_run_of_a_missing_command_is_127(c):
    done = c.docker("run --rm busybox no-such-command")
    equal(done.rc, 127)
    contains(done.err, "no-such-command")


@keep
def test_nothing_was_left_behind(c):
    wait_for("--rm has removed all", lambda: names(c) == [], 20)


# ---- one container's life ----
def test_run_detached(c):
    id = c.docker("run -d --name web -p 8080:80 -l tier=front nginx").ok()
    equal(len(id), 64)


@keep
def test_ps_shows_it(c):
    out = c.docker("ps").ok()
    contains(out, "nginx", "Up ", "8080->80/tcp", "web")


@keep
def test_ps_filters(c):
    for filter, found in (("name=web", 1), ("name=nope", 0), ("label=tier=front", 1),
                          ("label=tier=back", 0), ("status=running", 1), ("status=exited", 0),
                          ("ancestor=nginx", 1), ("ancestor=redis", 0)):
        equal(len(names(c, "--filter", filter)), found, filter)
    c.docker("ps --filter nonsense=1").fails("nvalid filter")


@keep
def test_inspect(c):
    row = json.loads(c.docker("inspect web").ok())[0]
    equal(row["Name"], "/web")
    equal(row["State"]["Status"], "running")
    contains([node.name for node in c.nodes], row["Node"]["Name"])


@keep
def test_the_port_answers(c):
    out = lines(c.docker("port web").ok())
    address, port = out[0].split(" -> ")[1].rsplit(":", 1)

    def page():
        try:
            connection = http.client.HTTPConnection(address, int(port), timeout=5)
            connection.request("GET", "/")
            return connection.getresponse().read()
        except OSError:
            return b""
    wait_for("nginx answers", lambda: b"Welcome to nginx" in page(), 20)


@keep
def test_second_name_is_refused(c):
    c.docker("run -d --name web busybox top").fails("Conflict", "already in use by container")


@keep
def test_exec(c):
    equal(c.docker("exec web echo inside").ok(), "inside")


@keep
def test_exec_gives_the_exit_status(c):
    equal(c.docker("exec web sh -c 'exit 3'").rc, 3)


@keep
def test_exec_with_input_env_and_user(c):
    equal(c.docker("exec -i web cat", input="bytes").ok(), "bytes")
    equal(c.docker("exec -e K=v -u 1 -w /tmp web sh -c 'echo $K $(id -u) $PWD'").ok(), "v 1 /tmp")


@keep
def test_exec_detached(c):
    c.docker("exec -d web touch /tmp/marker").ok()
    wait_for("the command has run", lambda: c.docker("exec web test -e /tmp/marker").rc == 0, 20)


@keep
def test_top(c):
    contains(c.docker("top web").ok(), "PID", "httpd")


@keep
def test_stats(c):
    contains(c.docker("stats --no-stream web").ok(), "CPU %", "web")


@keep
def test_cp_in_and_out(c):
    path = os.path.join(c.folder, "page.txt")
    with open(path, "w") as out:
        out.write("copied\n")
    c.docker(["cp", path, "web:/tmp/page.txt"]).ok()
    equal(c.docker("exec web cat /tmp/page.txt").ok(), "copied")
    back = path + ".back"
    c.docker(["cp", "web:/tmp/page.txt", back]).ok()
    with open(back) as text:
        equal(text.read(), "copied\n")


@keep
def test_diff(c):
    contains(c.docker("diff web").ok(), "A /tmp/page.txt")


@keep
def test_rename(c):
    c.docker("rename web shop").ok()
    equal(names(c), ["shop"])
    c.docker("rename shop web").ok()


@keep
def test_pause_and_unpause(c):
    c.docker("pause web").ok()
    equal(inspect(c, "web", "{{.State.Status}}"), "paused")
    contains(c.docker("ps").ok(), "(Paused)")
    c.docker("unpause web").ok()
    equal(inspect(c, "web", "{{.State.Status}}"), "running")


@keep
def test_update(c):
    c.docker("update --restart unless-stopped web").ok()
    equal(inspect(c, "web", "{{.HostConfig.RestartPolicy.Name}}"), "unless-stopped")
    c.docker("update --restart no web").ok()


@keep
def test_restart(c):
    before = inspect(c, "web", "{{.State.StartedAt}}")
    c.docker("restart -t 1 web").ok()
    if inspect(c, "web", "{{.State.StartedAt}}") == before:
        raise AssertionError("it was not restarted")


@keep
def test_stop_and_start(c):
    c.docker("stop -t 1 web").ok()
    equal(names(c, "--filter", "status=exited"), ["web"])
    equal(c.docker("ps -q").ok(), "")
    c.docker("start web").ok()
    equal(names(c, "--filter", "status=running"), ["web"])


@keep
def test_kill(c):
    c.docker("kill web").ok()
    equal(c.docker("wait web").ok(), "137")
    c.docker("kill web").fails("is not running")


@keep
def test_export(c):
    done = c.docker("export web", text=False)
    if b"httpd" not in done.out or done.rc != 0:
        raise AssertionError("no archive: %d bytes, %s" % (len(done.out), done.err))


@keep
def test_commit(c):
    c.docker(["commit", "-m", "walk", "web", "walk/web:1"]).ok()
    contains(c.docker("images walk/web").ok(), "walk/web")
    equal(c.docker("run --rm walk/web:1 cat /tmp/page.txt").ok(), "copied")
    c.docker("rmi walk/web:1").ok()


@keep
def test_rm(c):
    c.docker("rm web").ok()
    c.docker("rm web").fails("No such container: web")
    equal(names(c), [])


# ---- create, start, attach, wait, logs ----
def test_create_and_start_attached(c):
    c.docker("create --name once busybox echo done").ok()
    equal(c.docker("start -a once").ok(), "done")


@keep
def test_start_with_input(c):
    c.docker("create -i --name echo busybox cat").ok()
    equal(c.docker("start -ai echo", input="again").ok(), "again")


@keep
def test_logs(c):
    c.docker("run --name talk busybox sh -c 'for i in 1 2 3; do echo line $i; done'").ok()
    equal(c.docker("logs talk").ok(), "line 1\nline 2\nline 3")
    equal(c.docker("logs --tail 1 talk").ok(), "line 3")
    if not re.match(r"^\d{4}-\d\d-\d\dT.*Z line 1", c.docker("logs -t talk").ok()):
        raise AssertionError("no time stamps")
    equal(c.docker("logs --since 2000-01-01T00:00:00 talk").ok().count("line"), 3)


@keep
def test_logs_follow_ends_with_the_container(c):
    c.docker("run -d --name later busybox sh -c 'echo one; sleep 1; echo two'"
             ).ok()
    equal(c.docker("logs -f later").ok(), "one\ntwo")


@keep
def test_attach(c):
    c.docker("run -di --name listen busybox sh -c 'while read x; do echo heard $x; done'").ok()
    child = c.docker_start("attach listen")
    try:
        child.stdin.write(b"me\n")
        child.stdin.flush()
        equal(child.stdout.readline(), b"heard me\n")
    finally:
        child.kill()


@keep
def test_wait(c):
    c.docker("run -d --name five busybox sh -c 'exit 5'").ok()
    equal(c.docker("wait five").ok(), "5")


@keep
def test_ids_and_prefixes(c):
    id = c.docker("ps -aq --no-trunc --filter name=five").ok()
    for reference in (id, id[:12], id[:6]):
        equal(inspect(c, reference, "{{.Name}}"), "/five")
    c.docker("inspect 000000000000").fails("No such object")


@keep
def test_last_and_limit(c):
    newest = c.docker("ps -l --format {{.Names}}").ok()
    equal(newest, "five")
    equal(len(lines(c.docker("ps -n 2 -q").ok())), 2)


@keep
def test_before_and_since(c):
    equal(names(c, "--filter", "since=listen"), ["five"])
    contains(names(c, "--filter", "before=five"), "once", "talk", "listen")


@keep
def test_ps_size(c):
    contains(c.docker("ps -as").ok(), "virtual")


@keep
def test_container_prune(c):
    c.docker("kill listen").ok()
    out = c.docker("container prune -f").ok()
    contains(out, "Deleted Containers", "Total reclaimed space")
    equal(names(c), [])


# ---- limits, restart, health, init ----
def test_memory_and_cpu(c):
    c.docker("run -d --name small -m 64m --cpus 0.5 busybox top").ok()
    equal(inspect(c, "small", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}"),
          "67108864 500000000")


@keep
def test_restart_policy(c):
    c.docker("run -d --name again --restart on-failure:2 busybox sh -c 'exit 1'").ok()
    wait_for("it was restarted twice", lambda: inspect(
        c, "again", "{{.RestartCount}} {{.State.Status}}") == "2 exited", 30)


@keep
def test_health(c):
    c.docker(["run", "-d", "--name", "fit", "--health-cmd", "true", "--health-interval", "1s",
              "busybox", "top"]).ok()
    wait_for("healthy", lambda: "(healthy)" in c.docker("ps --filter name=fit").ok(), 30)
    equal(names(c, "--filter", "health=healthy"), ["fit"])


@keep
def test_read_only_and_tmpfs(c):
    c.docker("run --rm --read-only --tmpfs /run busybox touch /run/x").ok()
    c.docker("run --rm --read-only busybox touch /x").fails("Read-only file system")


@keep
def test_rm_running_needs_force(c):
    c.docker("rm small").fails("cannot remove")
    c.docker("rm -f small again fit").ok()


@keep
def test_share_a_network_namespace(c):
    c.docker("run -d --name host-of nginx").ok()
    wait_for("the neighbour is heard", lambda: "Welcome" in c.docker(
        "run --rm --network container:host-of busybox wget -qO- http://127.0.0.1/").out, 20)


@keep
def test_published_to_a_random_port(c):
    c.docker("run -d --name random -P nginx").ok()
    if not re.search(r"80/tcp -> \S+:\d+", c.docker("port random").ok()):
        raise AssertionError(c.docker("port random").out)
