"""A worker whose load, pods and results are watched: what the tests and the benchmark of elasticity share."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.pins import RUNTIME_IMAGE
from tests.harness import CLIENTS, PATIENCE, in_pod, kubectl

PARTITIONS = 12
TAKES_MS = 5
"""What a record takes: a pod handles nearly 200 a second."""
DRIVER = "driver"
"""Pod and user that write and look at the results."""
PROGRAM = "/programs/elastic.py"


def topics_of(worker: str) -> tuple[str, str]:
    """What a worker reads and what it writes."""
    return f"{worker}-readings", f"{worker}-results"


def platform(namespace: str, workers: Mapping[str, Mapping[str, Any]], *, volumes: str = "2Gi") -> dict[str, Any]:
    """Settings of a stack with one broker and these workers, each with topics of its own and what is said of its pods."""
    topics = [topics_of(name) for name in workers]
    text = (CLIENTS / "elastic.py").read_text()
    return {
        "namespace": namespace,
        "kafka": {"engine": "embedded", "nodes": 1, "storage": volumes, "deletion": "allow"},
        "keda": {},
        "topics": {
            topic: {"partitions": PARTITIONS, "retention": "1h", "deletion": "allow"}
            for pair in topics
            for topic in pair
        },
        "tenants": {
            "team": {
                "users": {DRIVER: {"writes": [each for each, _ in topics], "reads": [each for _, each in topics]}},
            }
        },
        "workers": {
            name: {
                "image": RUNTIME_IMAGE,
                "command": ["python3", "-c", text, "work"],
                "tenant": "team",
                "reads": [topics_of(name)[0]],
                "writes": [topics_of(name)[1]],
                "environment": {"TAKES_MS": str(TAKES_MS)},
                "resources": {"cpu": "50m", "memory": "128Mi"},
                **more,
            }
            for name, more in workers.items()
        },
    }


def drive(namespace: str, *arguments: str) -> dict[str, Any]:
    """What the driver prints."""
    answer: dict[str, Any] = json.loads(in_pod(namespace, DRIVER, "python3", PROGRAM, *arguments))
    return answer


def report(namespace: str, worker: str, written: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """What became of the records of a worker, once all of them are dealt with, or PATIENCE times the time is over."""
    until = time.monotonic() + PATIENCE * seconds
    arguments = [str(each) for each in (written["begun"], *written["bounds"])]
    while True:
        found = drive(namespace, "report", topics_of(worker)[1], *arguments)
        if not found["lost"] or time.monotonic() > until:
            return found
        time.sleep(2)


def replicas(namespace: str, worker: str) -> tuple[int, int]:
    """Pods that a worker shall have, and that it has."""
    found = kubectl(
        "-n", namespace, "get", "deployment", worker, "-o", "jsonpath={.spec.replicas} {.status.replicas}", check=False
    )
    wanted, _, there = found.partition(" ")
    return int(wanted or 0), int(there or 0)


@dataclass
class Watch:
    """Looks once a second how many pods a worker has."""

    namespace: str
    worker: str
    seen: list[tuple[float, int, int]] = field(default_factory=list)
    """Time of the clock, pods that shall be and that are."""

    def __enter__(self) -> "Watch":
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(1):
            self.seen.append((time.time(), *replicas(self.namespace, self.worker)))

    @property
    def most(self) -> int:
        """The most pods that there were."""
        return max((there for _, _, there in self.seen), default=0)

    def pod_seconds(self, begin: float, end: float) -> float:
        """Pods times seconds between two times of the clock."""
        total = 0.0
        for (at, _, there), (following, _, _) in zip(self.seen, self.seen[1:], strict=False):
            total += there * max(0.0, min(following, end) - max(at, begin))
        return total
