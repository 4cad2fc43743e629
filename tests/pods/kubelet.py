"""Pods of rendered manifests, for real: podman runs the containers, and this does what a kubelet does beside it and podman does
not. Sidecars start first and end last, probes are asked, hooks are waited for, grace periods hold.

The podman of Debian 12 reads no Secrets, no projected volumes and no claims, and takes equal names of volumes in two pods for one
volume: what a pod mounts is given to it as ConfigMaps and empty folders of its own.
"""

import base64
import itertools
import os
import shlex
import subprocess
import sys
import threading
import time

import yaml

PODMAN = shlex.split(os.environ["PODMAN"])
PATIENCE_SECONDS = 30
BRIDGE = "cluster"
# `HealthCheckRequest { service: … }` of grpc.health.v1 is one string in field 1; an answer of `SERVING` has 1 in its field 1.
SERVING = b"\x00\x00\x00\x00\x02\x08\x01"

numbers = itertools.count(10)


class Failed(Exception):
    """What was tried does not hold."""


def run(*command, given=None, wanted=True):
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if wanted and done.returncode:
        raise Failed(f"{shlex.join(command)}\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


def podman(*words, given=None, wanted=True):
    return run(*PODMAN, *words, given=given, wanted=wanted).decode().strip()


def until(what, holds, logs=lambda: ""):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"not within {PATIENCE_SECONDS} seconds: {what}\n{logs()}")
        time.sleep(0.1)


class Manifest:
    """Documents as Helm renders them."""

    def __init__(self, text):
        self.documents = [document for document in yaml.safe_load_all(text) if document]

    def one(self, kind, name=None):
        found = [it for it in self.documents if it["kind"] == kind and name in (None, it["metadata"]["name"])]
        if len(found) != 1:
            raise Failed(f"{len(found)} documents are of kind {kind} with the name {name}")
        return found[0]

    def data(self, kind, name):
        """What a ConfigMap or a Secret holds, by key."""
        document = self.one(kind, name)
        encoded = document.get("data", {}) if kind == "Secret" else {}
        plain = document.get("stringData", {}) if kind == "Secret" else document.get("data", {})
        return plain | {key: base64.b64decode(value).decode() for key, value in encoded.items()}


class Pod:
    """One pod of a Deployment, without a network but its own loopback, or with an address on the bridge."""

    def __init__(self, name, manifest, deployment, bridged=False):
        self.name, self.manifest = name, manifest
        self.spec = manifest.one("Deployment", deployment)["spec"]["template"]["spec"]
        sidecars = [it for it in self.spec.get("initContainers", []) if it.get("restartPolicy") == "Always"]
        if len(sidecars) != len(self.spec.get("initContainers", [])):
            raise Failed(f"{deployment} has init containers that are no sidecars")
        self.sidecars, self.containers = sidecars, self.spec["containers"]
        self.address = f"10.7.0.{next(numbers)}" if bridged else None
        self.pid = None
        self.watching = threading.Event()
        self.unwell = []

    def start(self):
        """Returns when all of it is ready."""
        podman("kube", "play", "--network", "none", "--start=false", "-", given=yaml.dump_all(self.played()).encode())
        infra = podman("pod", "inspect", self.name, "--format", "{{.InfraContainerID}}")
        podman("start", infra)
        self.pid = podman("inspect", infra, "--format", "{{.State.Pid}}")
        if self.address:
            self.connect()
        for container in self.sidecars + self.containers:
            podman("start", f"{self.name}-{container['name']}")
            if container in self.sidecars:
                self.await_probe(container, "startupProbe")
        for container in self.sidecars + self.containers:
            self.await_probe(container, "startupProbe")
            self.await_probe(container, "readinessProbe")
        self.watching.set()
        threading.Thread(target=self.watch, daemon=True).start()

    def end(self):
        """Ends it as Kubernetes does: the containers together, each after its hook, then the sidecars, the last one first."""
        self.watching.clear()
        deadline = time.monotonic() + self.spec.get("terminationGracePeriodSeconds", 30)
        ending = [threading.Thread(target=self.end_one, args=(it, deadline)) for it in self.containers]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
        for container in reversed(self.sidecars):
            self.end_one(container, deadline)
        codes = {
            it["name"]: podman("inspect", f"{self.name}-{it['name']}", "--format", "{{.State.ExitCode}}")
            for it in self.sidecars + self.containers
        }
        podman("pod", "rm", "--force", self.name)
        podman("volume", "rm", "--force", *[f"{self.name}-{volume['name']}" for volume in self.spec.get("volumes", [])])
        return codes

    def end_one(self, container, deadline):
        hook = container.get("lifecycle", {}).get("preStop", {})
        time.sleep(hook.get("sleep", {}).get("seconds", 0))
        left = max(1, int(deadline - time.monotonic()))
        podman("stop", "--time", str(left), f"{self.name}-{container['name']}")

    def watch(self):
        """Asks for liveness and readiness as long as the pod is to live: both hold throughout."""
        asked = {}
        while self.watching.is_set():
            for container, kind in itertools.product(self.sidecars + self.containers, ("livenessProbe", "readinessProbe")):
                probe = container.get(kind)
                key = (container["name"], kind)
                if not probe or time.monotonic() < asked.get(key, 0) + probe.get("periodSeconds", 10):
                    continue
                asked[key] = time.monotonic()
                if not self.probe(container, probe) and self.watching.is_set():
                    self.unwell.append(f"{self.name}: {container['name']}: {kind} does not hold")
            time.sleep(0.2)

    def await_probe(self, container, kind):
        probe = container.get(kind)
        if probe:
            what = f"{self.name}: {container['name']}: {kind}"
            until(what, lambda: self.probe(container, probe), lambda: self.logs(container["name"]))

    def probe(self, container, probe):
        seconds = str(probe.get("timeoutSeconds", 1))
        ports = {port.get("name"): port["containerPort"] for port in container.get("ports", [])}
        address = self.address or "127.0.0.1"
        if "tcpSocket" in probe:
            port = probe["tcpSocket"]["port"]
            port = ports.get(port, port)
            connect = f"import socket; socket.create_connection(('{address}', {port}), {seconds}); print(1)"
            return bool(run("nsenter", "--net", "--target", self.pid, sys.executable, "-c", connect, wanted=False))
        if "httpGet" in probe:
            port = probe["httpGet"]["port"]
            url = f"http://{address}:{ports.get(port, port)}{probe['httpGet']['path']}"
            status = ("--output", "/dev/null", "--write-out", "%{http_code}")
            return run(*self.curl("--max-time", seconds, *status), url, wanted=False) == b"200"
        service = probe["grpc"].get("service", "").encode()
        message = b"\x0a" + bytes([len(service)]) + service
        url = f"http://{address}:{probe['grpc']['port']}/grpc.health.v1.Health/Check"
        grpc = ("--http2-prior-knowledge", "--header", "content-type: application/grpc", "--header", "te: trailers")
        given = b"\x00" + len(message).to_bytes(4, "big") + message
        return run(*self.curl("--max-time", seconds, *grpc, "--data-binary", "@-"), url, given=given, wanted=False) == SERVING

    def curl(self, *words):
        """A command that asks from within the pod's network."""
        return "nsenter", "--net", "--target", self.pid, "curl", "--disable", "--silent", "--noproxy", "*", *words

    def logs(self, container):
        done = subprocess.run([*PODMAN, "logs", "--tail", "20", f"{self.name}-{container}"], capture_output=True, check=False)
        return (done.stdout + done.stderr).decode()

    def exec(self, container, *command):
        return podman("exec", f"{self.name}-{container}", *command)

    def connect(self):
        """Gives the pod an address on the bridge, before anything runs in it."""
        end = f"pod{self.address.rpartition('.')[2]}"
        inside = ("nsenter", "--net", "--target", self.pid, "ip")
        run("ip", "link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", self.pid)
        run("ip", "link", "set", end, "master", BRIDGE, "up")
        run(*inside, "address", "add", f"{self.address}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")

    def played(self):
        """The documents that podman is given."""
        volumes, documents = [], []
        for volume in self.spec.get("volumes", []):
            name = f"{self.name}-{volume['name']}"
            sources = volume.get("projected", {}).get("sources", [volume])
            data = {}
            for source in sources:
                if "configMap" in source:
                    data |= self.manifest.data("ConfigMap", source["configMap"]["name"])
                elif "secret" in source:
                    data |= self.manifest.data("Secret", source["secret"].get("secretName") or source["secret"]["name"])
            if data:
                documents.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
            volumes.append({"name": name, **({"configMap": {"name": name}} if data else {"emptyDir": {}})})
        kept = ("name", "image", "command", "args", "securityContext", "resources")
        containers = []
        for it in self.sidecars + self.containers:
            container = {field: it[field] for field in kept if field in it} | {"imagePullPolicy": "Never"}
            container["env"] = [self.variable(variable) for variable in it.get("env", [])]
            container["volumeMounts"] = [mount | {"name": f"{self.name}-{mount['name']}"} for mount in it.get("volumeMounts", [])]
            containers.append(container)
        spec = {"containers": containers, "volumes": volumes, "securityContext": self.spec.get("securityContext", {})}
        return [*documents, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name}, "spec": spec}]

    def variable(self, variable):
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            value = self.manifest.data("Secret", source["secretKeyRef"]["name"])[source["secretKeyRef"]["key"]]
        else:
            value = variable["value"]
        return {"name": variable["name"], "value": value}
