"""The metrics of embedded nodes: what is rendered for them, and what a real broker with the agent exposes."""

import contextlib
import math
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka_platform.cluster import metrics
from kafka_platform.cluster.embedded.files import broker_files, files_hash
from kafka_platform.cluster.embedded.objects import network_policy, stateful_set
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.metrics import Metrics
from kafka_platform.cluster.spec import ClusterSpec
from kafka_platform.monitoring.alerts import Watched, alerts
from kafka_platform.monitoring.tenants import Use, in_kafka
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.provisioner.quotas import QuotaChange, QuotaClient

from infra.platform import Platform
from infra.settings.parsing import parse
from tests.dashboards import asked
from tests.harness import eventually
from tests.kafka_process import INTERNAL_PARTITIONS, QUICK, LocalKafka, needed_agent, needed_jars
from tests.ports import free_ports
from tests.unit.components.graph import run
from tests.unit.test_platform import EMBEDDED, EXTERNAL, KUBECONFIG, STRIMZI

REPORTED = Path(__file__).with_name("reporter-names.txt").read_text(encoding="utf-8").split()
"""The series of Strimzi's Metrics Reporter 0.2.0 on a broker of Kafka 4.3.1, as name{labels}; without labels that it leaves empty,
which Prometheus drops."""
LITERAL = ResourcePatternType.LITERAL
MOST_OF_A_TOPIC = 3
"""Series that a topic adds to those of a broker, as long as nothing is refused."""
PARTITIONS = 3 + int(INTERNAL_PARTITIONS)
"""Of the test's topics: `t` has three, the others are those of Kafka's own offsets."""


def settings(**changes: Any) -> EmbeddedSettings:
    spec = ClusterSpec(nodes=3, **changes)
    return EmbeddedSettings(name="events", namespace="streaming", spec=spec, image="kafka:1", runtime_image="runtime:1")


def pod(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = stateful_set(settings(**changes), "hash")["spec"]["template"]["spec"]
    return found


class TestRendered:
    def test_our_image_hands_the_agent_to_a_broker_of_the_official_image(self) -> None:
        spec = pod(metrics=Metrics.JMX)
        [init], kafka = spec["initContainers"], spec["containers"][0]
        assert (init["image"], kafka["image"]) == ("runtime:1", "kafka:1")
        assert init["command"] == ["cp", "/opt/kafka-platform/agent/jmx_prometheus_javaagent.jar", "/agent/"]
        assert {"mountPath": "/opt/kafka-platform/agent", "name": "agent", "readOnly": True} in kafka["volumeMounts"]
        assert {"containerPort": 9404, "name": "tcp-prometheus"} in kafka["ports"]
        arguments = next(each["value"] for each in kafka["env"] if each["name"] == "EXTRA_ARGS")
        assert arguments == (
            "-name kafkaServer -javaagent:/opt/kafka-platform/agent/jmx_prometheus_javaagent.jar=9404:"
            "/etc/kafka-platform/config/jmx.yaml"
        )

    def test_without_metrics_nothing_is_rendered(self) -> None:
        assert pod(metrics=Metrics.OFF) == pod()
        assert "initContainers" not in pod()
        assert "9404" not in str(stateful_set(settings(), "hash")) + str(network_policy(settings()))
        assert "jmx.yaml" not in broker_files(settings().broker, namespace="n", cluster_id="c")

    def test_other_rules_restart_the_nodes(self) -> None:
        rendered = broker_files(settings(metrics=Metrics.JMX).broker, namespace="n", cluster_id="c")
        assert rendered["jmx.yaml"] == metrics.rules()
        assert files_hash(rendered) != files_hash(rendered | {"jmx.yaml": ""})

    def test_only_the_named_namespaces_read_them(self) -> None:
        policy = network_policy(settings(metrics=Metrics.JMX, metrics_namespaces=["monitoring"]))
        [rule] = [each for each in policy["spec"]["ingress"] if each["ports"] == [{"port": 9404, "protocol": "TCP"}]]
        [peer] = rule["from"]
        assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == ["monitoring"]

    def test_the_reporter_is_strimzis(self) -> None:
        with pytest.raises(ValueError, match="metrics: the reporter is part of Strimzi's images: write jmx, or off"):
            ClusterSpec(metrics=Metrics.REPORTER)


def built(raw: dict[str, Any]) -> dict[str, Any]:
    return run(lambda: Platform(parse(raw), KUBECONFIG) and None)


class TestStack:
    def test_a_stack_with_prometheus_has_metrics_of_embedded_nodes(self) -> None:
        found = built({**EMBEDDED, "prometheus": {"namespace": "watch"}})
        monitor = found["PodMonitor kafka-nodes"].inputs["spec"]
        assert monitor["selector"]["matchLabels"]["app.kubernetes.io/component"] == "broker"
        assert [each["replacement"] for each in monitor["podMetricsEndpoints"][0]["relabelings"]] == [
            "kafka",
            "brokers",
        ]
        ingress = found["NetworkPolicy kafka-network"].inputs["spec"]["ingress"]
        [rule] = [each for each in ingress if each["ports"][0]["port"] == 9404]
        assert rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["watch"]
        rules = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"][0]["rules"]
        assert "KafkaPartitionsOffline" in {each["alert"] for each in rules}

    @pytest.mark.parametrize(
        "raw",
        [
            EMBEDDED,
            {**EMBEDDED, "prometheus": {}, "kafka": {**EMBEDDED["kafka"], "metrics": "off"}},
            {**EXTERNAL, "prometheus": {}},
        ],
    )
    def test_elsewhere_there_are_none(self, raw: dict[str, Any]) -> None:
        found = built(raw)
        assert "PodMonitor kafka-nodes" not in found
        assert not any("javaagent" in str(each.inputs) for each in found.values())

    def test_strimzi_has_its_own(self) -> None:
        found = built({**STRIMZI, "prometheus": {}})
        config = found["Kafka kafka-kafka"].inputs["spec"]["kafka"]["metricsConfig"]
        assert config == {"type": "strimziMetricsReporter", "values": {"allowList": list(metrics.REPORTED)}}

    def test_what_strimzi_shows_grows_with_topics_but_not_with_partitions(self) -> None:
        allowed = re.compile("|".join(f"({each})" for each in metrics.REPORTED))
        # Strimzi joins them by commas.
        assert not any("," in each for each in metrics.REPORTED)
        left = [each for each in REPORTED if allowed.fullmatch(each.partition("{")[0])]
        assert not [each for each in left if "partition" in each.partition("{")[2]]
        assert len([each for each in left if each.endswith("{topic}")]) <= MOST_OF_A_TOPIC
        used = {name for name in asked("kafka_") if name in {each.partition("{")[0] for each in REPORTED}}
        assert len(used) > 15
        assert used <= {each.partition("{")[0] for each in left}


LIMITED, FREE = "svc@corp", "batch"
"""A user over its quotas, and one without any. Each has a client id of its own making."""


def scraped(port: int) -> dict[str, float]:
    """Every series, by its name with labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return {each.rpartition(" ")[0]: float(each.rpartition(" ")[2]) for each in lines if not each.startswith("#")}


def is_limited(exposed: dict[str, float]) -> bool:
    """Whether the broker shows that it holds the limited user back: what it did not do for 11 s is forgotten (`quota.window.num`)."""
    user = f'{{user="{in_kafka(LIMITED)}"}}'
    uses = (Use.PRODUCE, Use.FETCH)
    return all(exposed.get(each.metric + user, 0) > 5_000 and exposed.get(each.throttle + user, 0) > 0 for each in uses)


def make_users(kafka: LocalKafka) -> None:
    """Creates both, and gives the limited one its quotas."""
    admin = AdminClient(kafka.client())
    for user in (LIMITED, FREE):
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        for made in admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, info, b"password")]
        ).values():
            made.result()
        rights = [
            AclBinding(kind, "*", LITERAL, f"User:{user}", "*", AclOperation.ALL, AclPermissionType.ALLOW)
            for kind in (ResourceType.TOPIC, ResourceType.GROUP)
        ]
        for allowed in admin.create_acls(rights).values():
            allowed.result()
    with QuotaClient(Connection.from_environment(kafka.environment())) as quotas:
        limits = {"producer_byte_rate": 10_000.0, "consumer_byte_rate": 10_000.0, "request_percentage": 100.0}
        quotas.change([QuotaChange(user=LIMITED, set=limits)])


def login(kafka: LocalKafka, user: str) -> dict[str, Any]:
    return {**kafka.client(user, "password"), "client.id": f"made-up-by-{user}"}


def write(login: dict[str, Any], size: int, many: int = 500) -> None:
    """Records of `size` bytes to the topic `t`."""
    producer = Producer(login)
    for _ in range(many):
        producer.produce("t", b"x" * size)
    assert producer.flush(120) == 0


@contextlib.contextmanager
def reader(login: dict[str, Any], group: str) -> Iterator[Consumer]:
    """A member of a group of the topic `t`."""
    small = {"auto.offset.reset": "earliest", "max.partition.fetch.bytes": 50_000}
    consumer = Consumer({**login, **small, "group.id": group})
    consumer.subscribe(["t"])
    yield consumer
    consumer.close()


def write_and_read(login: dict[str, Any], *, group: str, size: int) -> None:
    """500 records to and from the topic `t`."""
    write(login, size)
    with reader(login, group) as consumer:
        read = 0
        while read < 500:
            read += len(consumer.consume(500, 1))


@contextlib.contextmanager
def always(step: Callable[[], object]) -> Iterator[None]:
    """Takes a step again and again, beside a block of `with`."""
    ended = threading.Event()

    def steps() -> None:
        while not ended.is_set():
            step()

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(steps)
        try:
            yield
        finally:
            ended.set()
    done.result()


@pytest.fixture(scope="module")
def exposed() -> Iterator[dict[str, float]]:
    """What a broker exposes after a group has read some records."""
    agent, jars, [port] = needed_agent(), needed_jars(), free_ports(1)
    rules = Path(metrics.__file__).with_name("jmx.yaml")
    with LocalKafka(jars=jars, jvm_options=(*QUICK, f"-javaagent:{agent}={port}:{rules}")) as kafka:
        admin = AdminClient(kafka.client())
        for future in admin.create_topics([NewTopic("t", 3, 1)]).values():
            future.result()
        write_and_read(kafka.client(), group="g", size=100)
        make_users(kafka)
        write_and_read(login(kafka, FREE), group=FREE, size=1000)
        write(kafka.client(), 1000, 20_000)
        own = login(kafka, LIMITED)
        with (
            reader(own, LIMITED) as consumer,
            always(lambda: consumer.consume(100, 1)),
            always(lambda: write(own, 1000, 100)),
        ):
            # The very answer that shows it: a writer that pauses is forgotten.
            seen: list[dict[str, float]] = []

            def held_back() -> bool:
                seen[:] = [scraped(port)]
                return is_limited(seen[0])

            eventually("the broker holds back whoever is over a quota", held_back)
            yield seen[0]


def shape(series: str) -> str:
    """A series without the values of its labels."""
    labels = sorted(re.findall(r'(\w+)="', series))
    return series.partition("{")[0] + (f"{{{','.join(labels)}}}" if labels else "")


class TestExposed:
    def test_names_and_labels_are_those_of_strimzis_reporter(self, exposed: dict[str, float]) -> None:
        own = {shape(each) for each in exposed if each.startswith("kafka_")}
        assert len(own) > 100
        assert own - set(REPORTED) == set()

    def test_every_alert_about_nodes_finds_its_metric(self, exposed: dict[str, float]) -> None:
        names = {each.partition("{")[0] for each in exposed}
        watched = Watched(cluster="kafka", namespace="streaming", nodes=True)
        used = {name for each in alerts(watched) for name in re.findall(r"kafka_\w+(?=\{)", each.expression)}
        assert used
        assert used <= names

    @pytest.mark.parametrize("prefix", ["kafka_server_", "kafka_controller_", "kafka_network_", "jvm_", "process_"])
    def test_every_panel_about_nodes_finds_its_metric(self, exposed: dict[str, float], prefix: str) -> None:
        assert asked(prefix)
        assert asked(prefix) <= {each.partition("{")[0] for each in exposed}

    def test_what_people_look_at_is_there(self, exposed: dict[str, float]) -> None:
        assert exposed['kafka_server_brokertopicmetrics_bytesinpersec_total{topic="t"}'] > 50_000
        assert exposed["kafka_server_replicamanager_leadercount"] == PARTITIONS
        assert exposed["kafka_controller_kafkacontroller_offlinepartitionscount"] == 0
        assert exposed['kafka_network_requestmetrics_totaltimems{quantile="0.99",request="Produce"}'] > 0
        assert exposed['jvm_memory_used_bytes{area="heap"}'] > 0
        assert any(each.startswith("jvm_gc_collection_seconds_count") for each in exposed)

    def test_a_topic_adds_two_series_and_a_partition_none(self, exposed: dict[str, float]) -> None:
        assert sorted(each for each in exposed if 'topic="t"' in each) == [
            'kafka_server_brokertopicmetrics_bytesinpersec_total{topic="t"}',
            'kafka_server_brokertopicmetrics_bytesoutpersec_total{topic="t"}',
        ]
        assert not any("partition=" in each for each in exposed)
        assert len(exposed) < 600

    def test_a_user_adds_six_series_and_a_client_id_none(self, exposed: dict[str, float]) -> None:
        assert sorted(each for each in exposed if f'user="{in_kafka(LIMITED)}"' in each) == [
            'kafka_server_fetch_byte_rate{user="svc%40corp"}',
            'kafka_server_fetch_throttle_time{user="svc%40corp"}',
            'kafka_server_produce_byte_rate{user="svc%40corp"}',
            'kafka_server_produce_throttle_time{user="svc%40corp"}',
            'kafka_server_request_request_time{user="svc%40corp"}',
            'kafka_server_request_throttle_time{user="svc%40corp"}',
        ]
        assert not any("made-up" in each for each in exposed)

    def test_who_is_over_a_quota_is_seen_and_nobody_else(self, exposed: dict[str, float]) -> None:
        assert is_limited(exposed)
        for use in (Use.PRODUCE, Use.FETCH):
            # Nobody has held it back ever: there is no average.
            assert math.isnan(exposed[f'{use.throttle}{{user="batch"}}'])
        assert exposed[f'{Use.REQUEST.metric}{{user="svc%40corp"}}'] > 0

    def test_no_value_gets_into_a_name_or_label(self, exposed: dict[str, float]) -> None:
        assert not [each for each in exposed if "_objectname" in each or re.search(r"__\d|_nan", each)]
