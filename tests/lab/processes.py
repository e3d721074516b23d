"""Processes of the lab: found by network namespace or by pid and start time, ended by pid."""

import json
import os
import signal
import time


def start_time(pid):
    """The process's start in clock ticks since boot; None when it is gone or a zombie."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def record(path, pid):
    """Writes pid and start time, so that a successor never ends a stranger with a reused pid."""
    with open(path, "w") as out:
        json.dump({"pid": pid, "start": start_time(pid)}, out)


def recorded(path):
    """The pid written by record(), if that very process still runs; else None."""
    try:
        with open(path) as source:
            known = json.load(source)
    except (OSError, ValueError):
        return None
    if known["start"] is not None and start_time(known["pid"]) == known["start"]:
        return known["pid"]
    return None


def _parents():
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] not in "ZX":
                parents[int(name)] = int(fields[1])
    return parents


def in_namespace(path):
    """Pids of all processes in the network namespace at `path`, and of all their descendants
    (containers have namespaces of their own, but their parents, the shims, live in this one)."""
    try:
        wanted = os.stat(path)
    except OSError:
        return []
    parents = _parents()
    found = set()
    for pid in parents:
        try:
            if os.stat("/proc/%d/ns/net" % pid).st_ino == wanted.st_ino:
                found.add(pid)
        except OSError:
            continue
    grew = True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    found.discard(os.getpid())
    return sorted(found)


def end_namespace(path, deadline_s=20):
    """SIGKILL for everything in the namespace until nothing is left: a power failure."""
    until = time.monotonic() + deadline_s
    while True:
        pids = in_namespace(path)
        if not pids:
            return
        if time.monotonic() > until:
            raise RuntimeError("processes %s in %s do not end" % (pids, path))
        for pid in pids:
            send(pid, signal.SIGKILL)
        time.sleep(0.02)


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def end(pid, grace_s=10):
    """SIGTERM, then SIGKILL after the grace; returns when the process is gone."""
    begun = start_time(pid)
    if begun is None:
        return
    send(pid, signal.SIGTERM)
    until = time.monotonic() + grace_s
    while start_time(pid) == begun:
        if time.monotonic() > until:
            send(pid, signal.SIGKILL)
            until = time.monotonic() + grace_s
        time.sleep(0.02)
