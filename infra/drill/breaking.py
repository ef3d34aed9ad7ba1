"""Kills pods, and closes and opens machines: the only things that a drill changes."""

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import quote

from infra.connection import Connection, NoAnswerError
from infra.doctor.diagnosis import DRILL_ANNOTATION
from infra.live.cluster import ASK_SECONDS, MERGE_PATCH, NODES, PODS, Manifest
from infra.live.pods import name

GRACE_SECONDS = 1
"""How long a pod has until it is killed: too short to hand over anything. With zero, Kubernetes would start the next one
although the old one may still write to its volume."""
EVICTION_SECONDS = 180.0
"""How long evictions are tried that a PodDisruptionBudget refuses."""
AGAIN_SECONDS = 2.0


def kill(connection: Connection, pod: Manifest) -> None:
    """Kills a pod, this one and none that took its place. Raises `NoAnswerError`."""
    path = PODS.path(pod["metadata"]["namespace"], name(pod))
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": GRACE_SECONDS,
        "preconditions": {"uid": pod["metadata"]["uid"]},
    }
    connection.ask("DELETE", path, body=body, seconds=ASK_SECONDS)


def evict(connection: Connection, pods: Sequence[Manifest], sleep: Callable[[float], None] = time.sleep) -> None:
    """Evicts pods, as `kubectl drain` does: one after another where a PodDisruptionBudget wants it so.

    Raises:
        NoAnswerError: one is refused, or not evicted within EVICTION_SECONDS.
    """
    until = time.monotonic() + EVICTION_SECONDS
    for pod in pods:
        metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
        options = {"preconditions": {"uid": pod["metadata"]["uid"]}}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": options}
        path = f"{PODS.path(metadata['namespace'], metadata['name'])}/eviction"
        while True:
            try:
                connection.ask("POST", path, body=body, seconds=ASK_SECONDS)
                break
            except NoAnswerError as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    break
                if error.status != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > until:
                    raise NoAnswerError(f"pod {name(pod)} cannot be evicted: {error}", error.status) from error
            sleep(AGAIN_SECONDS)


def close(connection: Connection, machine: str, whose: str) -> None:
    """Cordons a machine, with an annotation that says which drill did it. Raises `NoAnswerError`."""
    _patch(
        connection, machine, {"metadata": {"annotations": {DRILL_ANNOTATION: whose}}, "spec": {"unschedulable": True}}
    )


def reopen(connection: Connection, machine: str, tries: int = 5, sleep: Callable[[float], None] = time.sleep) -> None:
    """Lets a machine take pods again. Raises `NoAnswerError` if that fails again and again."""
    for number in range(tries):
        try:
            _patch(
                connection,
                machine,
                {"metadata": {"annotations": {DRILL_ANNOTATION: None}}, "spec": {"unschedulable": None}},
            )
            return
        except NoAnswerError:
            if number + 1 == tries:
                raise
            sleep(AGAIN_SECONDS)


def _patch(connection: Connection, machine: str, body: object) -> None:
    connection.ask(
        "PATCH", f"{NODES.api}/nodes/{quote(machine)}", body=body, content_type=MERGE_PATCH, seconds=ASK_SECONDS
    )
