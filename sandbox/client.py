"""The pod in which the demo, the tests and the benchmarks use Kafka like an application."""

from collections.abc import Mapping
from typing import Any

CREDENTIALS = "/etc/kafka-client"
AUTHORITY = "/etc/kafka-platform/ca"
"""Where client.properties expects it."""
PROGRAMS = "/programs"
SECONDS = 3600
"""How long the pod stays if nobody removes it."""


def client_pod(
    namespace: str,
    name: str,
    user: str,
    image: str,
    *,
    programs: str | None = None,
    labels: Mapping[str, str] | None = None,
    authority: str | None = None,
) -> dict[str, Any]:
    """A pod that waits for commands, with one user's Secret in /etc/kafka-client, as restricted as a pod can be.

    `programs` names a ConfigMap whose files appear in /programs, and `authority` the Secret with that of the brokers.
    """
    mounts = [
        {"name": "credentials", "mountPath": CREDENTIALS, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the pod
    ]
    volumes: list[dict[str, Any]] = [
        {"name": "credentials", "secret": {"secretName": f"{user}-kafka"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if programs is not None:
        mounts.append({"name": "programs", "mountPath": PROGRAMS, "readOnly": True})
        volumes.append({"name": "programs", "configMap": {"name": programs}})
    if authority is not None:
        mounts.append({"name": "authority", "mountPath": AUTHORITY, "readOnly": True})
        items = [{"key": "ca.crt", "path": "ca.crt"}]
        volumes.append({"name": "authority", "secret": {"secretName": authority, "items": items}})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "client",
                    "image": image,
                    "command": ["sleep", str(SECONDS)],
                    # For Kafka's own tools, if the image has them.
                    "env": [{"name": "LOG_DIR", "value": "/tmp"}, {"name": "KAFKA_HEAP_OPTS", "value": "-Xmx256m"}],  # noqa: S108
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": mounts,
                }
            ],
            "volumes": volumes,
        },
    }
