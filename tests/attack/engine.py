"""A stub engine that records what reaches it: enough of the API for berthd to take it as a node.

What berthd asks on its own (its watch) is answered and not recorded; everything else is recorded,
whole, and answered so that berthd is content."""

import json
import socket
import threading

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux",
           "Arch": "amd64", "Platform": {"Name": ""}, "Components": [{"Name": "Engine"}]}
INFO = {"ID": "STUB:ENGINE", "Name": "stub-1", "NCPU": 8, "MemTotal": 8 << 30, "OSType": "linux",
        "Architecture": "x86_64", "OperatingSystem": "stub", "KernelVersion": "6", "Driver":
        "overlay2", "ServerVersion": "20.10.24", "Labels": [], "Swarm": {"LocalNodeState":
                                                                        "inactive"}}


def identity(letter):
    return letter * 64


def container(letter, name, owner):
    labels = {"berth.owner": owner} if owner else {}
    row = {"Id": identity(letter), "Names": ["/" + name], "Image": "busybox", "ImageID":
           "sha256:" + "f" * 64, "Command": "top", "Created": 1700000000, "Ports": [], "Labels":
           labels, "State": "running", "Status": "Up", "HostConfig": {"NetworkMode": "default"},
           "NetworkSettings": {"Networks": {}}, "Mounts": []}
    inspect = {"Id": identity(letter), "Name": "/" + name, "Created": "2023-11-14T22:13:20Z",
               "Image": "sha256:" + "f" * 64, "State": {"Status": "running", "Running": True,
                                                        "StartedAt": "2023-11-14T22:13:21Z"},
               "Config": {"Image": "busybox", "Labels": labels}, "HostConfig": {"NetworkMode":
                                                                                "default"},
               "NetworkSettings": {"Ports": {}, "Networks": {}}}
    return row, inspect


class Engine:
    """Listens on a port of loopback; one thread a connection."""

    def __init__(self):
        self.containers = dict((letter, container(letter, name, owner)) for letter, name, owner in
                               (("a", "alpha", "team-a"), ("b", "beta", "team-b"),
                                ("c", "common", None)))
        self.networks = [{"Name": name, "Id": letter * 64, "Driver": "bridge", "Scope": "local",
                          "IPAM": {}, "Labels": {"berth.owner": owner} if owner else {}}
                         for name, letter, owner in (("bridge", "1", None), ("net-a", "2", "team-a"),
                                                     ("net-b", "3", "team-b"))]
        self.volumes = [{"Name": "vol-" + letter, "Driver": "local", "Scope": "local", "Mountpoint":
                         "/x", "Labels": {"berth.owner": "team-" + letter}} for letter in "ab"]
        self.records = []
        self.lock = threading.Lock()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection = self.listener.accept()[0]
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def take(self):
        """What has been recorded since the last call."""
        with self.lock:
            records, self.records = self.records, []
        return records

    def serve(self, connection):
        stream = connection.makefile("rb")
        try:
            while self.one(connection, stream):
                pass
        except OSError:
            pass
        connection.close()

    def one(self, connection, stream):
        line = stream.readline().decode("latin-1")
        if not line:
            return False
        method, target = line.split(" ")[:2]
        headers = {}
        while True:
            header = stream.readline().decode("latin-1").rstrip("\r\n")
            if not header:
                break
            name, value = header.split(":", 1)
            headers[name.lower()] = value.strip()
        body = self.body(stream, headers)
        path = "/" + target.split("?")[0].split("/", 2)[2] if target.startswith("/v1.") else target
        path = path.split("?")[0]
        if method == "GET" and path == "/events":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            stream.read(1)  # until berthd lets go
            return False
        status, answer = self.watch(method, path, target)
        if status is None:
            with self.lock:
                self.records.append((method, target, headers, body))
            status, answer = self.act(method, path)
        text = b"" if answer is None else json.dumps(answer).encode()
        head = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        connection.sendall((head % (status, len(text))).encode() + (b"" if method == "HEAD" else
                                                                     text))
        return True

    @staticmethod
    def body(stream, headers):
        if headers.get("transfer-encoding") == "chunked":
            whole = b""
            while True:
                size = int(stream.readline().split(b";")[0], 16)
                whole += stream.read(size)
                stream.readline()
                if size == 0:
                    return whole
        return stream.read(int(headers.get("content-length", 0)))

    def watch(self, method, path, target):
        """(status, answer) of what berthd asks on its own, else (None, None)."""
        plain = {"/version": VERSION, "/info": INFO, "/_ping": "OK", "/images/json": [],
                 "/networks": self.networks, "/volumes": {"Volumes": self.volumes,
                                                          "Warnings": None},
                 "/containers/json": [row for row, _ in self.containers.values()]}
        if method == "GET" and path in plain:
            return 200, plain[path]
        # An exec id that berthd does not know is looked for, once, on all engines.
        if method == "GET" and path.startswith("/exec/") and path.endswith("/json"):
            return 404, {"message": "No such exec instance"}
        for letter, (_, inspect) in self.containers.items():
            if method == "GET" and target.endswith("/containers/%s/json" % identity(letter)):
                return 200, inspect
        return None, None

    def act(self, method, path):
        """An answer to what was recorded."""
        if path == "/containers/create":
            row, inspect = container("d", "delta", "team-a")
            self.containers["d"] = (row, inspect)
            return 201, {"Id": identity("d"), "Warnings": []}
        if path.endswith("/exec"):
            return 201, {"Id": "e" * 64}
        return (200, {}) if method == "GET" else (204, None)
