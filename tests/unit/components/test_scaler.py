"""Scaler: what it renders, the graph that it makes, what it refuses."""

import json
from typing import Any

import pytest
from kafka_platform import (
    Commit,
    CpuScale,
    CronScale,
    KafkaConnection,
    OffsetReset,
    PrometheusScale,
    Scale,
    Scaler,
    ScalerArgs,
)
from kafka_platform.scaling.objects import ScalerSettings, scaled_object, trigger_authentication

from tests.unit.components.graph import Registered, run, value

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    admin_secret="events-admin",
    ca_secret="kafka-tls",
    replicas=3,
)
PROMETHEUS = PrometheusScale(server="http://prometheus.monitoring.svc:9090", query="sum(waiting)", per_pod=5)
OFFICE_HOURS = CronScale(start="0 7 * * 1-5", end="0 19 * * 1-5", pods=4, timezone="Europe/Zurich")


def by_lag(**changes: Any) -> Scale:
    given: dict[str, Any] = {"records_per_second_per_pod": 400, "acceptable_delay": "10s"}
    return Scale(**(given | changes))


def spec(scale: Scale, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": "orders",
        "namespace": "shop",
        "connection": CONNECTION,
        "scale": scale,
        "max": 12,
        "target": "reader",
        "topics": ["orders"],
        "group": "team-a",
        "secret": "orders-kafka",
    }
    found: dict[str, Any] = scaled_object(ScalerSettings(**(given | changes)))["spec"]
    return found


def args(**changes: Any) -> ScalerArgs:
    given: dict[str, Any] = {
        "connection": CONNECTION,
        "target": "reader",
        "scale": by_lag(),
        "topics": ["orders"],
        "partitions": {"orders": 12, "customers": 3},
        "group": "team-a",
    }
    return ScalerArgs(**(given | changes))


def graph(given: ScalerArgs) -> dict[str, Registered]:
    return run(lambda: Scaler("orders", given))


class TestRendered:
    def test_the_defaults_are_safe(self) -> None:
        found = spec(by_lag())
        assert found["fallback"] == {
            "behavior": "currentReplicasIfHigher",
            "failureThreshold": 3,
            "replicas": 1,
        }
        assert found["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == {
            "scaleDown": {
                "policies": [{"periodSeconds": 60, "type": "Pods", "value": 1}],
                "stabilizationWindowSeconds": 300,
            },
            "scaleUp": {
                "policies": [{"periodSeconds": 15, "type": "Pods", "value": 12}],
                "stabilizationWindowSeconds": 0,
            },
        }
        assert (found["minReplicaCount"], found["maxReplicaCount"]) == (1, 12)
        assert found["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "reader"}
        assert not {"cooldownPeriod", "pollingInterval"} & found.keys()

    def test_lag(self) -> None:
        found = graph(args())["ScaledObject orders-scaled"].inputs["spec"]
        assert found["triggers"] == [
            {
                "authenticationRef": {"name": "orders"},
                "metadata": {
                    "activationLagThreshold": "0",
                    "allowIdleConsumers": "false",
                    "bootstrapServers": "events.streaming.svc:9092",
                    "consumerGroup": "team-a",
                    "ensureEvenDistributionOfPartitions": "false",
                    "excludePersistentLag": "false",
                    "lagThreshold": "4000",
                    "limitToPartitionsWithLag": "false",
                    "offsetResetPolicy": "earliest",
                    "sasl": "scram_sha512",
                    "scaleToZeroOnInvalidOffset": "false",
                    "tls": "enable",
                    "topic": "orders",
                },
                "metricType": "AverageValue",
                "type": "kafka",
            }
        ]

    @pytest.mark.parametrize(
        ("rate", "delay", "records"),
        [(400, "10s", 4000), (0.5, "1m", 30), (200, "500ms", 100), (0.1, "1s", 1), (33.4, "3s", 100)],
    )
    def test_how_many_may_wait(self, rate: float, delay: str, records: int) -> None:
        assert Scale(records_per_second_per_pod=rate, acceptable_delay=delay).records_per_pod == records

    def test_the_pods_that_several_topics_ask_for_are_added(self) -> None:
        found = spec(by_lag(), topics=["orders", "customers"])
        triggers = found["triggers"]
        assert [each["metadata"]["topic"] for each in triggers] == ["orders", "customers"]
        assert [each["name"] for each in triggers] == ["kafka0", "kafka1"]
        assert found["advanced"]["scalingModifiers"] == {
            "activationTarget": "0",
            "formula": "(kafka0 + kafka1) / 4000",
            "metricType": "AverageValue",
            "target": "1",
        }

    def test_one_topic_needs_no_sum(self) -> None:
        found = spec(by_lag(cron=[OFFICE_HOURS]))
        assert "scalingModifiers" not in found["advanced"]
        assert all("name" not in each for each in found["triggers"])

    def test_what_else_scales_a_reader_of_several_topics_may_ask_for_more(self) -> None:
        scale = by_lag(
            min=0,
            activation_lag=3,
            cpu=CpuScale(percent=50),
            prometheus=PrometheusScale(server="http://prometheus:9090", query="up", per_pod=2.5, activation=7),
            cron=[OFFICE_HOURS],
        )
        found = spec(scale, topics=["orders", "customers"])
        assert [each["name"] for each in found["triggers"]] == ["kafka0", "kafka1", "cpu2", "prometheus3", "cron4"]
        assert found["advanced"]["scalingModifiers"]["formula"] == (
            "max(((kafka0 > 3 ? kafka0 : 0) + (kafka1 > 3 ? kafka1 : 0)) / 4000, "
            "(prometheus3 > 7 ? prometheus3 : 0) / 2.5, cron4)"
        )

    def test_to_zero(self) -> None:
        found = spec(by_lag(min=0, cooldown="60s", activation_lag=11))
        assert (found["minReplicaCount"], found["cooldownPeriod"], found["pollingInterval"]) == (0, 60, 10)
        assert found["fallback"]["replicas"] == 1
        assert found["triggers"][0]["metadata"]["activationLagThreshold"] == "11"
        # With true, a group that has committed nothing would never get its first pod.
        assert found["triggers"][0]["metadata"]["scaleToZeroOnInvalidOffset"] == "false"

    def test_several_together(self) -> None:
        found = spec(by_lag(cpu=CpuScale(percent=80), prometheus=PROMETHEUS, cron=[OFFICE_HOURS]))["triggers"]
        assert [each["type"] for each in found] == ["kafka", "cpu", "prometheus", "cron"]
        _, cpu, prometheus, cron = found
        assert cpu == {"metadata": {"value": "80"}, "metricType": "Utilization", "type": "cpu"}
        assert prometheus["metadata"] == {
            "activationThreshold": "0",
            "ignoreNullValues": "false",
            "query": "sum(waiting)",
            "serverAddress": "http://prometheus.monitoring.svc:9090",
            "threshold": "5",
        }
        assert cron["metadata"] == {
            "desiredReplicas": "4",
            "end": "0 19 * * 1-5",
            "start": "0 7 * * 1-5",
            "timezone": "Europe/Zurich",
        }

    def test_cores_alone_need_no_login_and_cannot_fail(self) -> None:
        found = spec(Scale(max=4, cpu=CpuScale()))
        assert [each["type"] for each in found["triggers"]] == ["cpu"]
        assert "fallback" not in found

    def test_the_login(self) -> None:
        settings = ScalerSettings(
            name="orders",
            namespace="shop",
            connection=CONNECTION,
            scale=by_lag(),
            max=12,
            target="reader",
            topics=["orders"],
            group="team-a",
            secret="keda-kafka",
        )
        assert trigger_authentication(settings)["spec"]["secretTargetRef"] == [
            {"key": "username", "name": "keda-kafka", "parameter": "username"},
            {"key": "password", "name": "keda-kafka", "parameter": "password"},
            {"key": "ca.crt", "name": "kafka-tls", "parameter": "ca"},
        ]


class TestGraph:
    def test_a_workload_of_somebody_else(self) -> None:
        found = graph(args(target="reader", namespace="shop"))
        assert found["ScaledObject orders-scaled"].inputs["metadata"]["namespace"] == "shop"
        assert found["Secret orders-access-orders-scaler-kafka"].inputs["metadata"]["namespace"] == "shop"
        declared = found["ConfigMap orders-access-declarations"].inputs["data"]["user.orders-scaler"]
        assert {each["operations"][0] for each in json.loads(declared)["acls"]} == {"DESCRIBE"}
        assert not [each for each in found if each.startswith("Deployment")]

    def test_a_user_that_is_there(self) -> None:
        found = graph(args(user="keda"))
        assert not [each for each in found if each.startswith(("KafkaResources", "Secret"))]
        assert "TriggerAuthentication orders-login" in found

    def test_cores_need_no_user(self) -> None:
        found = graph(args(scale=Scale(max=4, cpu=CpuScale())))
        assert not [each for each in found if each.startswith(("KafkaResources", "TriggerAuthentication"))]

    def test_a_prometheus_with_a_token(self) -> None:
        opened = PrometheusScale(server="https://prometheus", query="x", per_pod=1, bearer_secret="prometheus-token")
        found = graph(args(scale=Scale(max=4, prometheus=opened)))
        references = found["TriggerAuthentication orders-prometheus"].inputs["spec"]["secretTargetRef"]
        assert references == [{"key": "token", "name": "prometheus-token", "parameter": "bearerToken"}]
        [trigger] = found["ScaledObject orders-scaled"].inputs["spec"]["triggers"]
        assert trigger["metadata"]["authModes"] == "bearer"
        assert trigger["authenticationRef"] == {"name": "orders-prometheus"}

    @pytest.mark.parametrize(
        ("changes", "most"),
        [
            ({}, 12),
            ({"topics": ["orders", "customers"]}, 15),
            ({"topics": ["orders", "customers"], "per_topic": True}, 12),
            ({"scale": by_lag(max=7)}, 7),
            ({"scale": by_lag(max=7), "partitions": {}}, 7),
            ({"scale": by_lag(max=20, allow_idle=True)}, 20),
        ],
    )
    def test_the_most_pods(self, changes: dict[str, Any], most: int) -> None:
        made: list[Scaler] = []
        run(lambda: made.append(Scaler("orders", args(**changes))))
        assert value(made[0].max_pods) == most


ALONE: list[tuple[dict[str, Any], str]] = [
    ({}, "records_per_second_per_pod: missing, nothing decides on the number of pods"),
    ({"records_per_second_per_pod": 5}, "acceptable_delay: missing: write it too, such as 10s"),
    ({"acceptable_delay": "5s"}, "records_per_second_per_pod: missing: write it too, such as 400"),
    ({"records_per_second_per_pod": 0, "acceptable_delay": "5s"}, "records_per_second_per_pod: 0 is out of range"),
    ({"records_per_second_per_pod": 1, "acceptable_delay": "5"}, "acceptable_delay: '5' is not a duration"),
    (
        {"records_per_second_per_pod": 1, "acceptable_delay": "forever"},
        "acceptable_delay: 'forever' is not a time to wait",
    ),
    ({"lag_threshold": 0}, "lag_threshold: 0 is out of range"),
    (
        {"lag_threshold": 10, "acceptable_delay": "5s"},
        "lag_threshold: is what records_per_second_per_pod and acceptable_delay give: keep it, or those two",
    ),
    ({"lag_threshold": 10, "min": -1}, "min: -1 is out of range: use 0 to 1000"),
    ({"lag_threshold": 10, "min": 4, "max": 2}, "max: 2 is out of range: use 4 (min) to 1000"),
    ({"lag_threshold": 10, "max": 0}, "max: 0 is out of range: use 1 (min) to 1000"),
    (
        {"lag_threshold": 10, "only_lagging_partitions": True, "allow_idle": True},
        "only_lagging_partitions: it runs fewer pods than partitions, and allow_idle more: keep one of them",
    ),
    (
        {"lag_threshold": 10, "only_lagging_partitions": True, "even": True},
        "only_lagging_partitions: its numbers of pods do not divide the partitions",
    ),
    ({"lag_threshold": 10, "even": True, "allow_idle": True}, "even: idle pods have no share"),
    ({"lag_threshold": 10, "activation_lag": 5}, "activation_lag: there are always 1 pods (min)"),
    ({"lag_threshold": 10, "fallback": 0}, "fallback: 0 is out of range: use at least 1, so that no failure ends"),
    ({"lag_threshold": 10, "fallback": 9, "max": 4}, "fallback: 9 is more than max (4)"),
    ({"lag_threshold": 10, "polling": "0s"}, "polling: '0s' is out of range: use whole seconds, 1s to 3600s"),
    ({"lag_threshold": 10, "stabilization": "2h"}, "stabilization: '2h' is out of range"),
    ({"lag_threshold": 10, "cooldown": "500ms"}, "cooldown: '500ms' is out of range"),
    ({"cpu": CpuScale(), "min": 0}, "min: 0 pods use no CPU, so CPU never starts the first one: use at least 1"),
    ({"cpu": CpuScale(), "even": True}, "even: lag does not decide here: remove it, or write acceptable_delay"),
    ({"cpu": CpuScale(), "fallback": 2}, "fallback: CPU and times of day can always be read: remove it"),
    ({"cron": [OFFICE_HOURS], "max": 2}, "cron: entry 0 wants 4 pods, and max is 2: use at most that"),
]


@pytest.mark.parametrize(("given", "message"), ALONE)
def test_wrong_by_itself(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        Scale(**given)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"topics": []}, "scale: lag needs topics to read, and there are none: name them, or scale by cpu"),
    ({"group": None}, "scale: lag is counted for a consumer group: name the group"),
    ({"topics": ["ordres"]}, "partitions: topic 'ordres' is missing: say how many it has, or correct its name"),
    ({"topics": ["orders-*"], "partitions": {}}, "scale: 'orders-*' is not one topic"),
    (
        {"scale": by_lag(max=13)},
        "scale.max: 13 pods, and there are 12 partitions to read: the others would have nothing to do: use at most 12",
    ),
    ({"scale": by_lag(min=13)}, "scale.min: 13 pods, and there are 12 partitions to read"),
    ({"scale": by_lag(fallback=13)}, "scale.fallback: 13 pods, and there are 12 partitions to read"),
    (
        {"scale": by_lag(cron=[CronScale(start="0 1 * * *", end="0 2 * * *", pods=20)])},
        "scale.cron: entry 0: 20 pods, and there are 12 partitions to read",
    ),
    (
        {"scale": by_lag(max=13), "topics": ["orders", "customers"], "per_topic": True},
        "scale.max: 13 pods, and there are 12 partitions in the largest topic to read",
    ),
    ({"scale": by_lag(), "partitions": {}}, "scale.max: missing, and the topics' partitions are not known"),
    (
        {"scale": by_lag(min=0), "commit": Commit.NEVER},
        "scale: lag is counted from what the group commits, and it never commits, so it would never go to zero",
    ),
    (
        {"scale": by_lag(), "commit": Commit.NEVER},
        "scale: lag is counted from what the group commits, and it never commits, so there would always be max pods",
    ),
    (
        {"scale": by_lag(min=0, activation_lag=12), "offset_reset": OffsetReset.LATEST},
        "scale.activation_lag: a group that has committed nothing counts one record for each partition",
    ),
    ({"target_kind": "Pod"}, "target_kind: 'Pod' cannot be scaled: use Deployment or StatefulSet"),
    ({"target": "Reader"}, "target: 'Reader' is not a Kubernetes workload name"),
]


@pytest.mark.parametrize(("changes", "message"), TOGETHER)
def test_wrong_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        args(**changes)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (CpuScale, {"percent": 0}, "percent: 0 is out of range"),
        (
            PrometheusScale,
            {"server": "prometheus", "query": "x", "per_pod": 1},
            "server: 'prometheus' is not an address",
        ),
        (PrometheusScale, {"server": "http://p", "query": " ", "per_pod": 1}, "query: is empty"),
        (PrometheusScale, {"server": "http://p", "query": "x", "per_pod": 0}, "per_pod: 0 is out of range"),
        (CronScale, {"start": "7 o'clock", "end": "0 1 * * *", "pods": 1}, 'start: "7 o\'clock" is not a time of cron'),
        (CronScale, {"start": "0 1 * * *", "end": "0 1 * * *", "pods": 1}, "end: '0 1 * * *' is the start too"),
        (CronScale, {"start": "0 1 * * *", "end": "0 2 * * *", "pods": 0}, "pods: 0 is out of range"),
        (
            CronScale,
            {"start": "0 1 * * *", "end": "0 2 * * *", "pods": 1, "timezone": "Mars/Base"},
            "timezone: 'Mars/Base' is not known",
        ),
    ],
)
def test_wrong_parts(kind: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        kind(**given)
    assert str(caught.value).startswith(message)


def test_a_late_start_of_a_new_group_is_possible() -> None:
    """What is refused for `latest` is right for `earliest`: a new group counts the whole topic."""
    assert args(scale=by_lag(min=0, activation_lag=12)).most_pods() == 12
    assert args(scale=by_lag(min=0, activation_lag=11), offset_reset=OffsetReset.LATEST).most_pods() == 12


class TestArrivals:
    """Pods that an exporter adds at once are kept by the same rate that it saw."""

    URL = "http://kafka-exporter.streaming.svc:9404/metrics"

    def test_the_rate_is_a_second_reason_for_pods(self) -> None:
        lag, arriving = spec(by_lag(), surge=self.URL)["triggers"]
        assert lag["type"] == "kafka"
        assert arriving == {
            "metadata": {
                "format": "prometheus",
                "targetValue": "400",
                "url": self.URL,
                "valueLocation": 'kafka_surge_records_per_second{namespace="shop",workload="reader"}',
            },
            "metricType": "AverageValue",
            "type": "metrics-api",
        }

    @pytest.mark.parametrize(
        ("scale", "topics"),
        [
            (by_lag(min=0), ["orders"]),
            (by_lag(), ["orders", "customers"]),
            (Scale(lag_threshold=100), ["orders"]),
            (Scale(cpu=CpuScale()), ["orders"]),
        ],
    )
    def test_workloads_that_it_cannot_help_are_as_before(self, scale: Scale, topics: list[str]) -> None:
        assert spec(scale, topics=topics, surge=self.URL) == spec(scale, topics=topics)

    def test_the_scaler_hands_it_on(self) -> None:
        found = graph(args(surge=self.URL))["ScaledObject orders-scaled"].inputs["spec"]
        assert [each["type"] for each in found["triggers"]] == ["kafka", "metrics-api"]
