"""LightConnector: what it renders, the graph that it makes, what it refuses, and what connectors may do."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka_platform import (
    S3,
    CassandraSink,
    ConnectorState,
    Cursor,
    DocumentIds,
    HdfsSink,
    HttpBody,
    HttpSink,
    KafkaConnection,
    LightConnector,
    LightConnectorArgs,
    LightConnectorSpec,
    Mqtt,
    Operation,
    PollSource,
    RabbitMq,
    RecordFormat,
    RedisForm,
    RedisSink,
    Scale,
    SearchSink,
    Tombstones,
    light_topics,
    light_users,
)
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.light.kinds import LightKind
from kafka_platform.light.objects import LightSettings, connector_file, objects
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.kinds.table import SINKS, SOURCES, made
from kafka_platform_runtime.connectors.settings import Connector, Secrets

from tests.unit.components.graph import run

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)
URL = "https://search.example.com:9200"
KINDS: dict[str, LightConnectorSpec] = {
    "http": LightConnectorSpec(http=HttpSink(url="http://api.shop/in", body=HttpBody.RECORD), reads=["orders"]),
    "opensearch": LightConnectorSpec(
        opensearch=SearchSink(url=URL, secret="search", index="orders", ids=DocumentIds.KEY), reads=["orders"], tasks=3
    ),
    "elasticsearch": LightConnectorSpec(elasticsearch=SearchSink(url=URL), reads=["orders", "items"]),
    "redis": LightConnectorSpec(redis=RedisSink(host="cache", form=RedisForm.STREAM, stream="s"), reads=["orders"]),
    "mqtt": LightConnectorSpec(mqtt=Mqtt(host="10.1.2.3", filters=["plants/#"], writes="plants", secret="broker")),
    "rabbitmq": LightConnectorSpec(rabbitmq=RabbitMq(host="mq", queue="in", writes="plants", tls=False)),
    "mqtt-sink": LightConnectorSpec(
        mqtt=Mqtt(host="broker.example.com", topic="devices/{key}", retain=True), reads=["orders"]
    ),
    "rabbitmq-sink": LightConnectorSpec(rabbitmq=RabbitMq(host="mq", queue="in"), reads=["orders"]),
    "exchange": LightConnectorSpec(
        rabbitmq=RabbitMq(host="mq", exchange="all", routing_key="{topic}.{key}"), reads=["orders"], tasks=2
    ),
    "s3-sink": LightConnectorSpec(s3=S3(bucket="lake", secret="lake", prefix="raw/"), reads=["orders"], tasks=2),
    "s3": LightConnectorSpec(
        s3=S3(bucket="inbox", endpoint="https://s3.example.com", secret="lake", writes="plants", key="id")
    ),
    "hdfs": LightConnectorSpec(
        hdfs=HdfsSink(
            urls=["http://nn-1:9870", "http://nn-2:9870"],
            path="/lake",
            user="connect",
            datanodes=["*.data:9864", "10.1.2.5:9864"],
        ),
        reads=["orders"],
    ),
    "cassandra": LightConnectorSpec(
        cassandra=CassandraSink(
            hosts=["rows.example.com", "10.1.2.5"],
            nodes=["10.2.0.0/16"],
            datacenter="dc1",
            keyspace="shop",
            table="orders",
            columns={"id": "key", "total": "value.total"},
            expires="30d",
            server_name="rows.example.com",
            tombstones=Tombstones.DELETE,
        ),
        reads=["orders"],
        tasks=2,
    ),
    "poll": LightConnectorSpec(
        poll=PollSource(url=URL, writes="plants", items="a.b", key="id", cursor=Cursor(parameter="after", item="id"))
    ),
}
SEARCH = KINDS["opensearch"]


def settings(spec: LightConnectorSpec = SEARCH, **changes: Any) -> LightSettings:
    given: dict[str, Any] = {
        "connector": "moves",
        "namespace": "streaming",
        "connection": CONNECTION,
        "image": "runtime:1",
        "spec": spec,
        "secret": "connector-moves-kafka",
    }
    return LightSettings(**given | changes)


def manifests(spec: LightConnectorSpec = SEARCH, **changes: Any) -> dict[str, Any]:
    return {each.manifest["kind"]: each.manifest for each in objects(settings(spec, **changes))}


def test_a_sink_reads_schemas_as_its_own_user_of_the_registry() -> None:
    registry = RegistryConnection(
        url="https://registry.streaming.svc", secret="login", ca_secret="ca", namespace="streaming", port=8443
    )
    found = manifests(replace(SEARCH, format=RecordFormat.SCHEMA), registry=registry)
    file = msgspec.json.decode(found["ConfigMap"]["data"]["connector.json"], type=Connector)
    assert file.registry == "https://registry.streaming.svc"
    pod = found["Deployment"]["spec"]["template"]["spec"]
    environment = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    mounted = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes[mounted[str(environment["CONNECTOR_REGISTRY_DIR"])]]["secret"]["secretName"] == "login"
    assert str(environment["CONNECTOR_REGISTRY_CA"]).rpartition("/")[0] in mounted
    egress = found["NetworkPolicy"]["spec"]["egress"]
    assert any(each.get("ports") == [{"port": 8443, "protocol": "TCP"}] and "to" in each for each in egress)
    assert "CONNECTOR_REGISTRY_DIR" not in str(manifests())


@pytest.mark.parametrize("name", KINDS)
def test_the_program_understands_what_is_declared(name: str, tmp_path: Path) -> None:
    file = msgspec.json.decode(str(connector_file(settings(KINDS[name]))), type=Connector)
    kind = KINDS[name].kind
    assert isinstance(kind, LightKind)
    assert (file.kind in SINKS) == kind.is_sink
    assert (file.kind in SOURCES) == (not kind.is_sink)
    assert file.dead_letters == ("moves-dead-letters" if kind.is_sink else None)

    for login in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (tmp_path / login).write_text("x")
    side = made(file, Secrets(tmp_path), Connection(bootstrap_servers="127.0.0.1:1"))
    assert (side.target is not None) == kind.is_sink


def test_every_kind_of_the_program_can_be_declared() -> None:
    assert {spec.kind.program_kind for spec in KINDS.values()} == {*SINKS, *SOURCES} - {"elasticsearch"}


def test_secrets_are_files_and_nowhere_else() -> None:
    found = manifests()
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    secrets = {each["name"]: each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    assert secrets == {"credentials": "connector-moves-kafka", "secret": "search"}
    from_secrets = [each["name"] for each in container["env"] if "secretKeyRef" in each.get("valueFrom", {})]
    assert from_secrets == ["KAFKA_SASL_USERNAME"]
    assert "args" not in container
    assert "search" not in json.dumps(found["ConfigMap"]["metadata"])
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_it_reaches_kafka_and_what_it_names() -> None:
    egress = manifests(KINDS["mqtt"])["NetworkPolicy"]["spec"]["egress"]
    assert {"ports": [{"port": 8883, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]} in egress
    assert {"ports": [{"port": 9092, "protocol": "TCP"}]} in egress
    assert {"ports": [{"port": 9200, "protocol": "TCP"}]} in manifests()["NetworkPolicy"]["spec"]["egress"]


def test_only_the_named_ports_are_open_to_datanodes() -> None:
    egress = manifests(KINDS["hdfs"])["NetworkPolicy"]["spec"]["egress"]
    assert {"ports": [{"port": 9864, "protocol": "TCP"}, {"port": 9870, "protocol": "TCP"}]} in egress
    assert {"ports": [{"port": 9864, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.1.2.5/32"}}]} in egress


def test_a_network_of_nodes_is_open_at_their_port() -> None:
    egress = manifests(KINDS["cassandra"])["NetworkPolicy"]["spec"]["egress"]
    port = [{"port": 9042, "protocol": "TCP"}]
    assert {"ports": port} in egress
    assert [each["to"] for each in egress if each.get("ports") == port and "to" in each] == [
        [{"ipBlock": {"cidr": "10.1.2.5/32"}}],
        [{"ipBlock": {"cidr": "10.2.0.0/16"}}],
    ]


def test_a_sink_has_its_tasks_as_pods_and_a_source_one_at_a_time() -> None:
    assert manifests()["Deployment"]["spec"]["replicas"] == 3
    assert manifests()["Deployment"]["spec"]["strategy"]["type"] == "RollingUpdate"
    source = manifests(KINDS["mqtt"])["Deployment"]["spec"]
    assert (source["replicas"], source["strategy"]) == (1, {"type": "Recreate"})


def test_a_paused_one_has_no_pods_and_a_scaled_one_leaves_them_to_keda() -> None:
    paused = LightConnectorSpec(redis=RedisSink(host="cache"), reads=["orders"], state=ConnectorState.PAUSED)
    assert manifests(paused)["Deployment"]["spec"]["replicas"] == 0
    scaled = LightConnectorSpec(redis=RedisSink(host="cache"), reads=["orders"], scale=Scale(lag_threshold=100))
    assert "replicas" not in manifests(scaled)["Deployment"]["spec"]


def test_another_declaration_makes_other_pods() -> None:
    def annotations(spec: LightConnectorSpec) -> Any:
        return manifests(spec)["Deployment"]["spec"]["template"]["metadata"]["annotations"]

    other = LightConnectorSpec(opensearch=SearchSink(url=URL, secret="search"), reads=["orders"], tasks=3)
    renewed = LightConnectorSpec(opensearch=SEARCH.opensearch, reads=["orders"], tasks=3, password_version=2)
    assert len({json.dumps(annotations(each)) for each in (SEARCH, other, renewed)}) == 3


@pytest.mark.parametrize("name", KINDS)
def test_a_connector_may_use_its_own_topics_and_group_alone(name: str) -> None:
    spec = KINDS[name]
    (user,) = light_users({"moves": spec}).values()
    allowed = {(acl.name, operation) for acl in user.all_acls() for operation in acl.operations}
    read = {each for each, operation in allowed if operation is Operation.READ}
    written = {each for each, operation in allowed if operation is Operation.WRITE}
    own = "connector-moves"
    if spec.is_sink:
        assert read == {*spec.reads, own}
        assert written == {"moves-dead-letters"}
    else:
        assert read == ({"plants", own} if name in {"poll", "s3"} else set())
        assert written == {"plants"}
    assert not {each for each, _ in allowed} & {"*", "kafka-cluster"}


def test_keda_looks_as_a_user_that_reads_no_record() -> None:
    scaled = LightConnectorSpec(redis=RedisSink(host="cache"), reads=["orders"], scale=Scale(lag_threshold=100))
    users = light_users({"moves": scaled})
    assert list(users) == ["connector-moves", "connector-moves-scaler"]
    operations = {each for acl in users["connector-moves-scaler"].all_acls() for each in acl.operations}
    assert operations == {Operation.DESCRIBE}


def test_only_sinks_have_a_dead_letter_topic() -> None:
    assert list(light_topics(KINDS)) == [f"{name}-dead-letters" for name in sorted(KINDS) if KINDS[name].is_sink]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LightConnectorArgs(connection=CONNECTION), "http: missing: write one of"),
        (
            lambda: LightConnectorArgs(
                connection=CONNECTION,
                redis=RedisSink(host="cache"),
                reads=["orders"],
                scale=Scale(lag_threshold=1, max=9),
                partitions={"orders": 3},
            ),
            "scale.max: 9 pods, and there are 3 partitions to read",
        ),
    ],
)
def test_what_it_refuses(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_its_graph() -> None:
    scaled = Scale(lag_threshold=100, max=3)

    def program() -> None:
        args = LightConnectorArgs(connection=CONNECTION, redis=RedisSink(host="cache"), reads=["orders"], scale=scaled)
        LightConnector("moves", args)

    assert sorted(run(program)) == [
        "ConfigMap connector-moves-config",
        "Deployment connector-moves-pods",
        "LightConnector moves",
        "NetworkPolicy connector-moves-network",
        "PodDisruptionBudget connector-moves-disruption",
        "ScaledObject connector-moves-scaler-scaled",
        "Scaler connector-moves-scaler",
        "Service connector-moves-service",
        "TriggerAuthentication connector-moves-scaler-login",
    ]
