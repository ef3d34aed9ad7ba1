"""What a right stack file means."""

import dataclasses
from typing import Any

import pytest
import yaml
from kafka_platform import (
    Exposure,
    GatewayApiExposure,
    HttpGatewayArgs,
    HttpGatewayLimits,
    HttpGatewayPods,
    HttpGatewayTls,
    IngressExposure,
    KafkaClusterArgs,
    KafkaConnection,
    LoadBalancerExposure,
    NodePortExposure,
)
from kafka_platform.cluster.embedded.listeners import LoadBalancers, NodePorts
from kafka_platform.cluster.spec import KAFKA_VERSION
from kafka_platform.kafka.entities import Acl, AclResource, Cleanup, Deletion, Operation, Quotas
from kafka_platform.kafka.protocols import Engine
from pydantic import ValidationError

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import parse
from infra.settings.stackfile import parse_yaml, select


def platform(text: str) -> Settings:
    return parse(yaml.safe_load(text))


def test_nothing_is_a_platform_with_one_broker() -> None:
    empties: list[Any] = [None, {}]
    for empty in empties:
        settings = parse(empty)
        assert settings.namespace == "streaming"
        assert settings.create_namespace
        assert settings.kafka.engine is Engine.EMBEDDED
        assert settings.kafka.nodes == 1
        assert settings.topics == {}
        assert settings.users == {}


def test_defaults_are_those_of_the_component() -> None:
    kafka = parse({}).kafka
    component = KafkaClusterArgs(namespace="streaming")
    assert kafka.version == KAFKA_VERSION
    for name in ("nodes", "storage", "storage_class", "resources", "defaults", "spread", "deletion", "cluster_id"):
        assert getattr(kafka, name) == getattr(component, name), name
    assert kafka.listeners.listeners() == component.listeners


def test_a_whole_platform() -> None:
    settings = platform(
        """
        namespace: kafka
        kafka:
          nodes: 3
          storage: 1Ti
          resources: {cpu: "2", memory: 8Gi}
          listeners: {certificate: kafka-tls, external: {expose: nodePort, host: a.example.com, port: 30092}}
          defaults: {replicas: 3, minInsyncReplicas: 2, retention: 7d}
          config: {num.io.threads: 16, log.cleaner.enable: true, log.cleaner.min.cleanable.ratio: 0.5}
          clientNamespaces: [tools, payments]
          deletion: allow
        topics:
          orders: {partitions: 24, retention: 30d, config: {segment.bytes: 2000000}}
          customers: {cleanup: "compact,delete", deletion: allow}
          clicks:
        tenants:
          payments:
            namespace: payments
            createNamespace: true
            quotas: {produce: 20MB/s}
            users:
              payment-api:
                writes: [orders]
                reads: [cust*]
                acls: [{resource: group, name: p-*, operations: [DELETE]}]
              reporting: {reads: ["*"], quotas: {consume: 1MB/s}, passwordVersion: 2}
          own: {users: {ops: }}
        """
    )
    assert settings.kafka.listeners.listeners().external == NodePorts(host="a.example.com", first_port=30092)
    assert settings.kafka.config == {
        "num.io.threads": "16",
        "log.cleaner.enable": "true",
        "log.cleaner.min.cleanable.ratio": "0.5",
    }
    assert settings.topics["orders"].kafka_config() == {
        "retention.ms": str(30 * 86_400_000),
        "segment.bytes": "2000000",
    }
    assert settings.topics["customers"].cleanup is Cleanup.COMPACT_DELETE
    assert settings.topics["customers"].deletion is Deletion.ALLOW
    assert settings.topics["clicks"].partitions == 1
    users = settings.users
    assert list(users) == ["payment-api", "reporting", "ops"]
    assert [users[name].namespace for name in users] == ["payments", "payments", "kafka"]
    assert [users[name].quotas for name in users] == [Quotas(produce="20MB/s"), Quotas(consume="1MB/s"), None]
    assert list(users["payment-api"].acls) == [
        Acl(resource=AclResource.GROUP, name="p-*", operations=[Operation.DELETE])
    ]
    assert settings.created_namespaces == ("kafka", "payments")
    assert Stack(settings, CAPABILITIES).client_namespaces == ("payments", "tools")


def test_load_balancers() -> None:
    settings = platform(
        """
        kafka:
          nodes: 3
          listeners: {external: {expose: loadBalancer, host: "b{nodeId}.example.com", annotations: {a: b}, sourceRanges: [10.0.0.0/8]}}
        """
    )
    assert settings.kafka.listeners.listeners().external == LoadBalancers(
        host="b{nodeId}.example.com", port=9094, annotations={"a": "b"}, source_ranges=("10.0.0.0/8",)
    )


def test_there_is_no_gateway_unless_asked_for() -> None:
    assert parse({}).gateway is None
    gateway = platform("gateway:").gateway
    assert gateway is not None
    component = HttpGatewayArgs(
        connection=KafkaConnection(cluster="kafka", namespace="s", bootstrap_servers="k:9092", security_protocol="SSL")
    )
    for field in dataclasses.fields(component):
        if hasattr(gateway, field.name) and field.name != "expose":
            assert getattr(gateway, field.name) == getattr(component, field.name), field.name
    assert gateway.exposure() == component.expose


def test_a_whole_gateway() -> None:
    settings = platform(
        """
        tenants: {web: {users: {web: }}}
        gateway:
          pods: {min: 2, max: 20, cpuPercent: 60, requestsInFlight: 100}
          resources: {cpu: "1", cpuLimit: "2", memory: 2Gi}
          tls: {certificate: data-tls, clientAuthority: callers}
          limits: {body: 4Mi, requestsPerCaller: 64, consumerIdle: 1m, drain: 10s}
          expose: {loadBalancer: {host: data.example.com, port: 8443, sourceRanges: [10.0.0.0/8]}}
          anonymous: web
          recheck: 5m
          cors: [https://shop.example.com]
          metricsNamespaces: [monitoring]
        """
    )
    gateway = settings.gateway
    assert gateway is not None
    assert gateway.pods == HttpGatewayPods(min=2, max=20, cpu_percent=60, requests_in_flight=100)
    assert gateway.tls == HttpGatewayTls(certificate="data-tls", client_authority="callers")
    assert gateway.limits == HttpGatewayLimits(body="4Mi", requests_per_caller=64, consumer_idle="1m", drain="10s")
    assert gateway.exposure().load_balancer == LoadBalancerExposure(
        host="data.example.com", port=8443, source_ranges=["10.0.0.0/8"]
    )


@pytest.mark.parametrize(
    ("text", "exposure"),
    [
        ("nodePort: 30080", Exposure(node_port=NodePortExposure(port=30080))),
        (
            "gatewayClass: envoy, host: data.example.com, certificate: data-tls",
            Exposure(
                gateway_api=GatewayApiExposure(host="data.example.com", gateway_class="envoy", certificate="data-tls")
            ),
        ),
        (
            "gatewayClass: traefik, host: data.example.com, certificate: data-tls, port: 8443",
            Exposure(
                gateway_api=GatewayApiExposure(
                    host="data.example.com", gateway_class="traefik", certificate="data-tls", port=8443
                )
            ),
        ),
        (
            "gateway: infra/public, listener: https, host: data.example.com",
            Exposure(gateway_api=GatewayApiExposure(host="data.example.com", gateway="infra/public", listener="https")),
        ),
        (
            "ingressClass: nginx, host: data.example.com, annotations: {a: b}",
            Exposure(ingress=IngressExposure(host="data.example.com", ingress_class="nginx", annotations={"a": "b"})),
        ),
    ],
)
def test_ways_in(text: str, exposure: Exposure) -> None:
    gateway = platform(f"gateway: {{expose: {{{text}}}}}").gateway
    assert gateway is not None
    assert gateway.exposure() == exposure


def test_an_external_kafka() -> None:
    settings = platform(
        """
        kafka: {engine: external, bootstrapServers: "a:9092,b:9092", adminSecret: admin}
        topics: {orders: {replicas: 5, minInsyncReplicas: 2, config: {confluent.tier.enable: true}}}
        tenants: {shop: {users: {app: {reads: [declared-elsewhere], writes: [others-*]}}}}
        """
    )
    assert settings.kafka.sasl is not None
    assert settings.topics["orders"].replicas == 5
    assert platform("kafka: {engine: external, bootstrapServers: 'a:9092', securityProtocol: SSL}").kafka.sasl is None


@pytest.mark.parametrize(
    "rights",
    [
        "reads: ['*']",
        "reads: [orders]",
        "reads: [ord*, orders]",
        "reads: [__consumer_offsets]",
        # It may create what begins with streams-.
        "writes: [streams-a, streams-b-*], acls: [{resource: topic, name: streams-*, operations: [CREATE]}]",
    ],
)
def test_rights_on_topics_that_are_there_or_can_be(rights: str) -> None:
    platform(f"topics: {{orders: {{}}}}\ntenants: {{shop: {{users: {{app: {{{rights}}}}}}}}}")


@pytest.mark.parametrize("least", ["1", "2"])
def test_one_replica_needs_no_other_in_sync(least: str) -> None:
    platform(f"kafka: {{nodes: 3, defaults: {{minInsyncReplicas: {least}}}}}\ntopics: {{scratch: {{replicas: 1}}}}")


def test_everything_is_frozen() -> None:
    settings = platform("topics: {orders: {}}")
    with pytest.raises(ValidationError):
        settings.namespace = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.topics["orders"].partitions = 2  # type: ignore[misc]


def test_the_object_that_was_given_stays_as_it_is() -> None:
    raw: dict[str, Any] = {"kafka": {"nodez": 1}, "topics": {"orders": None}}
    with pytest.raises(SettingsError):
        parse(raw)
    assert raw == {"kafka": {"nodez": 1}, "topics": {"orders": None}}


def test_what_pulumi_and_others_keep_in_the_file_passes() -> None:
    text = """\
secretsprovider: awskms://alias/x
encryptedkey: abc
encryptionsalt: v1:abc
environment: [dev]
config:
  aws:region: eu-west-1
  other:thing: {a: 1}
  kafka-platform:platform: {namespace: a}
"""
    assert parse(select(parse_yaml(text))).namespace == "a"


def test_yaml_is_read_as_pulumi_does() -> None:
    text = "{a: yes, b: '2026-01-01', c: 1:30, d: '017', e: 1.5, f: ~, 5: x, on: y, g: &n {x: 1}, h: {<<: *n, y: 2}}"
    assert parse_yaml(text) == {
        "a": "yes",
        "b": "2026-01-01",
        "c": "1:30",
        "d": "017",
        "e": 1.5,
        "f": None,
        "5": "x",
        "on": "y",
        "g": {"x": 1},
        "h": {"x": 1, "y": 2},
    }


def test_three_thousand_topics_are_parsed_at_once() -> None:
    settings = parse(
        {"kafka": {"nodes": 3}, "topics": {f"topic-{n:05}": {"partitions": 1 + n % 12} for n in range(3000)}}
    )
    assert len(settings.topics) == 3000


def test_numbers_and_words_are_variables_and_options() -> None:
    worker = platform(
        "{topics: {a: }, tenants: {t: }, workers: {w: {image: 'i:1', tenant: t, reads: [a], environment: {N: 1, DEBUG: true}, "
        "consumerConfig: {max.poll.interval.ms: 600000}}}}"
    ).workers["w"]
    assert worker.environment == {"N": "1", "DEBUG": "true"}
    assert worker.consumer_config == {"max.poll.interval.ms": "600000"}


@pytest.mark.parametrize("cleanup", ["compact,delete", "delete,compact", "delete, compact"])
def test_cleanup_may_be_written_as_kafka_writes_it(cleanup: str) -> None:
    topics = parse({"topics": {"orders": {"cleanup": cleanup}}}).topics
    assert topics["orders"].kafka_config() == {"cleanup.policy": "compact,delete"}


def test_strimzis_topics_may_be_as_long_as_kafka_takes() -> None:
    pools = {"brokers": {"nodes": 3, "roles": ["controller", "broker"], "storage": "10Gi"}}
    with pytest.raises(SettingsError) as caught:
        parse({"kafka": {"engine": "strimzi", "pools": pools}, "topics": {"t" * 249: {}, "t" * 250: {}}})
    paths = {each.path for each in caught.value.faults}
    assert ("topics", "t" * 250) in paths
    assert ("topics", "t" * 249) not in paths


CONNECTORS = """
topics: {orders: {}}
keda: {}
tenants: {shop: {users: {app: {reads: [crm.public.people, lake-dead-letters, index-dead-letters, "crm.*"], groups: [a]}}}}
workers:
  book: {image: "i:1", tenant: shop, reads: [crm.public.people], scale: {recordsPerSecondPerPod: 9, acceptableDelay: 9s}}
connectors:
  crm: {postgres: {host: db.crm, database: crm, secret: crm, tables: [public.people]}}
  lake: {jdbc: {url: "jdbc:postgresql://lake.example.com/lake", secret: lake}, reads: [crm.public.people]}
  index: {opensearch: {url: "https://search.example.com"}, reads: [crm.public.people], scale: {cpu: {percent: 70}}}
"""


def test_topics_of_connectors_can_be_named_as_declared_ones() -> None:
    stack = Stack(platform(CONNECTORS), CAPABILITIES)
    assert dict(stack.partitions_of(["crm.public.people"])) == {"crm.public.people": 3}
    assert not stack.partitions_of(["crm.public.people", "another"])


def test_a_declaration_of_a_connectors_topic_is_the_one_that_holds() -> None:
    stack = Stack(platform(CONNECTORS.replace("{orders: {}}", "{crm.public.people: {partitions: 7}}")), CAPABILITIES)
    assert dict(stack.partitions_of(["crm.public.people"])) == {"crm.public.people": 7}
    assert stack.topics["crm.public.people"].partitions == 7


@pytest.mark.parametrize("topic", ["connect-offsets", "connect-offsets-crm", "connect-configs"])
def test_what_connectors_keep_for_themselves_cannot_be_named(topic: str) -> None:
    with pytest.raises(SettingsError) as caught:
        platform(CONNECTORS.replace("lake-dead-letters", topic))
    [fault] = caught.value.faults
    assert str(fault).startswith(f"tenants.shop.users.app.reads: {topic!r} is not a topic of this file: ")


def test_a_fault_of_a_connector_is_not_one_of_those_who_read_its_topics() -> None:
    with pytest.raises(SettingsError) as caught:
        platform(CONNECTORS.replace("host: db.crm, ", ""))
    assert [fault.path[:2] for fault in caught.value.faults] == [("connectors", "crm")]
