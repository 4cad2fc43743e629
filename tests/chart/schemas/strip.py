#!/usr/bin/env python3
"""Makes the schemas of this folder from CustomResourceDefinitions, which it reads from standard input.

    strip.py AuthorizationPolicy.v1 PeerAuthentication.v1 <definitions.yaml

Kept is what judges a document that somebody writes. Not kept are descriptions and other prose, rules in CEL, which validate.py
cannot judge, and `status`, which only controllers write.
"""

import json
import pathlib
import sys

import yaml

PROSE = {"description", "title", "example", "externalDocs", "x-kubernetes-validations"}
NAMED = {"properties", "patternProperties", "definitions"}


def stripped(schema):
    """A schema, or a list of them, without prose. What stands under `properties` is named by others: a field may be called `title`."""
    if isinstance(schema, list):
        return [stripped(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for keyword, value in schema.items():
        if keyword in NAMED:
            kept[keyword] = {name: stripped(one) for name, one in value.items()}
        elif keyword in ("default", "enum"):
            kept[keyword] = value
        elif keyword not in PROSE:
            kept[keyword] = stripped(value)
    return kept


def main(wanted):
    # Envoy Gateway keeps its definitions as templates of a chart: their first and last lines are Helm's.
    text = "".join(line for line in sys.stdin if not line.startswith("{{"))
    missing = set(wanted)
    for document in filter(None, yaml.safe_load_all(text)):
        spec = document["spec"]
        for version in spec["versions"]:
            name = f"{spec['names']['kind']}.{version['name']}"
            if name not in missing or not version["served"]:
                continue
            schema = stripped(version["schema"]["openAPIV3Schema"])
            schema["properties"].pop("status", None)
            path = pathlib.Path(__file__).parent / spec["group"] / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")
            missing.remove(name)
    if missing:
        sys.exit(f"not defined there, or not served: {', '.join(sorted(missing))}")


main(sys.argv[1:])
