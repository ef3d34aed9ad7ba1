"""A stand-in for Strimzi's operator, for clusters where it does not run: no Kafka, but its custom resources and Secrets.

It says of each custom resource that it is ready, and makes the Secrets that the operator would make.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

from tests.harness import kubectl

KINDS = ",".join(f"{kind}.kafka.strimzi.io" for kind in ("kafkas", "kafkanodepools", "kafkatopics", "kafkausers"))


class Operator(threading.Thread):
    """Plays Strimzi's (and KEDA's) part: everything is ready as soon as it is seen."""

    def __init__(self, namespace: str) -> None:
        super().__init__(daemon=True)
        self._namespace = namespace
        self._stopped = threading.Event()
        self.ready: list[str] = []
        """Objects, in the order in which they became ready."""

    def run(self) -> None:
        while not self._stopped.wait(0.3):
            found = kubectl("-n", self._namespace, "get", f"{KINDS},scaledobjects", "-o", "json", check=False)
            items = json.loads(found)["items"] if found.strip() else []
            # In the order in which they were made, as far as nobody has touched them since.
            for each in sorted(items, key=lambda item: int(item["metadata"]["resourceVersion"])):
                if each.get("status", {}).get("observedGeneration") != each["metadata"]["generation"]:
                    self._make_ready(each)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _make_ready(self, item: Mapping[str, Any]) -> None:
        kind, name = item["kind"], item["metadata"]["name"]
        status: dict[str, Any] = {"observedGeneration": item["metadata"]["generation"]}
        if kind == "KafkaNodePool":
            status["replicas"] = item["spec"]["replicas"]
        elif kind == "ScaledObject":
            del status["observedGeneration"]
            # A KEDA that runs says that there is no Prometheus here; it looks again every half a minute.
            known = item.get("status", {}).get("conditions", [])
            if any((each["type"], each["status"]) == ("Ready", "True") for each in known):
                return
            status["conditions"] = [{"type": "Ready", "status": "True"}]
        else:
            status["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
        if kind == "Kafka":
            status["clusterId"] = "strimzi-says-so-123456"
            self.make_secret(
                f"{name}-cluster-ca-cert", {"ca.crt": "NEW\n", "ca-2025-01-01.crt": "OLD\n", "ca.password": "x"}
            )
        if kind == "KafkaUser" and item["spec"]["authentication"]["type"] == "tls":
            self.make_secret(name, {"user.crt": f"certificate of {name}\n", "user.key": "key\n"})
        patch = json.dumps({"status": status})
        arguments = ["patch", kind, name, "--subresource=status", "--type=merge", "-p", patch]
        kubectl("-n", self._namespace, *arguments, check=False)
        self.ready.append(f"{kind}/{name}")

    def make_secret(self, name: str, data: Mapping[str, str]) -> None:
        """A Secret as the operator makes it, or with another content."""
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self._namespace},
            "stringData": dict(data),
        }
        kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
