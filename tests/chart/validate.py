#!/usr/bin/env python3
"""Judges Kubernetes documents as an API server would, without one: reads YAML from standard input, exits with 1 if any is wrong.

    helm template doorward helm | $(tests/parts.sh kubernetes-validate 1.37.0) tests/chart/validate.py

Kinds of Kubernetes are judged by the package kubernetes-validate, all others by the schemas in the folder `schemas`. A field that
the schema does not name, a field given twice, and a kind that nobody knows are mistakes. Rules in CEL are not judged.
"""

import datetime
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

KUBERNETES = "1.37.0"
SCHEMAS = pathlib.Path(__file__).parent / "schemas"


class Wrong(Exception):
    """A mistake in a document: where it is, and what was found."""

    def __init__(self, path, found):
        super().__init__(f"{'.'.join(str(step) for step in path) or 'document'}: {found}")


class Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a key stands once, and a time is a string."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"`{key}` is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

formats = jsonschema.FormatChecker(formats=[])


@formats.checks("int32")
def is_int32(value):
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@formats.checks("int64")
def is_int64(value):
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@formats.checks("date-time", raises=ValueError)
def is_date_time(value):
    return not isinstance(value, str) or bool(datetime.datetime.fromisoformat(value).tzinfo)


def closed(schema):
    """A structural schema as JSON Schema. Where an API server would drop a field that it does not know, the field is refused."""
    schema = dict(schema)
    for keyword in ("properties", "patternProperties"):
        if keyword in schema:
            schema[keyword] = {name: closed(one) for name, one in schema[keyword].items()}
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            schema[keyword] = closed(schema[keyword])
    if schema.get("x-kubernetes-int-or-string"):
        schema["type"] = ["integer", "string"]
    if schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    if schema.pop("nullable", False):
        schema = {"anyOf": [{"type": "null"}, schema]}
    return schema


def is_unique(validator, kind, items, schema):
    """Lists that are sets, or maps by some of their fields, have no two items that are the same in them."""
    keys = schema.get("x-kubernetes-list-map-keys", [])
    seen = set()
    for item in items if kind in ("set", "map") and isinstance(items, list) else []:
        name = json.dumps({key: item.get(key) for key in keys} if kind == "map" else item, sort_keys=True)
        if name in seen:
            yield jsonschema.ValidationError(f"{name} is there twice")
        seen.add(name)


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"x-kubernetes-list-type": is_unique})


def judge_builtin(document):
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise Wrong(error.absolute_path, error.message) from error
    except kubernetes_validate.SchemaNotFoundError as error:
        raise Wrong(["kind"], f"Kubernetes {KUBERNETES} knows no {document['kind']} in {document['apiVersion']}") from error


def judge_custom(document, group, version):
    path = SCHEMAS / group / f"{document['kind']}.{version}.json"
    if not path.is_file():
        raise Wrong(["kind"], f"no schema is here for {document['kind']} in {document['apiVersion']}")
    schema = closed(json.loads(path.read_text()))
    # Every document has these; some schemas do not say so.
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
    error = jsonschema.exceptions.best_match(Validator(schema, format_checker=formats).iter_errors(document))
    if error:
        raise Wrong(error.absolute_path, error.message)
    # The metadata is judged by a kind that has nothing else.
    judge_builtin({"apiVersion": "v1", "kind": "ConfigMap", "metadata": document["metadata"]})


def judge(document):
    for field, kind in {"apiVersion": str, "kind": str, "metadata": dict}.items():
        if not isinstance(document, dict) or not isinstance(document.get(field), kind):
            raise Wrong([field], "missing, or not of its type")
    if not isinstance(document["metadata"].get("name"), str):
        raise Wrong(["metadata", "name"], "missing, or not a string")
    group, _, version = document["apiVersion"].rpartition("/")
    # Kubernetes' own groups have no dot or end in its domain; what runs beside it may, too, and is known by its folder.
    if (SCHEMAS / group).is_dir() and group or "." in group and not group.endswith(".k8s.io"):
        judge_custom(document, group, version)
    else:
        judge_builtin(document)


def name_of(document, number):
    try:
        return f"{document['kind']}/{document['metadata']['name']}"
    except (KeyError, TypeError):
        return f"document {number}"


def main():
    try:
        documents = [document for document in yaml.load_all(sys.stdin, Loader) if document is not None]
    except yaml.YAMLError as error:
        sys.exit(f"not YAML: {error}")
    wrong = 0
    for number, document in enumerate(documents, 1):
        try:
            judge(document)
        except Wrong as error:
            wrong += 1
            print(f"{name_of(document, number)}: {error}", file=sys.stderr)
    if not documents:
        sys.exit("no document was read")
    print(f"{len(documents)} documents, {wrong} wrong")
    sys.exit(wrong > 0)


main()
