"""A crowd: many clients at once create, start, read, list and remove. No wrong answer, no leak, no orphan,
nothing reserved at the end.

BERTH_CROWD_CLIENTS (60) and BERTH_CROWD_SECONDS (6) make it larger: 200 clients for 120 s by hand."""

import json
import random

from harness import *

GROUP = group(nodes=3, memory="256g", cpus="64", rss_mb=48)

CLIENTS = int(os.environ.get("BERTH_CROWD_CLIENTS", "60"))
SECONDS = int(os.environ.get("BERTH_CROWD_SECONDS", "6"))
PATIENCE = 240  # of one call; two hundred starts at once take their time on two cores


class Client:
    """One member: what it was told must agree with what it did."""

    def __init__(self, c, number):
        self.c, self.number = c, number
        self.random = random.Random(number)
        self.turn = 0
        self.calls = 0

    def call(self, method, path, wanted, body=None):
        self.calls += 1
        status, answer = self.c.api(method, path, body, timeout=PATIENCE)
        if status not in wanted:
            raise AssertionError("%s %s: %d %r, wanted %s" % (method, path, status, answer, wanted))
        return answer

    def create(self, name, body):
        id = self.call("POST", "/containers/create?name=" + name, (201,), body)["Id"]
        filters = json.dumps({"name": [name]})
        rows = self.call("GET", "/containers/json?all=1&filters=" + filters.replace('"', "%22")
                         .replace("{", "%7B").replace("}", "%7D").replace("[", "%5B")
                         .replace("]", "%5D").replace(" ", ""), (200,))
        if [row["Id"] for row in rows] != [id]:
            raise AssertionError("created %s, listed %s" % (id, rows))
        return id

    def life(self):
        """One container from birth to removal."""
        self.turn += 1
        name = "crowd-%d-%d" % (self.number, self.turn)
        word = "word %s" % name
        body = {"Image": "busybox", "Cmd": ["echo", word], "HostConfig": {"Memory": 8 << 20}}
        id = self.create(name, body)
        kind = self.random.randrange(4)
        if kind == 0:  # never started
            equal(self.call("GET", "/containers/%s/json" % name, (200,))["State"]["Status"],
                  "created")
        else:
            self.call("POST", "/containers/%s/start" % id, (204,))
            equal(self.call("POST", "/containers/%s/wait" % name, (200,))["StatusCode"], 0)
            raw = self.call("GET", "/containers/%s/logs?stdout=1" % id[:12], (200,))
            contains(raw, word)
        if kind == 2:  # a name that is taken stays taken
            self.call("POST", "/containers/create?name=" + name, (409,), body)
        if kind == 3:
            self.call("POST", "/containers/%s/rename?name=%s-new" % (id, name), (204,))
            self.call("GET", "/containers/%s/json" % name, (404,))
            name += "-new"
        self.call("DELETE", "/containers/%s?force=1" % name, (204,))
        self.call("GET", "/containers/%s/json" % id, (404,))
        rows = self.call("GET", "/containers/json?all=1", (200,))
        if any(row["Id"] == id for row in rows):
            raise AssertionError("%s is listed after its removal" % name)

    def run(self):
        until = time.monotonic() + SECONDS
        while self.turn == 0 or time.monotonic() < until:
            self.life()
        return self.turn, self.calls


@seconds(SECONDS + PATIENCE)
def test_crowd(c):
    clients = [Client(c, number) for number in range(CLIENTS)]
    begun = time.monotonic()
    results = in_parallel([client.run for client in clients])
    took = time.monotonic() - begun
    print("        %d clients, %d containers, %d calls in %.0f s; berthd: %.1f s of CPU, RSS %d KB"
          % (CLIENTS, sum(turns for turns, _ in results), sum(calls for _, calls in results), took,
             c.berthd.cpu_seconds(), c.berthd.rss_kb()), flush=True)
    equal(c.api("GET", "/containers/json?all=1")[1], [], "what berthd still lists")
    for node in c.nodes:
        equal(node.get("/containers/json?all=1"), [], "orphans on " + node.name)
    for row in c.node_rows():
        equal((row["reserved"]["memory_bytes"], row["used"]["memory_bytes"]), (0, 0),
              "memory held on " + row["name"])
