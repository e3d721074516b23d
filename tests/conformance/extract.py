#!/usr/bin/python3
"""Makes api.json from the Docker API's description: only run by hand, when that changes.

    extract.py API.yaml ROUTES.csv > api.json

API.yaml: moby's api/docs/v1.41.yaml (Apache-2.0), the version of Debian's engine; needs
python3-yaml. ROUTES.csv: one row a route, with the class that says how berth answers it. Kept are
the routes and, of the schemas of answers, what a checker needs: no descriptions, no examples.
"""

import csv
import json
import sys

import yaml

KEPT = ("type", "properties", "items", "additionalProperties", "allOf", "$ref", "x-nullable")


def strip(schema):
    """The schema without words."""
    if isinstance(schema, list):
        return [strip(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key not in KEPT:
            continue
        if key == "properties":
            out[key] = {name: strip(part) for name, part in value.items()}
        elif key == "$ref":
            out[key] = value.rsplit("/", 1)[1]
        else:
            out[key] = strip(value)
    return out


def references(schema, found):
    if isinstance(schema, list):
        for part in schema:
            references(part, found)
    elif isinstance(schema, dict):
        if "$ref" in schema and isinstance(schema["$ref"], str):
            found.add(schema["$ref"])
        for key, part in schema.items():
            if key != "$ref":
                references(part, found)


def main():
    with open(sys.argv[1]) as source:
        api = yaml.safe_load(source)
    answers = {}
    for path, methods in api["paths"].items():
        for method, call in methods.items():
            if not isinstance(call, dict):
                continue
            for status, answer in call.get("responses", {}).items():
                if isinstance(answer, dict) and "schema" in answer:
                    answers["%s %s %s" % (method.upper(), path, status)] = strip(answer["schema"])
    schemas, wanted = {}, set()
    references(list(answers.values()), wanted)
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = strip(api["definitions"][name])
            more = set()
            references(schemas[name], more)
            wanted |= more - set(schemas)
    with open(sys.argv[2]) as source:
        routes = [[row["method"], row["path"], row["class"], row["since"], row["until"]]
                  for row in csv.DictReader(source)]
    parts = []
    for key, value in (("routes", routes), ("answers", answers), ("schemas", schemas)):
        rows = value if isinstance(value, list) else sorted(value.items())
        text = ",\n".join(json.dumps(row, separators=(",", ":")) if isinstance(value, list) else
                          "%s:%s" % (json.dumps(row[0]), json.dumps(row[1], separators=(",", ":")))
                          for row in rows)
        opening, closing = "[]" if isinstance(value, list) else "{}"
        parts.append("%s:%s\n%s\n%s" % (json.dumps(key), opening, text, closing))
    print("{%s}" % ",\n".join(parts))


if __name__ == "__main__":
    main()
