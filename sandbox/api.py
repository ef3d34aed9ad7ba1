"""Requests to the cluster's API server while it starts."""

import http.client
import json
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.host import SandboxError
from sandbox.instance import Instance


def get(instance: Instance, path: str, seconds: float = 5) -> str:
    """The body of a GET as the administrator.

    Raises:
        OSError: no answer.
        SandboxError: the answer is not 200.
    """
    context = ssl.create_default_context(cafile=str(instance.keys / "ca.crt"))
    context.load_cert_chain(instance.keys / "admin.crt", instance.keys / "admin.key")
    connection = http.client.HTTPSConnection(instance.host, instance.port, timeout=seconds, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise SandboxError(f"API server: GET {path}: {answer.status} {body.strip()[:300]}")
    return body


def serves(instance: Instance, path: str) -> bool:
    """Whether a GET succeeds."""
    try:
        get(instance, path)
    except (OSError, SandboxError):
        return False
    return True


def ready(instance: Instance) -> bool:
    """Whether the API server answers and reports that it is ready."""
    return serves(instance, "/readyz")


def ready_nodes(instance: Instance, since: Mapping[str, float] | None = None) -> set[str]:
    """The names of the nodes that are Ready. Those in `since` must also have shown a sign of life after that time."""
    try:
        items = json.loads(get(instance, "/api/v1/nodes"))["items"]
        leases = json.loads(get(instance, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"))["items"]
    except (OSError, SandboxError):
        return set()
    alive = {item["metadata"]["name"]: datetime.fromisoformat(item["spec"]["renewTime"]).timestamp() for item in leases}
    ready = {item["metadata"]["name"] for item in items if _condition(item, "Ready")}
    return {name for name in ready if alive.get(name, 0) > (since or {}).get(name, 0)}


def deployment_ready(instance: Instance, namespace: str, name: str) -> bool:
    """Whether every replica that a Deployment requests is available."""
    try:
        found = json.loads(get(instance, f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"))
    except (OSError, SandboxError):
        return False
    status = found.get("status", {})
    wanted = found["spec"]["replicas"]
    return bool(
        status.get("observedGeneration") == found["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def _condition(item: dict[str, Any], kind: str) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)
