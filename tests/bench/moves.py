#!/usr/bin/python3
"""How long is a container away when its node loses power? Real engines, default settings.

    moves.py [--rounds 20] [--containers 5] [--lease TIME]

Each round kills the node that holds most of the containers (engine, shims, containers and agent at
once), and takes the time until all of them run elsewhere, under their IDs, as inspect answers
through berthd. Prints each round, then median and worst. BERTH_BIN and BERTH_LIVE_BLOCK as for
tests/live/run.py.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "live"))
import harness  # noqa: E402
from harness import Lab, wait_for  # noqa: E402


def places(context, ids):
    """id -> node, or None unless all of ids run. As inspect says: an engine that does not answer
    can't be taken for the holder."""
    rows = {row["Id"]: row for row in context.api("GET", "/containers/json?all=1")[1]}
    if any(id not in rows or rows[id]["State"] != "running" for id in ids):
        return None
    found = {id: context.api("GET", "/containers/%s/json" % id)[1].get("Node", {}).get("Name")
             for id in ids}
    return found if all(found.values()) else None


def one_round(context, ids, number):
    before = list((wait_for("all run", lambda: places(context, ids), 30)).values())
    holder = max(set(before), key=before.count)
    node = context.lab[holder]
    begun = time.monotonic()
    node.kill()

    def elsewhere():
        now = places(context, ids)
        return now and holder not in now.values()
    wait_for("all run elsewhere", elsewhere, 120, 0.1)
    took = time.monotonic() - begun
    print("%2d: %s lost, its %d containers elsewhere after %.2f s"
          % (number, holder, before.count(holder), took), flush=True)
    node.start()
    node.wait_ready()
    context.start_agent(node)
    context.wait_nodes(3, 60)
    return took


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--containers", type=int, default=5)
    parser.add_argument("--lease", default="")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="moves-", dir="/tmp")
    flags = ["--state", os.path.join(folder, "state")]
    if options.lease:
        flags += ["--lease", options.lease]
    lab = Lab()
    context = None
    try:
        lab.up(3, memory=4 << 30, cpus=2)
        context = harness.Context(lab, harness.group(flags=flags, memory="4g", cpus="2"), folder)
        context.start()
        ids = [context.docker("run -d --name move-%d busybox top" % number).ok()
               for number in range(options.containers)]
        times = [one_round(context, ids, number + 1) for number in range(options.rounds)]
        print("median %.2f s, worst %.2f s, best %.2f s of %d"
              % (statistics.median(times), max(times), min(times), len(times)))
    finally:
        if context:
            for line in context.end():
                print(line)
        lab.down()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
