"""Which pods are taken for the platform's."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from infra.live.cluster import Cluster
from infra.live.platform import Platform, pods, samples
from infra.live.pods import Part

PLATFORM = Platform(stack="ours", namespace="streaming", worker_namespaces=["shop"])


def pod(namespace: str, component: str, name: str = "kafka-9") -> dict[str, Any]:
    container = {"ports": [{"name": "metrics", "containerPort": 9404}]}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"{namespace}/{name}/{component}",
            "labels": {"app.kubernetes.io/component": component},
        },
        "spec": {"containers": [container]},
        "status": {"phase": "Running"},
    }


class Pods:
    """A cluster with these pods, which remembers whose metrics are asked for."""

    def __init__(self, *found: Mapping[str, Any]) -> None:
        self.found = found
        self.asked: list[Any] = []

    def together(self, asks: Mapping[Any, Callable[[], Any]]) -> dict[Any, Any]:
        self.asked += asks
        return {key: ask() for key, ask in asks.items()} if not all(isinstance(each, str) for each in asks) else {}

    def objects(self, kind: object, namespace: str, labels: str) -> list[Any]:
        return [each for each in self.found if each["metadata"]["namespace"] == namespace]


@pytest.mark.parametrize("component", ["broker", "controller", "gateway", "latency-probe", "anything"])
def test_a_tenant_cannot_pass_a_pod_off_as_the_platforms(component: str) -> None:
    """Its numbers would be shown, and a drill would kill it in a broker's place."""
    forged = pod("shop", component)
    strimzis = pod("shop", "kafka", "kafka-8")
    strimzis["metadata"]["labels"] |= {"strimzi.io/broker-role": "true"}
    own = pod("streaming", "broker", "kafka-0")
    found, unseen = pods(cast(Cluster, Pods(own, forged, strimzis)), PLATFORM)
    assert (found, unseen) == ([own], [])


@pytest.mark.parametrize("part", [Part.WORKER, Part.PROVISIONER])
def test_pods_of_tenants_are_seen_and_not_believed(part: Part) -> None:
    there = pod("shop", part)
    cluster = Pods(there)
    assert pods(cast(Cluster, cluster), PLATFORM) == ([there], [])
    cluster.asked.clear()
    samples(cast(Cluster, cluster), [there])
    assert cluster.asked == []
