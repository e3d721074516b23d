"""The style rules a machine can check: sizes, include direction, library users, banned calls,
first comments. Prints one line a finding; exit status 1 when there is any."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = ("policy", "lua", "proxy", "agent")
TESTS = ("tests/unit", "tests/fuzz", "tests/bench")
MAX_FILE, MAX_FUNCTION, MAX_COLUMNS = 600, 80, 120
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def files(tops, endings=(".c", ".h")):
    for top in tops:
        for folder, _, names in sorted(os.walk(os.path.join(ROOT, top))):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as source:
        return source.read()


def blank(text):
    """The code without the content of comments, strings and characters; lines stay."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)

    def hide(match):
        found = match.group(0)
        if found[0] == "/":
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[0]
    return pattern.sub(hide, text)


def functions(code):
    """(line, lines) of every function body."""
    depth, begun, before = 0, None, ""
    for number, line in enumerate(code.split("\n"), 1):
        if line.lstrip().startswith("#") or before.rstrip().endswith("\\"):
            before = line if line.rstrip().endswith("\\") else before
            if not line.rstrip().endswith("\\"):
                before = ""
            continue
        for at, char in enumerate(line):
            if char == "{":
                if depth == 0 and (before + line[:at]).rstrip().endswith(")"):
                    begun = number
                depth += 1
            elif char == "}":
                depth -= 1
                if depth == 0 and begun:
                    yield begun, number - begun + 1
                    begun = None
        if line.strip():
            before = line
    if depth != 0:
        yield -1, depth


def rules():
    layers, libraries = {}, {}
    for line in read("tests/style/layers.txt").splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, allowed = line.split(":")
            if name.startswith("["):
                libraries[name[1:-1]] = allowed.split()
            else:
                layers[name] = allowed.split()
    return layers, libraries


def check_file(path, findings):
    text = read(path)
    lines = text.split("\n")
    if len(lines) - 1 > MAX_FILE:
        findings.append("%s: %d lines, at most %d" % (path, len(lines) - 1, MAX_FILE))
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            findings.append("%s:%d: longer than %d columns" % (path, number, MAX_COLUMNS))
        if "\t" in line:
            findings.append("%s:%d: a tab" % (path, number))
    code = blank(text)
    for line, count in functions(code):
        if line == -1:
            findings.append("%s: braces do not match for the scanner" % path)
        elif count > MAX_FUNCTION:
            findings.append("%s:%d: a function of %d lines, at most %d"
                            % (path, line, count, MAX_FUNCTION))
    for match in BANNED.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        findings.append("%s:%d: %s is banned" % (path, line, match.group(1)))
    if path.startswith(SOURCES) and not re.match(r"/\* [^\n]*:", text):
        findings.append("%s: the first line is not `/* Name: the idea in a sentence.`" % path)
    if path.endswith(".h") and "#pragma once" not in text:
        findings.append("%s: no #pragma once" % path)
    return text


def check_includes(path, text, layers, libraries, findings):
    folder = os.path.dirname(path)
    if folder not in layers:
        findings.append("%s: folder %s is not in tests/style/layers.txt" % (path, folder))
        return
    for kind, name in INCLUDE.findall(text):
        for prefix, users in libraries.items():
            if kind == "<" and name.startswith(prefix) and not any(
                    path == user or folder == user or folder.startswith(user + "/")
                    for user in users):
                findings.append("%s: <%s> is for %s only" % (path, name, " ".join(users)))
        if kind == '"':
            if "/" not in name:
                findings.append('%s: write "%s" with its folder' % (path, name))
            elif os.path.dirname(name) not in layers[folder]:
                findings.append("%s: includes %s, against the direction in layers.txt"
                                % (path, name))


def main():
    findings = []
    layers, libraries = rules()
    for path in files(SOURCES):
        check_includes(path, check_file(path, findings), layers, libraries, findings)
    for path in files(TESTS):
        check_file(path, findings)
    for path in files(("tests", "examples"), (".py", ".sh")):
        if read(path).count("\n") > MAX_FILE:
            findings.append("%s: more than %d lines" % (path, MAX_FILE))
    for finding in findings:
        print(finding)
    print("style: %s" % ("%d findings" % len(findings) if findings else "clean"))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
