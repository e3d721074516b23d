"""The calls of the conformance test, in order: every route at least once, its errors too.

A case is (route, what, method and path, keywords). {vars} in a path come from answers before
(`keep`). `design`: berth answers otherwise on purpose: (status, why); the shape is then held
against the API's description alone.
"""

import io
import json
import tarfile

JSON = "application/json"
TAR = "application/x-tar"


class Case:
    def __init__(self, route, what, call, body=None, type=JSON, keep=None, design=None,
                 headers=None, shape=True, stream=False, wait=None):
        self.route, self.what, self.call = route, what, call
        self.body, self.type, self.keep, self.design = body, type, keep, design
        self.headers, self.shape, self.stream, self.wait = headers or {}, shape, stream, wait


def tar_of(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
    return out.getvalue()


TOP = {"Image": "busybox", "Cmd": ["sh", "-c", "echo ready; exec sleep 1000"], "Labels": {"conform": "yes"},
       "HostConfig": {"Memory": 33554432}}
CONTEXT = tar_of(Dockerfile=b"FROM busybox\nCMD [\"top\"]\n")
UPGRADE = {"Connection": "Upgrade", "Upgrade": "h2c"}
NODE = "one node object an engine, so that docker node works"


def system():
    yield Case("GET /_ping", "", "GET /_ping")
    yield Case("HEAD /_ping", "", "HEAD /_ping")
    yield Case("GET /version", "", "GET /version")
    yield Case("GET /info", "", "GET /info")
    yield Case("OPTIONS /{any}", "", "OPTIONS /containers/json")
    yield Case("GET /debug/vars", "", "GET /debug/vars")
    yield Case("GET /debug/pprof/", "", "GET /debug/pprof/")
    yield Case("GET /debug/pprof/{name}", "", "GET /debug/pprof/heap")
    yield Case("POST /auth", "no registry there", "POST /auth",
               {"username": "u", "password": "p", "serveraddress": "http://127.0.0.1:9"},
               shape=False)
    yield Case("GET /events", "until is past", "GET /events?since=1&until=2", stream=True)
    yield Case("GET /events", "since after until", "GET /events?since=3&until=2")
    yield Case("GET /events", "unknown filter", "GET /events?filters={\"x\":[\"y\"]}&until=1",
               design=(400, "refused, as newer engines do; 20.10 ignores it"))


def containers():
    yield Case("POST /containers/create", "", "POST /containers/create?name=conform", TOP,
               keep={"container": "Id"})
    yield Case("POST /containers/create", "name is taken", "POST /containers/create?name=conform",
               TOP)
    yield Case("POST /containers/create", "no such image", "POST /containers/create",
               {"Image": "no-such-image"})
    yield Case("POST /containers/create", "no JSON", "POST /containers/create", b"{",
               design=(400, "a bad request, as newer engines say; 20.10 answers 500"))
    yield Case("POST /containers/create", "no image", "POST /containers/create",
               {"Cmd": ["true"]})
    yield Case("POST /containers/create", "bad name", "POST /containers/create?name=a%20b", TOP)
    yield Case("POST /containers/create", "unknown key", "POST /containers/create?name=other",
               dict(TOP, Nonsense=1))
    yield Case("DELETE /containers/{id}", "created", "DELETE /containers/other")
    yield Case("GET /containers/json", "", "GET /containers/json?all=1")
    yield Case("GET /containers/json", "running only", "GET /containers/json")
    yield Case("GET /containers/json", "size", "GET /containers/json?all=1&size=1")
    yield Case("GET /containers/json", "limit", "GET /containers/json?limit=1")
    yield Case("GET /containers/json", "label",
               "GET /containers/json?all=1&filters={\"label\":{\"conform=yes\":true}}")
    yield Case("GET /containers/json", "unknown filter",
               "GET /containers/json?filters={\"x\":[\"y\"]}")
    yield Case("GET /containers/json", "no filter JSON", "GET /containers/json?filters=x",
               design=(400, "a bad request, as newer engines say; 20.10 answers 500"))
    yield Case("GET /containers/json", "before nobody",
               "GET /containers/json?filters={\"before\":[\"nobody\"]}", design=(
                   404, "the name of the missing container, as newer engines; 20.10 answers 500"))
    yield Case("GET /containers/ps", "", "GET /containers/ps")
    yield Case("GET /containers/{id}/json", "by name", "GET /containers/conform/json")
    yield Case("GET /containers/{id}/json", "by prefix", "GET /containers/{container:12}/json")
    yield Case("GET /containers/{id}/json", "size", "GET /containers/conform/json?size=1")
    yield Case("GET /containers/{id}/json", "unknown", "GET /containers/nobody/json")
    yield Case("POST /containers/{id}/exec", "not running", "POST /containers/conform/exec",
               {"Cmd": ["true"]})
    yield Case("POST /containers/{id}/kill", "not running", "POST /containers/conform/kill")
    yield Case("GET /containers/{id}/top", "not running", "GET /containers/conform/top")
    yield Case("POST /containers/{id}/start", "", "POST /containers/conform/start")
    yield Case("POST /containers/{id}/start", "again", "POST /containers/conform/start")
    yield Case("POST /containers/{id}/start", "unknown", "POST /containers/nobody/start")
    yield Case("GET /containers/{id}/top", "", "GET /containers/conform/top")
    yield Case("GET /containers/{id}/top", "ps_args", "GET /containers/conform/top?ps_args=aux")
    yield Case("GET /containers/{id}/changes", "", "GET /containers/conform/changes")
    yield Case("GET /containers/{id}/export", "", "GET /containers/conform/export", stream=True)
    yield Case("GET /containers/{id}/stats", "", "GET /containers/conform/stats?stream=0"
               "&one-shot=1")
    yield Case("GET /containers/{id}/logs", "", "GET /containers/conform/logs?stdout=1&tail=1",
               stream=True)
    yield Case("GET /containers/{id}/logs", "no stream chosen", "GET /containers/conform/logs")
    yield Case("POST /containers/{id}/resize", "", "POST /containers/conform/resize?h=20&w=80")
    yield Case("POST /containers/{id}/resize", "no number",
               "POST /containers/conform/resize?h=x&w=80")
    yield Case("POST /containers/{id}/attach", "logs only",
               "POST /containers/conform/attach?logs=1&stdout=1", stream=True)
    yield Case("POST /containers/{id}/attach", "unknown", "POST /containers/nobody/attach",
               design=(404, "an error in JSON; the engine's is plain text in a raw stream"))
    yield Case("GET /containers/{id}/attach/ws", "no handshake",
               "GET /containers/conform/attach/ws?logs=1", shape=False)
    yield Case("POST /containers/{id}/pause", "", "POST /containers/conform/pause")
    yield Case("POST /containers/{id}/pause", "again", "POST /containers/conform/pause")
    yield Case("POST /containers/{id}/unpause", "", "POST /containers/conform/unpause")
    yield Case("POST /containers/{id}/unpause", "again", "POST /containers/conform/unpause")
    yield Case("POST /containers/{id}/rename", "", "POST /containers/conform/rename?name=renamed")
    yield Case("POST /containers/{id}/rename", "back", "POST /containers/renamed/rename"
               "?name=conform")
    yield Case("POST /containers/{id}/rename", "no name", "POST /containers/conform/rename")
    yield Case("POST /containers/{id}/update", "", "POST /containers/conform/update",
               {"CpuShares": 512})
    yield Case("POST /containers/{id}/update", "too little memory",
               "POST /containers/conform/update", {"Memory": 1})
    yield Case("POST /containers/{id}/exec", "", "POST /containers/conform/exec",
               {"Cmd": ["true"], "AttachStdout": True}, keep={"exec": "Id"})
    yield Case("POST /containers/{id}/exec", "no command", "POST /containers/conform/exec", {})
    yield Case("GET /exec/{id}/json", "before", "GET /exec/{exec}/json")
    yield Case("POST /exec/{id}/start", "detached", "POST /exec/{exec}/start", {"Detach": True})
    yield Case("POST /exec/{id}/start", "unknown", "POST /exec/unknown/start", {"Detach": True})
    yield Case("GET /exec/{id}/json", "unknown", "GET /exec/unknown/json")
    yield Case("POST /exec/{id}/resize", "unknown", "POST /exec/unknown/resize?h=1&w=1")
    yield Case("HEAD /containers/{id}/archive", "", "HEAD /containers/conform/archive?path=/etc")
    yield Case("HEAD /containers/{id}/archive", "no such path",
               "HEAD /containers/conform/archive?path=/nowhere")
    yield Case("GET /containers/{id}/archive", "",
               "GET /containers/conform/archive?path=/etc/passwd", stream=True)
    yield Case("GET /containers/{id}/archive", "no path", "GET /containers/conform/archive")
    yield Case("PUT /containers/{id}/archive", "", "PUT /containers/conform/archive?path=/tmp",
               tar_of(a=b"b"), TAR)
    yield Case("PUT /containers/{id}/archive", "no such path",
               "PUT /containers/conform/archive?path=/nowhere", tar_of(a=b"b"), TAR)
    yield Case("POST /containers/{id}/copy", "", "POST /containers/conform/copy",
               {"Resource": "/etc"})
    yield Case("GET /containers/{id}/checkpoints", "", "GET /containers/conform/checkpoints")
    yield Case("POST /containers/{id}/checkpoints", "", "POST /containers/conform/checkpoints",
               {"CheckpointID": "c"})
    yield Case("DELETE /containers/{id}/checkpoints/{checkpoint}", "",
               "DELETE /containers/conform/checkpoints/c")
    yield Case("POST /commit", "", "POST /commit?container=conform&repo=conform/image&tag=1", {})
    yield Case("POST /commit", "unknown", "POST /commit?container=nobody", {})
    yield Case("DELETE /containers/{id}", "running", "DELETE /containers/conform")
    yield Case("POST /containers/{id}/kill", "bad signal",
               "POST /containers/conform/kill?signal=NOPE")
    yield Case("POST /containers/{id}/restart", "", "POST /containers/conform/restart?t=0")
    yield Case("POST /containers/{id}/stop", "", "POST /containers/conform/stop?t=0")
    yield Case("POST /containers/{id}/stop", "again", "POST /containers/conform/stop")
    yield Case("POST /containers/{id}/wait", "", "POST /containers/conform/wait")
    yield Case("POST /containers/{id}/wait", "bad condition",
               "POST /containers/conform/wait?condition=x")
    yield Case("GET /containers/json", "exited", "GET /containers/json?all=1")
    yield Case("GET /system/df", "", "GET /system/df")
    yield Case("DELETE /containers/{id}", "", "DELETE /containers/conform")
    yield Case("DELETE /containers/{id}", "again", "DELETE /containers/conform")
    yield Case("POST /containers/prune", "", "POST /containers/prune")
    yield Case("POST /containers/prune", "unknown filter",
               "POST /containers/prune?filters={\"x\":[\"y\"]}")


def images():
    yield Case("GET /images/json", "", "GET /images/json")
    yield Case("GET /images/json", "reference",
               "GET /images/json?filters={\"reference\":[\"busybox\"]}")
    yield Case("GET /images/json", "unknown filter", "GET /images/json?filters={\"x\":[\"y\"]}")
    yield Case("GET /images/viz", "", "GET /images/viz")
    yield Case("GET /images/search", "no registry", "GET /images/search?term=127.0.0.1:9/x",
               shape=False)
    yield Case("GET /images/get", "", "GET /images/get?names=busybox", stream=True)
    yield Case("GET /images/{name}/get", "", "GET /images/busybox/get", stream=True)
    yield Case("GET /images/{name}/history", "", "GET /images/redis/history")
    yield Case("GET /images/{name}/history", "unknown", "GET /images/nothing/history")
    yield Case("GET /images/{name}/json", "", "GET /images/busybox/json")
    yield Case("GET /images/{name}/json", "long name",
               "GET /images/docker.io/library/busybox:latest/json")
    yield Case("GET /images/{name}/json", "unknown", "GET /images/nothing/json")
    yield Case("GET /images/{name}/attestations", "", "GET /images/busybox/attestations",
               shape=False)
    yield Case("POST /images/{name}/insert", "", "POST /images/busybox/insert")
    yield Case("POST /images/create", "no registry",
               "POST /images/create?fromImage=127.0.0.1:9/x&tag=1", shape=False)
    yield Case("POST /images/create", "bad name", "POST /images/create?fromImage=A%20B")
    yield Case("POST /images/create", "import",
               "POST /images/create?fromSrc=-&repo=conform/imported&tag=1", tar_of(a=b"b"), TAR,
               stream=True)
    yield Case("POST /images/load", "", "POST /images/load?quiet=1", tar_of(), TAR, stream=True)
    yield Case("POST /images/{name}/push", "unknown", "POST /images/nothing/push",
               headers={"X-Registry-Auth": "e30="})
    yield Case("POST /images/{name}/tag", "", "POST /images/busybox/tag?repo=conform/tag&tag=1")
    yield Case("POST /images/{name}/tag", "unknown", "POST /images/nothing/tag?repo=x")
    yield Case("POST /images/{name}/tag", "bad name", "POST /images/busybox/tag?repo=A%20B")
    yield Case("DELETE /images/{name}", "", "DELETE /images/conform/tag:1")
    yield Case("DELETE /images/{name}", "imported", "DELETE /images/conform/imported:1",
               shape=False)
    yield Case("DELETE /images/{name}", "committed", "DELETE /images/conform/image:1",
               shape=False)
    yield Case("DELETE /images/{name}", "unknown", "DELETE /images/nothing")
    yield Case("POST /images/prune", "", "POST /images/prune")
    yield Case("GET /distribution/{name}/json", "no registry",
               "GET /distribution/127.0.0.1:9/x/json", shape=False)
    yield Case("POST /build", "", "POST /build?t=conform/built:1", CONTEXT, TAR, stream=True)
    yield Case("POST /build", "no Dockerfile", "POST /build", tar_of(a=b"b"), TAR)
    yield Case("POST /build/cancel", "", "POST /build/cancel?id=none")
    yield Case("POST /build/cancel", "no id", "POST /build/cancel")
    yield Case("POST /build/prune", "", "POST /build/prune")
    yield Case("DELETE /images/{name}", "built", "DELETE /images/conform/built:1", shape=False)
    yield Case("POST /session", "no upgrade", "POST /session", shape=False)
    yield Case("POST /grpc", "no upgrade", "POST /grpc", shape=False)


def networks():
    yield Case("POST /networks/create", "", "POST /networks/create",
               {"Name": "conform-net", "CheckDuplicate": True, "Labels": {"a": "b"}},
               keep={"network": "Id"})
    yield Case("POST /networks/create", "again", "POST /networks/create",
               {"Name": "conform-net", "CheckDuplicate": True})
    yield Case("POST /networks/create", "predefined", "POST /networks/create", {"Name": "bridge"})
    yield Case("POST /networks/create", "no subnet", "POST /networks/create",
               {"Name": "x", "IPAM": {"Config": [{"Subnet": "nonsense"}]}}, shape=False)
    yield Case("GET /networks", "", "GET /networks")
    yield Case("GET /networks", "by name", "GET /networks?filters={\"name\":[\"conform\"]}")
    yield Case("GET /networks", "unknown filter", "GET /networks?filters={\"x\":[\"y\"]}")
    yield Case("GET /networks/{id}", "", "GET /networks/conform-net")
    yield Case("GET /networks/{id}", "by prefix", "GET /networks/{network:10}")
    yield Case("GET /networks/{id}", "predefined", "GET /networks/bridge")
    yield Case("GET /networks/{id}", "unknown", "GET /networks/nowhere")
    yield Case("POST /containers/create", "on a network", "POST /containers/create?name=member",
               {"Image": "busybox", "Cmd": ["top"], "HostConfig": {"NetworkMode": "conform-net"}})
    yield Case("POST /networks/{id}/disconnect", "", "POST /networks/conform-net/disconnect",
               {"Container": "member"})
    yield Case("POST /networks/{id}/connect", "", "POST /networks/conform-net/connect",
               {"Container": "member", "EndpointConfig": {"Aliases": ["alias"]}})
    yield Case("POST /networks/{id}/connect", "no such container",
               "POST /networks/conform-net/connect", {"Container": "nobody"})
    yield Case("GET /containers/{id}/json", "on a network", "GET /containers/member/json")
    yield Case("POST /networks/{id}/connect", "no such network",
               "POST /networks/nowhere/connect", {"Container": "member"}, design=(
                   404, "told at once; 20.10 tells it at the container's start"))
    yield Case("DELETE /containers/{id}", "member", "DELETE /containers/member?force=1")
    yield Case("DELETE /networks/{id}", "predefined", "DELETE /networks/bridge")
    yield Case("DELETE /networks/{id}", "", "DELETE /networks/conform-net")
    yield Case("DELETE /networks/{id}", "again", "DELETE /networks/conform-net")
    yield Case("POST /networks/prune", "", "POST /networks/prune")


def volumes():
    yield Case("POST /volumes/create", "", "POST /volumes/create",
               {"Name": "conform-vol", "Labels": {"a": "b"}})
    yield Case("POST /volumes/create", "again", "POST /volumes/create", {"Name": "conform-vol"})
    yield Case("POST /volumes/create", "unknown option", "POST /volumes/create",
               {"Name": "x", "DriverOpts": {"nonsense": "1"}}, shape=False)
    yield Case("GET /volumes", "", "GET /volumes")
    yield Case("GET /volumes", "label", "GET /volumes?filters={\"label\":{\"a\":true}}")
    yield Case("GET /volumes", "unknown filter", "GET /volumes?filters={\"x\":[\"y\"]}")
    yield Case("GET /volumes/{name}", "", "GET /volumes/conform-vol")
    yield Case("GET /volumes/{name}", "unknown", "GET /volumes/nowhere")
    yield Case("PUT /volumes/{name}", "", "PUT /volumes/conform-vol?version=1", {}, design=(
        503, "cluster volumes need swarm mode; 20.10 does not know the route"))
    yield Case("DELETE /volumes/{name}", "", "DELETE /volumes/conform-vol")
    yield Case("DELETE /volumes/{name}", "again", "DELETE /volumes/conform-vol")
    yield Case("POST /volumes/prune", "", "POST /volumes/prune")


def cluster():
    yield Case("GET /nodes", "", "GET /nodes", design=(200, NODE), keep={"node": "0.ID"})
    yield Case("GET /nodes/{id}", "", "GET /nodes/{node}", design=(200, NODE))
    yield Case("GET /nodes/{id}", "unknown", "GET /nodes/nobody", design=(404, NODE))
    yield Case("POST /nodes/{id}/update", "out of sequence",
               "POST /nodes/{node}/update?version=0", {"Availability": "active"},
               design=(409, NODE), shape=False)
    yield Case("DELETE /nodes/{id}", "ready", "DELETE /nodes/{node}", design=(400, NODE),
               shape=False)
    yield Case("GET /tasks", "", "GET /tasks", design=(200, "an empty list: there are no services"))
    yield Case("GET /tasks/{id}", "", "GET /tasks/x", design=(404, "there are no tasks"))
    for path in ("/tasks/{id}/logs", "/swarm", "/swarm/unlockkey", "/services", "/services/{id}",
                 "/services/{id}/logs", "/secrets", "/secrets/{id}", "/configs", "/configs/{id}"):
        yield Case("GET " + path, "", "GET " + path.replace("{id}", "x") +
                   ("?stdout=1" if path.endswith("logs") else ""), shape=False)
    for path in ("init", "join", "leave", "update", "unlock"):
        yield Case("POST /swarm/" + path, "", "POST /swarm/%s?version=1" % path, {},
                   design=(501, "swarm mode would hide the engines from berth"), shape=False)
    for noun, body in (("services", {}), ("secrets", {"Name": "s"}), ("configs", {"Name": "c"})):
        yield Case("POST /%s/create" % noun, "", "POST /%s/create" % noun, body, shape=False)
        yield Case("POST /%s/{id}/update" % noun, "", "POST /%s/x/update?version=1" % noun, body,
                   shape=False)
        yield Case("DELETE /%s/{id}" % noun, "", "DELETE /%s/x" % noun, shape=False)


def plugins():
    yield Case("GET /plugins", "", "GET /plugins")
    yield Case("GET /plugins", "unknown filter", "GET /plugins?filters={\"x\":[\"y\"]}")
    yield Case("GET /plugins/privileges", "no registry",
               "GET /plugins/privileges?remote=127.0.0.1:9/x", shape=False)
    yield Case("GET /plugins/{name}/json", "unknown", "GET /plugins/nothing/json")
    yield Case("POST /plugins/pull", "bad name", "POST /plugins/pull?remote=A%20B", [],
               shape=False)
    yield Case("POST /plugins/create", "no plugin in it", "POST /plugins/create?name=x", tar_of(),
               TAR, shape=False)
    for call in ("enable?timeout=0", "disable", "set"):
        yield Case("POST /plugins/{name}/" + call.split("?")[0], "unknown",
                   "POST /plugins/nothing/" + call, [] if call == "set" else None, shape=False)
    yield Case("POST /plugins/{name}/upgrade", "bad name",
               "POST /plugins/nothing/upgrade?remote=A%20B", [], shape=False)
    yield Case("POST /plugins/{name}/push", "unknown", "POST /plugins/nothing/push", shape=False)
    yield Case("DELETE /plugins/{name}", "unknown", "DELETE /plugins/nothing", shape=False)
    yield Case("GET /_ping", "unknown path", "GET /no/such/path")
    yield Case("GET /_ping", "wrong method", "PATCH /containers/json", shape=False)


def all_cases():
    for part in (system, containers, images, networks, volumes, cluster, plugins):
        yield from part()
