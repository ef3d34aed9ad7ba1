"""Declarations in a ConfigMap, and the Job that applies them. No Pulumi."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.pod_settings import PodSettings
from kafka_platform.kube.pods import pod_spec, run_once
from kafka_platform.values.later import Input

_VERSION = "kafka-platform/declarations"
"""Annotation of a Job's pods: the version of the declarations that they apply."""
MAX_BYTES = 900_000
"""Of all declarations: a ConfigMap takes 1 MiB with everything around the data."""
RETRY_SECONDS = 240
"""In which the program retries what passes by itself, such as brokers or a registry that do not answer yet."""
REMOVED_KEY = "removed"
"""Of a ConfigMap with declarations: the JSON list of what is to be deleted, by name."""
_DEADLINE_SECONDS = 540
"""After which Kubernetes ends the Job: the above, with time to pull the image and to apply thousands of declarations."""


def version_of(declared: Any) -> str:
    """Changes when anything is declared differently, in whatever order."""
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()


def removed(names: Sequence[str]) -> dict[str, str]:
    """The key with what is to be deleted; none if nothing is."""
    return {REMOVED_KEY: json.dumps(sorted(names))} if names else {}


def size_of(rendered: Mapping[str, str]) -> int:
    """How many bytes of a ConfigMap these declarations are."""
    return sum(len(key) + len(text.encode()) for key, text in rendered.items())


def job(
    container: Manifest,
    volumes: Sequence[Manifest],
    *,
    version: str,
    own: Mapping[str, str],
    namespace: Input[str],
    pods: PodSettings,
) -> Manifest:
    """Runs a container that applies declarations; another version of them makes another Job."""
    template: Manifest = {
        "metadata": {"annotations": {_VERSION: version}, "labels": dict(own)},
        "spec": pod_spec([container], volumes),
    }
    return run_once(template, pods, namespace=namespace, own=own, deadline_seconds=_DEADLINE_SECONDS)
