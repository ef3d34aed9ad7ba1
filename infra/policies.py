"""The rules that a stack file alone can be judged by: what it renders without an engine, as resources."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kafka_platform.broker import BrokerSettings, cluster_properties
from kafka_platform.declarations import topic_declaration, user_declaration
from kafka_platform.marks import ADOPTED
from kafka_platform.model import Deletion, Engine
from kafka_platform.properties import java_properties
from kafka_platform.strimzi_model import broker_config

from infra.reading.kinds import KINDS
from infra.rules import RULES, Level, Resource, Rule
from infra.settings import Gateway, Kafka, Settings


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A rule that a stack breaks."""

    rule: Rule
    level: Level
    message: str

    def __str__(self) -> str:
        advice = "" if self.level is Level.MANDATORY else "advice: "
        return f"{advice}{self.message} ({self.rule.name})"


def violations(settings: Settings) -> list[Violation]:
    """What the stack breaks, each once, the mandatory first."""
    resources = list(_resources(settings))
    found: dict[str, Violation] = {}
    for rule in RULES:
        level = rule.level(settings.environment.value)
        if level is Level.OFF:
            continue
        for _, message in rule.check(resources):
            violation = Violation(rule=rule, level=level, message=message)
            found.setdefault(str(violation), violation)
    return sorted(found.values(), key=lambda each: each.level is not Level.MANDATORY)


def _resources(settings: Settings) -> Iterator[Resource]:
    kafka = settings.kafka
    embedded = kafka.engine is Engine.EMBEDDED
    external = kafka.engine is Engine.EXTERNAL
    replicas = kafka.defaults.replicas if external else kafka.defaults.replicas_on(kafka.brokers)
    # With Strimzi they are custom resources, however many; what they declare is the same.
    declared = {f"topic.{name}": topic_declaration(each, replicas) for name, each in settings.all_topics.items()}
    declared |= {f"user.{name}": user_declaration(each) for name, each in settings.all_users.items()}
    yield _config_map("declarations", "provisioner", declared)
    if kafka.engine is Engine.STRIMZI:
        yield from _strimzi(kafka)
    if external:
        properties = {"securityProtocol": kafka.security_protocol.value}
        yield Resource(type=KINDS["KafkaConnection"].type, properties=properties, name="kafka")
    if embedded:
        broker = BrokerSettings(
            name="kafka",
            nodes=kafka.nodes,
            defaults=kafka.defaults,
            listeners=kafka.listeners.listeners(),
            config=kafka.config,
        )
        content = java_properties(cluster_properties(broker, settings.namespace))
        yield _config_map("config", "broker", {"cluster.properties": content})
        requests = {"cpu": kafka.resources.cpu, "memory": kafka.resources.memory}
        yield _workload(
            "brokers", settings.images.kafka, requests, "Delete" if kafka.deletion is Deletion.ALLOW else "Retain"
        )
    # What they request is rendered in any case.
    yield _workload("runtime", settings.images.runtime, {"cpu": "50m", "memory": "128Mi"}, "Retain")
    for name, worker in settings.workers.items():
        requests = {"cpu": worker.resources.cpu, "memory": worker.resources.memory}
        yield _workload(name, worker.image, requests, "Retain", kind="Deployment")
    if settings.gateway is not None:
        yield from _way_in(settings.gateway)
    for each in settings.adopt:
        kind, name = each.partition("/")[0], each.rpartition("/")[2]
        metadata = {"name": name, "annotations": {ADOPTED: "true"}}
        yield Resource(type=f"kubernetes:adopted:{kind}", properties={"metadata": metadata})


def _strimzi(kafka: Kafka) -> Iterator[Resource]:
    """The custom resources, as far as there are rules for them."""
    listeners = kafka.listeners.of_strimzi()
    rendered = [{"name": "internal", "type": "internal", "tls": listeners.internal.tls}]
    if listeners.external is not None:
        rendered.append({"name": "external", "type": "external", "tls": True})
    config = broker_config(kafka.strimzi(), kafka.defaults, kafka.config)
    authorization = {"type": "simple", "superUsers": list(kafka.super_users)}
    yield _custom(
        "Kafka", "kafka", {"kafka": {"authorization": authorization, "config": config, "listeners": rendered}}
    )
    for name, pool in kafka.pools.items():
        volumes = [
            {"deleteClaim": kafka.deletion is Deletion.ALLOW, "type": "persistent-claim"} for _ in pool.all_volumes
        ]
        requests = {"cpu": pool.resources.cpu, "memory": pool.resources.memory}
        spec = {"resources": {"requests": requests}, "storage": {"type": "jbod", "volumes": volumes}}
        yield _custom("KafkaNodePool", name, spec)


def _custom(kind: str, name: str, spec: dict[str, Any]) -> Resource:
    return Resource(type=KINDS[kind].type, properties={"metadata": {"name": name}, "spec": spec}, name=name)


def _way_in(gateway: Gateway) -> Iterator[Resource]:
    """The gateway's Service for callers outside; the other ways in always have TLS."""
    exposure = gateway.exposure()
    if exposure.node_port is None and exposure.load_balancer is None:
        return
    spec = {
        "type": "LoadBalancer" if exposure.node_port is None else "NodePort",
        "ports": [{"name": "http" if gateway.tls is None else "https"}],
    }
    yield Resource(type=KINDS["Service"].type, properties={"metadata": {"name": "gateway-external"}, "spec": spec})


def _config_map(name: str, part: str, data: dict[str, str]) -> Resource:
    metadata = {"name": f"kafka-{name}", "labels": {"app.kubernetes.io/component": part}}
    return Resource(type=KINDS["ConfigMap"].type, properties={"metadata": metadata, "data": data})


def _workload(
    name: str, image: str | None, requests: dict[str, str], when_deleted: str, kind: str = "StatefulSet"
) -> Resource:
    container: dict[str, Any] = {"name": name, "image": image or "", "resources": {"requests": requests}}
    spec = {
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted},
        "template": {"spec": {"containers": [container]}},
    }
    return Resource(type=KINDS[kind].type, properties={"metadata": {"name": name}, "spec": spec}, name=name)
