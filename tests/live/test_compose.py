"""docker-compose 1.29 over three engines: a project with a network and a named volume stays on one
node, because its containers must meet; everything else is as on one engine."""

import os
import re
import textwrap

from harness import *

GROUP = group(nodes=3)

PROJECT = """
    version: "3.8"
    services:
      web:
        image: nginx
        depends_on: [db]
        networks: [front]
        labels: {role: web}
      db:
        image: mysql
        environment: {MODE: test}
        networks: [front]
        volumes: ["data:/var/lib/data"]
      edge:
        image: nginx
        ports: ["80"]
        networks: [front]
      extra:
        image: busybox
        command: top
        profiles: [debug]
        networks: [front]
    networks: {front: {}}
    volumes: {data: {}}
"""


def compose(c, args, input=None, timeout=120, project="shop", text=PROJECT):
    if not shutil.which("docker-compose"):
        raise Skip("docker-compose is not installed")
    folder = os.path.join(c.folder, project)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "docker-compose.yml"), "w") as out:
        out.write(textwrap.dedent(text))
    return command(["docker-compose", "--ansi", "never", "-p", project] + shlex.split(args), input,
                   timeout, c.env(COMPOSE_HTTP_TIMEOUT="60"), cwd=folder)


def lines(text):
    return [line for line in text.split("\n") if line]


def project_nodes(c, project="shop"):
    out = c.docker(["ps", "-aq", "--no-trunc", "--filter",
                    "label=com.docker.compose.project=" + project]).ok()
    return [c.node_of(id) for id in lines(out)]


@seconds(120)
def test_up(c):
    compose(c, "up -d").ok()
    equal(len(lines(compose(c, "ps -q").ok())), 3)
    out = compose(c, "ps").ok()
    contains(out, "shop_web_1", "shop_db_1", "shop_edge_1", "Up")


@keep
def test_the_project_has_one_home(c):
    nodes = project_nodes(c)
    equal(len(nodes), 3)
    equal(len(set(nodes)), 1, "nodes of the project: %s" % nodes)


@keep
def test_services_meet_by_name(c):
    wait_for("web is heard from db", lambda: "Welcome" in compose(
        c, "exec -T db wget -qO- http://web/").out, 30)


@keep
def test_exec(c):
    equal(compose(c, "exec -T db sh -c 'echo $MODE'").ok(), "test")


@keep
def test_port(c):
    out = compose(c, "port edge 80").ok()
    node = c.lab[project_nodes(c)[0]]
    if not re.match(re.escape(node.address) + r":\d+$", out):
        raise AssertionError("docker-compose port: %r, the node is at %s" % (out, node.address))


@keep
def test_logs(c):
    contains(compose(c, "logs --no-color db").ok(), "ready for connections. port: 3306")


@keep
@seconds(120)
def test_run_one_off(c):
    contains(compose(c, "run --rm --no-deps -T db echo once").ok(), "once")


@keep
@seconds(120)
def test_scale(c):
    compose(c, "up -d --scale web=3 web").ok()
    equal(len(lines(compose(c, "ps -q web").ok())), 3)
    equal(len(set(project_nodes(c))), 1)
    compose(c, "up -d --scale web=1 web").ok()
    equal(len(lines(compose(c, "ps -q web").ok())), 1)


@keep
@seconds(120)
def test_restart_and_stop(c):
    compose(c, "restart -t 1 web").ok()
    compose(c, "stop -t 1").ok()
    equal(c.docker("ps -q").ok(), "")
    compose(c, "start").ok()
    equal(len(lines(c.docker("ps -q").ok())), 3)


@keep
@seconds(120)
def test_up_again_changes_nothing(c):
    before = sorted(lines(compose(c, "ps -q").ok()))
    compose(c, "up -d").ok()
    equal(sorted(lines(compose(c, "ps -q").ok())), before)


@keep
@seconds(120)
def test_profile(c):
    compose(c, "--profile debug up -d extra").ok()
    equal(len(lines(compose(c, "--profile debug ps -q extra").ok())), 1)
    equal(len(set(project_nodes(c))), 1)


@keep
@seconds(120)
def test_the_volume_outlives_its_containers(c):
    compose(c, "exec -T db touch /var/lib/data/kept").ok()
    compose(c, "rm -sf db").ok()
    compose(c, "up -d db").ok()
    equal(compose(c, "exec -T db ls /var/lib/data").ok(), "kept")


@keep
@seconds(120)
def test_down(c):
    compose(c, "--profile debug down -v -t 1").ok()
    equal(c.docker("ps -aq").ok(), "")
    equal(c.docker("volume ls -q").ok(), "")
    equal(c.docker("network ls -q --filter type=custom").ok(), "")


@seconds(120)
def test_two_projects_do_not_disturb_each_other(c):
    compose(c, "up -d db", project="one").ok()
    compose(c, "up -d db", project="two").ok()
    equal(len(set(project_nodes(c, "one"))), 1)
    equal(len(set(project_nodes(c, "two"))), 1)
    equal(sorted(lines(c.docker("volume ls -q").ok())), ["one_data", "two_data"])
    compose(c, "down -v -t 1", project="one").ok()
    equal(c.docker("volume ls -q").ok(), "two_data")
    equal(len(lines(compose(c, "ps -q db", project="two").ok())), 1)


@seconds(120)
def test_without_a_network_of_its_own_it_is_spread(c):
    text = """
        version: "3.8"
        services:
          a: {image: nginx, network_mode: bridge, ports: ["8088:80"]}
          b: {image: nginx, network_mode: bridge, ports: ["8088:80"]}
    """
    compose(c, "up -d", project="wide", text=text).ok()
    equal(len(set(project_nodes(c, "wide"))), 2, "the same host port on two nodes")
