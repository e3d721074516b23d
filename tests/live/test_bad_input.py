"""What users and peers get wrong, each tried live: a clear message, a fit status, nothing broken."""

import json

from harness import *

GROUP = group(nodes=3)


def berthd(c, *flags):
    """berthd's answer to flags with which it must not start."""
    return command([os.path.join(BIN, "berthd")] + list(flags), timeout=20, env=c.env())


def agent(c, *flags, node=None):
    argv = [os.path.join(BIN, "berth-agent")] + list(flags)
    return command(node.command(argv) if node else argv, timeout=30, env=c.env())


def start_agent(c, name, node, *flags, token=None):
    """An agent that goes on trying; the test reads its log and ends it."""
    argv = [os.path.join(BIN, "berth-agent"), "--manager", c.url, "--token-file",
            token or c.token_file()] + list(flags)
    return c.program(name, argv, node)


def raw(c, data, timeout=10):
    """All that berthd answers to these bytes until it closes."""
    out = b""
    with socket.create_connection((c.address, PORT), timeout) as client:
        client.settimeout(timeout)
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may have answered and closed before it has read all
        try:
            while True:
                piece = client.recv(65536)
                if not piece:
                    break
                out += piece
        except ConnectionResetError:
            pass
    return out


@quick
def test_unknown_flag(c):
    said = berthd(c, "--frobnicate").fails()
    contains(said, "frobnicate")
    contains(agent(c, "--frobnicate").fails(), "frobnicate")


@quick
def test_unreadable_token(c):
    said = berthd(c, "-H", "tcp://%s:1299" % c.address, "--token-file", "/nonexistent/token").fails()
    contains(said, "/nonexistent/token")
    said = agent(c, "--join-cluster", "cluster-1", "--manager", c.url, "--token-file",
                 "/nonexistent/token").fails()
    contains(said, "/nonexistent/token")


@quick
def test_no_token_on_an_open_address(c):
    contains(berthd(c, "-H", "tcp://0.0.0.0:1299", "--insecure-tcp").fails(), "token")


@quick
def test_no_tls_on_an_open_address(c):
    said = berthd(c, "-H", "tcp://0.0.0.0:1299", "--token-file", c.token_file()).fails()
    contains(said, "--tlsverify")
    contains(said, "--insecure-tcp")


@quick
def test_port_taken(c):
    said = berthd(c, "-H", c.host, "--insecure-tcp", "--token-file", c.token_file()).fails()
    contains(said, str(PORT))
    contains(said.lower(), "in use")


@quick
def test_rubbish_in_flags(c):
    for flags, word in ((["-H", "ftp://x"], "ftp://x"), (["-H", "tcp://127.0.0.1:99999"], "99999"),
                        (["--strategy", "best"], "best"), (["--node", "nowhere"], "nowhere"),
                        (["--overcommit", "much"], "much")):
        contains(berthd(c, "-H", "unix://%s/x.sock" % c.folder, *flags).fails(), word)


def test_node_that_does_not_answer(c):
    """berthd starts, serves, and says of the node that it is not there."""
    other = c.program("berthd-other", [
        os.path.join(BIN, "berthd"), "-H", "unix://%s/other.sock" % c.folder, "--node",
        "silent=tcp://%s:9" % c.nodes[0].address, "--node", c.nodes[1].url])
    client = "unix://%s/other.sock" % c.folder
    wait_for("it serves", lambda: c.docker("version", DOCKER_HOST=client).rc == 0, 20)
    wait_for("one node is ready", lambda: c.docker(
        "run -d busybox true", DOCKER_HOST=client).rc == 0, 20)
    contains(c.docker("info", DOCKER_HOST=client).ok(), "silent")
    equal(other.end(), 0)


def test_wrong_cluster_name(c):
    agent = start_agent(c, "agent-wrong-cluster", c.nodes[0], "--join-cluster", "cluster-9",
                        "--engine", c.nodes[0].url)
    wait_for("it says why", lambda: "cluster-1" in agent.text() or "cluster-9" in
             agent.text().replace("--join-cluster cluster-9", ""), 20)
    agent.end()


def test_wrong_token(c):
    path = os.path.join(c.folder, "wrong-token")
    with open(path, "w") as out:
        out.write("not-the-token\n")
    agent = start_agent(c, "agent-wrong-token", c.nodes[0], "--join-cluster", "cluster-1",
                        "--engine", c.nodes[0].url, token=path)
    wait_for("it says why", lambda: "token" in agent.text(), 20)
    agent.end()
    if "not-the-token" in c.berthd.text() + agent.text():
        raise AssertionError("a token is in a log")


def test_two_static_nodes_with_one_name(c):
    said = berthd(c, "-H", "unix://%s/x.sock" % c.folder, "--node", "same=" + c.nodes[0].url,
                  "--node", "same=" + c.nodes[1].url).fails()
    contains(said, "same")


def test_name_of_another_node(c):
    """An engine under a name that is taken: refused, the first one stays."""
    agent = start_agent(c, "agent-same-name", c.nodes[1], "--join-cluster", "cluster-1",
                        "--node-name", "node-1", "--engine", c.nodes[1].url)
    wait_for("it says why", lambda: "node-1" in agent.text().replace("--node-name node-1", "")
             or not agent.running(), 20)
    contains(agent.text(), "node-1")
    agent.end()
    wait_for("three nodes", lambda: sorted(c.node_states()) == ["node-1", "node-2", "node-3"], 20)


def test_two_agents_with_one_engine(c):
    agent = start_agent(c, "agent-same-engine", c.nodes[0], "--join-cluster", "cluster-1",
                        "--node-name", "node-9", "--engine", c.nodes[0].url)
    wait_for("it says why", lambda: "engine" in agent.text(), 20)
    agent.end()
    equal(sorted(c.node_states()), ["node-1", "node-2", "node-3"])


@quick
def test_malformed_bodies(c):
    for body in (b"{", b"[]", b"null", b'{"Image":', b'{"Image":"busybox"} x', b"\xff\xfe", b"{'a':1}",
                 b"[" * 10000):
        status, answer = c.api("POST", "/containers/create", body,
                               {"Content-Type": "application/json"})
        equal(status, 400, repr(body[:40]))
        if not isinstance(answer, dict) or not answer.get("message"):
            raise AssertionError("no message for %r: %r" % (body[:40], answer))
    equal(c.api("POST", "/containers/create", b'{"Image":"busybox"}',
                {"Content-Type": "text/plain"})[0], 400)
    equal(c.docker("ps -aq").ok(), "")


@quick
def test_two_megabytes_of_head(c):
    answer = raw(c, b"GET /_ping HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (2 << 20) + b"\r\n\r\n")
    if answer:  # a reset is fair, too: it had not read all
        contains(answer.split(b"\r\n")[0].decode(), "431")
    equal(c.api("GET", "/_ping")[0], 200)


@quick
def test_ambiguous_framing(c):
    for head in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                 b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: -1\r\n",
                 b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: chunked, chunked\r\n",
                 b"X: a\r\n b\r\n", b"Content-Length : 5\r\n", b"X\x00Y: 1\r\n"):
        answer = raw(c, b"POST /containers/create HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\n")
        status = answer.split(b" ")[1] if b" " in answer else b""
        if status not in (b"400", b"501"):
            raise AssertionError("%r: %r" % (head, answer[:200]))
        if answer.count(b"HTTP/1.1 ") != 1:
            raise AssertionError("%r: two answers: %r" % (head, answer[:400]))


@quick
def test_rubbish_in_constraints(c):
    for text in ("constraint:", "constraint:=", "constraint:storage", "constraint:==ssd",
                 "constraint:sto rage==ssd", "constraint:node==/[/", "constraint:node==/" + "(" * 500,
                 "constraint:storage=="):
        answer = c.docker(["run", "-d", "-e", text, "busybox", "true"])
        said = answer.fails()
        contains(said, "constraint")
    equal(c.docker("ps -aq").ok(), "")


@quick
def test_rubbish_in_the_path(c):
    for path, allowed in (("/no/such/page", (404,)), ("/v9.99/containers/json", (400,)),
                          ("/v1.25x/containers/json", (400, 404)), ("/containers/json?limit=x", (400,)),
                          ("/containers/json?filters=%7B", (400,)),
                          ("/containers/json?filters=%7B%22nonsense%22%3A%5B%22x%22%5D%7D", (400,)),
                          ("/containers/%00/json", (400, 404)), ("/containers/..%2f/json", (400, 404)),
                          ("/containers/" + "a" * 5000 + "/json", (400, 404, 414)),
                          ("/containers/none/json", (404,))):
        status, answer = c.api("GET", path)
        if status == 301:
            continue  # to the clean path, as dockerd does
        if status not in allowed or not isinstance(answer, dict) or "message" not in answer:
            raise AssertionError("%s: %d %r" % (path[:80], status, answer))
    # So old that its client does not know JSON errors: plain text, as dockerd answers.
    status, answer = c.api("GET", "/v1.0/containers/json")
    equal(status, 400)
    contains(answer, "client version 1.0 is too old. Minimum supported API version is")
