"""TLS: certificates from one command, mutual proof with the stock client, half-close and big streams
inside TLS, revocation without dropping streams, engines behind TLS."""

import hashlib
import ssl

from harness import *

GROUP = group(nodes=2, agents=False, berthd=False)

TLS_PORT = 2376


def cert(c, *words, **env):
    return command([os.path.join(BIN, "berthd"), "cert"] + list(words) + ["--dir", certs(c)],
                   env=c.env(**env))


def certs(c):
    return os.path.join(c.folder, "certs")


def pem(c, *parts):
    return os.path.join(certs(c), *parts)


def client_env(c, name):
    return dict(DOCKER_HOST="tcp://%s:%d" % (c.address, TLS_PORT), DOCKER_TLS_VERIFY="1",
                DOCKER_CERT_PATH=pem(c, "clients", name))


def tls_berthd(c, *flags):
    """The file's berthd, started by its first test; later ones find it."""
    if not hasattr(c, "tls"):
        cert(c, "create", c.address, "localhost").ok()
        for name in ("guest", "dev", "other"):
            cert(c, "client", name).ok()
        with open(os.path.join(c.folder, "access"), "w") as rules:
            rules.write("role ops cert=admin\nrole look cert=guest\n"
                        "role work cert=dev cert=other\n"
                        "rule work allow roles=work preset=developer\n"
                        "rule all allow roles=ops preset=admin\n"
                        "rule see allow roles=look preset=monitor\n")
        argv = [os.path.join(BIN, "berthd"), "-H", "tcp://%s:%d" % (c.address, TLS_PORT), "-H",
                "unix://" + c.socket, "--tlsverify", "--tlscacert", pem(c, "ca.pem"),
                "--tlscert", pem(c, "server", "cert.pem"), "--tlskey",
                pem(c, "server", "key.pem"), "--tlscrl", pem(c, "crl.pem"), "--access",
                os.path.join(c.folder, "access"), "--token-file", c.token_file()]
        for node in c.nodes:
            argv += ["--node", node.url]
        c.tls = c.program("berthd", argv)
        wait_for("berthd serves TLS", lambda: docker(c, "version").rc == 0, 20)
        wait_for("an engine with images", lambda: "busybox" in docker(c, "images").out, 20)
    return c.tls


def docker(c, args, name="admin", **more):
    return c.docker(args, **dict(client_env(c, name), **more))


def test_one_command_makes_all(c):
    said = cert(c, "create", c.address, "localhost", "--context", "berth-live").ok()
    contains(said, "--tlsverify", "DOCKER_CERT_PATH", "docker context use berth-live", "key pin")
    equal(os.stat(pem(c, "ca-key.pem")).st_mode & 0o777, 0o600)
    equal(os.stat(pem(c, "clients", "admin", "key.pem")).st_mode & 0o777, 0o600)
    listed = json.loads(c.docker("context inspect berth-live").ok())[0]
    equal(listed["Endpoints"]["docker"]["Host"], "tcp://%s:%d" % (c.address, TLS_PORT))
    cert(c, "create", c.address).fails("admin", "revoke")
    shutil.rmtree(certs(c))


def test_daily_work(c):
    tls_berthd(c)
    equal(docker(c, "run -i --rm busybox cat", input="hello\n").ok(), "hello")
    equal(docker(c, ["run", "--rm", "busybox", "sh", "-c", "exit 7"]).rc, 7)
    docker(c, "run -d --name srv busybox top").ok()
    # No input: the client half-closes at once, inside TLS, and still wants the output.
    size = 30 << 20
    data = docker(c, "exec srv head -c %d /dev/zero" % size, text=False).ok()
    equal(len(data), size)
    data = hashlib.sha512(b"berth").digest() * (1 << 18)  # 16 MB
    echoed = docker(c, "exec -i srv cat", input=data, text=False).ok()
    equal(hashlib.sha256(echoed).hexdigest(), hashlib.sha256(data).hexdigest())
    path = os.path.join(c.folder, "data")
    with open(path, "wb") as out:
        out.write(data)
    docker(c, "cp %s srv:/data" % path).ok()
    docker(c, "cp srv:/data %s.back" % path).ok()
    with open(path + ".back", "rb") as back:
        equal(hashlib.sha256(back.read()).hexdigest(), hashlib.sha256(data).hexdigest())
    docker(c, "rm -f srv").ok()


@seconds(120)
def test_three_identities_by_certificate(c):
    """A developer's day, another tenant who sees nothing of it, a collector that only reads."""
    tls_berthd(c)
    docker(c, "run -d --name web -v data:/d busybox top", "dev").ok()
    docker(c, "network create own", "dev").ok()
    equal(docker(c, "exec -i web cat", "dev", input="hello").ok(), "hello")
    contains(docker(c, "ps", "dev").ok(), "web")
    equal(docker(c, ["inspect", "-f", "{{index .Config.Labels \"berth.owner\"}}", "web"]).ok(),
          "dev")
    equal(docker(c, "ps -aq", "other").ok(), "")
    equal(docker(c, "volume ls -q", "other").ok(), "")
    for words in ("exec web true", "stop web", "cp web:/etc/passwd .", "logs web"):
        docker(c, words, "other").fails("No such container: web")
    docker(c, "network inspect own", "other").fails("not found")
    docker(c, "run --rm --privileged busybox true", "dev").fails("privileged")
    contains(docker(c, "ps", "guest").ok(), "web")
    for words in ("logs web", "rm -f web", "run busybox"):
        docker(c, words, "guest").fails("access denied")
    docker(c, "rm -f web", "dev").ok()
    docker(c, "volume rm data", "dev").ok()
    docker(c, "network rm own", "dev").ok()


@keep
def test_the_plugin_speaks_tls(c):
    tls_berthd(c)
    folder = os.path.join(c.folder, "home", ".docker", "cli-plugins")
    os.makedirs(folder, exist_ok=True)
    if not os.path.lexists(folder + "/docker-berth"):
        os.symlink(os.path.join(BIN, "docker-berth"), folder + "/docker-berth")
    contains(docker(c, "berth nodes").ok(), "node-1", "node-2")
    # A context with its own certificates, and flags.
    address = "tcp://%s:%d" % (c.address, TLS_PORT)
    files = {part: pem(c, "clients", "admin", part + ".pem") for part in ("ca", "cert", "key")}
    c.docker(["context", "create", "secure", "--docker", ",".join(
        ["host=" + address] + ["%s=%s" % pair for pair in files.items()])], DOCKER_HOST="").ok()
    contains(c.docker("--context secure berth nodes", DOCKER_HOST="").ok(), "node-1")
    c.docker("context rm secure", DOCKER_HOST="").ok()
    contains(c.docker(["-H", address, "--tlsverify", "--tlscacert", files["ca"], "--tlscert",
                       files["cert"], "--tlskey", files["key"], "berth", "nodes"],
                      DOCKER_HOST="").ok(), "node-1")
    # No certificate, or another authority: refused, and said.
    c.docker("--tls berth nodes", DOCKER_HOST=address).fails("Cannot connect to the daemon")
    c.docker("--tlsverify --tlscacert /etc/ssl/certs/ca-certificates.crt berth nodes",
             DOCKER_HOST=address).fails("Cannot connect to the daemon")


def test_context(c):
    tls_berthd(c)
    c.docker("context rm -f berth-live")
    cert(c, "client", "carol", "--context", "berth-live", "--host",
         "tcp://%s:%d" % (c.address, TLS_PORT)).ok()
    said = c.docker(["--context", "berth-live", "ps"], DOCKER_HOST="")
    said.fails("carol")  # known by its name, and no rule allows it


def test_names_are_what_rules_go_by(c):
    tls_berthd(c)
    docker(c, "ps", name="guest").ok()
    docker(c, "run -d --name guests busybox top", name="guest").fails("guest")


def test_a_node_is_no_user(c):
    tls_berthd(c)
    cert(c, "node", "node-9", "10.83.0.9").ok()
    env = dict(client_env(c, "admin"), DOCKER_CERT_PATH=pem(c, "nodes", "node-9"))
    c.docker("ps", **env).fails("node-9", "joining")


def test_nobody_without_a_certificate(c):
    tls_berthd(c)
    context = ssl.create_default_context(cafile=pem(c, "ca.pem"))
    said = b""
    try:
        with socket.create_connection((c.address, TLS_PORT), 10) as plain:
            with context.wrap_socket(plain, server_hostname=c.address) as tls:
                tls.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
                said = tls.recv(100)
    except (ssl.SSLError, ConnectionResetError):
        pass
    equal(said, b"")
    with socket.create_connection((c.address, TLS_PORT), 10) as plain:
        plain.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            said = plain.recv(100)
        except ConnectionResetError:
            said = b""
    equal(b"HTTP" in said, False, "an answer in clear")


def test_revoked_at_sighup_while_streams_go_on(c):
    berthd = tls_berthd(c)
    cert(c, "client", "dave").ok()
    with open(os.path.join(c.folder, "access"), "a") as rules:
        rules.write("role ops cert=dave\n")
    berthd.process.send_signal(signal.SIGHUP)
    wait_for("dave is known", lambda: docker(c, "ps", name="dave").rc == 0, 20)
    docker(c, "run -d --name srv busybox top").ok()
    stream = c.docker_start("exec -i srv cat", env=c.env(**client_env(c, "dave")))
    stream.stdin.write(b"before\n")
    stream.stdin.flush()
    equal(stream.stdout.readline(), b"before\n")
    cert(c, "revoke", "dave").ok()
    berthd.process.send_signal(signal.SIGHUP)
    wait_for("dave is out", lambda: docker(c, "ps", name="dave").rc != 0, 20)
    docker(c, "ps", name="dave").fails("revoked")
    stream.stdin.write(b"after\n")
    stream.stdin.flush()
    equal(stream.stdout.readline(), b"after\n")
    stream.stdin.close()
    equal(stream.wait(20), 0)
    docker(c, "rm -f srv").ok()


def test_engine_behind_tls(c):
    """A berthd whose engine is the other berthd: TLS as a client, with a certificate of its own."""
    tls_berthd(c)
    path = os.path.join(c.folder, "outer.sock")
    outer = c.program("outer", [
        os.path.join(BIN, "berthd"), "-H", "unix://" + path, "--node-tlscacert",
        pem(c, "ca.pem"), "--node-tlscert", pem(c, "clients", "admin", "cert.pem"),
        "--node-tlskey", pem(c, "clients", "admin", "key.pem"), "--node",
        "https://%s:%d" % (c.address, TLS_PORT)])
    host = "unix://" + path
    wait_for("it serves", lambda: c.docker("version", DOCKER_HOST=host).rc == 0, 20)
    docker(c, "run -d --name srv busybox top").ok()
    wait_for("it sees the container", lambda: "srv" in c.docker(
        ["ps", "--format", "{{.Names}}"], DOCKER_HOST=host).out.split(), 20)
    data = hashlib.sha512(b"outer").digest() * (1 << 14)
    equal(c.docker("exec -i srv cat", input=data, text=False, DOCKER_HOST=host).ok(), data)
    outer.end()
    docker(c, "rm -f srv").ok()
