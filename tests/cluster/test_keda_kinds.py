"""KEDA's kinds as the API server judges them: by a dry run, nothing is made."""

import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from tests.cluster.objects import dry_run

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


@pytest.fixture(scope="module", autouse=True)
def kinds(environment: Mapping[str, str]) -> None:
    answer = subprocess.run(
        ["kubectl", "get", "--raw", "/apis/keda.sh/v1alpha1"], env=environment, capture_output=True, text=True
    )
    if answer.returncode != 0:
        pytest.skip("the API server does not serve KEDA's kinds: install KEDA")


@pytest.mark.parametrize("item", [SCALED_OBJECT, TRIGGER_AUTHENTICATION], ids=lambda item: str(item["kind"]))
def test_a_good_object_is_taken(item: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    done = dry_run([item], environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"minReplicas": 0}, "minReplicas"),
        ({"triggers": None}, "triggers"),
        ({"fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "sometimes"}}, "spec.fallback.behavior"),
    ],
)
def test_a_wrong_object_is_refused_by_its_field(
    change: Mapping[str, Any], reason: str, environment: Mapping[str, str]
) -> None:
    done = dry_run([{**SCALED_OBJECT, "spec": {**SCALED_OBJECT["spec"], **change}}], environment)
    assert done.returncode != 0
    assert reason in done.stderr
