"""Engines behind their agents' gates: mutual TLS, the manager alone, a verdict for each request."""

import ssl

from harness import *

GROUP = group(nodes=2, berthd=False, flags=["--state", "{dir}/state"])
GATE_PORT = 2376


def state(c, node):
    path = os.path.join(c.folder, "agent-" + node.name)
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def gate(c, node):
    return "tcp://%s:%d" % (node.address, GATE_PORT)


def up(c):
    """A manager and an agent with a gate on each node; waits until all are ready."""
    if not (c.berthd and c.berthd.running()):
        c.start_berthd()
    for node in c.nodes:
        if node.name not in c.agents or not c.agents[node.name].running():
            c.start_agent(node, ["--engine", "unix:///run/docker.sock", "--gate", gate(c, node),
                                 "--state", state(c, node)])
    c.wait_nodes(len(c.nodes), 60)


def speak(c, node, request, certificate=None):
    """What the gate answers to these bytes on a TLS connection; "" when it closes without a word."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(*certificate)
    answer = b""
    try:
        with socket.create_connection((node.address, GATE_PORT), 10) as plain:
            with context.wrap_socket(plain) as stream:
                stream.settimeout(10)
                stream.sendall(request)
                while True:
                    piece = stream.recv(65536)
                    if not piece:
                        break
                    answer += piece
    except (ssl.SSLError, ConnectionError):
        pass
    return answer.decode(errors="replace")


def manager(c):
    folder = os.path.join(c.folder, "state", "gates")
    return os.path.join(folder, "manager.pem"), os.path.join(folder, "manager-key.pem")


def words(pid):
    """A process's command line; [] when it has just ended."""
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as source:
            return source.read().split(b"\0")
    except OSError:
        return []


PING = b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@quick
@seconds(120)
def test_everyday_work_through_gates(c):
    up(c)
    equal(c.docker("run --rm busybox echo hello").ok(), "hello")
    equal(c.docker("run -i --rm busybox cat", input="in and out").ok(), "in and out")
    c.docker("run -d --name web -p 8080:80 busybox top").ok()
    equal(c.docker("port web").ok().split("->")[1].strip(), "%s:8080" % c.lab[c.node_of("web")].address)
    equal(c.docker("exec web echo there").ok(), "there")
    data = os.urandom(1 << 20).hex()
    equal(c.docker("exec -i web cat", input=data).ok(), data)
    c.docker("stop -t 0 web").ok()
    c.docker("rm web").ok()
    contains(c.docker("info").ok(), gate(c, c.nodes[0]))


@quick
def test_nobody_else_is_heard(c):
    up(c)
    node = c.nodes[0]
    for name, certificate in (("no certificate", None),
                              ("a node's own", (os.path.join(state(c, node), "gate.pem"),
                                                os.path.join(state(c, node), "gate-key.pem")))):
        answer = speak(c, node, PING, certificate)
        if "200" in answer:
            raise AssertionError("%s: the gate answered %s" % (name, answer))


@quick
def test_even_the_managers_certificate_needs_a_verdict(c):
    up(c)
    node = c.nodes[0]
    answer = speak(c, node, PING, manager(c))
    contains(answer, "403", "only its manager may speak here")
    fake = PING.replace(b"Host: x", b"Host: x\r\nBerth-Verdict: v1.99999999999999." + b"0" * 32 +
                        b".0." + b"0" * 128)
    contains(speak(c, node, fake, manager(c)), "403", "not for this request")


@seconds(120)
def test_links_are_seen_on_the_node(c):
    """A tenant may bind below /srv, but not through a link that leads out of it."""
    c.write("access", "role dev anyone\nrule work allow preset=developer\n"
                      "rule share allow ops=container.create waives=mount.bind\n")
    up(c)
    c.berthd.end()
    c.needs.flags += ["--access", "{dir}/access"]
    try:
        c.start_berthd()
        c.wait_nodes(2, 60)
        wait_for("a create works", lambda: c.docker("run --rm busybox true").rc == 0, 60)
        inside = tempfile.mkdtemp(prefix="share-", dir="/srv")
        try:
            os.mkdir(os.path.join(inside, "real"))
            os.symlink("/etc", os.path.join(inside, "link"))
            c.docker("run --rm -v %s/real:/x busybox true" % inside).ok()
            c.docker("run --rm -v %s/link:/x busybox true" % inside).fails("symbolic link")
            c.docker("run --rm -v %s/link/docker:/x busybox true" % inside).fails("symbolic link")
        finally:
            shutil.rmtree(inside)
    finally:
        c.needs.flags = c.needs.flags[:-2]
        c.berthd.end()
        c.start_berthd()


@seconds(120)
def test_a_gate_that_dies_is_started_again(c):
    up(c)
    node = c.nodes[1]
    found = [pid for pid in os.listdir("/proc") if pid.isdigit() and
             words(pid)[1:3] == [b"gate", gate(c, node).encode()]]
    equal(len(found), 1)
    os.kill(int(found[0]), signal.SIGKILL)
    wait_for("the gate again", lambda: "403" in speak(c, node, PING, manager(c)), 30)
    c.wait_nodes(2, 60)
    c.docker(["run", "--rm", "-e", "constraint:node==" + node.name, "busybox", "true"]).ok()


@seconds(120)
def test_manager_restarts(c):
    up(c)
    c.berthd.kill()
    c.start_berthd()
    c.wait_nodes(2, 60)
    equal(c.docker("run --rm busybox echo again").ok(), "again")


def test_gates_need_a_state(c):
    argv = [os.path.join(BIN, "berth-agent"), "--join-cluster", "cluster-1", "--manager", c.url,
            "--gate", "tcp://127.0.0.1:2376"]
    command(argv, timeout=20).fails("--gate needs --state")


@seconds(120)
def test_a_node_that_only_dials(c):
    """Behind NAT: nothing can be opened towards the node; its gate opens the connections."""
    up(c)
    node = c.nodes[0]
    c.agents[node.name].end()
    block = ["iptables", "-w", "-I", "INPUT", "-i", "eth0", "-p", "tcp", "--syn", "-j", "DROP"]
    command(node.command(block)).ok()
    try:
        c.start_agent(node, ["--engine", "unix:///run/docker.sock", "--gate", "dial", "--state",
                             state(c, node)])
        c.wait_nodes(2, 60)
        pin = ["-e", "constraint:node==" + node.name]
        equal(c.docker(["run", "--rm"] + pin + ["busybox", "echo", "dialled"]).ok(), "dialled")
        equal(c.docker(["run", "-i", "--rm"] + pin + ["busybox", "cat"], input="both ways").ok(),
              "both ways")
        jobs = [lambda: c.docker(["run", "--rm"] + pin + ["busybox", "sleep", "1"], timeout=90).ok()
                for _ in range(12)]
        in_parallel(jobs)
        c.berthd.kill()
        c.start_berthd()
        c.wait_nodes(2, 60)
        wait_for("it dials again", lambda: c.docker(
            ["run", "--rm"] + pin + ["busybox", "true"]).rc == 0, 60)
    finally:
        command(node.command(["iptables", "-w", "-D"] + block[3:])).ok()
