"""Several people on one cluster, told apart by tokens: who may do what, and who sees what."""

import hashlib
import json

from harness import *

RULES = """
role ops    token=root
role dev    group=devs
role other  group=others
role scrape token=prom
rule admins allow roles=ops       preset=admin
rule work   allow roles=dev,other preset=developer
rule watch  allow roles=scrape    preset=monitor
limit dev containers=3 memory=1g
"""
USERS = (("root", ""), ("ann", "devs"), ("bob", "others"), ("prom", ""))


def token(name):
    return "token-of-%s" % name


def line(name, group):
    return "%s:%s%s" % (name, hashlib.sha256(token(name).encode()).hexdigest(),
                        ":" + group if group else "")


GROUP = group(nodes=3, static=True, flags=["--access", "{dir}/access", "--user-tokens",
                                           "{dir}/tokens", "--audit-log", "{dir}/audit"],
              files={"access": RULES, "tokens": "\n".join(line(*user) for user in USERS) + "\n"},
              headers={"Authorization": "Bearer " + token("root")})


class User:
    """A stock client whose configuration carries the token."""

    def __init__(self, c, name):
        self.c, self.name = c, name
        self.folder = os.path.join(c.folder, "docker-" + name)
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "config.json"), "w") as out:
            json.dump({"HttpHeaders": {"Authorization": "Bearer " + token(name)}}, out)

    def docker(self, args, **more):
        return self.c.docker(args, DOCKER_CONFIG=self.folder, **more)


def users(c):
    return [User(c, name) for name, _ in USERS]


def audit(c):
    with open(os.path.join(c.folder, "audit")) as source:
        return [json.loads(row) for row in source]


@quick
def test_strangers_are_refused(c):
    c.docker("ps").fails("needs an identity")
    equal(c.api("GET", "/info", headers={"Authorization": "Bearer wrong"})[0], 401)
    equal(c.api("GET", "/_berth/v1/nodes", headers={"Authorization": "Bearer wrong"})[0], 401)
    equal(audit(c)[-1]["verdict"], "deny")


@quick
@seconds(120)
def test_a_developer_works_on_own_objects(c):
    root, ann, bob, prom = users(c)
    ann.docker("run -d --name web -m 100m -v data:/d busybox top").ok()
    contains(ann.docker("ps").ok(), "web")
    equal(ann.docker("run --rm -m 10m busybox echo hello").ok(), "hello")
    equal(ann.docker("exec web echo in").ok(), "in")
    ann.docker("network create own").ok()
    equal(ann.docker("volume ls -q").ok(), "data")
    ann.docker("restart -t 0 web").ok()
    ann.docker("logs web").ok()
    equal(root.docker(["inspect", "-f", "{{index .Config.Labels \"berth.owner\"}}", "web"]).ok(),
          "devs")
    ann.docker("rm -f web").ok()
    ann.docker("volume rm data").ok()
    ann.docker("network rm own").ok()


@quick
@seconds(120)
def test_another_tenant_sees_nothing(c):
    root, ann, bob, prom = users(c)
    id = ann.docker("run -d --name web -m 100m -v data:/d busybox top").ok()
    ann.docker("network create own").ok()
    equal(bob.docker("ps -aq").ok(), "")
    equal(bob.docker("volume ls -q").ok(), "")
    equal(bob.docker(["network", "ls", "--format", "{{.Name}}"]).ok().split(),
          ["bridge", "host", "none"])
    for path in ("/containers/%s/json", "/containers/%s/logs?stdout=1", "/containers/%s/top",
                 "/containers/%s/archive?path=/etc/passwd", "/containers/%s/stats?stream=0"):
        answers = [c.api("GET", path % name, headers={"Authorization": "Bearer " + token("bob")},
                         raw=True) for name in (id, "0" * 64)]
        equal([answer[0] for answer in answers], [404, 404], path)
        equal(answers[0][2].replace(id.encode(), b"0" * 64), answers[1][2], path)
    for words in ("exec web true", "rm web", "stop web", "commit web x", "cp web:/etc/passwd .",
                  "rename web mine", "update -m 200m web", "attach web", "export web -o x"):
        bob.docker(words).fails("No such container: web")
    bob.docker("run -d --network container:web busybox top").fails("No such container")
    bob.docker("run -d --volumes-from web busybox top").fails("No such container")
    bob.docker("run -d -v data:/x busybox top").fails("data")
    bob.docker("run -d --network own busybox top").fails("own")
    bob.docker("network inspect own").fails("not found")
    bob.docker("volume rm data").fails("no such volume")
    for what in ("container", "network", "volume"):
        bob.docker([what, "prune", "-f"]).ok()
    bob.docker("create --name web busybox").fails("already in use")
    contains(ann.docker("ps").ok(), "web")
    equal(ann.docker("volume ls -q").ok(), "data")
    contains(ann.docker("network ls").ok(), "own")


def test_events_are_kept_apart(c):
    root, ann, bob, prom = users(c)
    ann.docker("create --name ladys -m 10m busybox").ok()
    bob.docker("create --name his busybox").ok()
    for name in ("ladys", "his"):
        wait_for("the event of " + name, lambda: name in root.docker(
            "events --since 1m --until 0s").ok(), 10)
    seen = bob.docker("events --since 1m --until 0s").ok()
    contains(seen, "name=his")
    if "ladys" in seen:
        raise AssertionError("bob hears of ann's container:\n" + seen)


@quick
def test_powers_need_a_waiver(c):
    root, ann, bob, prom = users(c)
    for words, code in (("--privileged", "privileged"), ("-v /srv:/x", "mount.bind"),
                        ("-v /:/x", "mount.engine"), ("--pid host", "pid.host"),
                        ("--network host", "network.host"), ("--cap-add SYS_ADMIN", "capability"),
                        ("--security-opt seccomp=unconfined", "security.option"),
                        ("--device /dev/fuse", "device"), ("--ipc host", "ipc.host"),
                        ("--cgroup-parent /x", "cgroup.parent"),
                        ("--mount type=bind,source=/var/run,target=/x", "mount.engine"),
                        ("--mount type=volume,target=/x,volume-driver=local,volume-opt=type=none,"
                         "volume-opt=o=bind,volume-opt=device=/srv", "mount.bind"),
                        ("--sysctl kernel.msgmax=1", "sysctl"), ("--label berth.owner=x", "label"),
                        ("--log-driver syslog", "log.driver"), ("--oom-kill-disable", "oom")):
        bob.docker("create %s busybox" % words).fails("access denied", code)
    bob.docker("volume create -o type=none -o o=bind -o device=/srv v").fails("access denied")
    bob.docker("create --name plain busybox").ok()
    bob.docker("start plain").ok()
    bob.docker("exec --privileged plain true").fails("exec.privileged")
    bob.docker("build -", input="FROM busybox\n").fails("build.create")
    bob.docker("import -", input="").fails("image.import")
    bob.docker("tag busybox mine").fails("image.tag")
    bob.docker("node update --availability drain node-1").fails("access denied")
    root.docker("create --privileged busybox").ok()
    refused = [row for row in audit(c) if row.get("codes") == "privileged" and
               row["verdict"] == "deny"]
    equal(refused[-1]["who"], "bob")


def test_a_collector_reads_and_nothing_else(c):
    root, ann, bob, prom = users(c)
    bob.docker("run -d --name seen busybox top").ok()
    contains(prom.docker("ps").ok(), "seen")
    prom.docker("info").ok()
    prom.docker("stats --no-stream seen").ok()
    for words in ("logs seen", "exec seen true", "rm -f seen", "cp seen:/etc/passwd .", "run busybox",
                  "save busybox -o x"):
        prom.docker(words).fails("access denied")


def test_quotas(c):
    root, ann, bob, prom = users(c)
    ann.docker("run -d busybox top").fails("--memory")
    ann.docker("run -d -m 600m busybox top").ok()
    ann.docker("run -d -m 600m busybox top").fails("quota of devs", "600 MiB", "1024 MiB")
    ann.docker("run -d -m 100m busybox top").ok()
    ann.docker("run -d -m 100m busybox top").ok()
    ann.docker("run -d -m 100m busybox top").fails("quota of devs", "containers")
    ann.docker(["rm", "-f"] + ann.docker("ps -q").ok().split()).ok()
    ann.docker("run -d -m 1g busybox top").ok()


def test_rules_reload_all_or_nothing(c):
    root, ann, bob, prom = users(c)
    path = c.write("access", RULES + "rule frozen deny roles=dev ops=container.create why=\"later\"\n")
    c.berthd.process.send_signal(signal.SIGHUP)
    wait_for("the new rule", lambda: ann.docker("create -m 9m busybox").rc != 0, 10)
    ann.docker("create -m 9m busybox").fails("later (rule frozen)")
    c.write("access", "rule broken allow ops=nonsense\n")
    c.berthd.process.send_signal(signal.SIGHUP)
    wait_for("the refusal in the log",
             lambda: "access:1: no operation" in c.berthd.text(), 10)
    ann.docker("create -m 9m busybox").fails("later (rule frozen)")
    equal(c.write("access", RULES), path)
    c.berthd.process.send_signal(signal.SIGHUP)
    wait_for("the old rules", lambda: ann.docker("create -m 9m busybox").rc == 0, 10)


@quick
def test_learn(c):
    root, ann, bob, prom = users(c)
    prom.docker("ps").ok()
    said = command([os.path.join(BIN, "berthd"), "learn", os.path.join(c.folder, "audit")]).ok()
    contains(said, '"token=prom"', "container.list")
    command([os.path.join(BIN, "berthd"), "learn", "/nonexistent"]).fails("/nonexistent")


@seconds(90)
def test_one_engine_behind_a_readonly_socket(c):
    """The place of a socket proxy: one engine, one socket, one preset."""
    path = os.path.join(c.folder, "readonly.sock")
    program = c.program("filter", [os.path.join(BIN, "berthd"), "--node", c.nodes[0].url, "-H",
                                   "unix://" + path, "--preset", "readonly"])
    host = {"DOCKER_HOST": "unix://" + path}
    wait_for("the filter answers", lambda: c.docker("ps", **host).rc == 0, 20)
    c.nodes[0].call("POST", "/containers/create?name=seen", {"Image": "busybox"})
    wait_for("its container", lambda: "seen" in c.docker("ps -a", **host).ok(), 10)
    c.docker("inspect seen", **host).ok()
    c.docker("logs seen", **host).ok()
    for words in ("rm seen", "start seen", "run busybox", "cp seen:/etc/passwd .", "export seen",
                  "save busybox", "exec seen true", "pull busybox", "network create x"):
        c.docker(words, **host).fails("access denied")
    equal(program.end(), 0)
