"""BrokerScaler: what it renders, the graph that it makes, what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import BrokerScaler, BrokerScalerArgs, BrokerScaling, KafkaCluster, KafkaClusterArgs, StrimziKafka
from kafka_platform.cluster.scaling.objects import render_triggers, scaled_object
from kafka_platform.cluster.scaling.spec import check_broker_scaling, drift
from kafka_platform.kafka.protocols import Engine

from tests.strimzi_cases import BROKERS, CONTROLLERS, connection
from tests.unit.components.graph import run, value

SCALED = replace(BROKERS, autoscaled=True)


def scaling(**changes: Any) -> BrokerScaling:
    return BrokerScaling(**{"pool": "brokers", "max": 12, "disk_above": "70%", **changes})


def rendered(**changes: Any) -> dict[str, Any]:
    wanted = scaling(**changes)
    triggers = render_triggers(wanted, SCALED, "events", "streaming")
    spec: dict[str, Any] = scaled_object("events-brokers", "streaming", wanted, triggers)["spec"]
    return spec


class TestRender:
    def test_the_pool_is_scaled_through_its_own_scale(self) -> None:
        spec = rendered()
        target = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaNodePool", "name": "brokers"}
        assert spec["scaleTargetRef"] == target
        assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 12)

    def test_one_broker_at_a_time_and_none_goes_unless_it_may(self) -> None:
        behavior = rendered()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleUp"]["policies"] == [{"periodSeconds": 1800, "type": "Pods", "value": 1}]
        assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 600
        assert behavior["scaleDown"] == {"selectPolicy": "Disabled"}
        down = rendered(scale_in=True)["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        assert down["policies"] == [{"periodSeconds": 1800, "type": "Pods", "value": 1}]
        assert down["stabilizationWindowSeconds"] == 3600

    def test_what_is_asked_of_prometheus(self) -> None:
        triggers = rendered(network_above="80MB/s", cpu_above="80%")["triggers"]
        queries = [each["metadata"]["query"] for each in triggers]
        claims = '{namespace="streaming",persistentvolumeclaim=~"data-[0-9]+-events-brokers-[0-9]+"}'
        assert queries[0] == (
            f"100 * sum(kubelet_volume_stats_used_bytes{claims}) / sum(kubelet_volume_stats_capacity_bytes{claims})"
        )
        assert "container_network_receive_bytes_total" in queries[1]
        assert "container_network_transmit_bytes_total" in queries[1]
        assert queries[2].endswith(" / 1")
        assert [each["metadata"]["threshold"] for each in triggers] == ["70", "80000000", "80"]
        # The mean against a limit: as many brokers as bring it below, not as many as there are bytes.
        assert {each["metricType"] for each in triggers} == {"Value"}

    def test_what_is_not_asked_for_is_not_measured(self) -> None:
        assert len(rendered()["triggers"]) == 1


@pytest.mark.parametrize(
    ("spec", "status", "begins"),
    [
        (6, 6, ""),
        (6, None, ""),
        (8, 6, "pool brokers: 8 brokers are wanted and 6 are there: "),
        (3, 6, "pool brokers: 3"),
    ],
)
def test_drift(spec: int, status: int | None, begins: str) -> None:
    assert drift("brokers", spec, status).startswith(begins)
    assert bool(drift("brokers", spec, status)) == bool(begins)


def test_children() -> None:
    def program() -> None:
        strimzi = StrimziKafka(pools={"controllers": CONTROLLERS, "brokers": SCALED})
        args = KafkaClusterArgs(namespace="streaming", engine=Engine.STRIMZI, strimzi=strimzi)
        of = KafkaCluster("events", args).connection
        made.append(BrokerScaler("brokers", BrokerScalerArgs(connection=of, brokers=SCALED, scaling=scaling())))

    made: list[BrokerScaler] = []
    found = run(program)
    mine = sorted(name for name, each in found.items() if "BrokerScaler$" in each.urn)
    assert mine == ["KafkaNodePool brokers-pool", "ScaledObject brokers-scaled"]
    assert "KafkaNodePool brokers-pool" not in [name for name, each in found.items() if each.ignored]
    triggers = found["ScaledObject brokers-scaled"].inputs["spec"]["triggers"]
    assert "data-[0-9]+-events-brokers-[0-9]+" in triggers[0]["metadata"]["query"]
    assert value(made[0].drift) == ""


OF = replace(connection(), scalable_pools={"brokers": "streaming/brokers"})
MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: scaling(disk_above=None), "disk_above: nothing says when to scale"),
    (lambda: scaling(disk_above="0.7"), "disk_above: '0.7' is not a share: write 1% to 99%"),
    (lambda: scaling(min=1), "min: 1 is out of range: use 3 to 900"),
    (lambda: scaling(max=3), "max: 3 is out of range: use 4 to 900"),
    (lambda: scaling(prometheus="prometheus"), "prometheus: 'prometheus' is not an address"),
    (lambda: scaling(pool="Brokers"), "pool: 'Brokers' is not a Kubernetes pool's name"),
    (
        lambda: BrokerScalerArgs(connection=connection(), brokers=SCALED, scaling=scaling()),
        "scaling.pool: 'brokers' is not left to an autoscaler, or its records would not move to new brokers",
    ),
    (
        lambda: BrokerScalerArgs(connection=OF, brokers=CONTROLLERS, scaling=scaling()),
        "scaling.pool: 'brokers' has controllers, whose number cannot change",
    ),
    (
        lambda: BrokerScalerArgs(connection=OF, brokers=replace(SCALED, nodes=20), scaling=scaling()),
        "scaling.pool: 'brokers' begins with 20 nodes, which is not between min (3) and max (12)",
    ),
    (
        lambda: BrokerScalerArgs(
            connection=replace(OF, replicas=4), brokers=replace(SCALED, nodes=4), scaling=scaling()
        ),
        "scaling.min: 3 brokers cannot hold 4 copies of a record: use at least 4",
    ),
]


@pytest.mark.parametrize(("make", "message"), MISUSES, ids=[message[:50] for _, message in MISUSES])
def test_misuse_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the message is compared below
        make()
    assert str(refusal.value).startswith(message)


def test_a_pool_of_brokers_is_taken() -> None:
    check_broker_scaling(scaling(), SCALED)
