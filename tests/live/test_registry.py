"""Pull, push and login through three engines, against Debian's docker-registry in the lab: one open, one
that asks for a password."""

import base64
import crypt
import json
import os

from harness import *
import registry as lab_registry

GROUP = group(nodes=3, registry=True)

USER, PASSWORD = "berth", "open-sesame-4711"
LOCKED_PORT = 5443


def open_registry(c):
    return "%s:5000" % c.address


def locked_registry(c):
    """A registry with a password; started once, ended with the group."""
    name = "%s:%d" % (c.address, LOCKED_PORT)
    if any(program.name == "registry-locked" for program in c.programs):
        return name
    folder = os.path.join(c.folder, "locked")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "htpasswd"), "w") as out:
        out.write("%s:%s\n" % (USER, crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH))))
    config = lab_registry.CONFIG % {"dir": folder, "address": c.address, "port": LOCKED_PORT,
                                    "tls": "auth:\n  htpasswd: {realm: lab, path: %s/htpasswd}\n"
                                           % folder}
    path = os.path.join(folder, "config.yml")
    with open(path, "w") as out:
        out.write(config)
    c.program("registry-locked", ["docker-registry", "serve", path])

    def answers():
        try:
            connection = http.client.HTTPConnection(c.address, LOCKED_PORT, timeout=2)
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 401
        except OSError:
            return False
    wait_for("the locked registry", answers, 30)
    return name


def holders(c, image):
    found = []
    for node in c.nodes:
        status, _ = node.get("/images/%s/json" % image, raw=True)
        if status == 200:
            found.append(node.name)
    return found


def forget(c, image):
    c.docker(["rmi", image])
    equal(holders(c, image), [])


def test_push_and_pull_to_all_nodes(c):
    image = open_registry(c) + "/walk/pushed:1"
    c.docker(["tag", "busybox", image]).ok()
    contains(c.docker(["push", image]).ok(), "digest: sha256:")
    forget(c, image)
    out = c.docker(["pull", image]).ok()
    contains(out, "Status: Downloaded newer image for " + image)
    equal(holders(c, image), ["node-1", "node-2", "node-3"])
    contains(c.docker(["pull", image]).ok(), "Image is up to date")


@keep
def test_pull_of_a_library_image(c):
    c.docker("rmi mysql").ok()
    contains(c.docker("pull mysql").ok(), "docker.io/library/mysql:latest")
    equal(len(holders(c, "mysql:latest")), 3)


@keep
def test_pull_by_digest(c):
    image = open_registry(c) + "/walk/pushed"
    digest = json.loads(c.docker(["image", "inspect", image + ":1"]).ok())[0]["RepoDigests"]
    mine = [text for text in digest if text.startswith(image)][0]
    c.docker(["pull", mine]).ok()
    equal(c.docker(["run", "--rm", mine, "echo", "by digest"]).ok(), "by digest")


@keep
def test_run_pulls_what_is_missing_to_one_node(c):
    image = open_registry(c) + "/walk/wanted:1"
    c.docker(["tag", "busybox", image]).ok()
    c.docker(["push", image]).ok()
    forget(c, image)
    done = c.docker(["run", "-d", "--name", "wanted", image, "top"])
    done.ok()
    contains(done.err, "Unable to find image", "Downloaded newer image")
    equal(holders(c, image), [c.node_of("wanted")])


@keep
def test_a_missing_image_is_copied_from_node_to_node(c):
    """The image is on the node of `wanted` alone and can't be pulled: another node gets it from
    there."""
    image = "walk/only-here:1"
    home = c.lab[c.node_of("wanted")]
    status, _ = home.call("POST", "/images/busybox/tag?repo=walk/only-here&tag=1")
    equal(status, 201)
    wait_for("berthd knows it", lambda: "walk/only-here" in c.docker("images").ok(), 20)
    other = [node.name for node in c.nodes if node.name != home.name][0]
    c.docker(["run", "-d", "--name", "guest", "-e", "constraint:node==" + other, image,
              "top"]).ok()
    equal(c.node_of("guest"), other)
    wait_for("the copy is told", lambda: "%s %s" % (image, other) in c.docker(
        ["events", "--since", "5m", "--until", "0s", "--filter", "event=copy", "--format",
         "{{.Actor.Attributes.name}} {{.Actor.Attributes.to}}"]).ok(), 20)
    contains(c.berthd.text(), "image copied")
    c.docker("rm -f guest wanted").ok()
    c.docker(["rmi", image]).ok()


@keep
def test_an_image_that_is_nowhere(c):
    missing = open_registry(c) + "/walk/nothing:1"
    c.docker(["pull", missing]).fails("manifest unknown")
    c.docker(["run", "--rm", missing]).fails("manifest unknown")
    c.docker("push walk/not-tagged").fails("does not exist locally")


@keep
def test_login_and_a_locked_registry(c):
    name = locked_registry(c)
    image = name + "/secret/tool:1"
    c.docker(["tag", "busybox", image]).ok()
    c.docker(["push", image]).fails("no basic auth credentials")
    c.docker(["login", "-u", USER, "-p", "wrong", name]).fails("401")
    contains(c.docker(["login", "-u", USER, "--password-stdin", name], input=PASSWORD).ok(),
             "Login Succeeded")
    c.docker(["push", image]).ok()
    forget(c, image)
    c.docker(["pull", image]).ok()
    equal(len(holders(c, image)), 3)


@keep
def test_a_locked_image_is_pulled_by_run(c):
    image = locked_registry(c) + "/secret/tool:1"
    forget(c, image)
    equal(c.docker(["run", "--rm", image, "echo", "mine"]).ok(), "mine")
    c.docker(["logout", locked_registry(c)]).ok()
    forget(c, image)
    c.docker(["pull", image]).fails("no basic auth credentials")


@keep
def test_credentials_are_in_no_log(c):
    text = c.berthd.text()
    for secret in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode()[:12],
                   "X-Registry-Auth"):
        if secret in text:
            raise AssertionError("%r is in berthd's log" % secret)


@keep
def test_manifest_inspect_asks_the_registry_through_a_node(c):
    status, row = c.api("GET", "/distribution/%s/walk/pushed:1/json" % open_registry(c))
    equal(status, 200)
    contains(row["Descriptor"]["digest"], "sha256:")


@keep
def test_one_nodes_failure_does_not_stop_a_pull(c):
    """node-2's engine has stopped answering for good: the others pull."""
    image = open_registry(c) + "/walk/pushed:1"
    forget(c, image)
    c.lab["node-2"].kill()
    try:
        wait_for("node-2 is known to be away", lambda: c.node_states()["node-2"] != "ready", 30)
        c.docker(["pull", image]).ok()
        equal([name for name in ("node-1", "node-3")
               if c.lab[name].get("/images/%s/json" % image, raw=True)[0] == 200],
              ["node-1", "node-3"])
    finally:
        c.lab["node-2"].restart()
        c.lab["node-2"].wait_ready()
        c.agents["node-2"].kill()
        c.start_agent(c.lab["node-2"])
        c.wait_nodes(3)
