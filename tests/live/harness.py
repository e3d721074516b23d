"""What live tests stand on: the lab's engines, one berthd with its agents, and stock clients.

A test file says at its top what its tests need:

    from harness import *
    GROUP = group(nodes=3, agents={"node-1": ["--constraint", "storage=ssd"]}, flags=[...])

    def test_something(c):            # c is a Context
        c.docker("run -d --name a busybox top").ok()

Tests run in the order of the file; containers, networks and volumes are cleared from all engines
before each, but a test marked @keep finds what the one before it left. @quick marks the tests that
also run under sanitizers; @seconds(n) gives a test more time than a minute.
"""

import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lab"))
import processes  # noqa: E402
from lab import Lab, UnixConnection, wait_for  # noqa: E402,F401

BIN = os.path.join(ROOT, os.environ.get("BERTH_BIN", "build/release"))
SANITIZED = os.path.basename(BIN.rstrip("/")) == "asan"
TOKEN = "lab-join-token-0123456789"
PORT = 1234
SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "must(")


class Skip(Exception):
    """The test can't be run here; its text says why."""


# ---- marks ----
def quick(test):
    test.quick = True
    return test


def keep(test):
    test.keep = True
    return test


def seconds(limit):
    def mark(test):
        test.seconds = limit
        return test
    return mark


class group:
    """What the tests of a file share.

    nodes: engines. agents: True (one per node), False, or node -> extra flags (nodes not named have
    a plain agent). podman: so many of the nodes, the last, are podman's. static: nodes given to
    berthd by --node instead of by an agent. flags: more flags for berthd. memory, cpus: what the agents declare. registry: a registry in the lab.
    berthd=False: none is started, the tests start their own. files: name -> text, written to the
    group's folder ({dir} in flags) before berthd starts. headers: on every c.api call. client: the
    docker program that c.docker runs."""

    def __init__(self, nodes=3, agents=True, static=False, flags=(), memory="2g", cpus="1",
                 registry=False, berthd=True, rss_mb=32, files=None, headers=None, podman=0,
                 client="docker"):
        self.nodes, self.agents, self.static = nodes, agents, static
        self.flags, self.memory, self.cpus = list(flags), memory, cpus
        self.registry, self.berthd, self.rss_mb = registry, berthd, rss_mb
        self.podman, self.client = podman, client
        self.files, self.headers = dict(files or {}), dict(headers or {})


class Result:
    """A finished command: rc, out, err."""

    def __init__(self, argv, rc, out, err):
        self.argv, self.rc, self.out, self.err = argv, rc, out, err

    def __str__(self):
        return "$ %s\nrc %d\n%s%s" % (" ".join(self.argv), self.rc, self.out, self.err)

    def ok(self):
        """Fails unless rc is 0; standard output without the last newline."""
        if self.rc != 0:
            raise AssertionError("should have worked:\n%s" % self)
        return self.out.strip() if isinstance(self.out, str) else self.out

    def fails(self, *texts, rc=None):
        """Fails unless the command failed, saying each of texts."""
        if self.rc == 0 or (rc is not None and self.rc != rc):
            raise AssertionError("should have failed:\n%s" % self)
        for text in texts:
            if text not in self.err and text not in self.out:
                raise AssertionError("should have said %r:\n%s" % (text, self))
        return self.err


def command(argv, input=None, timeout=60, env=None, text=True, cwd=None):
    """Runs a command to its end."""
    if isinstance(argv, str):
        argv = shlex.split(argv)
    stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          env=env, universal_newlines=text, cwd=cwd, **stdin)
    return Result(argv, done.returncode, done.stdout, done.stderr)


def tail(path, lines=40):
    try:
        with open(path, errors="replace") as source:
            return "".join(source.readlines()[-lines:])
    except OSError:
        return ""


class Program:
    """A program of ours under test, with its log file."""

    def __init__(self, name, log, start):
        self.name, self.log = name, log
        self.before = os.path.getsize(log) if os.path.exists(log) else 0  # of an earlier one
        self.process = start(log)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def text(self):
        with open(self.log, errors="replace") as source:
            return source.read()

    def said(self, word):
        """Whether this very program has logged the word."""
        with open(self.log, "rb") as source:
            source.seek(self.before)
            return word.encode() in source.read()

    def rss_kb(self):
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()

    def end(self, deadline_s=30):
        """SIGTERM; the exit status. A program that does not end in time is killed and fails."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("%s did not end on SIGTERM within %d s" % (self.name, deadline_s))


class Context:
    """What a test gets: the lab, berthd, agents, and clients that talk to berthd."""

    def __init__(self, lab, needs, folder):
        self.lab, self.needs, self.folder = lab, needs, folder
        self.nodes = [node for node in lab][:needs.nodes]
        self.address = lab.address
        self.url = "http://%s:%d" % (lab.address, PORT)
        self.host = "tcp://%s:%d" % (lab.address, PORT)
        self.socket = os.path.join(folder, "berth.sock")
        self.berthd = None
        self.agents = {}
        self.baseline_fds = 0
        self.programs = []
        self.background = []

    # ---- programs ----
    def program(self, name, argv, node=None, env=None):
        """Starts a program, on a node or on this machine; it is ended with the group."""
        log = os.path.join(self.folder, "%s.log" % name)
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:detect_leaks=1",
                           UBSAN_OPTIONS="print_stacktrace=1", HOME="/root")
        environment.update(env or {})

        def start(path):
            if node is not None:
                argv_there = node.command(argv)
            else:
                argv_there = argv
            with open(path, "ab") as out:
                return subprocess.Popen(argv_there, stdin=subprocess.DEVNULL, stdout=out,
                                        stderr=out, env=environment, start_new_session=True,
                                        cwd="/")
        program = Program(name, log, start)
        processes.record(os.path.join(self.folder, name + ".pid"), program.pid)
        self.programs.append(program)
        return program

    def write(self, name, text):
        """A file of the group's folder; its path."""
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)
        return path

    def token_file(self):
        path = os.path.join(self.folder, "token")
        if not os.path.exists(path):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
                out.write(TOKEN + "\n")
        return path

    def berthd_argv(self):
        argv = [os.path.join(BIN, "berthd"), "--manage-cluster", "cluster-1", "-H", self.host,
                "-H", "unix://" + self.socket, "--token-file", self.token_file(),
                "--insecure-tcp"]
        if self.needs.static:
            for node in self.nodes:
                argv += ["--node", node.url]
        return argv + [flag.replace("{dir}", self.folder) for flag in self.needs.flags]

    def start_berthd(self):
        self.berthd = self.program("berthd", self.berthd_argv())
        wait_for("berthd answers", self._answers, 20)
        return self.berthd

    def _answers(self):
        if not self.berthd.running():
            raise AssertionError("berthd ended:\n" + tail(self.berthd.log))
        try:
            return self.api("GET", "/_ping", timeout=2)[0] == 200
        except OSError:
            return False

    def start_agent(self, node, extra=()):
        argv = [os.path.join(BIN, "berth-agent"), "--join-cluster", "cluster-1", "--manager",
                self.url]
        if self.needs.memory:
            argv += ["--memory", self.needs.memory]
        if self.needs.cpus:
            argv += ["--cpus", self.needs.cpus]
        argv += ["--engine", node.url, "--token-file", self.token_file()] + list(extra)
        self.agents[node.name] = self.program("agent-" + node.name, argv, node)
        return self.agents[node.name]

    def start(self):
        for node in self.nodes:
            node.clear()
            node.reset_images()
        for name, text in self.needs.files.items():
            self.write(name, text)
        if not self.needs.berthd:
            return
        self.start_berthd()
        if self.needs.agents and not self.needs.static:
            flags = self.needs.agents if isinstance(self.needs.agents, dict) else {}
            for node in self.nodes:
                self.start_agent(node, flags.get(node.name, ()))
        self.wait_nodes(len(self.nodes))
        self.baseline_fds = self.berthd.fds()

    def node_rows(self):
        """berthd's own view of the nodes: the rows of GET /_berth/v1/nodes."""
        status, rows = self.api("GET", "/_berth/v1/nodes", timeout=5)
        if status != 200:
            raise AssertionError("GET /_berth/v1/nodes: %d %s" % (status, rows))
        return rows["nodes"] if isinstance(rows, dict) else rows

    def node_states(self):
        def field(row, name):
            return row.get(name, row.get(name.capitalize()))
        return {field(row, "name"): field(row, "state") for row in self.node_rows()}

    def wait_nodes(self, count, deadline_s=30):
        wait_for("%d nodes ready" % count, lambda: sum(
            state == "ready" for state in self.node_states().values()) >= count, deadline_s)

    def end(self):
        """Ends all programs; the list of what was wrong with them."""
        wrong = []
        for child in self.background:
            if child.poll() is None:
                child.kill()
            child.wait()
        current = [self.berthd] + list(self.agents.values())
        for agent in self.agents.values():
            if agent.running():  # one that was just started has to come to its loop first
                self.wait_quietly(lambda: agent.said("joined") or not agent.running(), 10)
        for program in reversed(self.programs):
            was_running = program.running()
            try:
                status = program.end()
            except AssertionError as error:
                wrong.append(str(error))
                continue
            if program in current and (not was_running or status != 0):
                wrong.append("%s ended with status %s%s:\n%s"
                             % (program.name, status, "" if was_running else " before its time",
                                tail(program.log)))
        for name in sorted({program.log for program in self.programs}):
            text = tail(name, 100000)
            if any(word in text for word in SANITIZER_WORDS):
                at = min(text.index(word) for word in SANITIZER_WORDS if word in text)
                wrong.append("%s: %s" % (os.path.basename(name), text[max(0, at - 200):at + 4000]))
        return wrong

    @staticmethod
    def wait_quietly(predicate, deadline_s):
        try:
            wait_for("it", predicate, deadline_s)
        except RuntimeError:
            pass  # what follows says what is wrong

    def check_berthd(self):
        """At a group's end: no leaked descriptors, bounded memory."""
        wrong = []
        if not self.berthd or not self.berthd.running():
            return wrong
        # At most 32 idle pooled connections to each engine, and what each engine's watch needs.
        slack = 16 + 33 * len(self.nodes)
        try:
            wait_for("descriptors of berthd", lambda: self.berthd.fds() <=
                     self.baseline_fds + slack, 15)
        except RuntimeError:
            wrong.append("berthd holds %d descriptors, %d at the start"
                         % (self.berthd.fds(), self.baseline_fds))
        if not SANITIZED and self.berthd.rss_kb() > self.needs.rss_mb * 1024:
            wrong.append("berthd's RSS is %d KB, allowed %d MB" % (self.berthd.rss_kb(),
                                                                  self.needs.rss_mb))
        return wrong

    def clear(self):
        """An empty cluster: no containers, networks, volumes on any engine, and berthd knows."""
        for node in self.nodes:
            node.clear()
        if self.berthd and self.berthd.running():
            wait_for("berthd sees the empty cluster", lambda: self.api(
                "GET", "/containers/json?all=1")[1] == [], 20)

    # ---- clients ----
    def env(self, **more):
        """The environment of a client: HOME of its own, DOCKER_HOST set, no proxies."""
        home = os.path.join(self.folder, "home")
        os.makedirs(home, exist_ok=True)
        env = {key: value for key, value in os.environ.items()
               if not key.startswith("DOCKER_") and not key.lower().endswith("_proxy")}
        env.update(HOME=home, DOCKER_HOST=self.host, DOCKER_BUILDKIT="0", NO_PROXY="*")
        env.update(more)
        return env

    def docker(self, args, input=None, timeout=60, text=True, client=None, **env):
        """The stock client with these arguments (a string as in a shell, or a list)."""
        argv = [client or self.needs.client] + (shlex.split(args) if isinstance(args, str) else list(args))
        return command(argv, input, timeout, self.env(**env), text)

    def docker_start(self, args, client=None, **popen):
        """A client that goes on running; ended with the group if the test does not."""
        argv = [client or self.needs.client] + (shlex.split(args) if isinstance(args, str) else list(args))
        settings = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        env=self.env())
        settings.update(popen)
        child = subprocess.Popen(argv, **settings)
        self.background.append(child)
        return child

    def api(self, method, path, body=None, headers=None, timeout=30, raw=False):
        """One HTTP request to berthd: (status, decoded JSON or text). raw: (status, headers,
        bytes)."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=timeout)
        headers = dict(self.needs.headers, **(headers or {}))
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if raw:
            return answer.status, answer.headers, data
        text = data.decode(errors="replace")
        if answer.headers.get("Content-Type", "").startswith("application/json"):
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text
        return answer.status, text

    def node_of(self, name):
        """The name of the node that runs the container, asked of the engines, past berthd."""
        found = [node.name for node in self.nodes if node.engine_pid()
                 for row in node.get("/containers/json?all=1")
                 if row["Id"].startswith(name) or ("/" + name) in row["Names"]]
        if len(found) != 1:
            raise AssertionError("%s is on %s" % (name, found or "no node"))
        return found[0]


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what or "differs", got, wanted))


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("%r is not in:\n%s" % (part, text))


def in_parallel(jobs):
    """Runs the functions at once, each in a thread; their results in order. The first exception
    is raised after all have ended."""
    results = [None] * len(jobs)

    def one(index):
        try:
            results[index] = (jobs[index](), None)
        except BaseException as error:  # handed to the caller below
            results[index] = (None, error)
    threads = [threading.Thread(target=one, args=(index,), daemon=True)
               for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, error in results:
        if error:
            raise error
    return [value for value, _ in results]
