"""What an exporter needs to add pods: which, and the right to their scale, and to nothing else. No Pulumi."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kafka_platform.exporter.spec import Surge
from kafka_platform.kube.manifests import (
    Manifest,
    labels,
    metadata,
    role_binding_of,
    role_of,
    service_account_of,
    text_hash,
)
from kafka_platform.kube.objects import Object
from kafka_platform.values.units import milliseconds

if TYPE_CHECKING:
    from pulumi import Input

SURGE_FILE = "surges.json"


def surges_name(exporter: str) -> str:
    """Name of the ConfigMap with the Deployments."""
    return f"{exporter}-surges"


def surge_objects(name: str, namespace: "Input[str]", component: str, surges: Sequence[Surge]) -> list[Object]:
    """The list of Deployments, and a Role in each of their namespaces; none without any.

    Args:
        name: of the exporter.
        namespace: the exporter's.
        component: its label.
        surges: the Deployments.
    """
    if not surges:
        return []
    own = labels(name, component)
    listed: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(surges_name(name), namespace, own),
        "data": {SURGE_FILE: _text(surges)},
    }
    found = [
        Object(role="surges", manifest=listed),
        Object(role="account", manifest=service_account_of(metadata(name, namespace, own))),
    ]
    for where in sorted({each.namespace for each in surges}):
        about = metadata(name, where, own)
        rule = {
            "apiGroups": ["apps"],
            "resourceNames": sorted(each.name for each in surges if each.namespace == where),
            "resources": ["deployments/scale"],
            "verbs": ["get", "patch"],
        }
        role = Object(role=f"scales-{where}", manifest=role_of(about, [rule]))
        bound = role_binding_of(about, {"name": name, "namespace": namespace})
        found += [role, Object(role=f"scaler-{where}", manifest=bound, after=[role])]
    return found


def surges_hash(surges: Sequence[Surge]) -> str:
    """Changes with the list."""
    return text_hash(_text(surges))


def _text(surges: Sequence[Surge]) -> str:
    return json.dumps([_listed(each) for each in surges], sort_keys=True)


def _listed(surge: Surge) -> dict[str, Any]:
    return {
        "acceptableDelaySeconds": milliseconds(surge.acceptable_delay) / 1000,
        "max": surge.max,
        "name": surge.name,
        "namespace": surge.namespace,
        "recordsPerSecondPerPod": surge.records_per_second_per_pod,
        "topics": [surge.topic],
    }
