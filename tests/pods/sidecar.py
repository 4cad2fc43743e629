"""The pod of tests/chart/consumer, with each product's configuration in turn, and that of examples/sidecar.yaml: Envoy asks Doorward
over the socket that they share, and the application behind both shows what arrived."""

import json
import os
import pathlib
import re
import sys

import yaml

from kubelet import Failed, Manifest, Pod, run, until

WORK = pathlib.Path(os.environ["WORK"])
FORGED = ["X-Principal-Id: root", "x-principal-id: root", "X_Principal_Id: root", "x.principal.scopes: root", "x-principal-plan: root"]
# For each product: its host, what its key is made with, how the key is sent, and a request that it admits.
PRODUCTS = {
    "contox": ("contox.dev", [], "Authorization: Bearer {}", "/api/projects"),
    "cortex-edr": ("api.cortex-edr.com", ["--environment", "live", "--scope", "read"], "Authorization: Bearer {}", "/v1/scans"),
    "odin-cortex": ("ots.odin.4players.io", [], "X-API-Key: {}", "/api/messages/latest"),
    "prompt-orchestra": ("api.promptorchestra.example", ["--environment", "live", "--scope", "agents:read"],
                         "Authorization: Bearer {}", "/api/agents?organizationId=acme"),
}


def rendered(product):
    config = yaml.safe_load(pathlib.Path(f"examples/{product}.yaml").read_text())
    del config["listen"]
    config["store"] = f"postgres://doorward@10.7.0.1:5432/{product}?sslmode=disable"
    doorward = {
        "image": {"pullPolicy": "Never"},
        "config": config,
        "documents": {"sources": []},
        "extraEnv": [{"name": "SEALING_KEY", "value": "5e" * 32}],
        "mesh": {"maxRequestBytes": 1048576},
    }
    values = WORK / "values.yaml"
    values.write_text(yaml.safe_dump({"doorward": doorward}))
    return run(os.environ["HELM"], "template", product, str(WORK / "consumer"), "--values", str(values)).decode()


def ask(pod, host, path, *headers):
    """Status and body of a request through the pod's Envoy."""
    words = [word for header in [f"Host: {host}", *headers] for word in ("--header", header)]
    text = run(*pod.curl("--max-time", "5", "--write-out", "\n%{http_code}", *words), f"http://{pod.address}:10000{path}").decode()
    body, _, status = text.rpartition("\n")
    return int(status), body


def tried(pod, host, path, key, good):
    """What holds for each pod, once it is ready: `key` as it was made, and `good`, the header that presents it."""
    # The application has no probe: it is there when nothing answers in its place any more.
    until("the application answers", lambda: ask(pod, host, path, good)[0] != 503, lambda: pod.logs("notes"))
    status, body = ask(pod, host, path, good, *FORGED)
    if status != 200:
        raise Failed(f"{pod.name}: a good key is answered {status}: {body}")
    arrived = [(re.sub("[_.]", "-", name.lower()), value) for name, value in json.loads(body)["headers"]]
    told = {name: value for name, value in arrived if name.startswith("x-principal")}
    if told.get("x-principal-credential") != key["id"] or told.get("x-principal-organization") != "acme":
        raise Failed(f"{pod.name}: the application is not told who asks: {arrived}")
    if "root" in body or key["key"] in body or len(told) != sum(name.startswith("x-principal") for name, _ in arrived):
        raise Failed(f"{pod.name}: what is forged or secret arrives: {body}")
    for refused in ([], FORGED, [good[:-1]]):
        status, body = ask(pod, host, path, *refused)
        if status != 401 or '"headers"' in body:
            raise Failed(f"{pod.name}: {status} in the place of 401: {body}")

    codes = pod.end()
    if codes["doorward"] != "0" or codes["envoy"] != "0" or pod.unwell:
        raise Failed(f"{pod.name}: it did not end in good order: {codes} {pod.unwell}")
    print(f"{pod.name}: allowed as {told['x-principal-id']}, refused without a key and with a wrong one, nothing forged arrived")


def of_product(product):
    """The consumer of the chart, with a key that is made in the pod itself."""
    host, words, presented, path = PRODUCTS[product]
    pod = Pod(product, Manifest(rendered(product)), product, bridged=True)
    pod.start()
    made = ("keys", "create", "--api", product, "--name", "first", "--organization", "acme", "--output", "json")
    key = json.loads(pod.exec("doorward", "/doorward", *made, *words))
    tried(pod, host, path, key, presented.format(key["key"]))


def without_helm():
    """The plain manifest, with a key that is declared in a Secret."""
    text = pathlib.Path("examples/sidecar.yaml").read_text()
    config = WORK / "notes.yaml"
    config.write_text(Manifest(text).data("ConfigMap", "notes-doorward")["doorward.yaml"])
    made = ("keys", "create", "--declare", "--api", "notes", "--name", "first", "--organization", "acme", "--scope", "read")
    key = json.loads(run(os.environ["BINARY"], *made, "--config", str(config), "--output", "json"))
    secret = {"kind": "Secret", "metadata": {"name": "notes-keys"}, "stringData": {"first.yaml": key["document"]}}
    pod = Pod("notes", Manifest(f"{text}---\n{yaml.safe_dump(secret)}"), "notes", bridged=True)
    pod.start()
    tried(pod, "notes.example.com", "/v1/notes/today", key, f"Authorization: Bearer {key['key']}")


if __name__ == "__main__":
    try:
        for name in PRODUCTS:
            of_product(name)
        without_helm()
    except Failed as error:
        sys.exit(f"sidecar.py: {error}")
