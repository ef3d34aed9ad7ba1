"""Thousands of files that somebody got wrong at random: each is answered in full, or can be deployed as it is."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
from kafka_platform import (
    CertManagerArgs,
    DrainCleanerArgs,
    ExternalKafka,
    KafkaClusterArgs,
    KafkaConnection,
    KafkaResourcesArgs,
    KedaOperatorArgs,
    PrometheusStackArgs,
    StrimziOperatorArgs,
)
from kafka_platform.cluster.strimzi import objects
from kafka_platform.cluster.strimzi.connection import certificate_bootstrap_servers
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.entities import strimzi as strimzi_resources
from kafka_platform.entities.declarations import declarations
from kafka_platform.kafka.protocols import Engine
from kafka_platform.operators.component import OperatorArgs

from infra.check import STACKS
from infra.platform import gateway_args, operator_args, worker_args
from infra.settings import Settings, SettingsError, parse
from infra.settings.stackfile import read

VALUES: list[Any] = [
    None, True, False, 0, 1, 2, 3, -1, 7.5, 10**20, "", "orders", "a b", "7d", "10Gi", "20MB/s", "*", "yes", "4.3.1",
    "compact", "allow", "external", "UPPER", "x" * 300, "é", [], ["orders"], ["nope"], [1], [[]], {}, {"a": 1}, {"": None},
]  # fmt: skip
OPERATORS: dict[str, type[OperatorArgs]] = {
    "cert_manager": CertManagerArgs,
    "drain_cleaner": DrainCleanerArgs,
    "keda": KedaOperatorArgs,
    "prometheus": PrometheusStackArgs,
    "strimzi": StrimziOperatorArgs,
}
KEYS = ["nodez", "nodes", "replicas", "Topics", "min_insync_replicas", "", "a.b", "orders", "retention", "é", "x" * 300]


def containers(node: Any) -> Iterator[dict[str, Any] | list[Any]]:
    if isinstance(node, dict | list):
        yield node
        for each in node.values() if isinstance(node, dict) else node:
            yield from containers(each)


def mutated(platform: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    made = copy.deepcopy(platform)
    for _ in range(chance.randint(1, 4)):
        place = chance.choice([each for each in containers(made) if each] or [made])
        value = copy.deepcopy(chance.choice(VALUES))
        if isinstance(place, list):
            place[chance.randrange(len(place))] = value
            continue
        key = chance.choice(list(place)) if place else "kafka"
        action = chance.randrange(4)
        if action == 0:
            place.pop(key, None)
        elif action == 1:
            place[key] = value
        elif action == 2:
            place[chance.choice(KEYS)] = place.pop(key, None)
        else:
            place[chance.choice(KEYS)] = value
    return made


def deploy_strimzi(settings: Settings) -> None:
    kafka = settings.kafka
    args = KafkaClusterArgs(
        namespace=settings.namespace,
        engine=kafka.engine,
        strimzi=kafka.strimzi(),
        version=kafka.version,
        defaults=kafka.defaults,
        client_namespaces=settings.client_namespaces,
        config=kafka.config,
    )
    assert args.strimzi is not None
    rendered = StrimziSettings(name="kafka", namespace=settings.namespace, spec=args, strimzi=args.strimzi)
    connection = KafkaConnection(
        cluster="kafka",
        namespace=settings.namespace,
        bootstrap_servers="kafka:9092",
        certificate_bootstrap_servers=certificate_bootstrap_servers(rendered, settings.namespace),
        security_protocol="SASL_SSL",
        nodes=kafka.brokers,
        replicas=kafka.defaults.replicas_on(kafka.brokers),
        min_insync_replicas=kafka.defaults.min_insync_replicas_on(kafka.brokers),
        engine=kafka.engine,
    )
    KafkaResourcesArgs(connection=connection, topics=settings.topics, users=settings.users)
    objects.kafka(rendered)
    for name, pool in args.strimzi.pools.items():
        objects.node_pool(rendered, name, pool)
    for name, topic in settings.topics.items():
        strimzi_resources.topic("kafka", connection, name, topic, 3)
    for name, user in settings.users.items():
        strimzi_resources.user("kafka", connection, name, user, "kafka-passwords")


def deploy_operators(settings: Settings) -> None:
    for section, kind in OPERATORS.items():
        operator = getattr(settings, section)
        if operator is not None and operator.install:
            operator_args(kind, operator)


def deploy(settings: Settings) -> None:
    """What the program hands to the components, which check it again."""
    deploy_operators(settings)
    kafka = settings.kafka
    if kafka.engine is Engine.EXTERNAL:
        KafkaClusterArgs(
            namespace=settings.namespace,
            engine=kafka.engine,
            external=ExternalKafka(bootstrap_servers=kafka.bootstrap_servers or ""),
        )
    elif kafka.engine is Engine.STRIMZI:
        deploy_strimzi(settings)
    else:
        KafkaClusterArgs(
            namespace=settings.namespace,
            nodes=kafka.nodes,
            version=kafka.version,
            storage=kafka.storage,
            storage_class=kafka.storage_class,
            resources=kafka.resources,
            defaults=kafka.defaults,
            listeners=kafka.listeners.listeners(),
            client_namespaces=settings.client_namespaces,
            spread=kafka.spread,
            config=kafka.config,
            cluster_id=kafka.cluster_id,
        )
        connection = KafkaConnection(
            cluster="kafka",
            namespace=settings.namespace,
            bootstrap_servers="kafka:9092",
            security_protocol="SASL_PLAINTEXT",
            admin_secret="kafka-admin",
            nodes=kafka.nodes,
            replicas=kafka.defaults.replicas_on(kafka.nodes),
            min_insync_replicas=kafka.defaults.min_insync_replicas_on(kafka.nodes),
        )
        KafkaResourcesArgs(connection=connection, topics=settings.topics, users=settings.users)
        if settings.gateway is not None:
            gateway_args(settings, settings.gateway, connection)
        for name, worker in settings.workers.items():
            worker_args(settings, name, connection, settings.namespace_of(worker.tenant))
        KafkaResourcesArgs(connection=connection, users=settings.worker_users)
    if kafka.engine is not Engine.STRIMZI:
        declarations(settings.topics, settings.users, kafka.defaults.replicas)


def answered(content: dict[str, Any]) -> tuple[Settings | None, list[str]]:
    try:
        return parse(content), []
    except SettingsError as error:
        return None, [str(fault) for fault in error.faults]


WORKERS: dict[str, Any] = {
    "keda": {},
    "workers": {
        "fraud-check": {
            "image": "ghcr.io/acme/fraud-check:1.8.2",
            "tenant": "shop",
            "reads": ["orders", "customers"],
            "writes": ["metrics"],
            "scale": {
                "min": 0,
                "max": 6,
                "recordsPerSecondPerPod": 400,
                "acceptableDelay": "10s",
                "cpu": {"percent": 80},
                "cron": [{"start": "0 7 * * *", "end": "0 19 * * *", "pods": 2}],
            },
            "partitioning": {"by": "roundRobin"},
            "assignment": "range",
            "offsetReset": "latest",
            "environment": {"LEVEL": "info"},
            "consumerConfig": {"max.poll.interval.ms": 600000},
            "probes": {"liveness": {"path": "/healthz", "port": 8080}},
            "ports": {"http": 8080},
            "egress": [{"ports": [5432], "namespace": "db"}],
        },
        "reports": {
            "image": "reports:1",
            "tenant": "monitoring",
            "reads": ["metrics"],
            "user": "metrics-reader",
            "group": "monitoring-reports",
            "replicas": 2,
            "scratch": {"/tmp": "1Gi"},
        },
    },
}


INSTALLED: dict[str, Any] = {
    "strimzi": {"install": True, "watchNamespaces": ["streaming"]},
    "drainCleaner": {"install": True, "version": "1.6.0"},
    "certManager": {"install": True, "values": {"webhook": {"hostNetwork": True}}},
    "prometheus": {"install": True, "retention": "30d", "storage": "100Gi", "storageClass": "fast"},
    "keda": {"install": True, "registry": "registry.example.com", "replicas": 3},
}
EXTENDED = {"workers": ("ci", WORKERS), "operators": ("prod", INSTALLED)}


@pytest.mark.parametrize("stack", ["dev", "ci", "prod", "workers", "operators"])
@pytest.mark.parametrize("seed", range(10))
def test_mutations(stack: str, seed: int) -> None:
    file, more = EXTENDED.get(stack, (stack, {}))
    platform = read(STACKS / f"Pulumi.{file}.yaml") | more
    chance = random.Random(f"{stack}{seed}")
    for _ in range(100):
        content = mutated(platform, chance)
        settings, lines = answered(content)
        for line in lines:
            assert line.count(": ") >= 2, (line, content)
            assert "\n" not in line, content
        if settings is None:
            assert lines, content
        else:
            deploy(settings)
