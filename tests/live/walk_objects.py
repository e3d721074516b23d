"""The walk's second half: images, networks, volumes, events and cleaning up. See walk.py."""

import io
import json
import os
import select
import tarfile

from harness import *
from walk import inspect, lines, names


# ---- images ----
def test_images(c):
    out = c.docker("images --format {{.Repository}}:{{.Tag}}").ok()
    contains(lines(out), "busybox:latest", "redis:latest", "nginx:latest")
    equal(len(lines(out)), len(set(lines(out))), "an image is shown once")


@keep
def test_image_filters(c):
    equal(lines(c.docker(["images", "--filter", "reference=busy*", "--format",
                          "{{.Repository}}"]).ok()), ["busybox"])
    equal(c.docker("images -q --filter dangling=true").ok(), "")
    c.docker("images --filter what=ever").fails("nvalid filter")


@keep
def test_image_inspect_and_history(c):
    equal(inspect(c, "redis", "{{index .RepoTags 0}}", "image"), "redis:2.8")
    contains(c.docker("history redis").ok(), "berth lab")
    c.docker("image inspect no-such-image").fails("No such image")


@keep
def test_tag_and_rmi(c):
    c.docker("tag busybox walk/tools:1").ok()
    equal(inspect(c, "walk/tools:1", "{{.Id}}", "image"), inspect(c, "busybox", "{{.Id}}",
                                                                  "image"))
    contains(c.docker("rmi walk/tools:1").ok(), "Untagged: walk/tools:1")
    c.docker("rmi walk/tools:1").fails("No such image")


@keep
def test_save_and_load(c):
    path = os.path.join(c.folder, "saved.tar")
    c.docker("tag busybox walk/saved:1").ok()
    c.docker(["save", "-o", path, "walk/saved:1"]).ok()
    c.docker("rmi walk/saved:1").ok()
    contains(c.docker(["load", "-i", path]).ok(), "Loaded image: walk/saved:1")
    for node in c.nodes:
        equal(node.get("/images/walk/saved:1/json")["RepoTags"].count("walk/saved:1"), 1)
    c.docker("rmi walk/saved:1").ok()


@keep
def test_save_of_several(c):
    data = c.docker("save busybox redis", text=False)
    with tarfile.open(fileobj=io.BytesIO(data.out)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
    equal(len(manifest), 2)


@keep
def test_import(c):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        entry = tarfile.TarInfo("only.txt")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"data"))
    done = command(["docker", "import", "-", "walk/imported:1"], input=data.getvalue(),
                   env=c.env(), text=False)
    equal(done.rc, 0, done.err)
    contains(c.docker("images walk/imported").ok(), "walk/imported")
    c.docker("rmi walk/imported:1").ok()


@keep
def test_build(c):
    folder = os.path.join(c.folder, "context")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "Dockerfile"), "w") as out:
        out.write("FROM busybox\nARG WHO=nobody\nRUN echo built for $WHO > /who\n"
                  "CMD [\"cat\", \"/who\"]\n")
    out = c.docker(["build", "-t", "walk/built:1", "--build-arg", "WHO=you", folder]).ok()
    contains(out, "Successfully tagged walk/built:1")
    equal(c.docker("run --rm walk/built:1").ok(), "built for you")


@keep
def test_a_failed_build_tells_its_step(c):
    folder = os.path.join(c.folder, "broken")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "Dockerfile"), "w") as out:
        out.write("FROM busybox\nRUN exit 9\n")
    c.docker(["build", folder]).fails("returned a non-zero code: 9")


@keep
def test_image_prune(c):
    c.docker("rmi walk/built:1").ok()
    c.docker("container prune -f").ok()
    contains(c.docker("image prune -f").ok(), "Total reclaimed space")


@keep
def test_image_in_use_is_kept(c):
    c.docker("tag busybox walk/used:1").ok()
    c.docker("run -d --name user walk/used:1 top").ok()
    id = inspect(c, "user", "{{.Image}}")
    c.docker(["rmi", id]).fails("conflict")
    c.docker("rm -f user").ok()
    c.docker("rmi walk/used:1").ok()


# ---- networks ----
def test_network_ls(c):
    out = lines(c.docker("network ls --format {{.Name}}").ok())
    equal(sorted(out), ["bridge", "host", "none"])


@keep
def test_network_create_and_inspect(c):
    c.docker("network create --label net=walk front").ok()
    equal(inspect(c, "front", "{{.Name}} {{.Driver}}", "network"), "front bridge")
    equal(lines(c.docker("network ls -q --filter label=net=walk --no-trunc").ok()),
          [inspect(c, "front", "{{.Id}}", "network")])


@keep
def test_network_twice_is_refused(c):
    c.docker("network create front").fails("network with name front already exists")


@keep
def test_containers_meet_by_name(c):
    c.docker("run -d --name server --network front nginx").ok()
    wait_for("server answers by its name", lambda: "Welcome" in c.docker(
        "run --rm --network front busybox wget -qO- http://server/").out, 20)


@keep
def test_network_shows_its_containers(c):
    row = json.loads(c.docker("network inspect front").ok())[0]
    equal([entry["Name"] for entry in row["Containers"].values()], ["server"])


@keep
def test_network_in_use_is_kept(c):
    c.docker("network rm front").fails("has active endpoints")


@keep
def test_disconnect_and_connect(c):
    c.docker("network disconnect front server").ok()
    equal(inspect(c, "server", "{{len .NetworkSettings.Networks}}"), "0")
    c.docker("network connect --alias shop front server").ok()
    wait_for("server answers by its alias", lambda: "Welcome" in c.docker(
        "run --rm --network front busybox wget -qO- http://shop/").out, 20)


@keep
def test_network_by_prefix_of_its_id(c):
    id = inspect(c, "front", "{{.Id}}", "network")
    equal(inspect(c, id[:10], "{{.Name}}", "network"), "front")
    c.docker("network inspect no-such-net").fails("no-such-net")


@keep
def test_predefined_networks_stay(c):
    c.docker("network rm bridge").fails("is a pre-defined network")
    equal(inspect(c, "bridge", "{{.Name}}", "network"), "bridge")


@keep
def test_network_rm_and_prune(c):
    c.docker("rm -f server").ok()
    c.docker("network rm front").ok()
    c.docker("network create spare").ok()
    contains(c.docker("network prune -f").ok(), "spare")
    equal(sorted(lines(c.docker("network ls --format {{.Name}}").ok())),
          ["bridge", "host", "none"])


# ---- volumes ----
def test_volume_create(c):
    equal(c.docker("volume create --label v=walk data").ok(), "data")
    equal(c.docker("volume create data").ok(), "data")
    equal(lines(c.docker("volume ls -q").ok()), ["data"])


@keep
def test_volume_inspect_and_filter(c):
    equal(inspect(c, "data", "{{.Driver}} {{.Scope}}", "volume"), "local local")
    equal(c.docker("volume ls -q --filter label=v=walk").ok(), "data")
    equal(c.docker("volume ls -q --filter name=other").ok(), "")
    c.docker("volume inspect nope").fails("nope")


@keep
def test_volume_keeps_its_data(c):
    c.docker("run --rm -v data:/data busybox sh -c 'echo kept > /data/file'").ok()
    equal(c.docker("run --rm --mount type=volume,src=data,dst=/d,ro busybox cat /d/file").ok(),
          "kept")


@keep
def test_volume_born_with_its_container(c):
    c.docker("run -d --name owner -v fresh:/fresh busybox top").ok()
    contains(lines(c.docker("volume ls -q").ok()), "fresh")
    equal(inspect(c, "owner", "{{(index .Mounts 0).Name}}"), "fresh")


@keep
def test_volumes_from(c):
    c.docker("exec owner touch /fresh/seen").ok()
    equal(c.docker("run --rm --volumes-from owner busybox ls /fresh").ok(), "seen")


@keep
def test_volume_in_use_is_kept(c):
    c.docker("volume rm fresh").fails("volume is in use")


@keep
def test_anonymous_volume_goes_with_its_container(c):
    c.docker("run -d --name anon -v /scratch busybox top").ok()
    name = inspect(c, "anon", "{{(index .Mounts 0).Name}}")
    equal(len(name), 64)
    c.docker("rm -fv anon").ok()
    if name in c.docker("volume ls -q").ok():
        raise AssertionError("the anonymous volume is still there")


@keep
def test_dangling_volumes(c):
    equal(lines(c.docker("volume ls -q --filter dangling=true").ok()), ["data"])


@keep
def test_volume_rm_and_prune(c):
    c.docker("rm -f owner").ok()
    c.docker("volume rm data").ok()
    c.docker("volume prune -f").ok()
    c.docker("volume rm -f fresh").ok()
    equal(c.docker("volume ls -q").ok(), "")


# ---- events, df, prune of all, the rest ----
def test_events_until_now(c):
    c.docker("run --rm --name seen busybox true").ok()

    def told():
        out = c.docker("events --since 5m --until 0s --filter container=seen "
                       "--format '{{.Type}} {{.Action}}'").ok()
        return {"container " + action for action in ("create", "start", "die", "destroy")} <= \
            set(lines(out))
    wait_for("create, start, die and destroy are told", told, 20)


@keep
def test_events_live_with_filter(c):
    child = c.docker_start("events --filter type=container --filter event=start "
                           "--format {{.Actor.Attributes.name}}")
    try:
        wait_for("an event arrives", lambda: c.docker("run --rm --name loud busybox true").rc == 0
                 and select.select([child.stdout], [], [], 2)[0], 30)
        equal(child.stdout.readline().strip(), b"loud")
    finally:
        child.kill()


@keep
def test_events_name_their_node(c):
    out = c.docker(["events", "--since", "5m", "--until", "0s", "--filter", "event=start",
                    "--format", "{{index .Actor.Attributes \"node.name\"}}"]).ok()
    for name in lines(out):
        contains([node.name for node in c.nodes], name)


@keep
def test_system_df(c):
    out = c.docker("system df").ok()
    contains(out, "Images", "Containers", "Local Volumes", "Build Cache")
    contains(c.docker("system df -v").ok(), "busybox")


@keep
def test_system_prune(c):
    c.docker("create --name stopped busybox").ok()
    c.docker("network create idle").ok()
    out = c.docker("system prune -f").ok()
    contains(out, "Deleted Containers", "Deleted Networks", "idle")
    equal(names(c), [])


@keep
def test_inspect_finds_any_kind(c):
    c.docker("volume create thing").ok()
    equal(inspect(c, "thing", "{{.Name}}"), "thing")
    equal(inspect(c, "none", "{{.Driver}}"), "null")
    contains(inspect(c, "busybox", "{{.Id}}"), "sha256:")
    c.docker("volume rm thing").ok()


@keep
def test_plugin_ls(c):
    c.docker("plugin ls").ok()


@keep
def test_bad_requests_are_told(c):
    c.docker("run --rm no-such-image-here").fails("no-such-image-here")
    c.docker("logs nobody").fails("No such container: nobody")
    c.docker("exec nobody true").fails("No such container: nobody")
    c.docker("run --rm --network nowhere busybox true").fails("network nowhere not found")


@keep
def test_older_client(c):
    if not os.path.exists("/usr/bin/docker"):
        raise Skip("no second client at /usr/bin/docker")
    equal(c.docker("run --rm busybox echo old", client="/usr/bin/docker").ok(), "old")
    contains(c.docker("ps -a", client="/usr/bin/docker").ok(), "CONTAINER ID")
