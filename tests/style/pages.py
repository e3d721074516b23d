#!/usr/bin/python3
"""Writes docs/tour.md: the source tree, one entry a file, from each file's first comment.

    pages.py --write    writes the page
    pages.py --check    exit status 1 when the page is not what --write would write
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check  # noqa: E402

PAGE = "docs/tour.md"
INTRODUCTION = """# A tour of the source

Made by `tests/style/pages.py --write` from the first comment of each file: do not edit.

Includes go from right to left, never back: `policy <- lua <- proxy <- agent`.
`tests/style/layers.txt` has the direction folder by folder, and a test checks it.
"""
FOLDERS = (
    ("policy/base", "What everything stands on: text, memory, failures, tables, values."),
    ("policy", "Pure decisions: no I/O, no clock, no random numbers."),
    ("lua", "The operator's `policy.lua`: sandbox, budgets, bindings."),
    ("proxy", "berthd: its start, settings, log, metrics and JSON."),
    ("proxy/net", "Loop, timers, sockets and TLS; the only user of libh2o."),
    ("proxy/cert", "Keys and certificates."),
    ("proxy/http", "HTTP/1.1: heads, strict framing, the front, the upstream client, tunnels."),
    ("proxy/engine", "One Docker engine: requests, decoding, its event stream."),
    ("proxy/cluster", "All engines: nodes, containers, names, reservations, launching."),
    ("proxy/store", "What must survive a restart."),
    ("proxy/docker", "The Docker Engine API, one file a noun."),
    ("proxy/admin", "berth's own API: join, lease, nodes, metrics."),
    ("proxy/cli", "`docker berth`, the plug-in of the docker client."),
    ("agent", "berth-agent: joins a node to the cluster and guards its engine."),
)


def idea(path):
    """The first paragraph of the file's first comment, without its stars, as one line."""
    match = re.match(r"/\*(.*?)\*/", check.read(path), re.DOTALL)
    if not match:
        return ""
    lines = [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in match.group(1).split("\n")]
    text = []
    for line in lines:
        if not line.strip() and text:
            break
        text.append(line.strip())
    return " ".join(text).strip()


def page():
    out = [INTRODUCTION]
    known = {}
    for path in check.files(check.SOURCES):
        known.setdefault(os.path.dirname(path), []).append(path)
    order = [name for name, _ in FOLDERS] + sorted(set(known) - {name for name, _ in FOLDERS})
    words = dict(FOLDERS)
    for folder in order:
        if folder not in known:
            continue
        out.append("## `%s/`\n" % folder)
        if folder in words:
            out.append(words[folder] + "\n")
        stems = {}
        for path in known[folder]:
            stems.setdefault(os.path.splitext(os.path.basename(path))[0], []).append(path)
        for stem in sorted(stems):
            # The header is the contract; a .c file speaks when it has none.
            path = sorted(stems[stem], key=lambda name: not name.endswith(".h"))[0]
            names = " ".join("`%s`" % os.path.basename(name) for name in stems[stem])
            out.append("- %s: %s" % (names, idea(path)))
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def main():
    path = os.path.join(check.ROOT, PAGE)
    if sys.argv[1:] == ["--write"]:
        with open(path, "w", encoding="utf-8") as out:
            out.write(page())
        return 0
    if sys.argv[1:] == ["--check"]:
        if os.path.exists(path) and check.read(PAGE) == page():
            return 0
        print("%s is not current: run tests/style/pages.py --write" % PAGE)
        return 1
    print(__doc__.strip())
    return 2


if __name__ == "__main__":
    sys.exit(main())
