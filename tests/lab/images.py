"""The lab's images: made of busybox alone, byte for byte the same on every machine.

An image is a root file system (one layer) and a JSON configuration. Both are written here with a
fixed order and fixed times, so that an image's id depends on the busybox binary only. `archive()`
gives what `docker load` takes, `push()` puts the same images into a registry.
"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import urllib.error
import urllib.request

BUSYBOX = "/bin/busybox"
CREATED = "2020-01-01T00:00:00Z"

REDIS = r"""#!/bin/sh
# Looks like redis-server from outside: its log lines, its port, PING and an orderly end.
trap 'echo "[1] # Received SIGTERM, scheduling shutdown..."; exit 0' TERM INT
cat <<'END'
                _._
           _.-``__ ''-._
      _.-``    `.  `_.  ''-._           Redis 2.8.17 (00000000/0) 64 bit
  .-`` .-```.  ```\/    _.,_ ''-._
 (    '      ,       .-`  | `,    )     Running in stand alone mode
 |`-._`-...-` __...-.``-._|'` _.-'|     Port: 6379
END
echo "[1] # Server started, Redis version 2.8.17"
nc -ll -p 6379 -e /usr/local/bin/redis-answer &
echo "[1] * The server is now ready to accept connections on port 6379"
wait
"""

REDIS_ANSWER = r"""#!/bin/sh
while read -r line; do
    case "$line" in
    PING*) printf '+PONG\r\n' ;;
    QUIT*) printf '+OK\r\n'; exit 0 ;;
    *) printf -- '-ERR unknown command\r\n' ;;
    esac
done
"""

NGINX = r"""#!/bin/sh
trap 'exit 0' TERM INT QUIT
httpd -f -p 80 -h /usr/share/nginx/html &
wait
"""

MYSQLD = r"""#!/bin/sh
trap 'echo "mysqld: Shutdown complete"; exit 0' TERM INT
nc -ll -p 3306 -e /bin/cat &
echo "mysqld: ready for connections. port: 3306"
wait
"""


def _base_files():
    """Path -> (mode, bytes) for files, (mode, None) for folders, (None, target) for links."""
    files = {}
    for folder in ("bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "usr/bin",
                   "usr/sbin", "usr/local", "usr/local/bin", "usr/share", "var", "var/log",
                   "var/lib", "sbin"):
        files[folder] = (0o755, None)
    files["tmp"] = (0o1777, None)
    with open(BUSYBOX, "rb") as binary:
        files["bin/busybox"] = (0o755, binary.read())
    listing = subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE, check=True)
    for applet in listing.stdout.decode().split():
        if applet != "busybox":
            files["bin/" + applet] = (None, "/bin/busybox")
    files["usr/bin/env"] = (None, "/bin/busybox")
    files["etc/passwd"] = (0o644, b"root:x:0:0:root:/root:/bin/sh\n"
                           b"daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
                           b"nobody:x:65534:65534:nobody:/home:/bin/false\n")
    files["etc/group"] = (0o644, b"root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n")
    return files


def _layer(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            mode, content = files[path]
            entry = tarfile.TarInfo(path)
            entry.mtime = 1577836800
            if mode is None:
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, content, 0o777
                tar.addfile(entry)
            elif content is None:
                entry.type, entry.mode = tarfile.DIRTYPE, mode
                tar.addfile(entry)
            else:
                entry.size, entry.mode = len(content), mode
                tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


class Image:
    """One image: its tags, its layers (tar bytes) and its configuration (JSON bytes)."""

    def __init__(self, tags, layers, config):
        self.tags = tags
        self.layers = layers
        settings = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}
        settings.update(config)
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux", "created": CREATED, "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]},
            "history": [{"created": CREATED, "created_by": "berth lab"} for _ in layers],
        }, sort_keys=True, separators=(",", ":")).encode()

    @property
    def id(self):
        return _digest(self.config)


def _digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


_made = []


def images():
    """All images of the lab, made once."""
    if _made:
        return _made
    base = _layer(_base_files())
    redis = _layer({"usr/local/bin/redis-server": (0o755, REDIS.encode()),
                    "usr/local/bin/redis-answer": (0o755, REDIS_ANSWER.encode())})
    nginx = _layer({"usr/sbin/nginx": (0o755, NGINX.encode()),
                    "usr/share/nginx": (0o755, None), "usr/share/nginx/html": (0o755, None),
                    "usr/share/nginx/html/index.html": (0o644, b"<h1>Welcome to nginx!</h1>\n")})
    mysql = _layer({"usr/local/bin/mysqld": (0o755, MYSQLD.encode())})
    _made.extend([
        Image(["busybox:latest"], [base], {"Cmd": ["sh"]}),
        Image(["redis:latest", "redis:2.8"], [base, redis],
              {"Cmd": ["redis-server"], "ExposedPorts": {"6379/tcp": {}}}),
        Image(["nginx:latest"], [base, nginx],
              {"Cmd": ["nginx"], "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"}),
        Image(["mysql:latest"], [base, mysql],
              {"Cmd": ["mysqld"], "ExposedPorts": {"3306/tcp": {}}}),
    ])
    return _made


def archive(path):
    """Writes all images as one `docker load` archive."""
    entries, manifest = {}, []
    for image in images():
        layers = []
        for layer in image.layers:
            name = _digest(layer)[7:] + ".tar"
            entries[name] = layer
            layers.append(name)
        config = image.id[7:] + ".json"
        entries[config] = image.config
        manifest.append({"Config": config, "RepoTags": image.tags, "Layers": layers})
    entries["manifest.json"] = json.dumps(manifest).encode()
    temporary = "%s.%d" % (path, os.getpid())
    with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(entries):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(entries[name]), 0o644, 1577836800
            tar.addfile(entry, io.BytesIO(entries[name]))
    os.replace(temporary, path)


def _call(method, url, data=None, headers=None):
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return dict(answer.headers), answer.read()


def _push_blob(base, repository, data):
    digest = _digest(data)
    try:
        _call("HEAD", "%s/v2/%s/blobs/%s" % (base, repository, digest))
        return
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
    headers, _ = _call("POST", "%s/v2/%s/blobs/uploads/" % (base, repository), b"")
    location = headers["Location"]
    location += ("&" if "?" in location else "?") + "digest=" + digest
    _call("PUT", location, data, {"Content-Type": "application/octet-stream"})


def push(base, prefix="library/"):
    """Puts every image into the registry at `base` (http://HOST:PORT) under `prefix`."""
    docker = "application/vnd.docker."
    for image in images():
        repository = prefix + image.tags[0].split(":")[0]
        layers = []
        for layer in image.layers:
            packed = gzip.compress(layer, 6, mtime=0)
            _push_blob(base, repository, packed)
            layers.append({"mediaType": docker + "image.rootfs.diff.tar.gzip",
                           "size": len(packed), "digest": _digest(packed)})
        _push_blob(base, repository, image.config)
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": docker + "distribution.manifest.v2+json",
            "config": {"mediaType": docker + "container.image.v1+json",
                       "size": len(image.config), "digest": image.id},
            "layers": layers}).encode()
        for tag in image.tags:
            _call("PUT", "%s/v2/%s/manifests/%s" % (base, repository, tag.split(":")[1]), manifest,
                  {"Content-Type": docker + "distribution.manifest.v2+json"})
