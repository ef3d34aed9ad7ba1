"""The component package for other languages: its schema, and how plain mappings become the args."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import kafka_platform.host.host
import pytest
from kafka_platform import (
    AclResource,
    Assignment,
    Cleanup,
    CronScale,
    HealthCheck,
    HttpGatewayArgs,
    HttpGatewayLimits,
    HttpGatewayPods,
    KafkaClusterArgs,
    KafkaConnection,
    KafkaResourcesArgs,
    LoadBalancerExposure,
    OffsetReset,
    Operation,
    PartitionBy,
    Partitioning,
    Scale,
    StreamWorkerArgs,
)
from kafka_platform.host import Host

from tests.unit.test_laws import components


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


@pytest.fixture(scope="module")
def schema(host: Host) -> dict[str, Any]:
    assert host.schema is not None
    parsed: dict[str, Any] = json.loads(host.schema)
    return parsed


def test_every_component_of_the_sources_is_in_the_package(schema: dict[str, Any]) -> None:
    assert set(schema["resources"]) == {f"kafka-platform:index:{node.name}" for _, node in components()}


def test_what_has_a_default_is_optional(schema: dict[str, Any]) -> None:
    assert schema["resources"]["kafka-platform:index:KafkaCluster"]["requiredInputs"] == ["namespace"]
    assert "required" not in schema["types"]["kafka-platform:index:Topic"]


def test_every_input_is_described(schema: dict[str, Any]) -> None:
    for component in schema["resources"].values():
        assert all(each.get("description") for each in component["inputProperties"].values())


def test_mappings_become_the_args(host: Host) -> None:
    sent = {
        "connection": {
            "cluster": "events",
            "namespace": "streaming",
            "bootstrapServers": "b:9092",
            "securityProtocol": "SASL_SSL",
            "saslMechanism": "SCRAM-SHA-512",
            "adminSecret": "admin",
            "nodes": 3.0,
            "replicas": 3.0,
        },
        "topics": {"orders": {"partitions": 24.0, "cleanup": "compact", "minInsyncReplicas": 2.0}},
        "users": {"app": {"acls": [{"resource": "topic", "name": "x", "operations": ["READ"]}]}},
    }
    mapped: Any = host.map_inputs(sent, host._component_defs["KafkaResources"])
    args = KafkaResourcesArgs.of(mapped)
    assert isinstance(args.connection, KafkaConnection)
    assert args.connection.nodes == 3
    assert args.topics["orders"].partitions == 24
    assert isinstance(args.topics["orders"].partitions, int)
    assert args.topics["orders"].cleanup is Cleanup.COMPACT
    acl = args.users["app"].acls[0]
    assert acl.resource is AclResource.TOPIC
    assert list(acl.operations) == [Operation.READ]


def test_a_gateway_of_another_language(host: Host) -> None:
    sent = {
        "connection": {
            "cluster": "events",
            "namespace": "streaming",
            "bootstrapServers": "b:9092",
            "securityProtocol": "SASL_SSL",
            "brokerPorts": [9093.0],
        },
        "pods": {"min": 2.0, "max": 20.0},
        "limits": {"requestsPerCaller": 10.0},
        "expose": {"loadBalancer": {"port": 8443.0, "sourceRanges": ["10.0.0.0/8"]}},
    }
    mapped: Any = host.map_inputs(sent, host._component_defs["HttpGateway"])
    args = HttpGatewayArgs.of(mapped)
    assert args.pods == HttpGatewayPods(min=2, max=20)
    assert isinstance(args.pods.max, int)
    assert args.limits == HttpGatewayLimits(requests_per_caller=10)
    assert args.expose.load_balancer == LoadBalancerExposure(port=8443, source_ranges=["10.0.0.0/8"])
    assert [type(port) for port in args.connection.broker_ports] == [int]


def test_a_worker_of_another_language(host: Host) -> None:
    sent = {
        "connection": {
            "cluster": "events",
            "namespace": "streaming",
            "bootstrapServers": "b:9092",
            "securityProtocol": "SASL_SSL",
        },
        "image": "fraud-check:1.8.2",
        "reads": ["orders"],
        "writes": ["alerts"],
        "partitions": {"orders": 24.0},
        "scale": {
            "recordsPerSecondPerPod": 400.0,
            "acceptableDelay": "10s",
            "max": 12.0,
            "cron": [{"start": "0 7 * * *", "end": "0 19 * * *", "pods": 2.0}],
        },
        "partitioning": {"by": "roundRobin"},
        "assignment": "consumer",
        "offsetReset": "latest",
        "ports": {"http": 8080.0},
        "egress": [{"ports": [5432.0], "namespace": "db"}],
        "probes": {"liveness": {"path": "/healthz", "port": 8080.0}},
    }
    mapped: Any = host.map_inputs(sent, host._component_defs["StreamWorker"])
    args = StreamWorkerArgs.of(mapped)
    cron = CronScale(start="0 7 * * *", end="0 19 * * *", pods=2)
    assert args.scale == Scale(records_per_second_per_pod=400, acceptable_delay="10s", max=12, cron=(cron,))
    assert (type(args.scale.max), type(args.ports["http"]), type(args.egress[0].ports[0])) == (int, int, int)
    assert args.partitioning == Partitioning(by=PartitionBy.ROUND_ROBIN)
    assert (args.assignment, args.offset_reset) == (Assignment.CONSUMER, OffsetReset.LATEST)
    assert args.scratch == {"/tmp": "64Mi"}
    assert args.probes.liveness == HealthCheck(path="/healthz", port=8080)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^nodez: unknown key: did you mean 'nodes'\?$"):
        KafkaClusterArgs.of({"namespace": "streaming", "nodez": 3})


def test_args_pass_unchanged() -> None:
    args = KafkaClusterArgs(namespace="streaming")
    assert KafkaClusterArgs.of(args) is args


def test_what_may_be_an_output_is_an_input_in_every_language(schema: dict[str, Any]) -> None:
    namespace = schema["types"]["kafka-platform:index:User"]["properties"]["namespace"]
    assert (namespace["type"], "plain" in namespace) == ("string", False)


CONNECTION = "kafka-platform:index:KafkaConnection"


def test_a_connection_is_an_input_as_a_whole_and_in_its_parts(schema: dict[str, Any]) -> None:
    takers = [each["inputProperties"].get("connection") for each in schema["resources"].values()]
    assert [each for each in takers if each is not None and "plain" in each] == []
    assert "plain" not in json.dumps(schema["types"][CONNECTION])


def test_a_connection_has_no_enum_which_yaml_cannot_hand_on(schema: dict[str, Any]) -> None:
    assert "$ref" not in json.dumps(schema["types"][CONNECTION])
    assert schema["types"][CONNECTION]["properties"]["engine"]["type"] == "string"


def descriptions(of: Any) -> Iterator[str]:
    inner = of.values() if isinstance(of, dict) else of if isinstance(of, list) else ()
    for each in inner:
        yield from descriptions(each)
    if isinstance(of, dict) and isinstance(of.get("description"), str):
        yield of["description"]


def test_docs_are_not_indented_and_name_fields_as_other_languages_do(schema: dict[str, Any]) -> None:
    texts = list(descriptions(schema))
    assert [text for text in texts if "\n " in text or text != text.strip()] == []
    names = {field.name for each in vars(kafka_platform.host.host)["_components"]().values() for field in fields(each)}
    python = {name for name in names if "_" in name}
    assert [text for text in texts for code in re.findall(r"`([^`]+)`", text) if code in python] == []
    assert any("`caSecret`" in text for text in texts)
    words = {each["name"] for each in schema["types"]["kafka-platform:index:Deletion"]["enum"]}
    assert words == {"Allow", "Retain"}


def test_generated_packages_are_called_by_our_own_name(schema: dict[str, Any]) -> None:
    language = schema["language"]
    assert language["nodejs"]["packageName"] == "@kafka-platform/components"
    assert language["go"]["importBasePath"].endswith(language["go"]["rootPackageName"])
    assert schema["repository"].startswith("https://")
    assert schema["license"] == "Apache-2.0"
