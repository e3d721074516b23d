#!/usr/bin/python3
"""Writes the pages of docs/ that come from the source: tour.md (each file's first comment), api.md
(routes.def), metrics.md (metrics.def), and the tables of presets and violations in security.md.

    pages.py --write    writes the pages
    pages.py --check    exit status 1 when a page is not what --write would write
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
    ("proxy/access", "Who may do what: identities, rules in force, limits, the audit log."),
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


def rows(path, macro, count):
    """The argument texts of each MACRO(...) row of a .def file, `count` of them."""
    text = re.sub(r"/\*.*?\*/", "", check.read(path), flags=re.DOTALL)
    found = []
    for match in re.finditer(r"^%s\((.*?)\)$" % macro, text, re.DOTALL | re.MULTILINE):
        joined = re.sub(r'"\s*\n\s*"', "", match.group(1))
        parts = [part.strip().strip('"') for part in
                 re.findall(r'"(?:[^"\\]|\\.)*"|[^,\s][^,]*', joined)]
        assert len(parts) == count, (path, parts)
        found.append(parts)
    return found


def table(head, lines):
    return "\n".join(["| %s |" % " | ".join(head), "|%s" % ("---|" * len(head))] +
                     ["| %s |" % " | ".join(line) for line in lines]) + "\n"


def between(path, name, text):
    """The page with what stands between <!-- name --> and <!-- /name --> replaced."""
    whole = check.read(path)
    begin, end = "<!-- %s -->\n" % name, "<!-- /%s -->" % name
    assert begin in whole and end in whole, (path, name)
    return whole[:whole.index(begin) + len(begin)] + "\n" + text + "\n" + whole[whole.index(end):]


def presets():
    return table(("preset", "acts on", "what it is for", "operations", "waives"),
                 [("`%s`" % name, "own objects" if tenant == "ACCESS_OWN" else "all objects", words,
                   " ".join("`%s`" % part for part in operations.split()) or "-",
                   " ".join("`%s`" % part for part in waives.split()) or "-")
                  for name, tenant, operations, waives, words in rows("policy/presets.def",
                                                                      "PRESET", 5)])


def violations():
    return table(("code", "what it would give"),
                 [("`%s`" % name, words)
                  for _, name, words in rows("policy/violations.def", "CODE", 3)])


def api():
    lines = [(method, "`%s`" % pattern, "`%s`" % operation,
              flags.replace("ROUTE_", "").lower() if flags != "0" else "")
             for method, pattern, operation, _, flags, _ in rows("proxy/docker/routes.def",
                                                                 "ROUTE", 6)]
    return ("# Routes and operations\n\nMade by `tests/style/pages.py --write` from "
            "`proxy/docker/routes.def`: do not edit. Rules (docs/security.md) speak of operations. "
            "`refused`: answered by berth, never sent to an engine; `long`: may stay open without "
            "end; `hijack`: becomes a two-way stream.\n\n" +
            table(("method", "path", "operation", "kind"),
                  [line[:3] + (line[3].replace("|", ""),) for line in lines]))


def metrics():
    return ("# Metrics\n\nMade by `tests/style/pages.py --write` from `proxy/metrics.def`: do not "
            "edit. `GET /_berth/v1/metrics` gives them as Prometheus text.\n\n" +
            table(("name", "type", "meaning"),
                  [("`berth_%s`" % field, kind, words)
                   for field, kind, words in rows("proxy/metrics.def", "METRIC", 3)]))


def pages():
    """Path -> what it should hold."""
    security = "docs/security.md"
    texts = {PAGE: page(), "docs/api.md": api(), "docs/metrics.md": metrics()}
    whole = between(security, "presets", presets())
    begin = whole.index("<!-- violations -->\n") + len("<!-- violations -->\n")
    end = whole.index("<!-- /violations -->")
    texts[security] = whole[:begin] + "\n" + violations() + "\n" + whole[end:]
    return texts


def main():
    if sys.argv[1:] == ["--write"]:
        for path, text in pages().items():
            with open(os.path.join(check.ROOT, path), "w", encoding="utf-8") as out:
                out.write(text)
        return 0
    if sys.argv[1:] == ["--check"]:
        stale = [path for path, text in pages().items()
                 if not os.path.exists(os.path.join(check.ROOT, path)) or check.read(path) != text]
        for path in stale:
            print("%s is not current: run tests/style/pages.py --write" % path)
        return 1 if stale else 0
    print(__doc__.strip())
    return 2


if __name__ == "__main__":
    sys.exit(main())
