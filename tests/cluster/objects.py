"""What the tests of rendered objects share: a namespace of their own, and what a real API server says of an object."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


@contextlib.contextmanager
def own_namespace(name: str, environment: Mapping[str, str]) -> Iterator[None]:
    """A namespace that goes at the end, unwaited for."""
    subprocess.run(["kubectl", "create", "namespace", name], env=environment, check=False, capture_output=True)
    try:
        yield
    finally:
        delete = ["kubectl", "delete", "namespace", name, "--wait=false"]
        subprocess.run(delete, env=environment, check=False, capture_output=True)


def warn_of_pods(namespace: str, environment: Mapping[str, str]) -> None:
    """Has Kubernetes' own admission judge pods as it would in a namespace that enforces the restricted standard."""
    labels = ["pod-security.kubernetes.io/warn=restricted", "pod-security.kubernetes.io/warn-version=latest"]
    label = ["kubectl", "label", "--overwrite", "namespace", namespace, *labels]
    subprocess.run(label, env=environment, check=True, capture_output=True)


def dry_run(objects: Sequence[Mapping[str, Any]], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """What the API server says to the objects, unknown fields being an error; nothing is made.

    In a List it is kubectl that tells of unknown and missing fields, by the API server's schemas and in words of its own.
    """
    return subprocess.run(
        ["kubectl", "apply", "--server-side", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-"],
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        env=environment,
        capture_output=True,
        text=True,
    )
