"""KEDA's kinds as the API server judges them: by a dry run, nothing is made."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("keda")

SCALED_OBJECT: dict[str, Any] = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "reader", "namespace": "default"},
    "spec": {
        "scaleTargetRef": {"name": "reader"},
        "minReplicaCount": 0,
        "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"},
        "triggers": [
            {
                "type": "kafka",
                "metadata": {"bootstrapServers": "events:9092", "consumerGroup": "reader", "topic": "orders"},
                "authenticationRef": {"name": "reader"},
            }
        ],
    },
}
TRIGGER_AUTHENTICATION: dict[str, Any] = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "TriggerAuthentication",
    "metadata": {"name": "reader", "namespace": "default"},
    "spec": {"secretTargetRef": [{"parameter": "password", "name": "reader-kafka", "key": "password"}]},
}


def tried(item: Mapping[str, Any], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """What the API server says to an object, unknown fields being an error."""
    command = ["kubectl", "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"]
    return subprocess.run(command, input=json.dumps(item), env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("item", [SCALED_OBJECT, TRIGGER_AUTHENTICATION], ids=lambda item: str(item["kind"]))
def test_a_good_object_is_taken(item: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    done = tried(item, environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"minReplicas": 0}, ".spec.minReplicas"),
        ({"triggers": None}, "spec.triggers"),
        ({"fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "sometimes"}}, "spec.fallback.behavior"),
    ],
)
def test_a_wrong_object_is_refused_by_its_field(
    change: Mapping[str, Any], reason: str, environment: Mapping[str, str]
) -> None:
    done = tried({**SCALED_OBJECT, "spec": {**SCALED_OBJECT["spec"], **change}}, environment)
    assert done.returncode != 0
    assert reason in done.stderr
