"""Two replicas of the rendered Deployment are replaced one after the other, as Kubernetes does it, while requests go through an Envoy
with the rendered configuration: none of them may fail."""

import http.client
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import yaml

from kubelet import Failed, Manifest, Pod, podman, run, until

WORK = pathlib.Path(os.environ["WORK"])
CLIENTS, PER_SECOND = 8, 40
HOST, PATH = "shop.example.com", "/orders"


class Service:
    """The headless Service: whoever asks for its name is told the pods that are ready and not ending."""

    def __init__(self, manifest):
        metadata = manifest.one("Service")["metadata"]
        self.name = f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"
        self.file = WORK / "endpoints"
        self.pods = []
        self.file.touch()
        self.server = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-hosts", "--no-resolv", "--user=root",
             "--listen-address=127.0.0.1", "--bind-interfaces", f"--addn-hosts={self.file}"],
            stderr=(WORK / "dnsmasq.log").open("w"),
        )

    def tell(self, pods):
        self.pods = pods
        self.file.write_text("".join(f"{pod.address} {self.name}\n" for pod in pods))
        self.server.send_signal(signal.SIGHUP)


class Load:
    """Clients that keep their connections to Envoy and ask at a steady pace."""

    def __init__(self, key):
        self.key, self.going = key, True
        self.answered, self.wrong, self.slowest = 0, [], 0.0
        self.lock = threading.Lock()
        self.clients = [threading.Thread(target=self.ask, args=(number,)) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def ask(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", 10000, timeout=10)
        turn, begin = 0, time.monotonic() + number / CLIENTS / PER_SECOND
        while self.going:
            turn += 1
            time.sleep(max(0.0, begin + turn / PER_SECOND - time.monotonic()))
            # One in ten is without a key, and has to be refused as ever.
            expected, headers = (401, {}) if turn % 10 == 0 else (200, {"x-api-key": self.key})
            asked = time.monotonic()
            try:
                connection.request("GET", PATH, headers={"host": HOST} | headers)
                answer = connection.getresponse()
                body = answer.read()
                found = answer.status
            except OSError as error:
                found, body = repr(error), b""
                connection.close()
            took = time.monotonic() - asked
            with self.lock:
                self.answered += 1
                self.slowest = max(self.slowest, took)
                if found != expected:
                    self.wrong.append(f"{time.strftime('%T')}, {took:.3f} s: {found}, not {expected}: {body[:200]}")

    def end(self):
        self.going = False
        for client in self.clients:
            client.join()


def checks(pod):
    """How many Checks a pod has answered."""
    metrics = run(*pod.curl("--max-time", "5"), f"http://{pod.address}:9193/metrics").decode()
    return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("doorward_checks_total"))


def main():
    manifest = Manifest(sys.stdin.read())
    deployment = manifest.one("Deployment")
    name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
    rolling = deployment["spec"]["strategy"]["rollingUpdate"]
    if rolling != {"maxUnavailable": 0, "maxSurge": 1}:
        raise Failed(f"what follows acts out another strategy than {rolling}")

    service = Service(manifest)
    pods = [Pod(f"old-{number}", manifest, name, bridged=True) for number in range(wanted)]
    for pod in pods:
        pod.start()
    service.tell(pods)
    made = yaml.safe_load(pods[0].exec("doorward", "/doorward", "keys", "create", "--api", "shop", "--name", "load",
                                       "--organization", "acme", "--output", "json"))

    (WORK / "envoy.yaml").write_text(manifest.data("ConfigMap", f"{name}-envoy")["envoy.yaml"])
    (WORK / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    podman("run", "--detach", "--name", "envoy", "--network", "host", "--volume", f"{WORK}/envoy.yaml:/etc/envoy/envoy.yaml:ro",
           "--volume", f"{WORK}/resolv.conf:/etc/resolv.conf:ro", "envoyproxy/envoy:v1.40.0",
           "-c", "/etc/envoy/envoy.yaml", "--concurrency", "1", "--log-level", "warning")
    healthy = ("curl", "--disable", "--silent", "--max-time", "2", "http://127.0.0.1:9901/clusters")
    until("Envoy has found both replicas well", lambda: run(*healthy, wanted=False).count(b"::health_flags::healthy") == wanted + 1)

    load = Load(made["key"])
    time.sleep(5)
    started = time.monotonic()
    for number, old in enumerate(list(pods)):
        new = Pod(f"new-{number}", manifest, name, bridged=True)
        new.start()
        pods.append(new)
        service.tell(pods)
        # Kubernetes takes the pod that is to end out of the Service and ends it, both at once.
        pods.remove(old)
        service.tell(pods)
        answered, began = checks(old), time.monotonic()
        code = old.end()
        print(f"{old.name} answered {answered:.0f} Checks, then ended within {time.monotonic() - began:.1f} s: {code}")
        if set(code.values()) != {"0"}:
            raise Failed(f"{old.name} did not end in good order: {code}")
    took = time.monotonic() - started
    time.sleep(5)
    load.end()

    taken_over = [checks(pod) for pod in pods]
    print(f"{load.answered} requests, {len(load.wrong)} wrong, the slowest {load.slowest * 1000:.0f} ms, "
          f"while {wanted} replicas were replaced in {took:.0f} s; the new ones answered {taken_over} Checks")
    unwell = [line for pod in pods for line in pod.unwell]
    if load.wrong or unwell or not all(taken_over) or load.answered < CLIENTS * PER_SECOND * took / 2:
        raise Failed("\n".join(load.wrong[:20] + unwell) or "too few requests")
    for pod in pods:
        pod.end()


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(f"rollout.py: {error}")
