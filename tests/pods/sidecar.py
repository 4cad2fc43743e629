"""The pod of tests/chart/consumer, with each product's configuration in turn: Envoy asks Doorward over the socket that they share, and the
application behind both shows what arrived."""

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
    values.write_text(yaml.safe_dump({"image": "notes", "doorward": doorward}))
    return run(os.environ["HELM"], "template", product, str(WORK / "consumer"), "--values", str(values)).decode()


def ask(pod, host, path, *headers):
    """Status and body of a request through the pod's Envoy."""
    words = [word for header in [f"Host: {host}", *headers] for word in ("--header", header)]
    text = run(*pod.curl("--max-time", "5", "--write-out", "\n%{http_code}", *words), f"http://{pod.address}:10000{path}").decode()
    body, _, status = text.rpartition("\n")
    return int(status), body


def tried(product):
    host, words, presented, path = PRODUCTS[product]
    pod = Pod(product, Manifest(rendered(product)), product, bridged=True)
    pod.start()
    made = ("keys", "create", "--api", product, "--name", "first", "--organization", "acme", "--output", "json")
    key = json.loads(pod.exec("doorward", "/doorward", *made, *words))

    # The application has no probe: it is there when something answers in its place no more.
    good = presented.format(key["key"])
    until("the application answers", lambda: ask(pod, host, path, good)[0] != 503, lambda: pod.logs("notes"))
    status, body = ask(pod, host, path, good, *FORGED)
    if status != 200:
        raise Failed(f"{product}: a good key is answered {status}: {body}")
    arrived = [(re.sub("[_.]", "-", name.lower()), value) for name, value in json.loads(body)["headers"]]
    told = {name: value for name, value in arrived if name.startswith("x-principal")}
    if told.get("x-principal-credential") != key["id"] or told.get("x-principal-organization") != "acme":
        raise Failed(f"{product}: the application is not told who asks: {arrived}")
    if "root" in body or key["key"] in body or len(told) != sum(name.startswith("x-principal") for name, _ in arrived):
        raise Failed(f"{product}: what is forged or secret arrives: {body}")
    for refused in ([], FORGED, [good[:-1]]):
        status, body = ask(pod, host, path, *refused)
        if status != 401 or '"headers"' in body:
            raise Failed(f"{product}: {status} in the place of 401: {body}")

    codes = pod.end()
    if codes["doorward"] != "0" or codes["envoy"] != "0" or pod.unwell:
        raise Failed(f"{product}: it did not end in good order: {codes} {pod.unwell}")
    print(f"{product}: allowed as {told['x-principal-id']}, refused without a key and with a wrong one, nothing forged arrived")


if __name__ == "__main__":
    try:
        for name in PRODUCTS:
            tried(name)
    except Failed as error:
        sys.exit(f"sidecar.py: {error}")
