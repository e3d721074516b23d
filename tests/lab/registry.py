"""The lab's registry: Debian's docker-registry, plain at :5000 and, with a certificate of the lab's
own authority, as registry-1.docker.io at :443. Both serve the lab's images under library/."""

import os
import shutil
import subprocess
import urllib.request

import images
import processes

CONFIG = """version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: %(dir)s/store}
  delete: {enabled: true}
http:
  addr: %(address)s:%(port)d
  secret: lab
%(tls)s"""

NAMES = "DNS:registry-1.docker.io,DNS:index.docker.io,DNS:docker.io,DNS:auth.docker.io"


def _folder(lab):
    return os.path.join(lab.dir, "registry")


def prepare(lab):
    """Makes the authority; before the engines start, for they read it at their start."""
    if not shutil.which("docker-registry"):
        raise RuntimeError("missing packages: apt-get install docker-registry")
    folder = _folder(lab)
    os.makedirs(folder)

    def openssl(*argv):
        subprocess.run(("openssl",) + argv, check=True, cwd=folder, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=berth lab", "-days", "30")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            "hub.key", "-out", "hub.csr", "-subj", "/CN=registry-1.docker.io")
    with open(os.path.join(folder, "hub.ext"), "w") as out:
        out.write("subjectAltName=%s,IP:%s\n" % (NAMES, lab.address))
    openssl("x509", "-req", "-in", "hub.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", "hub.pem", "-days", "30", "-extfile", "hub.ext")


def start(lab):
    folder = _folder(lab)
    tls = "  tls: {certificate: %s/hub.pem, key: %s/hub.key}\n" % (folder, folder)
    for name, port, extra in (("registry-plain", 5000, ""), ("registry-hub", 443, tls)):
        config = os.path.join(folder, name + ".yml")
        with open(config, "w") as out:
            out.write(CONFIG % {"dir": folder, "address": lab.address, "port": port,
                                "tls": extra})
        with open(os.path.join(folder, name + ".log"), "ab") as log:
            child = subprocess.Popen(["docker-registry", "serve", config], start_new_session=True,
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        processes.record(os.path.join(folder, name + ".pid"), child.pid)
    base = "http://%s:5000" % lab.address
    from lab import wait_for
    wait_for("registry", lambda: _answers(base))
    images.push(base)


def _answers(base):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(base + "/v2/", timeout=2).close()
        return True
    except OSError:
        return False
