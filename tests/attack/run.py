#!/usr/bin/python3
"""Attacks on berthd with access control, in front of a stub engine that records what reaches it.

    run.py [BERTHD]        default build/release/berthd

Each attack must be refused, and nothing at all of it may reach the engine. Controls show that the
same identities get through with what they may do. Needs neither root nor Docker. Last line:
`N passed, M failed`."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import attacks  # noqa: E402
import engine  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
TOKENS = {"ops": "tok-ops", "dev": "tok-dev", "readonly": "tok-read", "stranger": "tok-nobody"}
RULES = """role ops  token=ops
role dev  group=team-a
role read token=reader
rule admins allow roles=ops  preset=admin
rule work   allow roles=dev  preset=developer
rule look   allow roles=read preset=readonly
"""


def status_of(answer):
    words = answer.split(b" ")
    return int(words[1]) if answer.startswith(b"HTTP/1.1 ") else 0


class Manager:
    """A berthd with rules, and the one node."""

    def __init__(self, program, folder, port):
        self.socket = os.path.join(folder, "berth.sock")
        write(folder, "access.conf", RULES)
        users = (("ops", "tok-ops", ""), ("dev", "tok-dev", ":team-a"), ("reader", "tok-read", ""))
        write(folder, "tokens", "".join("%s:%s%s\n" % (name, hashlib.sha256(token.encode()).hexdigest(),
                                                       group) for name, token, group in users))
        self.log = open(os.path.join(folder, "log"), "wb+")
        argv = [program, "-H", "unix://" + self.socket, "--node", "tcp://127.0.0.1:%d" % port,
                "--access", os.path.join(folder, "access.conf"),
                "--user-tokens", os.path.join(folder, "tokens")]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=self.log)

    def send(self, request, identity, deadline_s=20):
        """All that comes back, until berthd closes or the deadline."""
        token = TOKENS.get(identity)
        line = b"Authorization: Bearer %s\r\n" % token.encode() if token else b""
        request = request.replace(b"AUTH\r\n", line + b"\r\n", 1)
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(deadline_s)
        answer = b""
        try:
            client.connect(self.socket)
            client.sendall(request)
        except OSError:
            pass  # refused before it was all sent; a dead berthd shows at the end
        try:
            client.shutdown(socket.SHUT_WR) if b"Connection: close" not in request else None
            while True:
                piece = client.recv(65536)
                if not piece:
                    break
                answer += piece
        except OSError:
            pass
        client.close()
        return answer

    def status(self, request, identity):
        return status_of(self.send(request, identity))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "did not stop"
        self.log.seek(0)
        text = self.log.read().decode("utf-8", "replace")
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "must("):
            if word in text:
                return text[-3000:]
        return "" if self.process.returncode == 0 else "exit status %d" % self.process.returncode


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(os.path.join(folder, name), 0o600)


def wait_until_synced(manager, identity="ops"):
    """Until berthd has read the engine's containers."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if os.path.exists(manager.socket):
            answer = manager.send(attacks.request("GET", "/v1.41/containers/json?all=1"), identity)
            if b"alpha" in answer and b"common" in answer:
                return
        time.sleep(0.05)
    raise RuntimeError("berthd does not show the engine's containers")


def refused(manager, stub, name, identity, request):
    """What is wrong, or None."""
    answer = manager.send(request, identity)
    status = status_of(answer)
    # A moment for what was let through to arrive: controls show that this is enough.
    manager.send(attacks.request("GET", "/v1.41/version"), "ops")
    records = stub.take()
    if manager.process.poll() is not None:
        raise RuntimeError("berthd ended at: " + name)
    if records:
        return "reached the engine: %r" % (records[0],)
    if 200 <= status < 300 or status in (101, 304):
        return "was not refused: %d" % status
    if identity == "dev" and attacks.B.encode() in answer and attacks.B.encode() not in request:
        return "tells the id of another tenant's container: %r" % answer[-300:]
    return None


FOREIGN = (attacks.B, "team-b", "net-b", "vol-b", "3" * 64)


def leaks(manager, stub, name, identity, request):
    """What is wrong with an answer to an allowed question, or None."""
    answer = manager.send(request, identity).split(b"\r\n\r\n", 1)
    stub.take()
    status = status_of(answer[0])
    if status != (404 if "=beta" in name or "=bbb" in name or "=nothing" in name else 200):
        return "status %d: %r" % (status, answer[-1][-300:])
    for word in FOREIGN:
        if word.encode() in answer[-1]:
            return "tells %s: %r" % (word, answer[-1][-300:])
    return None


CONTROLS = (
    ("readonly looks", "readonly", "GET", "/v1.41/containers/alpha/top", None, True),
    ("dev stops its own", "dev", "POST", "/v1.41/containers/alpha/stop", None, True),
    ("dev runs in its own", "dev", "POST", "/v1.41/containers/alpha/exec", {"Cmd": ["ls"]}, True),
    ("ops stops another's", "ops", "POST", "/v1.41/containers/beta/stop", None, True),
    ("ops makes a privileged one", "ops", "POST", "/v1.41/containers/create?name=x2",
     {"Image": "busybox", "HostConfig": {"Privileged": True}}, True),
    ("dev makes a plain one", "dev", "POST", "/v1.41/containers/create?name=x3", attacks.PLAIN, True),
    ("dev lists", "dev", "GET", "/v1.41/containers/json", None, False),
)


def control(manager, stub, row):
    name, identity, method, target, body, arrives = row
    status = manager.status(attacks.request(method, target, body), identity)
    records = stub.take()
    if not 200 <= status < 300:
        return "was refused: %d" % status
    if arrives and not records:
        return "did not reach the engine"
    for _, _, headers, sent in records:
        if "authorization" in headers:
            return "the client's token reached the engine"
        if name.startswith("dev makes") and b'"berth.owner":"team-a"' not in sent:
            return "is not stamped: %r" % sent
    return None


def run(manager, stub):
    passed, failed = 0, 0
    checks = [("control: " + row[0], lambda row=row: control(manager, stub, row)) for row in CONTROLS]
    for family in attacks.ALL:
        for name, identity, request in family():
            checks.append(("%s: %s" % (family.__name__, name),
                           lambda n=name, i=identity, r=request: refused(manager, stub, n, i, r)))
    for name, identity, request in attacks.leaks():
        checks.append(("leaks: " + name,
                       lambda n=name, i=identity, r=request: leaks(manager, stub, n, i, r)))
    for name, check in checks:
        wrong = check()
        if wrong:
            failed += 1
            print("FAILED  %s: %s" % (name, wrong), flush=True)
        else:
            passed += 1
    return passed, failed


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/release/berthd")
    stub = engine.Engine()
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(program, folder, stub.port)
        try:
            wait_until_synced(manager)
            stub.take()
            passed, failed = run(manager, stub)
        except RuntimeError as error:
            passed, failed = 0, 1
            print("FAILED  %s" % error)
        finally:
            end = manager.stop()
        if end:
            failed += 1
            print("FAILED  berthd: " + end)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
