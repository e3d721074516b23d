#!/usr/bin/python3
"""A lab of several real Docker engines on one machine.

Each node is a network, mount and UTS namespace with one dockerd in it: own host name, own engine
id, own address, own declared size. Every engine is real; only the machines around them are not.

    lab.py up [--nodes 3] [--podman 0] [--memory 2g] [--cpus 1] [--registry] [--block N]
    lab.py down | status | env
    lab.py kill|restart|start|stop|cont|cut|heal NODE
    lab.py exec NODE -- COMMAND...

A block (0..254; --block or BERTH_LIVE_BLOCK, default 1) is one lab: addresses 10.83.BLOCK.x, name
spaces berth-BLOCK-nX, files in /tmp/berth-lab-BLOCK. Blocks do not disturb each other. `up` first
ends what a predecessor of the same block left behind. Nothing in a lab can reach beyond this
machine: no default route inside, and a blackhole route for 10.83.0.0/16 outside.
"""

import argparse
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import images  # noqa: E402
import processes  # noqa: E402

NEEDED = {"dockerd": "docker.io", "containerd": "containerd", "runc": "runc", "ip": "iproute2",
          "iptables": "iptables", "nsenter": "util-linux", "unshare": "util-linux",
          "/bin/busybox": "busybox-static"}

# Runs inside the new namespaces. /run is private (sockets and pid files of one engine must not
# meet another's), /etc/docker holds the key that makes the engine's id, /proc/meminfo is what
# the engine reports as its memory, lookups fail at once.
HOLDER = r"""
set -e
hostname "$NAME"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock
mount --bind "$DIR/etc" /etc/docker
mount --bind "$DIR/meminfo" /proc/meminfo
mount --bind "$DIR/hosts" /etc/hosts
mount --bind "$DIR/resolv.conf" /etc/resolv.conf
echo ready > "$DIR/ready"
exec sleep infinity
"""


def run(*argv, check=True):
    """Runs a command, returns its output; RuntimeError with all it said when it fails."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    if check and done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(argv), done.stdout.strip()))
    return done.stdout


def parse_size(text):
    """'2g' -> bytes."""
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    text = text.lower().rstrip("b")
    return int(float(text[:-1]) * units[text[-1]]) if text[-1] in units else int(text)


def wait_for(what, predicate, deadline_s=60, every_s=0.05):
    """Waits until predicate() is true; its value. RuntimeError at the deadline."""
    until = time.monotonic() + deadline_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > until:
            raise RuntimeError("%s: not within %d seconds" % (what, deadline_s))
        time.sleep(every_s)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node:
    """One machine of the lab. Attributes: name, address, url (tcp://ADDRESS:2375), socket."""

    def __init__(self, lab, number, memory=None, cpus=None, podman=False):
        self.lab, self.number, self.podman = lab, number, podman
        self.name = "node-%d" % number
        self.address = "10.83.%d.%d" % (lab.block, number)
        self.url = "tcp://%s:2375" % self.address
        self.namespace = "berth-%d-n%d" % (lab.block, number)
        self.namespace_path = "/run/netns/" + self.namespace
        self.interface = "bv%dn%d" % (lab.block, number)
        self.dir = os.path.join(lab.dir, self.name)
        self.socket = os.path.join(self.dir, "docker.sock")
        self.memory, self.cpus = memory, cpus
        self.children = []

    # ---- the machine ----
    def build(self):
        """Namespace, link and files; no process yet."""
        os.makedirs(os.path.join(self.dir, "etc"), exist_ok=True)
        os.makedirs(os.path.join(self.dir, "data"), exist_ok=True)
        self._write("meminfo", self._meminfo())
        hosts = "127.0.0.1 localhost %s\n" % self.name
        for number in range(1, self.lab.count + 1):
            hosts += "10.83.%d.%d node-%d\n" % (self.lab.block, number, number)
        hosts += "%s master registry registry-1.docker.io index.docker.io docker.io " \
                 "auth.docker.io\n" % self.lab.address
        self._write("hosts", hosts)
        self._write("resolv.conf", "nameserver %s\noptions timeout:1 attempts:1\n"
                    % self.lab.address)
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", self.interface, "type", "veth", "peer", "name", "eth0",
            "netns", self.namespace)
        run("ip", "addr", "add", self.lab.address + "/32", "dev", self.interface)
        run("ip", "link", "set", self.interface, "up")
        inside = ("ip", "-n", self.namespace)
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "addr", "add", self.address + "/32", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "route", "add", self.lab.address + "/32", "dev", "eth0")
        run(*inside, "route", "add", "10.83.%d.0/24" % self.lab.block, "via", self.lab.address,
            "onlink", "dev", "eth0")
        run("ip", "route", "replace", self.address + "/32", "dev", self.interface, "src",
            self.lab.address)
        with open("/proc/sys/net/ipv4/conf/%s/forwarding" % self.interface, "w") as out:
            out.write("1")

    def _write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as out:
            out.write(text)

    def _meminfo(self):
        with open("/proc/meminfo") as source:
            lines = source.read().splitlines()
        if self.memory:
            total = self.memory // 1024
            known = {"MemTotal:": total, "MemFree:": total * 3 // 4,
                     "MemAvailable:": total * 3 // 4}
            lines = ["%-15s %8d kB" % (line.split()[0], known[line.split()[0]])
                     if line.split()[0] in known else line for line in lines]
        return "\n".join(lines) + "\n"

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _hold(self):
        """The process that keeps mount and UTS namespace; started when there is none."""
        pid = processes.recorded(self._path("holder.pid"))
        if pid:
            return pid
        if os.path.exists(self._path("ready")):
            os.unlink(self._path("ready"))
        child = self._popen(
            ["nsenter", "--net=" + self.namespace_path, "unshare", "--mount", "--uts",
             "--propagation", "private", "sh", "-c", HOLDER], "holder.log",
            dict(os.environ, NAME=self.name, DIR=self.dir))
        wait_for("namespaces of " + self.name,
                 lambda: os.path.exists(self._path("ready")) or child.poll() is not None)
        if child.poll() is not None:
            raise RuntimeError("%s: %s" % (self.name, open(self._path("holder.log")).read()))
        processes.record(self._path("holder.pid"), child.pid)
        return child.pid

    def _popen(self, argv, log, env=None):
        with open(self._path(log), "ab") as out:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                     env=env, start_new_session=True, cwd="/")
        self.children.append(child)
        return child

    def spawn(self, argv, log, env=None):
        """Starts a process inside the node (an agent); returns its Popen. Output goes to the file
        `log` in the node's folder. It dies with the node."""
        return self._popen(["nsenter", "--target", str(self._hold()), "--net", "--mount", "--uts",
                            *argv], log, env)

    def command(self, argv):
        """argv that runs the command inside the node."""
        return ["nsenter", "--target", str(self._hold()), "--net", "--mount", "--uts", *argv]

    # ---- the engine ----
    def start(self):
        """Starts the engine; does not wait for it (see wait_ready)."""
        if self.engine_pid():
            return
        child = self._start_podman() if self.podman else self._start_dockerd()
        processes.record(self._path("engine.pid"), child.pid)

    def _start_podman(self):
        import podman
        return podman.start(self, self._environment())

    def _start_dockerd(self):
        for name in ("docker.sock", "docker.pid"):
            if os.path.lexists(self._path(name)):
                os.unlink(self._path(name))
        argv = ["dockerd", "--data-root", self._path("data"), "--exec-root", "/run/docker",
                "--pidfile", "/run/docker.pid", "-H", self.url, "-H", "unix://" + self.socket,
                "-H", "unix:///run/docker.sock", "--tls=false",
                "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent",
                "/" + self.namespace, "--insecure-registry", "10.83.0.0/16"]
        if self.cpus:
            # The engine counts the CPUs it may run on. Nodes take turns on the real ones.
            have = sorted(os.sched_getaffinity(0))
            mine = [have[(self.number - 1 + i) % len(have)] for i in range(min(self.cpus,
                                                                            len(have)))]
            argv = ["taskset", "-c", ",".join(map(str, mine))] + argv
        stale = "rm -rf /run/docker.pid /run/docker.sock /run/docker/containerd/*.pid " \
                "/run/docker/containerd/*.sock*; exec \"$@\""
        return self.spawn(["sh", "-c", stale, "sh"] + argv, "dockerd.log", self._environment())

    def _environment(self):
        env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")
               and not key.startswith(("SSL_CERT", "DOCKER_"))}
        authority = os.path.join(self.lab.dir, "registry", "ca.pem")
        if os.path.exists(authority):
            env["SSL_CERT_FILE"] = authority
        return env

    def engine_pid(self):
        self._reap()
        return processes.recorded(self._path("engine.pid"))

    def _reap(self):
        self.children = [child for child in self.children if child.poll() is None]

    def wait_ready(self, deadline_s=60):
        def ready():
            if not self.engine_pid():
                raise RuntimeError("%s: the engine ended:\n%s" % (self.name, self.log_tail()))
            return self.alive()
        wait_for("engine on " + self.name, ready, deadline_s)

    def alive(self, timeout=2):
        try:
            return self.get("/_ping", timeout, raw=True)[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None, timeout=60, headers=None):
        """One request straight to the engine (past berthd): (status, decoded JSON or bytes)."""
        if self.podman:
            connection = http.client.HTTPConnection(self.address, 2375, timeout=timeout)
        else:
            connection = UnixConnection(self.socket, timeout)
        if body is not None and not isinstance(body, bytes) and not hasattr(body, "read"):
            body = json.dumps(body).encode()
            headers = dict({"Content-Type": "application/json"}, **(headers or {}))
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.getheader("Content-Type", "").startswith("application/json"):
            try:
                return answer.status, json.loads(data) if data else None
            except ValueError:  # a stream of values
                return answer.status, data
        return answer.status, data

    def get(self, path, timeout=30, raw=False):
        status, data = self.call("GET", path, timeout=timeout)
        return (status, data) if raw else data

    def load_images(self, path):
        with open(path, "rb") as source:
            status, text = self.call("POST", "/images/load?quiet=1", source, 120,
                                     {"Content-Type": "application/x-tar",
                                      "Content-Length": str(os.path.getsize(path))})
        if status != 200 or b"error" in (text if isinstance(text, bytes) else b""):
            raise RuntimeError("%s: load: %d %s" % (self.name, status, text))

    def reset_images(self):
        """The lab's images and no others, whatever was pulled, built, tagged or removed."""
        if self.podman:
            return  # it has names of its own for everything
        wanted = {tag for image in images.images() for tag in image.tags}
        found = set()
        for row in self.get("/images/json"):
            tags = [tag for tag in row["RepoTags"] or [] if tag != "<none>:<none>"]
            digests = [name for name in row["RepoDigests"] or [] if name != "<none>@<none>"]
            found.update(tags)
            strange = [tag for tag in tags if tag not in wanted]
            if tags and len(strange) < len(tags):
                for name in strange + digests:
                    self.call("DELETE", "/images/%s?force=1" % name)
            else:
                self.call("DELETE", "/images/%s?force=1" % row["Id"])
        if not wanted <= found:
            self.load_images(os.path.join(self.lab.dir, "images.tar"))

    def clear(self):
        """Removes all containers, networks and volumes from the engine, for a fresh start."""
        for row in self.get("/containers/json?all=1"):
            self.call("DELETE", "/containers/%s?force=1&v=1" % row["Id"])
        self.call("POST", "/networks/prune")
        for row in self.get("/volumes")["Volumes"] or []:
            self.call("DELETE", "/volumes/%s?force=1" % row["Name"])

    def log_tail(self, lines=15):
        try:
            name = "podman.log" if self.podman else "dockerd.log"
            with open(self._path(name), errors="replace") as source:
                return "".join(source.readlines()[-lines:])
        except OSError:
            return ""

    # ---- faults ----
    def kill(self):
        """Power failure: dockerd, containerd, shims, containers and agents end at once."""
        processes.end_namespace(self.namespace_path)
        self._reap()

    def shutdown(self):
        """Ends the engine in order: it stops its containers first."""
        pid = self.engine_pid()
        if pid:
            processes.end(pid, 30)
        self._reap()

    def restart(self):
        """After kill(): power on. Else: an orderly restart of the engine."""
        self.shutdown()
        self.start()
        self.wait_ready()

    def stop(self):
        """The engine hangs: its sockets accept, nobody answers."""
        os.kill(self.engine_pid(), signal.SIGSTOP)

    def cont(self):
        os.kill(self.engine_pid(), signal.SIGCONT)

    def _rules(self, action):
        for table, chain, way in (("raw", "PREROUTING", "-i"), ("mangle", "POSTROUTING", "-o")):
            run("nsenter", "--net=" + self.namespace_path, "iptables", "-w", "-t", table, action,
                chain, way, "eth0", "-j", "DROP", check=action == "-I")

    def cut(self):
        """The cable is out: packets vanish in both ways, connections hang."""
        self._rules("-I")

    def heal(self):
        self._rules("-D")


class Lab:
    def __init__(self, block=None):
        self.block = int(os.environ.get("BERTH_LIVE_BLOCK", "1")) if block is None else block
        if not 0 <= self.block <= 254:
            raise ValueError("block must be 0..254")
        self.dir = "/tmp/berth-lab-%d" % self.block
        self.address = "10.83.%d.254" % self.block  # this machine, seen from the nodes
        self.count = 0
        self.nodes = {}
        self.claimed = None
        self._open()

    def _open(self):
        """Learns the nodes of a running lab from its folder."""
        try:
            with open(os.path.join(self.dir, "lab.json")) as source:
                known = json.load(source)
        except (OSError, ValueError):
            return
        self._make(known["nodes"], known["memory"], known["cpus"], known.get("podman", 0))

    def _make(self, count, memory, cpus, podman):
        self.count = count
        self.nodes = {}
        for number in range(1, count + 1):
            node = Node(self, number, memory, cpus, number > count - podman)
            self.nodes[node.name] = node

    def __getitem__(self, name):
        return self.nodes[name]

    def __iter__(self):
        return iter(self.nodes.values())

    def claim(self):
        """Keeps the block for this process until it ends; RuntimeError when another one has it."""
        self.claimed = open(self.dir + ".lock", "a+")
        try:
            fcntl.flock(self.claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.claimed.seek(0)
            raise RuntimeError("block %d is in use by process %s: choose another one with "
                               "BERTH_LIVE_BLOCK" % (self.block, self.claimed.read().strip()))
        self.claimed.truncate(0)
        self.claimed.write("%d\n" % os.getpid())
        self.claimed.flush()

    def up(self, nodes=3, memory=None, cpus=None, registry=False, say=lambda text: None,
           podman=0):
        """Starts `nodes` engines, each declared to have `memory` bytes and `cpus` CPUs; the last
        `podman` of them are podman's."""
        check_machine()
        self.down()
        say("block %d: %d engines at 10.83.%d.1-%d" % (self.block, nodes, self.block, nodes))
        os.makedirs(self.dir, mode=0o755)
        os.makedirs("/etc/docker", exist_ok=True)
        self._make(nodes, memory, cpus, podman)
        with open(os.path.join(self.dir, "lab.json"), "w") as out:
            json.dump({"nodes": nodes, "memory": memory, "cpus": cpus, "podman": podman}, out)
        with Network():
            run("ip", "route", "replace", "blackhole", "10.83.0.0/16")
            for node in self:
                node.build()
        if registry:
            import registry as registry_module
            registry_module.prepare(self)
        for node in self:
            node.start()
        if registry:
            registry_module.start(self)
            say("registry at %s:5000, and as docker.io inside the nodes" % self.address)
        archive = os.path.join(self.dir, "images.tar")
        images.archive(archive)
        for node in self:
            node.wait_ready()
        say("engines answer, loading images")
        for node in self:
            node.load_images(archive)
        return self

    def down(self):
        """Ends all of the block, also what a killed predecessor left."""
        for name in ("registry-plain", "registry-hub"):
            pid = processes.recorded(os.path.join(self.dir, "registry", name + ".pid"))
            if pid:
                processes.end(pid)
        prefix = "berth-%d-n" % self.block
        left = [name for name in _listdir("/run/netns") if name.startswith(prefix)]
        for name in left:
            processes.end_namespace("/run/netns/" + name)
            for node in self:
                node._reap()
        with Network():
            for name in left:
                run("ip", "netns", "del", name)
                run("ip", "link", "del", "bv%dn%s" % (self.block, name[len(prefix):]),
                    check=False)
            if not any(name.startswith("berth-") for name in _listdir("/run/netns")):
                run("ip", "route", "del", "blackhole", "10.83.0.0/16", check=False)
        for name in left:
            _remove_cgroups(name)
        if os.path.isdir(self.dir):
            _remove_tree(self.dir)

    def status(self):
        rows = []
        for node in self:
            pid = node.engine_pid()
            state = "down" if not pid else "up" if node.alive() else "hung"
            rows.append("%-8s %-14s pid %-8s %s" % (node.name, node.address, pid or "-", state))
        return "\n".join(rows) if rows else "block %d: no lab" % self.block


class Network:
    """Changes of the machine's network, one block at a time."""

    def __enter__(self):
        self.lock = open("/tmp/berth-lab.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.lock.close()


def _listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def _remove_cgroups(name):
    for controller in [""] + _listdir("/sys/fs/cgroup"):
        for top, folders, _ in os.walk(os.path.join("/sys/fs/cgroup", controller, name),
                                       topdown=False):
            try:
                os.rmdir(top)
            except OSError:
                pass  # a process is still on its way out: the kernel keeps an empty group


def _remove_tree(path):
    """The mounts went with their namespaces; a process on its way out may hold one a moment."""
    until = time.monotonic() + 20
    while os.path.exists(path):
        shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(path):
            if time.monotonic() > until:
                raise RuntimeError("cannot remove " + path)
            time.sleep(0.1)


def mount_cgroups():
    """On a machine without an init that did it: one version 1 hierarchy per controller."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers") or _listdir("/sys/fs/cgroup"):
        return
    run("mount", "-t", "tmpfs", "-o", "mode=755", "cgroup", "/sys/fs/cgroup")
    with open("/proc/cgroups") as source:
        rows = [line.split() for line in source if not line.startswith("#")]
    for name in [row[0] for row in rows if row[3] == "1"]:
        os.makedirs("/sys/fs/cgroup/" + name)
        run("mount", "-t", "cgroup", "-o", name, "cgroup", "/sys/fs/cgroup/" + name)


def check_machine():
    if os.geteuid() != 0:
        raise RuntimeError("the lab needs root (namespaces, engines): run it as root")
    missing = sorted({package for tool, package in NEEDED.items() if not shutil.which(tool)})
    if missing:
        raise RuntimeError("missing packages: apt-get install " + " ".join(missing))
    mount_cgroups()
    with open("/bin/busybox", "rb") as binary:
        if b"/lib64/ld-linux" in binary.read(4096):
            raise RuntimeError("/bin/busybox is not static: apt-get install busybox-static")


def main():
    parser = argparse.ArgumentParser(description="several real Docker engines on one machine")
    parser.add_argument("action", choices=["up", "down", "status", "env", "kill", "restart",
                                           "start", "stop", "cont", "cut", "heal", "exec"])
    parser.add_argument("rest", nargs="*", metavar="NODE")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--memory", type=parse_size)
    parser.add_argument("--cpus", type=int)
    parser.add_argument("--podman", type=int, default=0, help="so many of the nodes, the last")
    parser.add_argument("--registry", action="store_true")
    parser.add_argument("--block", type=int)
    options = parser.parse_args()
    try:
        act(options)
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit("lab: %s" % error)


def act(options):
    lab = Lab(options.block)
    if options.action == "up":
        lab.up(options.nodes, options.memory, options.cpus, options.registry, print,
               options.podman)
        print(lab.status())
    elif options.action == "down":
        lab.down()
    elif options.action == "status":
        print(lab.status())
    elif options.action == "env":
        for node in lab:
            print("%s=%s" % (node.name.replace("-", "_").upper(), node.url))
    else:
        if not options.rest or options.rest[0] not in lab.nodes:
            raise ValueError("which node? " + (" ".join(lab.nodes) or "there is no lab"))
        node = lab[options.rest[0]]
        if options.action == "exec":
            argv = node.command(options.rest[1:])
            os.execvp(argv[0], argv)
        getattr(node, options.action)()
        if options.action == "start":
            node.wait_ready()


if __name__ == "__main__":
    main()
