"""The ConfigMaps of a stream job: what is declared, what is noted, and what Flink notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kafka_platform_runtime.api_server import ApiServer, taken
from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.stream_keeper.ledger import LEDGER, RUNNING, Ledger, Wish, read, written
from kafka_platform_runtime.stream_keeper.turn import ARGUMENTS, SQL

PLAN, VERSION, PODS = "kafka-platform/plan", "kafka-platform/version", "kafka-platform/pods"
"""Annotations of what is declared."""
_CHECKPOINT = "checkpointID-"
"""What the keys begin with by which Flink finds its checkpoints."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What is noted, as it was found."""

    ledger: Ledger
    scripts: Mapping[str, str]
    found: Mapping[str, Any] | None

    @property
    def script(self) -> str:
        """The SQL that is to run now, or the arguments of the program."""
        return self.scripts[RUNNING]


class ConfigMaps:
    """Those of one job.

    Args:
        server: the API server.
        namespace: of the job.
        name: what its objects are called.
        job: its id in Flink.
    """

    def __init__(self, server: ApiServer, namespace: str, name: str, job: str) -> None:
        self._server = server
        self._namespace = namespace
        self._name = name
        self._flinks = (f"{name}-cluster-config-map", f"{name}-{job}-config-map")
        self._folder = f"/api/v1/namespaces/{namespace}/configmaps"

    def _get(self, name: str) -> dict[str, Any] | None:
        return self._server.get(f"{self._folder}/{name}", f"ConfigMap {self._namespace}/{name}")

    def wish(self) -> Wish | None:
        """What is declared; None if nothing is any more."""
        found = self._get(f"{self._name}-config")
        if found is None:
            return None
        about, data = found["metadata"].get("annotations") or {}, found.get("data") or {}
        try:
            return Wish(
                plan=about[PLAN],
                version=int(about[VERSION]),
                script=data[SQL if SQL in data else ARGUMENTS],
                config=data["config.yaml"],
                pods=about.get(PODS),
            )
        except (KeyError, ValueError) as error:
            raise Transient(f"ConfigMap {self._namespace}/{self._name}-config: {error} is missing") from None

    def held(self) -> Held | None:
        """What is noted; None before the first job."""
        found = self._get(f"{self._name}-ledger")
        if found is None or LEDGER not in (found.get("data") or {}):
            return None
        data = dict(found["data"])
        return Held(ledger=read(data.pop(LEDGER)), scripts={RUNNING: "", **data}, found=found)

    def note(self, before: Held | None, ledger: Ledger, scripts: Mapping[str, str]) -> None:
        """Notes it. Raises `ConflictError` if somebody else has noted something meanwhile."""
        name = f"{self._name}-ledger"
        own = {"app.kubernetes.io/instance": self._name, "app.kubernetes.io/managed-by": "stream-keeper"}
        content = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self._namespace, "labels": own},
            "data": {LEDGER: written(ledger), **scripts},
        }
        found = None if before is None else before.found
        self._server.put(self._folder, found, content, f"ConfigMap {self._namespace}/{name}")

    def has_checkpoint(self) -> bool:
        """Whether Flink knows a checkpoint to go on from."""
        found = self._get(self._flinks[1])
        return found is not None and any(key.startswith(_CHECKPOINT) for key in found.get("data") or {})

    def forget(self) -> None:
        """Lets Flink forget the job before. Its checkpoints stay."""
        for name in self._flinks:
            status, answer = self._server.ask("DELETE", f"{self._folder}/{name}")
            if status != HTTPStatus.NOT_FOUND:
                taken(status, answer, f"ConfigMap {self._namespace}/{name}")
