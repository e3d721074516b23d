"""Conformance: every call of cases.py through berth and directly on an engine, held side by side.

Compared are the status, the content type, and the shape of a JSON answer: which members there are
and of which type. Against the API's description (api.json) berth may not be wrong where the engine is
right. Members that berth adds are listed in ADDED.
"""

import http.client
import json
import os
import re
import urllib.parse

import cases

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = "/v1.41"
ADDED = {"Node", "Nodes", "SystemStatus"}
HEADERS = ("Api-Version", "Ostype", "Docker-Experimental", "Server", "X-Docker-Container-Path-Stat",
           "Cache-Control")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.type = (headers.get("Content-Type") or "").split(";")[0]

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def call(address, case, variables, timeout=30):
    """One call; the answer is read to its end."""
    method, path = case.call.split(" ", 1)

    def fill(match):
        name, _, length = match.group(1).partition(":")
        value = variables.get(name, "unknown")
        return value[:int(length)] if length else value
    path = re.sub(r"\{([a-z]+(?::\d+)?)\}", fill, path)
    path = urllib.parse.quote(path, safe="/?&=:%+~,-._")
    body, headers = case.body, dict(case.headers)
    if body is not None:
        headers.setdefault("Content-Type", case.type)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        connection.request(method, VERSION + path, body, headers)
        reply = connection.getresponse()
        try:
            data = reply.read()
        except http.client.IncompleteRead as cut:
            data = cut.partial
        return Answer(reply.status, reply.headers, data)
    finally:
        connection.close()


def keep(case, answer, variables):
    for name, path in (case.keep or {}).items():
        value = answer.json()
        for part in path.split("."):
            if isinstance(value, list):
                value = value[int(part)] if int(part) < len(value) else None
            elif isinstance(value, dict):
                value = value.get(part)
        if isinstance(value, str):
            variables[name] = value


def run_all(address):
    """[(case, answer)] of all cases, in order."""
    variables, answers = {}, []
    for case in cases.all_cases():
        try:
            answer = call(address, case, variables)
        except OSError as error:
            raise AssertionError("%s [%s]: %s" % (case.call, case.what, error)) from error
        keep(case, answer, variables)
        answers.append((case, answer))
    return answers


# ---- shapes ----
def kind(value):
    return {dict: "object", list: "array", str: "string", bool: "boolean", int: "number",
            float: "number", type(None): "null"}[type(value)]


def is_id(key):
    return re.match(r"^[0-9a-f]{64}$|^ep-", key) is not None


def twin(rows, wanted):
    """The row of the same name as `wanted`: engines do not sort all lists."""
    if isinstance(wanted, dict) and "Name" in wanted:
        for row in rows:
            if isinstance(row, dict) and row.get("Name") == wanted["Name"]:
                return row
    return rows[0]


def differences(ours, theirs, where="", found=None):
    """Where the shape of `ours` is not that of `theirs`."""
    found = [] if found is None else found
    if kind(ours) != kind(theirs):
        found.append("%s is %s, the engine says %s" % (where or "answer", kind(ours),
                                                       kind(theirs)))
    elif isinstance(ours, dict):
        named = {key for key in theirs if not is_id(key)}
        for key in sorted(named - set(ours)):
            found.append("%s.%s is missing" % (where, key))
        for key in sorted({key for key in ours if not is_id(key)} - named - ADDED):
            found.append("%s.%s is not the engine's" % (where, key))
        for key in sorted(named & set(ours)):
            differences(ours[key], theirs[key], "%s.%s" % (where, key), found)
    elif isinstance(ours, list) and ours and theirs:
        differences(twin(ours, theirs[0]), theirs[0], where + "[]", found)
    return found


class Description:
    """The schemas of the API's description."""

    def __init__(self):
        with open(os.path.join(HERE, "api.json")) as source:
            data = json.load(source)
        self.routes = data["routes"]
        self.answers, self.schemas = data["answers"], data["schemas"]

    def schema(self, route, status):
        method, path = route.split(" ", 1)
        for key in ("%s %s %d" % (method, path, status),
                    "%s %s %d" % (method, path.replace("{name}", "{id}"), status)):
            if key in self.answers:
                return self.answers[key]
        return {"$ref": "ErrorResponse"} if status >= 400 else None

    def violations(self, value, schema, where=""):
        """Where the value is not as described."""
        if not schema:
            return []
        if "$ref" in schema:
            return self.violations(value, self.schemas[schema["$ref"]], where)
        if "allOf" in schema:
            return [text for part in schema["allOf"] for text in self.violations(value, part,
                                                                                 where)]
        if value is None:
            return []
        wanted = schema.get("type")
        if wanted == "integer":
            wanted = "number"
        if wanted and kind(value) != wanted:
            return ["%s is %s, described as %s" % (where or "answer", kind(value), wanted)]
        found = []
        if isinstance(value, list):
            for item in value:
                found += self.violations(item, schema.get("items"), where + "[]")
        elif isinstance(value, dict):
            rest = schema.get("additionalProperties")
            for key, member in value.items():
                part = schema.get("properties", {}).get(key, rest if isinstance(rest, dict)
                                                        else None)
                found += self.violations(member, part, "%s.%s" % (where, key))
        return found


def judge(case, ours, theirs, description):
    """The list of what is wrong with our answer."""
    wrong = []
    status = case.design[0] if case.design else theirs.status
    if ours.status != status:
        wrong.append("status %d, should be %d: %s" % (ours.status, status,
                                                      ours.body[:200].decode(errors="replace")))
        return wrong
    if not case.design and ours.type != theirs.type:
        wrong.append("content type %r, the engine's is %r" % (ours.type, theirs.type))
    for name in HEADERS:  # some answers of engines lack them; ours never do
        if not case.design and name in theirs.headers and name not in ours.headers:
            wrong.append("header %s is missing" % name)
    if case.stream or not ours.body:
        if bool(ours.body) != bool(theirs.body) and not case.design:
            wrong.append("%d bytes, the engine sends %d" % (len(ours.body), len(theirs.body)))
        return wrong
    if ours.type != "application/json":
        return wrong
    value = ours.json()
    if case.shape and not case.design:
        wrong += differences(value, theirs.json())
    schema = description.schema(case.route, ours.status)
    theirs_wrong = [] if case.design else description.violations(theirs.json(), schema)
    wrong += sorted(set(description.violations(value, schema)) - set(theirs_wrong))
    return wrong


def compare(ours, theirs, description):
    """[(case, status of ours, [what is wrong])]."""
    return [(case, answer.status, judge(case, answer, other, description))
            for (case, answer), (_, other) in zip(ours, theirs)]


def uncovered(description):
    """Routes that no case calls."""
    called = {case.route for case in cases.all_cases()}
    return [route for route in ("%s %s" % (method, path)
                                for method, path, _, _, _ in description.routes)
            if route not in called]


# ---- the page ----
def page(rows, description):
    """docs/conformance.md."""
    by_route = {}
    for case, status, wrong in rows:
        by_route.setdefault(case.route, []).append((case, status, wrong))
    good = sum(not wrong for _, _, wrong in rows)
    lines = ["# Conformance", "",
             "Made by `tests/live/test_conformance.py` (with BERTH_WRITE=1): every route of the Docker",
             "API, called through berth over three engines and directly on one of them (Debian's",
             "20.10, API 1.41). Status, content type and the shape of each answer are compared, and",
             "held against the API's description. `by design`: berth answers otherwise on purpose.",
             "", "%d of %d calls agree; %d routes." % (good, len(rows), len(description.routes)), "",
             "| Call | Class | Tried | Result |", "|---|---|---|---|"]
    for method, path, group, _, _ in description.routes:
        route = "%s %s" % (method, path)
        for case, status, wrong in by_route.get(route, []):
            if wrong:
                result = "**differs**: " + "; ".join(wrong)[:120].replace("|", "/")
            elif case.design:
                result = "by design: %s" % case.design[1]
            else:
                result = "agrees"
            lines.append("| `%s` | %s | %s%d | %s |" % (route, group, case.what + ": " if case.what
                                                       else "", status, result))
    return "\n".join(lines) + "\n"
