"""Streams: standard input and output, terminals, big uploads and downloads, clients that vanish."""

import hashlib
import io
import json
import pty
import tarfile

from harness import *

GROUP = group(nodes=3)

MB = 1 << 20


def block(size, seed=b"berth"):
    """`size` bytes that do not compress, the same every time."""
    out, piece = bytearray(), hashlib.sha256(seed).digest()
    while len(out) < size:
        piece = hashlib.sha512(piece).digest()
        out += piece * 64
    return bytes(out[:size])


@quick
def test_echo_through_cat(c):
    equal(c.docker("run -i --rm busybox cat", input="hello\n").ok(), "hello")


@quick
def test_exit_code_and_streams(c):
    result = c.docker(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"])
    equal((result.rc, result.out, result.err), (7, "out\n", "err\n"))


@quick
def test_terminal(c):
    master, slave = pty.openpty()
    child = c.docker_start("run -it --rm busybox sh", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""

    def read_until(word):
        nonlocal seen
        while word not in seen:
            seen += os.read(master, 4096)
    read_until(b"# ")
    os.write(master, b"tty; stty size; echo an$((40+2))\n")
    read_until(b"an42")
    contains(seen.decode(), "/dev/pts/0")
    os.write(master, b"exit 3\n")
    equal(child.wait(30), 3)
    os.close(master)


@seconds(120)
@quick
def test_exec_50_mb_in_and_out(c):
    data = block(50 * MB)
    wanted = hashlib.sha256(data).hexdigest()
    c.docker("run -d --name one busybox top").ok()
    result = c.docker("exec -i one sha256sum", input=data, text=False, timeout=110)
    equal(result.ok().split()[0].decode(), wanted)
    result = c.docker("exec -i one cat", input=data, text=False, timeout=110)
    equal(hashlib.sha256(result.ok()).hexdigest(), wanted)


@seconds(180)
def test_load_and_cp_300_mb_in_little_memory(c):
    data = block(50 * MB) * 6
    folder = os.path.join(c.folder, "big")
    os.makedirs(folder)
    with open(os.path.join(folder, "file"), "wb") as out:
        out.write(data)
    most = [0]
    done = threading.Event()

    def watch():
        while not done.wait(0.05):
            most[0] = max(most[0], c.berthd.rss_kb())
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        c.docker("run -d --name one busybox top").ok()
        c.docker("cp %s/file one:/tmp/file" % folder, timeout=150).ok()
        equal(c.docker("exec one sha256sum /tmp/file").ok().split()[0],
              hashlib.sha256(data).hexdigest())
        c.docker("cp one:/tmp/file %s/back" % folder, timeout=150).ok()
        equal(command("cmp %s/file %s/back" % (folder, folder)).rc, 0)
        os.unlink(folder + "/back")
        layer = folder + "/layer.tar"
        with tarfile.open(layer, "w") as tar:
            tar.add(folder + "/file", "big-file")
        with open(layer, "rb") as source:
            digest = hashlib.sha256(source.read()).hexdigest()
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
            "type": "layers", "diff_ids": ["sha256:" + digest]}}).encode()
        manifest = json.dumps([{"Config": "config.json", "RepoTags": ["big:latest"],
                                "Layers": ["layer.tar"]}]).encode()
        with tarfile.open(folder + "/image.tar", "w") as tar:
            for name, text in (("config.json", config), ("manifest.json", manifest)):
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text))
            tar.add(layer, "layer.tar")
        c.docker("load -q -i %s/image.tar" % folder, timeout=150).ok()
    finally:
        done.set()
        watcher.join()
        shutil.rmtree(folder)
    holders = [node.name for node in c.nodes if any("big:latest" in (row["RepoTags"] or [])
                                                   for row in node.get("/images/json"))]
    equal(holders, [node.name for node in c.nodes], "nodes that hold the loaded image")
    for node in c.nodes:
        node.call("DELETE", "/images/big:latest?force=1")
    if not SANITIZED and most[0] > 32 * 1024:
        raise AssertionError("berthd's RSS went to %d KB" % most[0])


@quick
def test_ctrl_c_on_run(c):
    child = c.docker_start(["run", "--rm", "--name", "one", "busybox", "sh", "-c",
                            "trap 'echo bye; exit 5' INT; echo up; while :; do sleep 0.1; done"],
                           start_new_session=True)
    equal(child.stdout.readline(), b"up\n")
    child.send_signal(signal.SIGINT)
    equal(child.wait(30), 5)
    equal(child.stdout.read(), b"bye\n")


@quick
def test_logs_follow_ends_with_the_container(c):
    c.docker(["run", "-d", "--name", "one", "busybox", "sh", "-c",
              "for i in 1 2 3; do echo line $i; sleep 0.3; done"]).ok()
    equal(c.docker("logs -f one", timeout=30).ok().split("\n"), ["line 1", "line 2", "line 3"])


def test_attach(c):
    c.docker("run -d -i --name one busybox cat").ok()
    child = c.docker_start("attach one")
    child.stdin.write(b"one\n")
    child.stdin.flush()
    equal(child.stdout.readline(), b"one\n")
    c.docker("kill one").ok()
    child.wait(30)
    equal(child.returncode, 137)


@quick
def test_vanished_client_frees_the_engine(c):
    """A client killed in the middle of a stream: berthd ends its connection to the engine."""
    c.docker(["run", "-d", "--name", "one", "busybox", "sh", "-c",
              "while :; do date; sleep 0.1; done"]).ok()
    before = c.berthd.fds()
    children = [c.docker_start("logs -f one") for _ in range(5)] + [
        c.docker_start("exec -i one cat") for _ in range(5)]
    for child in children[:5]:
        child.stdout.read(10)
    wait_for("the streams are open", lambda: c.berthd.fds() >= before + 10, 20)
    for child in children:
        child.kill()
        child.wait()
    wait_for("berthd has closed them", lambda: c.berthd.fds() <= before + 6, 10)


@quick
def test_wait_and_exit_codes(c):
    c.docker(["run", "-d", "--name", "one", "busybox", "sh", "-c", "sleep 1; exit 9"]).ok()
    equal(c.docker("wait one").ok(), "9")
    equal(c.docker("run --rm busybox false").rc, 1)
    equal(c.docker("run --rm busybox /no/such").rc, 127)
    equal(c.docker("run --rm --entrypoint /etc busybox").rc, 126)


@quick
def test_client_that_stops_reading_costs_no_memory(c):
    c.docker("run -d --name one busybox top").ok()
    child = c.docker_start("exec one head -c 1000000000 /dev/zero")
    child.stdout.read(1)
    time.sleep(2)  # what it does not read must stay with the engine
    if not SANITIZED and c.berthd.rss_kb() > 32 * 1024:
        raise AssertionError("berthd's RSS went to %d KB" % c.berthd.rss_kb())
    child.kill()
    child.wait()


@quick
def test_exec_in_one_segment(c):
    """Head, body and the first input arrive together; the input's end is a half-close."""
    c.docker("run -d --name one busybox top").ok()
    status, made = c.api("POST", "/containers/one/exec", {
        "AttachStdin": True, "AttachStdout": True, "Cmd": ["cat"]})
    equal(status, 201)
    body = b'{"Detach":false,"Tty":false}'
    with socket.create_connection((c.address, PORT), 20) as client:
        client.sendall(b"POST /exec/%s/start HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                       b"Upgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: %d"
                       b"\r\n\r\n%shello\n" % (made["Id"].encode(), len(body), body))
        client.shutdown(socket.SHUT_WR)
        said = b""
        while True:
            piece = client.recv(65536)
            if not piece:
                break
            said += piece
    head, stream = said.split(b"\r\n\r\n", 1)
    contains(head.decode(), "HTTP/1.1 101 ", "Upgrade: tcp")
    equal(stream, b"\x01\0\0\0\0\0\0\x06hello\n")


@quick
def test_only_streams_may_upgrade(c):
    """An engine that speaks HTTP/2 on any path must not be reached past the rules."""
    c.docker("run -d --name one busybox top").ok()
    with socket.create_connection((c.address, PORT), 20) as client:
        client.sendall(b"GET /containers/one/json HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, "
                       b"HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAAAA\r\n"
                       b"\r\nGET /containers/json HTTP/1.1\r\nHost: a\r\n\r\n")
        said = b""
        while True:
            piece = client.recv(65536)
            if not piece:
                break
            said += piece
    equal(said.count(b"HTTP/1.1 "), 1, "answers")
    contains(said.decode(), "HTTP/1.1 200 OK", "Connection: close")
